"""No command ends because of what it prints."""

import io
import os
import subprocess
import sys

import pytest

from tvbi_ref import cli

TEXTS = [
    ["equations"],
    ["equations", "sum-product"],
    ["--help"],
    ["train", "--help"],
    ["check", "é.py"],
]


def run(arguments):
    try:
        return cli.main(arguments)
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("arguments", TEXTS, ids=" ".join)
def test_every_encoding(arguments, encoding, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert run(arguments) == (2 if "check" in arguments else 0)
    assert sum(len(stream.buffer.getvalue()) for stream in streams) > 50


def test_what_an_encoding_lacks_is_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    out = cli.Output(stream)
    print("4 × 4", file=out, flush=True)
    assert stream.buffer.getvalue() == b"4 \\xd7 4\n"


@pytest.mark.parametrize("arguments", TEXTS, ids=" ".join)
def test_no_streams_at_all(arguments, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(arguments) == (2 if "check" in arguments else 0)


def command(arguments, **streams):
    program = "import sys; from tvbi_ref.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", program, *arguments], text=True, **streams)


@pytest.mark.slow
def test_a_reader_that_has_gone_costs_no_result(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    arguments = ["train", "digits", "--epochs", "2", "--hidden", "4", "--out", str(tmp_path)]
    done = command(
        arguments, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | {"COLUMNS": "20"}
    )
    os.close(theirs)
    assert done.returncode in (0, 1)  # so few epochs may be worse than a constant
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
    assert (tmp_path / "small_grid.npz").is_file()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_a_full_disk_is_said():
    with open("/dev/full", "w") as full:
        done = command(["equations"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "not all could be printed" in done.stderr
