"""What the fast forms of the networks are tried on, for `test_twins.py`."""

import numpy as np

from tvbi_ref.nets.convolution import TURN
from tvbi_ref.nets.local_reparam import conv_deviation, correlate, dense_deviation

DTYPES = np.float64, np.float32
SHAPES = [(0,), (1,), (7,), (5, 4), (3, 2, 2, 3)]


def some(rng, dtype, *shapes):
    """Return normal numbers of these shapes."""
    return [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def with_nan(rng, array):
    """Return a copy with one entry that is no number, if there is an entry."""
    spoiled = array.copy()
    if array.size:
        spoiled.flat[rng.integers(array.size)] = np.nan
    return spoiled


def adam_inputs(rng):
    """Yield (value, grad, first, second, beta1, beta2, rate, epsilon, low, high).

    Among them gradients and moments that Adam takes for zero. The numbers are Python's: a float64
    of NumPy would make the readable form compute in float64.
    """
    for dtype in DTYPES:
        for shape in SHAPES:
            for size in (1.0, 1e-17, 1e15):
                value, grad, first, second = some(rng, dtype, *[shape] * 4)
                moments = (size * first).astype(dtype), (size * size * second**2).astype(dtype)
                for low, high in ((-np.inf, np.inf), (-0.5, 0.25)):
                    numbers = *rng.random(2).tolist(), 0.1, 1e-8, low, high
                    yield value, (size * grad).astype(dtype), *moments, *numbers
                    yield value, with_nan(rng, grad), *moments, *numbers


def dense_layers(rng):
    """Yield (x, mean, variance, bias, noise, grad)."""
    for dtype in DTYPES:
        for B, I, J in ((0, 3, 2), (1, 1, 1), (1, 5, 3), (6, 1, 4), (6, 7, 1), (9, 8, 5)):
            x, mean, bias = some(rng, dtype, (B, I), (I, J), (J,))
            noise, grad = some(rng, dtype, (B, J), (B, J))
            for low, high in ((-3, 0), (-30, -20), (5, 9)):
                variance = np.exp(rng.uniform(low, high, (I, J))).astype(dtype)
                yield x, mean, variance, bias, noise, grad
            yield 0 * x, 0 * mean, 0 * variance, bias, noise, grad  # pruned, and nothing comes in
            yield with_nan(rng, x), mean, variance, bias, noise, grad


def dense_inputs(rng):
    """Yield (x, mean, variance, bias, noise, memory)."""
    for *arguments, _ in dense_layers(rng):
        yield *arguments, {}


def dense_backward_inputs(rng):
    """Yield (x, mean, variance, noise, grad, memory, needs_dx, out), memory empty and not."""
    for x, mean, variance, bias, noise, grad in dense_layers(rng):
        for memory in ({}, {"x2": x * x, "sd": dense_deviation(x, variance)}):
            yield x, mean, variance, noise, grad, memory, True, gradients(mean, bias)


def gradients(mean, bias):
    """Return where the gradients of a layer go."""
    return tuple(np.full_like(like, np.nan) for like in (mean, mean, bias))


def convolutions(rng):
    """Yield (x, mean, variance, bias, noise, grad, stride, padding)."""
    for dtype in DTYPES:
        for B, (C, F), kernel, more, stride, padding in (
            (0, (2, 3), (2, 2), (1, 1), 1, 0),
            (1, (1, 1), (1, 1), (0, 0), 1, 0),
            (1, (3, 2), (3, 3), (0, 9), 1, 0),
            (13, (2, 4), (3, 2), (3, 3), 1, 2),
            (21, (2, 4), (3, 2), (4, 3), 2, 1),
            (9, (1, 2), (1, 3), (7, 5), 3, 2),
        ):
            sides = [max(1, k + m - 2 * padding) for k, m in zip(kernel, more, strict=True)]
            x, mean, bias = some(rng, dtype, (B, C, *sides), (F, C, *kernel), (F,))
            outputs = correlate(x, mean, stride, padding).shape
            noise, grad = some(rng, dtype, outputs, outputs)
            for low, high in ((-3, 0), (-30, -20)):
                variance = np.exp(rng.uniform(low, high, mean.shape)).astype(dtype)
                yield x, mean, variance, bias, noise, grad, stride, padding
            yield 0 * x, 0 * mean, 0 * variance, bias, noise, grad, stride, padding
            yield x, mean, variance, bias, with_nan(rng, noise), grad, stride, padding


def conv_inputs(rng):
    """Yield (x, mean, variance, bias, noise, stride, padding, memory)."""
    for *arguments, _, stride, padding in convolutions(rng):
        yield *arguments, stride, padding, {}


def conv_backward_inputs(rng):
    """Yield (x, mean, variance, noise, grad, stride, padding, memory, needs_dx, out)."""
    for x, mean, variance, bias, noise, grad, *how in convolutions(rng):
        slope = noise / (2 * conv_deviation(x, variance, *how))
        for memory in ({}, {"x": turned(x, how[1]), "slope": turned(slope)}):
            yield x, mean, variance, noise, grad, *how, memory, True, gradients(mean, bias)


def turned(images, padding=0):
    """Return padded images (B, C, H, W) as (W, C, H, B), contiguous."""
    more = (padding, padding)
    padded = np.pad(images, ((0, 0), (0, 0), more, more))
    return np.ascontiguousarray(padded.transpose(TURN))


def correlate_inputs(rng):
    """Yield (x, kernel, stride, padding)."""
    for x, kernel, *_, stride, padding in convolutions(rng):
        yield x, kernel, stride, padding


def correlate_backward_inputs(rng):
    """Yield (x, kernel, grad, stride, padding)."""
    for x, kernel, _, _, _, grad, stride, padding in convolutions(rng):
        yield x, kernel, grad, stride, padding


def max_pool_inputs(rng):
    """Yield (x, z, grad, size), with ties, and with a nan among the maxima."""
    for dtype in DTYPES:
        for size in (1, 2, 3):
            for B, C, rows, width in ((0, 1, 1, 1), (1, 1, 1, 1), (2, 3, 2, 9)):
                x = rng.integers(3, size=(B, C, rows * size, width * size)).astype(dtype)
                for images in (x, with_nan(rng, x)):
                    z = images.reshape(B, C, rows, size, width, size).max(axis=(3, 5))
                    yield images, z, *some(rng, dtype, z.shape), size


INPUTS = {
    "adam-step": adam_inputs,
    "conv": conv_inputs,
    "conv-backward": conv_backward_inputs,
    "correlate": correlate_inputs,
    "correlate-backward": correlate_backward_inputs,
    "dense": dense_inputs,
    "dense-backward": dense_backward_inputs,
    "max-pool-backward": max_pool_inputs,
}
