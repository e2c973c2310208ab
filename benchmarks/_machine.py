"""What the machine at hand is, and what it can do: the limits beside the numbers."""

from __future__ import annotations

import numba
import numpy as np
from _timing import in_turns
from llvmlite.binding import get_host_cpu_features

from tvbi_ref.compression.latency import machine

SIDE, FAR, NEAR, ONCE = 2048, 2**24, 2**16, 2**13
ELEMENTARY = ("exp", "log", "division", "copy")


@numba.njit(nogil=True)
def triad(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    """Do a = b + 3 c, as McCalpin's STREAM does."""
    for k in range(a.size):
        a[k] = b[k] + np.float32(3) * c[k]


def describe() -> str:
    """Return the processor, its cores and its widest vectors."""
    features = get_host_cpu_features()
    widest = next((name for name in ("avx512f", "avx2") if features.get(name)), "neither")
    return f"{machine()}; AVX-512 or AVX2: {widest}"


def limits() -> dict[str, float]:
    """Return operations and bytes a second, and seconds of an exp, a log, a division, a copy."""
    square = np.random.default_rng(0).random((2, SIDE, SIDE), dtype=np.float32)
    out, far, near = np.empty_like(square[0]), *(np.ones((3, n), np.float32) for n in (FAR, NEAR))
    numbers = np.random.default_rng(0).uniform(0.1, 4, (2, ONCE))
    times = in_turns(
        {
            "sgemm": lambda: np.matmul(*square, out=out),
            "far": lambda: triad(*far),
            "near": lambda: triad(*near),
            "exp": lambda: np.exp(numbers[0], out=numbers[1]),
            "log": lambda: np.log(numbers[0], out=numbers[1]),
            "division": lambda: np.divide(1.0, numbers[0], out=numbers[1]),
            "copy": lambda: np.copyto(numbers[1], numbers[0]),
        }
    )
    best = {name: each.best for name, each in times.items()}
    return {
        "sgemm": 2 * SIDE**3 / best["sgemm"],
        "memory": far.nbytes / best["far"],
        "caches": near.nbytes / best["near"],
        **{name: best[name] / ONCE for name in ELEMENTARY},
    }


def told(limits: dict[str, float]) -> str:
    """Return the limits in words."""
    nanoseconds = (f"{name} {limits[name] * 1e9:.2f}" for name in ELEMENTARY)
    return (
        f"a large sgemm {limits['sgemm'] / 1e9:.0f} GFLOP/s; a triad {limits['memory'] / 1e9:.0f} "
        f"GB/s in memory and {limits['caches'] / 1e9:.0f} in the caches; "
        f"ns a float64: {', '.join(nanoseconds)}"
    )
