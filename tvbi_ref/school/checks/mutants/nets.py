"""Mistakes in likelihoods and in local reparameterisation, forward and backward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tvbi_ref.school.checks.mutants.registry import Pieces, mistakes

LOG_2PI = math.log(2 * math.pi)

# Likelihoods


def _log_softmax(z: Any, axis: int = 1) -> Any:
    z = z - z.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


mistakes(
    "likelihood-categorical",
    "z y",
    {
        "B": lambda y: len(y),
        "log_p": lambda z: _log_softmax(z),
        "onehot": lambda z, y: np.eye(z.shape[1])[y],
        "value": lambda log_p, y, B: float(-log_p[np.arange(len(y)), y].sum() / B),
        "gradient": lambda log_p, onehot, B: (np.exp(log_p) - onehot) / B,
        "both": lambda value, gradient: (value, gradient),
    },
    "the sum over the rows in place of their mean: value and gradient lack the 1/B",
    {"B": lambda: 1},
    "the gradient is that of the sum over the rows, the value their mean: the gradient is "
    "(softmax(z) - onehot(y)) / B, with the 1/B",
    {"gradient": lambda gradient, B: gradient * B},
    "the mean over rows AND classes: only the label's entry counts, so divide by B, not by B C",
    {"B": lambda z: z.size},
    "the softmax runs down the rows (axis 0): the probabilities of one ROW sum to 1, so axis 1",
    {"log_p": lambda z: _log_softmax(z, axis=0)},
    "the gradient's sign is turned: d(-ln p_y)/dz = softmax(z) - onehot(y), not the reverse",
    {"gradient": lambda gradient: -gradient},
    "the gradient is the softmax alone: the label's entry must have 1 taken off, "
    "softmax(z) - onehot(y)",
    {"onehot": lambda: 0},
    "the log-likelihood, where the loss is its negative, -ln softmax(z)_y; its gradient is "
    "turned likewise",
    {"B": lambda B: -B},
    "the value in bits: the natural logarithm is meant, whose derivative is softmax - onehot",
    {"value": lambda value: value / math.log(2)},
    "the value is -z_y alone: the normaliser ln sum_c e^(z_c) is missing",
    {"value": lambda z, onehot, B: float(-(z * onehot).sum() / B)},
    "1 - p_y in place of -ln p_y: the negative LOG-likelihood needs the logarithm",
    {"value": lambda log_p, onehot, B: float(1 - (np.exp(log_p) * onehot).sum() / B)},
    "e^z overflows for logits near 1000: take the row's largest logit off first, which "
    "changes nothing else",
    {"log_p": lambda z: np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))},
)

mistakes(
    "likelihood-gaussian",
    "f y gamma log_gamma",
    {
        "B": lambda y: len(y),
        "D": lambda f: f.shape[1],
        "squares": lambda f, y: 0.5 * float(((y - f) ** 2).sum()),
        "normaliser": lambda D, log_gamma: 0.5 * D * (log_gamma - LOG_2PI),
        "value": lambda gamma, squares, normaliser, B: gamma * squares / B - normaliser,
        "gradient": lambda f, y, gamma, B: gamma * (f - y) / B,
        "both": lambda value, gradient: (value, gradient),
    },
    "one normaliser a row: each of the D outputs has its own, so 1/2 <ln gamma> - 1/2 ln 2pi "
    "comes D times",
    {"D": lambda: 1},
    "the 1/2 of the normaliser is missing: the density has gamma^(1/2) for each output, so "
    "D/2 (<ln gamma> - ln 2pi)",
    {"normaliser": lambda normaliser: 2 * normaliser},
    "ln gamma without its 1/2: a PRECISION enters the normaliser as its root, so "
    "D/2 <ln gamma>, beside D/2 ln 2pi",
    {"normaliser": lambda normaliser, D, log_gamma: normaliser + 0.5 * D * log_gamma},
    "the 1/2 before <gamma> ||y - f||^2 is missing, and its derivative is doubled likewise",
    {"gamma": lambda gamma: 2 * gamma},
    "the gradient is doubled: the 2 of the square and the 1/2 before it cancel, "
    "<gamma> (f - y) / B",
    {"gradient": lambda gradient: 2 * gradient},
    "ln <gamma> in place of <ln gamma>: with a posterior over gamma the mean of the logarithm "
    "is smaller than the logarithm of the mean",
    {"log_gamma": lambda gamma: math.log(gamma)},
    "the gradient by y, not by f: d/df of 1/2 gamma (y - f)^2 is gamma (f - y)",
    {"gradient": lambda gradient: -gradient},
    "the gradient lacks the noise precision: it is <gamma> (f - y) / B",
    {"gradient": lambda f, y, B: (f - y) / B},
    "the gradient of the sum over the rows beside the mean's value: <gamma> (f - y) lacks the 1/B",
    {"gradient": lambda f, y, gamma: gamma * (f - y)},
    "the sum over the rows in place of their mean, in value and gradient: divide by B",
    {"both": lambda value, gradient, B: (B * value, B * gradient)},
    "the mean over rows and outputs: the outputs of a row are independent, so their log "
    "densities add, and only the rows are averaged",
    {"both": lambda value, gradient, D: (value / D, gradient / D)},
    "the constant D/2 ln 2pi is left out: without it the value is no log density",
    {"normaliser": lambda D, log_gamma: 0.5 * D * log_gamma},
    "the whole normaliser is left out: - D/2 (<ln gamma> - ln 2pi) is missing, so nothing keeps "
    "the noise precision from going to 0",
    {"normaliser": lambda: 0},
    "the normaliser's sign is turned: -ln N has MINUS D/2 <ln gamma> and plus D/2 ln 2pi",
    {"normaliser": lambda normaliser: -normaliser},
    "gamma is taken for the noise's variance: it is the PRECISION and multiplies the squares",
    {"gamma": lambda gamma: 1 / gamma, "log_gamma": lambda log_gamma: -log_gamma},
)

mistakes(
    "noise-precision",
    "f y prior",
    {
        "count": lambda y: y.size,
        "squares": lambda f, y: float(((y - f) ** 2).sum()),
        "a": lambda prior, count: prior.shape + count / 2,
        "b": lambda prior, squares: prior.rate + squares / 2,
        "both": lambda a, b: (a, b),
    },
    "N rows counted in place of N D numbers: each of the D outputs of a row adds 1/2 to the shape",
    {"count": lambda y: len(y)},
    "the 1/2 is missing in the shape: a Gaussian's normaliser adds gamma^(1/2) for each number",
    {"count": lambda count: 2 * count},
    "the 1/2 is missing in the rate: the Gaussian's exponent is -gamma/2 (y - f)^2",
    {"squares": lambda squares: 2 * squares},
    "the 1/2 is missing in shape AND rate: that is the posterior of a circular complex Gaussian",
    {"count": lambda count: 2 * count, "squares": lambda squares: 2 * squares},
    "the mean square error in place of the sum of squares: every number adds its own evidence",
    {"squares": lambda squares, y: squares / y.size},
    "the squares are averaged over the rows: the sum over all rows belongs into the rate",
    {"squares": lambda squares, y: squares / len(y)},
    "the square of the sum of the residuals: sum the squares, residuals must not cancel",
    {"squares": lambda f, y: float((y - f).sum()) ** 2},
    "the residuals are not squared: their absolute values belong to a Laplace likelihood",
    {"squares": lambda f, y: float(np.abs(y - f).sum())},
    "the prior is forgotten: the posterior starts from its shape a and rate b",
    {"a": lambda count: count / 2, "b": lambda squares: squares / 2},
    "a scale in place of a rate: the second number is the RATE, whose inverse is the scale",
    {"b": lambda b: 1 / b},
)

# Dense layers

mistakes(
    "local-reparam-dense",
    "x M S b e",
    {
        "x2": lambda x: x**2,
        "under_root": lambda x2, S: x2 @ S + 1e-8,
        "sd": lambda under_root: np.sqrt(under_root),
        "z": lambda x, M, b, sd, e: x @ M + b + sd * e,
    },
    "the bias is in the variance path: it is not random, only x^2 S is under the root",
    {"under_root": lambda under_root, b: under_root + b**2},
    "the argument is sigma2 already and is squared once more: Var z = x^2 sigma2",
    {"S": lambda S: S**2},
    "sigma for sigma2 under the root: the variances of independent terms add, x^2 sigma2",
    {"S": lambda S: np.sqrt(S)},
    "standard deviations are added, |x| sigma: of independent terms the VARIANCES add, "
    "sd = sqrt(x^2 S)",
    {"sd": lambda x, S: np.abs(x) @ np.sqrt(S)},
    "|x| for x^2 under the root: Var(x w) = x^2 Var(w)",
    {"x2": lambda x: np.abs(x)},
    "x for x^2 under the root: a negative input gives a negative variance and NaN; "
    "Var(x w) = x^2 Var(w)",
    {"x2": lambda x: x},
    "the root is missing: the noise is multiplied by the standard deviation, not the variance",
    {"sd": lambda under_root: under_root},
    "one noise for all rows: every row of the batch has its own draw, e of shape (B, J)",
    {"e": lambda e: e[:1]},
    "one noise for all neurons of a row: every output has its own draw, e of shape (B, J)",
    {"e": lambda e: e[:, :1]},
    "the noise moves the WEIGHTS, one draw for each neuron's fan-in: e belongs to the "
    "activation, outside the sum and the root, z = xM + b + sqrt(x^2 S) e",
    {"sd": lambda x, S: x @ np.sqrt(S)},
    "the 1e-8 under the root is missing: for an input of zeros the derivative of the root is "
    "infinite",
    {"under_root": lambda x2, S: x2 @ S},
    "the argument is the variance, not its logarithm: it needs no exponential",
    {"S": lambda S: np.exp(S)},
    "the second moment M^2 + S under the root: the mean is in x M already, only S belongs there",
    {"S": lambda M, S: M**2 + S},
    "the bias is missing: z = x M + b + ...",
    {"b": lambda: 0},
    "the noise is missing: that is the mean of z, x M + b, and no draw",
    {"e": lambda: 0},
)

mistakes(
    "local-reparam-dense-backward",
    "x M S e g",
    {
        "v": lambda x, S, e, g: g * e / (2 * np.sqrt(x**2 @ S + 1e-8)),
        "dM": lambda x, g: x.T @ g,
        "dS": lambda x, v: (x**2).T @ v,
        "db": lambda g: g.sum(axis=0),
        "dx_mean": lambda g, M: g @ M.T,
        "dx_variance": lambda x, v, S: 2 * x * (v @ S.T),
        "dx": lambda dx_mean, dx_variance: dx_mean + dx_variance,
        "all": lambda dM, dS, db, dx: (dM, dS, db, dx),
    },
    "the 2 is missing in v = g e / (2 sd): the derivative of a root is 1/(2 root)",
    {"v": lambda v: 2 * v},
    "v = g e, the derivative by sd and not by the variance: v = g e / (2 sd)",
    {"v": lambda g, e: g * e},
    "v lacks the noise: z has sd times e, so v = g e / (2 sd)",
    {"e": lambda: 1},
    "the variance path's sign is turned: z has PLUS sd e, whatever the sign of e",
    {"v": lambda v: -v},
    "dX lacks the variance path: x is also in x^2 S, which adds 2 x (v S^T)",
    {"dx_variance": lambda: 0},
    "dX has x (v S^T) without the 2: the derivative of x^2 is 2 x",
    {"dx_variance": lambda dx_variance: dx_variance / 2},
    "dX has v S^T without the 2 x: it is the derivative by x^2, and x^2 has the derivative 2 x",
    {"dx_variance": lambda v, S: v @ S.T},
    "dX takes v back through M: the variance path goes through S, 2 x (v S^T)",
    {"dx_variance": lambda x, v, M: 2 * x * (v @ M.T)},
    "dS = x^T v with x for x^2: the variance is x^2 S, so dS = (x^2)^T v",
    {"dS": lambda x, v: x.T @ v},
    "the gradient by ln sigma2 where that by sigma2 is asked for: leave out the factor S",
    {"dS": lambda dS, S: S * dS},
    "the gradient by sigma where that by sigma2 is asked for: leave out the factor 2 sigma",
    {"dS": lambda dS, S: 2 * np.sqrt(S) * dS},
    "dS lacks the variance path's v: g goes through the root first, dS = (x^2)^T v",
    {"dS": lambda x, g: (x**2).T @ g},
    "the bias is in the variance path, db = sum (g + v): it is not random, db = sum g",
    {"db": lambda g, v: (g + v).sum(axis=0)},
    "db is the mean of g over the rows: the loss has its 1/B already, so sum",
    {"db": lambda g: g.mean(axis=0)},
    "the parameters' gradients are divided by B: the 1/B of the mean is in g already",
    {"all": lambda x, dM, dS, db, dx: (dM / len(x), dS / len(x), db / len(x), dx)},
    "dM has a variance path, x^T (g + v): the variance of z does not depend on the means",
    {"dM": lambda x, g, v: x.T @ (g + v)},
)

# Convolutions


def _windows(x: Any, kernel: Any, stride: int, padding: int, mode: Any = "constant") -> Any:
    """Return what lies under the kernel at every place, (B, C, Ho, Wo, kh, kw)."""
    sides = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), sides, sides), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def _conv(x: Any, kernel: Any, stride: int, padding: int, mode: Any = "constant") -> Any:
    windows = _windows(x, kernel, stride, padding, mode)
    return np.einsum("bcijkl,fckl->bfij", windows, kernel)


def _flipped(kernel: Any) -> Any:
    return kernel[:, :, ::-1, ::-1]


_MAPS: Pieces = {
    "x2": lambda x: x**2,
    "mode": lambda: "constant",
    "under_root": lambda x2, S, stride, padding, mode: _conv(x2, S, stride, padding, mode) + 1e-8,
    "sd": lambda under_root: np.sqrt(under_root),
}

mistakes(
    "local-reparam-conv",
    "x M S b e stride padding",
    {
        **_MAPS,
        "mean": lambda x, M, stride, padding, mode: _conv(x, M, stride, padding, mode),
        "z": lambda mean, b, sd, e: mean + b[:, None, None] + sd * e,
    },
    "the kernel is flipped, a true convolution: a network slides it as it is, which is a "
    "cross-correlation",
    {"M": lambda M: _flipped(M), "S": lambda S: _flipped(S)},
    "the kernel is flipped and its channels are turned round too, as an n-dimensional "
    "convolution does: use a correlation, channel c with channel c",
    {"M": lambda M: M[:, ::-1, ::-1, ::-1], "S": lambda S: S[:, ::-1, ::-1, ::-1]},
    "the means slide as they are, the variances flipped: both maps take the same kernel places",
    {"S": lambda S: _flipped(S)},
    "the feature map's bias is under the root: it is not random, only x^2 and S are there",
    {"under_root": lambda under_root, b: under_root + b[:, None, None] ** 2},
    "the kernels hold sigma2 already and are squared once more: Var z is x^2 sigma2, summed",
    {"S": lambda S: S**2},
    "sigma for sigma2 in the kernel of the variance: variances add, so x^2 with sigma2",
    {"S": lambda S: np.sqrt(S)},
    "standard deviations are summed under the kernel, |x| sigma: sum the variances x^2 sigma2 "
    "and take the root at the end",
    {"sd": lambda x, S, stride, padding: _conv(np.abs(x), np.sqrt(S), stride, padding)},
    "|x| for x^2 in the map of the variances: Var(x w) = x^2 Var(w) at every pixel",
    {"x2": lambda x: np.abs(x)},
    "x for x^2 in the map of the variances: negative pixels give negative variances and NaN",
    {"x2": lambda x: x},
    "the root of the variance map is missing: the noise takes the standard deviation",
    {"sd": lambda under_root: under_root},
    "one noise for a whole feature map, as if the weight were drawn: every PLACE has its own "
    "draw, e of shape (B, F, Ho, Wo)",
    {"e": lambda e: e[:, :, :1, :1]},
    "one noise for all images: every image of the batch has its own draw",
    {"e": lambda e: e[:1]},
    "one noise for all feature maps at a place: every filter has its own draw",
    {"e": lambda e: e[:, :1]},
    "the border is repeated in place of zeros: padding adds zeros, which have neither mean nor "
    "variance",
    {"mode": lambda: "edge"},
    "the 1e-8 under the root of the variance map is missing: an empty patch has an infinite "
    "derivative",
    {"under_root": lambda x2, S, stride, padding: _conv(x2, S, stride, padding)},
    "the kernels' second moment M^2 + S under the root: the means are in the other map already",
    {"S": lambda M, S: M**2 + S},
    "the bias is missing: each feature map has one, added everywhere",
    {"b": lambda b: 0 * b},
)


def _by_kernel(x: Any, kernel: Any, g: Any, stride: int, padding: int) -> Any:
    return np.einsum("bfij,bcijkl->fckl", g, _windows(x, kernel, stride, padding))


def _by_x(x: Any, kernel: Any, g: Any, stride: int, padding: int, keep: int = 1) -> Any:
    """Return what comes back to each pixel; with `keep` 0 from the last window alone."""
    B, C, H, W = x.shape
    d_x = np.zeros((B, C, H + 2 * padding, W + 2 * padding))
    height, width = kernel.shape[2:]
    for i, j in np.ndindex(g.shape[2:]):
        part = np.einsum("bf,fckl->bckl", g[:, :, i, j], kernel)
        window = np.s_[:, :, stride * i : stride * i + height, stride * j : stride * j + width]
        d_x[window] = keep * d_x[window] + part
    return d_x[:, :, padding : padding + H, padding : padding + W].copy()


def _by_place(x: Any, kernel: Any, g: Any, stride: int, padding: int) -> Any:
    """Return what comes back to each pixel from the last place in the kernel that it was under."""
    B, C, H, W = x.shape
    d_x = np.zeros((B, C, H + 2 * padding, W + 2 * padding))
    height, width = (stride * (n - 1) + 1 for n in g.shape[2:])
    for k, l in np.ndindex(kernel.shape[2:]):
        part = np.einsum("bfij,fc->bcij", g, kernel[:, :, k, l])
        d_x[:, :, k : k + height : stride, l : l + width : stride] = part
    return d_x[:, :, padding : padding + H, padding : padding + W].copy()


mistakes(
    "local-reparam-conv-backward",
    "x M S e g stride padding",
    {
        **_MAPS,
        "v": lambda g, e, sd: g * e / (2 * sd),
        "dM": lambda x, M, g, stride, padding: _by_kernel(x, M, g, stride, padding),
        "dS": lambda x2, S, v, stride, padding: _by_kernel(x2, S, v, stride, padding),
        "db": lambda g: g.sum(axis=(0, 2, 3)),
        "back": lambda x, stride, padding: lambda kernel, g: _by_x(x, kernel, g, stride, padding),
        "dx_mean": lambda back, M, g: back(M, g),
        "dx2": lambda back, S, v: back(S, v),
        "dx": lambda x, dx_mean, dx2: dx_mean + 2 * x * dx2,
        "all": lambda dM, dS, db, dx: (dM, dS, db, dx),
    },
    "the 2 is missing in v = g e / (2 sd) of the convolution: a root has the derivative 1/(2 root)",
    {"v": lambda v: 2 * v},
    "v = g e, the derivative by the standard deviation map: by the variance it is g e / (2 sd)",
    {"v": lambda g, e: g * e},
    "v lacks the noise of its place: z has sd times e, so v = g e / (2 sd) everywhere",
    {"e": lambda: 1},
    "the sign of the variance path is turned: every place of z has PLUS sd e",
    {"v": lambda v: -v},
    "dX lacks the variance path: the pixels are also in x^2, which adds 2 x times v taken back "
    "through S",
    {"dx2": lambda: 0},
    "dX has x for 2 x before the variance path: the derivative of a squared pixel is 2 x",
    {"dx2": lambda dx2: dx2 / 2},
    "dX lacks the 2 x before the variance path: that is the derivative by x^2",
    {"dx": lambda dx_mean, dx2: dx_mean + dx2},
    "dX puts the kernel down flipped: going back, the weight at offset (k, l) returns to the "
    "pixel at (k, l) that it was multiplied with",
    {"back": lambda back: lambda kernel, g: back(_flipped(kernel), g)},
    "= for += in dX, window after window: a pixel hears from every window that it was under",
    {"back": lambda x, stride, padding: lambda kernel, g: _by_x(x, kernel, g, stride, padding, 0)},
    "= for += in dX, one place of the kernel after another: a pixel was under several of them",
    {"back": lambda x, stride, padding: lambda kernel, g: _by_place(x, kernel, g, stride, padding)},
    "the kernels' gradients are flipped, those of a true convolution: entry (k, l) belongs to "
    "the pixels at offset (k, l)",
    {"dM": lambda dM: _flipped(dM), "dS": lambda dS: _flipped(dS)},
    "dS correlates v with x for x^2: the variance map is x^2 under S",
    {"dS": lambda x, S, v, stride, padding: _by_kernel(x, S, v, stride, padding)},
    "the kernels' gradient by ln sigma2 where that by sigma2 is asked for: no factor S",
    {"dS": lambda dS, S: S * dS},
    "the kernels' gradient by sigma where that by sigma2 is asked for: no factor 2 sigma",
    {"dS": lambda dS, S: 2 * np.sqrt(S) * dS},
    "the feature maps' bias is in the variance path, sum (g + v): it is not random, sum g",
    {"db": lambda g, v: (g + v).sum(axis=(0, 2, 3))},
    "db is averaged over the places of a feature map: the bias is added at each, so g is summed",
    {"db": lambda g: g.mean(axis=(2, 3)).sum(axis=0)},
    "db is averaged over images and places: the loss has its own 1/B already, so sum over both",
    {"db": lambda g: g.mean(axis=(0, 2, 3))},
    "the kernels' and the biases' gradients are divided by B: the 1/B is in g already",
    {"all": lambda x, dM, dS, db, dx: (dM / len(x), dS / len(x), db / len(x), dx)},
)
