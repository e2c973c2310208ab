"""Size, regularity, precision and speed of a small model.

Measure a model that the demo or train wrote: bytes in every format, bits to say where the weights
are beside the bound, bits that a weight needs, and whether its predictions are faster on this
machine than those of a dense network.
"""

from __future__ import annotations

import argparse
from typing import Any

from tvbi_ref._files import atomic_write
from tvbi_ref.cli._shared import (
    DATASETS,
    input_file,
    load_data,
    output_file,
    output_folder,
    seed_number,
    write_json,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    model = "small_*.npz, or model_*.npz, which also knows the network before pruning"
    parser.add_argument("model", metavar="MODEL", type=input_file, help=model)
    parser.add_argument("--data", choices=DATASETS, help="score the model on this test set")
    parser.add_argument(
        "--seed", type=seed_number, default=0, help="of the data's split, as in training"
    )
    control = "to compare with: a run without couplings, J = 0"
    parser.add_argument("--control", metavar="MODEL", type=input_file, help=control)
    coded = "write the model there in the fewest bytes: rounded as its posterior allows, and coded"
    parser.add_argument("--coded", metavar="FILE", type=output_file, help=coded)
    parser.add_argument("--json", metavar="FILE", type=output_file, help="write the numbers there")
    files = "write report.txt, report.json and report.png there"
    parser.add_argument("--out", metavar="FOLDER", type=output_folder, help=files)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tvbi_ref.compression import report, round_weights, save_compressed, sort_units
    from tvbi_ref.lab import experiment, plots

    folder = experiment.make_folder(options.out) if options.out else None
    small, whole = _load_model(options.model)
    control = _load_model(options.control)[0] if options.control else None
    data = load_data(options.data, options.seed) if options.data else None
    rows = (data.x_test, data.y_test) if data else ()
    # Before the long work: it may be refused.
    rounded = sort_units(round_weights(small)) if options.coded else None
    found = report(small, *rows, whole=whole, control=control)
    print(found)
    written: list[Any] = [options.json] if options.json else []
    written += [folder / "report.json"] if folder else []
    for path in written:
        write_json(path, found.to_dict())
    if rounded:
        save_compressed(options.coded, rounded, coded=True, uncertainty=False)
        written.append(options.coded)
    if folder:
        with atomic_write(folder / "report.txt") as file:
            file.write(f"{found}\n".encode())
        picture = experiment.picture(folder / "report.png", plots.compression, found)
        written += [folder / "report.txt", *picture]
    if written:
        print("\nwritten:", *written, sep="\n  ")
    return 0


def _load_model(path: str) -> tuple[Any, Any]:
    """Return a compressed network, and the network it was made from if the file holds that."""
    from tvbi_ref import compress, load_compressed, load_network
    from tvbi_ref.compression.files import is_coded
    from tvbi_ref.errors import DataCorruptedError

    try:
        return load_compressed(path), None
    except DataCorruptedError:
        if is_coded(path):
            raise
        whole = load_network(path)
        return compress(whole), whole
