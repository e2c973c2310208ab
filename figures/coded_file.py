"""What the coded file costs beside other ways to code the same numbers.

The networks of figures/runs.py for MNIST, their weights rounded to the power of two nearest to 0.15
of a layer's root mean square. Everything then codes the same whole numbers, and the biases are left
out.

Writes coded_file.csv beside this file and prints its means as a table. A minute.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import write_rows
from small_on_disk import NETS, mnist

from tvbi_ref.compression import coded_nbytes, find_runs, index_bits, save_compressed, sort_units
from tvbi_ref.compression.arithmetic import Encoder
from tvbi_ref.compression.coding import entropy, stream_size, total_size
from tvbi_ref.compression.formats import FORMATS

SHARE = 0.15
COLUMNS = {
    "plain": "plain file, float32",
    "huffman": "Huffman, best of five formats",
    "ideal": "entropies of gaps, runs, values; no tables",
    "gaps": "adaptive: gaps, runs, values",
    "unsorted": "adaptive: given neighbours",
    "coded": "the same, units sorted",
}


def without_biases(network: Any) -> Any:
    """Return a network with biases of zero, which take next to nothing."""
    return network.with_layers(
        replace(layer, bias=0 * layer.bias, bias_variance=0 * layer.bias_variance)
        for layer in network.weight_layers
    )


def rounded(network: Any) -> Any:
    """Return a network with its weights on a grid."""
    matrices = [layer.weights.to_dense() for layer in network.weight_layers]
    steps = [2.0 ** round(np.log2(SHARE * np.sqrt(np.mean(w[w != 0] ** 2)))) for w in matrices]
    pairs = zip(matrices, steps, strict=True)
    return network.with_weights([np.rint(w / step) * step for w, step in pairs])


def numbers(network: Any) -> list[np.ndarray]:
    """Return each layer's weights as whole numbers."""
    matrices = [layer.weights.to_dense() for layer in network.weight_layers]
    found = []
    for w in matrices:
        mantissas, exponents = np.frexp(w[w != 0].astype(float))
        wholes = np.ldexp(mantissas, 53).astype(np.int64)
        step = (exponents - 53 + np.log2(wholes & -wholes)).min()
        found.append(np.rint(w / 2.0**step).astype(int))
    return found


def huffman(matrices: list[np.ndarray], n_inputs: int) -> int:
    """Return bits in the best format, its values' names and all tables coded, too."""
    return min(
        sum(sum(layer_huffman(matrix, name)) for matrix in matrices) + n_inputs
        for name in list(FORMATS)[1:]
    )


def layer_huffman(matrix: np.ndarray, name: str) -> tuple[int, int]:
    """Return bits of the places and of the values of one layer."""
    stored = FORMATS[name].from_dense(matrix.astype(float))
    values = stored.values.astype(int).ravel()
    return (
        sum(total_size(stored.streams().values())),
        sum(stream_size(2 * np.abs(values) - (values > 0))),  # zero, 1, -1, 2, -2, ...
    )


def gaps(matrices: list[np.ndarray]) -> int:
    """Return bytes of gaps, runs and values in the coder of the file."""
    encoder = Encoder()
    for k, matrix in enumerate(matrices):
        for gap, length in zip(*map(np.ndarray.tolist, find_runs(matrix != 0)), strict=True):
            encoder.natural((k, "gap"), gap)
            encoder.natural((k, "run"), length - 1)
        for number in matrix.T[matrix.T != 0].tolist():
            encoder.bit((k, "negative"), int(number < 0))
            encoder.natural((k, "size"), abs(number) - 1)
    return len(encoder.finish())


def ideal(matrices: list[np.ndarray]) -> float:
    """Return bits at the empirical entropies of gaps, runs and values: no table is charged."""
    kept = sum(np.count_nonzero(matrix) for matrix in matrices)
    values = [matrix[matrix != 0] for matrix in matrices]
    return kept * index_bits([matrix != 0 for matrix in matrices]) + sum(
        each.size * entropy(each - each.min()) for each in values
    )


def row_of(net: str, prior: str, seed: int, whole: Any, folder: Any) -> dict[str, Any]:
    """Return what one network costs."""
    small = rounded(without_biases(whole))
    matrices = numbers(small)
    inputs = 0 if small.kept_inputs.all() else small.kept_inputs.size
    save_compressed(folder / "plain.npz", whole, uncertainty=False)
    biases = 4 * small.n_biases
    return {
        "net": net,
        "prior": prior,
        "seed": seed,
        "kept": small.n_weights,
        "plain": (folder / "plain.npz").stat().st_size - biases,
        "huffman": -(-huffman(matrices, inputs) // 8),
        "ideal": round((ideal(matrices) + inputs) / 8),
        "gaps": gaps(matrices) + -(-inputs // 8),
        "unsorted": coded_nbytes(small),
        "coded": coded_nbytes(sort_units(small)),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the means over seeds in Markdown."""
    kinds = dict.fromkeys((row["net"], row["prior"]) for row in rows)
    names = [f"{NETS[net].removeprefix('MNIST, ')}, {prior}" for net, prior in kinds]
    lines = [f"| bytes | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for column, title in ({"kept": "weights"} | COLUMNS).items():
        means = [
            np.mean([row[column] for row in rows if (row["net"], row["prior"]) == kind])
            for kind in kinds
        ]
        lines.append(f"| {title} | {' | '.join(f'{mean:,.0f}' for mean in means)} |")
    return "\n".join(lines)


def main() -> None:
    """Code all networks, write the rows and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row_of(net, prior, seed, whole, Path(folder))
            for net in list(NETS)[1:]
            for seed in range(3)
            for prior, whole in mnist(net, seed).items()
        ]
    write_rows("coded_file", rows, f"weights rounded to {SHARE} of a layer's root mean square")
    print(table(rows))


if __name__ == "__main__":
    main()
