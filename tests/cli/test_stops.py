"""Ctrl-C and SIGTERM: one line, no traceback, and files that are whole."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")

STOPS = [signal.SIGINT, signal.SIGTERM]
INTERRUPTED = (130, -signal.SIGINT)
"""A shell shows both as 130; Python takes the second where an import was interrupted."""


def hears_ctrl_c():
    """Do not inherit that a shell lets what it starts in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


IMPORTING = """
import os, sys
from tvbi_ref.__main__ import main

class Stop:
    def find_spec(name, path, target=None):
        if name == "tvbi_ref.cli":
            os.kill(os.getpid(), int(sys.argv.pop(1)))

sys.meta_path.insert(0, Stop)
main()
"""


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_while_the_command_line_is_imported_shows_no_traceback(stop):
    command = [sys.executable, "-c", IMPORTING, str(int(stop))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=hears_ctrl_c)
    assert (done.returncode, done.stderr) == (130, "tvbi-ref: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_in_training_leaves_its_checkpoint_and_one_line(stop, tmp_path):
    more = ["--epochs", "100000", "--out", tmp_path / "out", "--checkpoint", tmp_path / "run.npz"]
    command = [sys.executable, "-m", "tvbi_ref", "train", "synthetic", *map(str, more)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=hears_ctrl_c, **pipes) as process:
        while not (tmp_path / "run.npz").exists():
            assert process.poll() is None
        process.send_signal(stop)
        error = process.communicate()[1]
    assert process.returncode in INTERRUPTED
    assert error.splitlines()[-1] == "tvbi-ref: interrupted; files already written are whole"
    assert "Traceback" not in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run.npz"]


def test_what_is_told_to_ignore_a_stop_ignores_it():
    """As nohup and shells tell what they start in the background."""
    code = f"import signal; signal.signal(2, signal.SIG_IGN); {IMPORTING.lstrip()}"
    command = [sys.executable, "-c", code, "2", "equations"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
