import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tvbi_ref import checkpoint, cli, compress, nets, save_compressed
from tvbi_ref.lab.recipes import DEMO


def quick(*arguments):
    return [*arguments, "--epochs", "2", "--fine-tune-epochs", "1"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once, short; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert cli.main(quick("demo", "--out", str(folder))) == 0
    return folder, printed.getvalue()


def test_a_known_net_is_for_mnist(capsys):
    assert cli.main(["train", "digits", "--net", "lenet5"]) == 2
    assert "--net lenet5 is for mnist and fashion_mnist, not for digits" in capsys.readouterr().err
    assert cli.main(["train", "mnist", "--net", "lenet5", "--hidden", "9"]) == 2
    assert "leave out --hidden" in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_prints_one_table_and_writes_everything_it_names(demo):
    folder, text = demo
    for prior in DEMO.supports:
        assert f"\n{prior}" in text
    written = [Path(line.strip()) for line in text.split("written:")[1].strip().splitlines()]
    assert len(written) == 2 + 6 * 3
    assert set(written) == set(folder.iterdir())
    assert all(path.stat().st_size > 100 for path in written)
    assert (folder / "table.txt").read_text().strip() in text


@pytest.mark.slow
def test_the_models_that_the_demo_writes_can_be_used(demo, digits):
    network = checkpoint.load_network(demo[0] / "model_grid.npz")
    assert all(layer.mask is not None for layer in network.weight_layers)
    assert network.predict(digits.x_test).shape == (360, 10)


@pytest.mark.slow
def test_a_report_reads_what_the_demo_wrote(demo, tmp_path, capsys):
    folder, out = demo[0], tmp_path / "out"
    arguments = ["report", str(folder / "small_grid.npz"), "--data", "digits"]
    control = ["--control", str(folder / "model_independent.npz")]
    files = ["--json", str(tmp_path / "numbers.json"), "--out", str(out)]
    files += ["--coded", str(tmp_path / "small.tvbc")]
    assert cli.main([*arguments, *control, *files]) == 0
    text = capsys.readouterr().out
    assert (out / "report.txt").read_text().strip() == text.split("\n\nwritten:")[0].strip()
    assert {path.name for path in out.iterdir()} == {"report.txt", "report.json", "report.png"}
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers == json.loads((out / "report.json").read_text())
    assert numbers["scores"]["n_rows"] == 360
    assert numbers["control"]
    assert numbers["coded"]["rounded"] == (tmp_path / "small.tvbc").stat().st_size


@pytest.mark.slow
def test_a_report_of_the_whole_model_knows_what_was_pruned(demo, capsys):
    assert cli.main(["report", str(demo[0] / "model_grid.npz")]) == 0
    text = capsys.readouterr().out
    assert " of 17024, " in text
    assert "will it be faster here?" in text
    assert "\nwritten:" not in text


@pytest.mark.parametrize("name", ["trace_grid.csv", "model_none.npz"])
@pytest.mark.slow
def test_a_report_of_something_else_says_so(demo, name, capsys):
    try:
        status = cli.main(["report", str(demo[0] / name)])
    except SystemExit as stop:  # argparse's way
        status = stop.code
    assert status == 2
    assert name in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_train_takes_every_dataset_that_is_at_hand(tmp_path, capsys):
    arguments = ["train", "synthetic", "--hidden", "", "--prior", "chains", "--out", str(tmp_path)]
    assert cli.main(quick(*arguments)) in (0, 1)  # so few epochs may be worse than a constant
    assert "test rmse" in capsys.readouterr().out
    arguments = ["train", "digits", "--hidden", "8", "--module-a", "mean_field"]
    assert cli.main(quick(*arguments, "--out", str(tmp_path))) == 0


@pytest.mark.slow
def test_the_true_support_is_looked_for_only_in_a_network_of_its_shape(tmp_path, capsys):
    arguments = ["train", "synthetic", "--out", str(tmp_path)]
    assert cli.main(quick(*arguments)) in (0, 1)
    assert "precision-recall" in capsys.readouterr().out
    assert cli.main(quick(*arguments, "--hidden", "6")) in (0, 1)
    assert "precision-recall" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_command_gives_the_same_model(tmp_path):
    for name in ("a", "b"):
        arguments = ["train", "digits", "--hidden", "8", "--out", str(tmp_path / name)]
        assert cli.main(quick(*arguments)) == 0
    a, b = (checkpoint.load_network(tmp_path / n / "model_grid.npz") for n in ("a", "b"))
    assert all(np.array_equal(x, y) for x, y in zip(a.state(), b.state(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "digits", "--hidden", "8,x"], "--hidden must be whole numbers"),
        (["train", "digits", "--hidden", "0"], "widths[1] must be a whole number >= 1; got 0"),
        (
            ["train", "digits", "--prior", "chains", "--field", "1"],
            "field has no meaning for the chains prior",
        ),
        (["train", "digits", "--prior", "chains", "--p01", "2"], "p01 must be a number"),
        (["train", "digits", "--contrast", "2"], "contrast must be a number"),
        (["train", "digits", "--epochs", "0"], "epochs must be a whole number >= 1; got 0"),
        (["train", "digits", "--damping", "1"], "damping must be a number"),
    ],
)
def test_a_mistake_is_one_line_that_names_it_and_exit_status_2(arguments, says, capsys, tmp_path):
    assert cli.main([*arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_missing_data_offline_says_both_ways_out(capsys, tmp_path, monkeypatch):
    import pooch

    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setenv("TVBI_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr(pooch, "retrieve", offline)
    assert cli.main(["train", "boston", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "$TVBI_DATA" in error
    assert "download" in error


@pytest.mark.parametrize("command", [[], ["demo"], ["train"], ["report"]])
def test_help_names_every_option_with_its_meaning(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "usage: tvbi-ref" in text
    if command == ["train"]:
        for option in ("--hidden", "--prior", "--coupling-col", "--module-a", "--spike-epochs"):
            assert option in text


def test_no_command_prints_the_help(capsys):
    assert cli.main([]) == 2
    assert "commands" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hidden", "99999999999"], "--hidden 99999999999: "),
        (["--hidden", "1" + 30 * "0"], "--hidden 1000"),
        (["--field", "-inf"], "field has 1 entry that is not finite"),
        (["--checkpoint", ""], "argument --checkpoint: must be a file to write; got ''"),
        (["--checkpoint", "."], "argument --checkpoint: must be a file to write; got '.'"),
        (["--out", ""], "argument --out: must be a folder to write into; got ''"),
        (["--equations", "none.py"], "argument --equations: must be a file that is there"),
        (["--seed", "99999999999"], "argument --seed: must be a whole number from 0 to 4294967295"),
        (["--variance", "1e-320"], "variance times contrast must be >= 1.2e-38"),
        (["--epochs", "-3"], "epochs must be a whole number >= 1; got -3"),
        (["--epochs", "0"], "epochs must be a whole number >= 1; got 0"),
    ],
)
def test_a_mistake_is_called_by_its_name(arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = cli.main(["train", "synthetic", *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("number", ["-1e-2", "-.5", "-1", "-0.25e1"])
def test_a_negative_number_is_no_option(number):
    assert cli.parse(["train", "digits", "--field", number]).field == float(number)


@pytest.mark.slow
def test_a_run_worse_than_the_mean_says_so_and_is_no_success(tmp_path, capsys):
    arguments = ["train", "synthetic", "--learning-rate", "9", "--out", str(tmp_path)]
    assert cli.main([*quick(*arguments), "--epochs", "30"]) == 1
    text = capsys.readouterr().out
    assert "grid: the network is worse than predicting the mean, test rmse" in text
    assert "worse than predicting the mean" in (tmp_path / "table.txt").read_text()
    row = next(line for line in text.splitlines() if line.startswith("grid"))
    assert len(row.split()) == 11


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["no such backend", "module://no.such.module"])
def test_pictures_ask_no_window_system(backend, tmp_path):
    program = "import sys; from tvbi_ref.cli import main; sys.exit(main())"
    arguments = quick("train", "digits", "--hidden", "4", "--out", str(tmp_path))
    variables = os.environ | {"MPLBACKEND": backend}
    subprocess.run([sys.executable, "-c", program, *arguments], env=variables, check=True)
    assert (tmp_path / "supports.png").stat().st_size > 1000


def test_a_network_without_a_weight_says_so_and_is_no_success(tmp_path, capsys):
    arguments = ["train", "digits", "--hidden", "8", "--prior", "independent", "--field", "-30"]
    arguments += ["--kl-weight", "0.9", "--out", str(tmp_path)]
    assert cli.main(quick(*arguments)) == 1
    assert "independent: every weight is pruned" in capsys.readouterr().out


def test_a_damaged_coded_file_is_said_to_be_damaged(tmp_path, capsys):
    path = tmp_path / "net.tvbc"
    save_compressed(path, compress(nets.mlp([4, 2], seed=0)), coded=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert cli.main(["report", str(path)]) == 2
    assert "its checksum does not match" in capsys.readouterr().err


def test_what_has_no_variances_cannot_be_rounded_and_is_not_reported_first(tmp_path, capsys):
    path = tmp_path / "net.npz"
    save_compressed(path, compress(nets.mlp([4, 2], seed=0)), uncertainty=False)
    assert cli.main(["report", str(path), "--coded", str(tmp_path / "net.tvbc")]) == 2
    seen = capsys.readouterr()
    assert "variances" in seen.err
    assert not seen.out
