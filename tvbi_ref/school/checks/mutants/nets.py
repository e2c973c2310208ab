"""Mistakes in likelihoods and in local reparameterisation, forward and backward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvbi_ref.gamma import Gamma
from tvbi_ref.school.checks.mutants.registry import mutant

Array = NDArray[Any]
ValueAndGradient = tuple[float, Array]
Gradients = tuple[Array, Array, Array, Array]
"""By the mean, the variance, the bias and x."""

LOG_2PI = math.log(2 * math.pi)


# Categorical likelihood


def _log_softmax(z: Array, axis: int = 1) -> Array:
    z = z - z.max(axis=axis, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=axis, keepdims=True)))


def _onehot(z: Array, y: Array) -> Array:
    return np.eye(z.shape[1])[y]


@mutant(
    "likelihood-categorical",
    "the sum over the rows in place of their mean: value and gradient lack the 1/B",
)
def summed_over_rows(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-(log_p * onehot).sum()), np.exp(log_p) - onehot


@mutant(
    "likelihood-categorical",
    "the gradient is that of the sum over the rows, the value their mean: the gradient is "
    "(softmax(z) - onehot(y)) / B, with the 1/B",
)
def gradient_of_the_sum(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-(log_p * onehot).sum() / len(y)), np.exp(log_p) - onehot


@mutant(
    "likelihood-categorical",
    "the mean over rows AND classes: only the label's entry counts, so divide by B, not by B C",
)
def mean_over_classes(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-np.mean(log_p * onehot)), (np.exp(log_p) - onehot) / output.size


@mutant(
    "likelihood-categorical",
    "the softmax runs down the rows (axis 0): the probabilities of one ROW sum to 1, so axis 1",
)
def softmax_over_rows(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output, axis=0), _onehot(output, y)
    return float(-(log_p * onehot).sum() / len(y)), (np.exp(log_p) - onehot) / len(y)


@mutant(
    "likelihood-categorical",
    "the gradient's sign is turned: d(-ln p_y)/dz = softmax(z) - onehot(y), not the reverse",
)
def onehot_minus_softmax(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-(log_p * onehot).sum() / len(y)), (onehot - np.exp(log_p)) / len(y)


@mutant(
    "likelihood-categorical",
    "the gradient is the softmax alone: the label's entry must have 1 taken off, "
    "softmax(z) - onehot(y)",
)
def without_onehot(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-(log_p * onehot).sum() / len(y)), np.exp(log_p) / len(y)


@mutant(
    "likelihood-categorical",
    "the log-likelihood, where the loss is its negative, -ln softmax(z)_y; its gradient is "
    "turned likewise",
)
def positive_log_likelihood(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float((log_p * onehot).sum() / len(y)), (onehot - np.exp(log_p)) / len(y)


@mutant(
    "likelihood-categorical",
    "the value in bits: the natural logarithm is meant, whose derivative is softmax - onehot",
)
def in_bits(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    value = -(log_p * onehot).sum() / len(y) / math.log(2)
    return float(value), (np.exp(log_p) - onehot) / len(y)


@mutant(
    "likelihood-categorical",
    "the value is -z_y alone: the normaliser ln sum_c e^(z_c) is missing",
)
def without_normaliser(output: Array, y: Array) -> ValueAndGradient:
    log_p, onehot = _log_softmax(output), _onehot(output, y)
    return float(-(output * onehot).sum() / len(y)), (np.exp(log_p) - onehot) / len(y)


@mutant(
    "likelihood-categorical",
    "1 - p_y in place of -ln p_y: the negative LOG-likelihood needs the logarithm",
)
def without_logarithm(output: Array, y: Array) -> ValueAndGradient:
    p, onehot = np.exp(_log_softmax(output)), _onehot(output, y)
    return float(1 - (p * onehot).sum() / len(y)), (p - onehot) / len(y)


@mutant(
    "likelihood-categorical",
    "e^z overflows for logits near 1000: take the row's largest logit off first, which "
    "changes nothing else",
)
def overflowing(output: Array, y: Array) -> ValueAndGradient:
    p = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    return float(-np.mean(np.log(p[rows, y]))), (p - _onehot(output, y)) / len(y)


# Gaussian likelihood


def _squared(output: Array, y: Array) -> float:
    return float(((y - output) ** 2).sum()) / len(y)


@mutant(
    "likelihood-gaussian",
    "one normaliser a row: each of the D outputs has its own, so 1/2 <ln gamma> - 1/2 ln 2pi "
    "comes D times",
)
def one_normaliser(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * (log_gamma - LOG_2PI)
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the 1/2 of the normaliser is missing: the density has gamma^(1/2) for each output, so "
    "D/2 (<ln gamma> - ln 2pi)",
)
def no_half_in_normaliser(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - output.shape[1] * (log_gamma - LOG_2PI)
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "ln gamma without its 1/2: a PRECISION enters the normaliser as its root, so "
    "D/2 <ln gamma>, beside D/2 ln 2pi",
)
def precision_for_deviation(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - output.shape[1] * (log_gamma - 0.5 * LOG_2PI)
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the 1/2 before <gamma> ||y - f||^2 is missing, and its derivative is doubled likewise",
)
def no_half_in_squares(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = gamma * _squared(output, y) - 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, 2 * gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the gradient is doubled: the 2 of the square and the 1/2 before it cancel, "
    "<gamma> (f - y) / B",
)
def doubled_gradient(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, 2 * gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "ln <gamma> in place of <ln gamma>: with a posterior over gamma the mean of the logarithm "
    "is smaller than the logarithm of the mean",
)
def log_of_the_mean(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * (math.log(gamma) - LOG_2PI)
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the gradient by y, not by f: d/df of 1/2 gamma (y - f)^2 is gamma (f - y)",
)
def gradient_by_the_target(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, gamma * (y - output) / len(y)


@mutant(
    "likelihood-gaussian",
    "the gradient lacks the noise precision: it is <gamma> (f - y) / B",
)
def gradient_without_precision(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the gradient of the sum over the rows beside the mean's value: <gamma> (f - y) lacks the 1/B",
)
def gradient_without_mean(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, gamma * (output - y)


@mutant(
    "likelihood-gaussian",
    "the sum over the rows in place of their mean, in value and gradient: divide by B",
)
def gaussian_summed_over_rows(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    B, D = output.shape
    value = 0.5 * gamma * _squared(output, y) - 0.5 * D * (log_gamma - LOG_2PI)
    return B * value, gamma * (output - y)


@mutant(
    "likelihood-gaussian",
    "the mean over rows and outputs: the outputs of a row are independent, so their log "
    "densities add, and only the rows are averaged",
)
def mean_over_outputs(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    B, D = output.shape
    value = 0.5 * gamma * _squared(output, y) / D - 0.5 * (log_gamma - LOG_2PI)
    return value, gamma * (output - y) / (B * D)


@mutant(
    "likelihood-gaussian",
    "the constant D/2 ln 2pi is left out: without it the value is no log density",
)
def without_2pi(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) - 0.5 * output.shape[1] * log_gamma
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the whole normaliser is left out: - D/2 (<ln gamma> - ln 2pi) is missing, so nothing keeps "
    "the noise precision from going to 0",
)
def squares_alone(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    return 0.5 * gamma * _squared(output, y), gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "the normaliser's sign is turned: -ln N has MINUS D/2 <ln gamma> and plus D/2 ln 2pi",
)
def normaliser_added(output: Array, y: Array, gamma: float, log_gamma: float) -> ValueAndGradient:
    value = 0.5 * gamma * _squared(output, y) + 0.5 * output.shape[1] * (log_gamma - LOG_2PI)
    return value, gamma * (output - y) / len(y)


@mutant(
    "likelihood-gaussian",
    "gamma is taken for the noise's variance: it is the PRECISION and multiplies the squares",
)
def variance_for_precision(
    output: Array, y: Array, gamma: float, log_gamma: float
) -> ValueAndGradient:
    value = 0.5 * _squared(output, y) / gamma + 0.5 * output.shape[1] * (log_gamma + LOG_2PI)
    return value, (output - y) / gamma / len(y)


# Noise precision


@mutant(
    "noise-precision",
    "N rows counted in place of N D numbers: each of the D outputs of a row adds 1/2 to the shape",
)
def rows_for_numbers(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + len(y) / 2, prior.rate + float(((y - output) ** 2).sum()) / 2


@mutant(
    "noise-precision",
    "the 1/2 is missing in the shape: a Gaussian's normaliser adds gamma^(1/2) for each number",
)
def no_half_in_shape(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size, prior.rate + float(((y - output) ** 2).sum()) / 2


@mutant(
    "noise-precision",
    "the 1/2 is missing in the rate: the Gaussian's exponent is -gamma/2 (y - f)^2",
)
def no_half_in_rate(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, prior.rate + float(((y - output) ** 2).sum())


@mutant(
    "noise-precision",
    "the 1/2 is missing in shape AND rate: that is the posterior of a circular complex Gaussian",
)
def complex_noise(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size, prior.rate + float(((y - output) ** 2).sum())


@mutant(
    "noise-precision",
    "the mean square error in place of the sum of squares: every number adds its own evidence",
)
def mean_of_squares(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, prior.rate + float(np.mean((y - output) ** 2)) / 2


@mutant(
    "noise-precision",
    "the squares are averaged over the rows: the sum over all rows belongs into the rate",
)
def mean_over_rows_of_squares(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, prior.rate + _squared(output, y) / 2


@mutant(
    "noise-precision",
    "the square of the sum of the residuals: sum the squares, residuals must not cancel",
)
def square_of_the_sum(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, prior.rate + float((y - output).sum()) ** 2 / 2


@mutant(
    "noise-precision",
    "the residuals are not squared: their absolute values belong to a Laplace likelihood",
)
def absolute_residuals(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, prior.rate + float(np.abs(y - output).sum()) / 2


@mutant(
    "noise-precision",
    "the prior is forgotten: the posterior starts from its shape a and rate b",
)
def without_prior(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return y.size / 2, float(((y - output) ** 2).sum()) / 2


@mutant(
    "noise-precision",
    "a scale in place of a rate: the second number is the RATE, whose inverse is the scale",
)
def scale_for_rate(output: Array, y: Array, prior: Gamma) -> tuple[float, float]:
    return prior.shape + y.size / 2, 1 / (prior.rate + float(((y - output) ** 2).sum()) / 2)


# Dense, forward


@mutant(
    "local-reparam-dense",
    "the bias is in the variance path: it is not random, only x^2 S is under the root",
)
def dense_bias_in_variance(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(x**2 @ variance + bias**2 + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "the argument is sigma2 already and is squared once more: Var z = x^2 sigma2",
)
def dense_variance_squared(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(x**2 @ variance**2 + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "sigma for sigma2 under the root: the variances of independent terms add, x^2 sigma2",
)
def dense_sigma_under_the_root(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(x**2 @ np.sqrt(variance) + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "standard deviations are added, |x| sigma: of independent terms the VARIANCES add, "
    "sd = sqrt(x^2 S)",
)
def dense_deviations_added(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.abs(x) @ np.sqrt(variance)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "|x| for x^2 under the root: Var(x w) = x^2 Var(w)",
)
def dense_input_not_squared(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(np.abs(x) @ variance + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "x for x^2 under the root: a negative input gives a negative variance and NaN; "
    "Var(x w) = x^2 Var(w)",
)
def dense_signed_input(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    sd = np.sqrt(x @ variance + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "the root is missing: the noise is multiplied by the standard deviation, not the variance",
)
def dense_without_root(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    return np.asarray(x @ mean + bias + (x**2 @ variance + 1e-8) * noise)


@mutant(
    "local-reparam-dense",
    "one noise for all rows: every row of the batch has its own draw, e of shape (B, J)",
)
def dense_noise_shared_by_rows(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(x**2 @ variance + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise[:1])


@mutant(
    "local-reparam-dense",
    "one noise for all neurons of a row: every output has its own draw, e of shape (B, J)",
)
def dense_noise_shared_by_neurons(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    sd = np.sqrt(x**2 @ variance + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise[:, :1])


@mutant(
    "local-reparam-dense",
    "the noise moves the WEIGHTS, one draw for each neuron's fan-in: e belongs to the "
    "activation, outside the sum and the root, z = xM + b + sqrt(x^2 S) e",
)
def dense_noise_on_weights(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array
) -> Array:
    return np.asarray(x @ mean + bias + (x @ np.sqrt(variance)) * noise)


@mutant(
    "local-reparam-dense",
    "the 1e-8 under the root is missing: for an input of zeros the derivative of the root is "
    "infinite",
)
def dense_without_floor(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    return np.asarray(x @ mean + bias + np.sqrt(x**2 @ variance) * noise)


@mutant(
    "local-reparam-dense",
    "the argument is the variance, not its logarithm: it needs no exponential",
)
def dense_exponentiated(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    sd = np.sqrt(x**2 @ np.exp(variance) + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant(
    "local-reparam-dense",
    "the second moment M^2 + S under the root: the mean is in x M already, only S belongs there",
)
def dense_second_moment(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    sd = np.sqrt(x**2 @ (mean**2 + variance) + 1e-8)
    return np.asarray(x @ mean + bias + sd * noise)


@mutant("local-reparam-dense", "the bias is missing: z = x M + b + ...")
def dense_without_bias(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    return np.asarray(x @ mean + np.sqrt(x**2 @ variance + 1e-8) * noise)


@mutant("local-reparam-dense", "the noise is missing: that is the mean of z, x M + b, and no draw")
def dense_without_noise(x: Array, mean: Array, variance: Array, bias: Array, noise: Array) -> Array:
    return np.asarray(x @ mean + bias)


# Dense, backward


def _dense_v(x: Array, variance: Array, noise: Array, grad: Array) -> Array:
    return np.asarray(grad * noise / (2 * np.sqrt(x**2 @ variance + 1e-8)))


@mutant(
    "local-reparam-dense-backward",
    "the 2 is missing in v = g e / (2 sd): the derivative of a root is 1/(2 root)",
)
def dense_no_two_in_v(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = 2 * _dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "v = g e, the derivative by sd and not by the variance: v = g e / (2 sd)",
)
def dense_v_by_deviation(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = grad * noise
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "v lacks the noise: z has sd times e, so v = g e / (2 sd)",
)
def dense_v_without_noise(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, np.ones_like(noise), grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "the variance path's sign is turned: z has PLUS sd e, whatever the sign of e",
)
def dense_v_negative(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = -_dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "dX lacks the variance path: x is also in x^2 S, which adds 2 x (v S^T)",
)
def dense_dx_without_variance(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T


@mutant(
    "local-reparam-dense-backward",
    "dX has x (v S^T) without the 2: the derivative of x^2 is 2 x",
)
def dense_dx_without_two(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "dX has v S^T without the 2 x: it is the derivative by x^2, and x^2 has the derivative 2 x",
)
def dense_dx_by_square(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + v @ variance.T


@mutant(
    "local-reparam-dense-backward",
    "dX takes v back through M: the variance path goes through S, 2 x (v S^T)",
)
def dense_dx_through_mean(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    return x.T @ grad, (x**2).T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ mean.T)


@mutant(
    "local-reparam-dense-backward",
    "dS = x^T v with x for x^2: the variance is x^2 S, so dS = (x^2)^T v",
)
def dense_ds_input_not_squared(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    return x.T @ grad, x.T @ v, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "the gradient by ln sigma2 where that by sigma2 is asked for: leave out the factor S",
)
def dense_ds_by_logarithm(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_variance = variance * ((x**2).T @ v)
    return x.T @ grad, d_variance, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "the gradient by sigma where that by sigma2 is asked for: leave out the factor 2 sigma",
)
def dense_ds_by_sigma(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_sigma = 2 * np.sqrt(variance) * ((x**2).T @ v)
    return x.T @ grad, d_sigma, grad.sum(axis=0), grad @ mean.T + 2 * x * (v @ variance.T)


@mutant(
    "local-reparam-dense-backward",
    "dS lacks the variance path's v: g goes through the root first, dS = (x^2)^T v",
)
def dense_ds_from_g(x: Array, mean: Array, variance: Array, noise: Array, grad: Array) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_x = grad @ mean.T + 2 * x * (v @ variance.T)
    return x.T @ grad, (x**2).T @ grad, grad.sum(axis=0), d_x


@mutant(
    "local-reparam-dense-backward",
    "the bias is in the variance path, db = sum (g + v): it is not random, db = sum g",
)
def dense_db_with_v(x: Array, mean: Array, variance: Array, noise: Array, grad: Array) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_x = grad @ mean.T + 2 * x * (v @ variance.T)
    return x.T @ grad, (x**2).T @ v, (grad + v).sum(axis=0), d_x


@mutant(
    "local-reparam-dense-backward",
    "db is the mean of g over the rows: the loss has its 1/B already, so sum",
)
def dense_db_averaged(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_x = grad @ mean.T + 2 * x * (v @ variance.T)
    return x.T @ grad, (x**2).T @ v, grad.mean(axis=0), d_x


@mutant(
    "local-reparam-dense-backward",
    "the parameters' gradients are divided by B: the 1/B of the mean is in g already",
)
def dense_averaged_again(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array
) -> Gradients:
    v, B = _dense_v(x, variance, noise, grad), len(x)
    d_x = grad @ mean.T + 2 * x * (v @ variance.T)
    return x.T @ grad / B, (x**2).T @ v / B, grad.sum(axis=0) / B, d_x


@mutant(
    "local-reparam-dense-backward",
    "dM has a variance path, x^T (g + v): the variance of z does not depend on the means",
)
def dense_dm_with_v(x: Array, mean: Array, variance: Array, noise: Array, grad: Array) -> Gradients:
    v = _dense_v(x, variance, noise, grad)
    d_x = grad @ mean.T + 2 * x * (v @ variance.T)
    return x.T @ (grad + v), (x**2).T @ v, grad.sum(axis=0), d_x


# Convolution, forward


def _windows(x: Array, kernel: Array, stride: int, padding: int, mode: Any = "constant") -> Array:
    """Return what lies under the kernel at every place, (B, C, Ho, Wo, kh, kw)."""
    sides = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), sides, sides), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))
    return np.asarray(windows[:, :, ::stride, ::stride])


def _conv(x: Array, kernel: Array, stride: int, padding: int, mode: Any = "constant") -> Array:
    windows = _windows(x, kernel, stride, padding, mode)
    return np.asarray(np.einsum("bcijkl,fckl->bfij", windows, kernel))


def _per_map(bias: Array) -> Array:
    return bias[:, None, None]


@mutant(
    "local-reparam-conv",
    "the kernel is flipped, a true convolution: a network slides it as it is, which is a "
    "cross-correlation",
)
def conv_flipped(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    mean, variance = mean[:, :, ::-1, ::-1], variance[:, :, ::-1, ::-1]
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the kernel is flipped and its channels are turned round too, as an n-dimensional "
    "convolution does: use a correlation, channel c with channel c",
)
def conv_flipped_with_channels(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    mean, variance = mean[:, ::-1, ::-1, ::-1], variance[:, ::-1, ::-1, ::-1]
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the means slide as they are, the variances flipped: both maps take the same kernel places",
)
def conv_variance_flipped(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance[:, :, ::-1, ::-1], stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the feature map's bias is under the root: it is not random, only x^2 and S are there",
)
def conv_bias_in_variance(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + _per_map(bias) ** 2 + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the kernels hold sigma2 already and are squared once more: Var z is x^2 sigma2, summed",
)
def conv_variance_squared(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance**2, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "sigma for sigma2 in the kernel of the variance: variances add, so x^2 with sigma2",
)
def conv_sigma_under_the_root(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, np.sqrt(variance), stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "standard deviations are summed under the kernel, |x| sigma: sum the variances x^2 sigma2 "
    "and take the root at the end",
)
def conv_deviations_added(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = _conv(np.abs(x), np.sqrt(variance), stride, padding)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "|x| for x^2 in the map of the variances: Var(x w) = x^2 Var(w) at every pixel",
)
def conv_input_not_squared(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(np.abs(x), variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "x for x^2 in the map of the variances: negative pixels give negative variances and NaN",
)
def conv_signed_input(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the root of the variance map is missing: the noise takes the standard deviation",
)
def conv_without_root(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    spread = _conv(x**2, variance, stride, padding) + 1e-8
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + spread * noise)


@mutant(
    "local-reparam-conv",
    "one noise for a whole feature map, as if the weight were drawn: every PLACE has its own "
    "draw, e of shape (B, F, Ho, Wo)",
)
def conv_noise_shared_by_places(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    e = noise[:, :, :1, :1]
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * e)


@mutant(
    "local-reparam-conv",
    "one noise for all images: every image of the batch has its own draw",
)
def conv_noise_shared_by_images(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise[:1])


@mutant(
    "local-reparam-conv",
    "one noise for all feature maps at a place: every filter has its own draw",
)
def conv_noise_shared_by_filters(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise[:, :1])


@mutant(
    "local-reparam-conv",
    "the border is repeated in place of zeros: padding adds zeros, which have neither mean nor "
    "variance",
)
def conv_border_repeated(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding, "edge") + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding, "edge") + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the 1e-8 under the root of the variance map is missing: an empty patch has an infinite "
    "derivative",
)
def conv_without_floor(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding))
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant(
    "local-reparam-conv",
    "the kernels' second moment M^2 + S under the root: the means are in the other map already",
)
def conv_second_moment(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, mean**2 + variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + _per_map(bias) + sd * noise)


@mutant("local-reparam-conv", "the bias is missing: each feature map has one, added everywhere")
def conv_without_bias(
    x: Array, mean: Array, variance: Array, bias: Array, noise: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(_conv(x, mean, stride, padding) + sd * noise)


# Convolution, backward


def _conv_v(
    x: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Array:
    sd = np.sqrt(_conv(x**2, variance, stride, padding) + 1e-8)
    return np.asarray(grad * noise / (2 * sd))


def _by_kernel(x: Array, kernel: Array, grad: Array, stride: int, padding: int) -> Array:
    windows = _windows(x, kernel, stride, padding)
    return np.asarray(np.einsum("bfij,bcijkl->fckl", grad, windows))


def _by_x(x: Array, kernel: Array, grad: Array, stride: int, padding: int) -> Array:
    B, C, H, W = x.shape
    d_x = np.zeros((B, C, H + 2 * padding, W + 2 * padding))
    height, width = kernel.shape[2:]
    for i, j in np.ndindex(grad.shape[2:]):
        part = np.einsum("bf,fckl->bckl", grad[:, :, i, j], kernel)
        top, left = stride * i, stride * j
        d_x[:, :, top : top + height, left : left + width] += part
    return d_x[:, :, padding : padding + H, padding : padding + W].copy()


def _conv_gradients(
    x: Array,
    mean: Array,
    variance: Array,
    grad: Array,
    v: Array,
    geometry: tuple[int, int],
) -> Gradients:
    """Return the right gradients for a given v, to be spoiled."""
    d_x = _by_x(x, mean, grad, *geometry) + 2 * x * _by_x(x, variance, v, *geometry)
    d_mean = _by_kernel(x, mean, grad, *geometry)
    d_variance = _by_kernel(x**2, variance, v, *geometry)
    return d_mean, d_variance, grad.sum(axis=(0, 2, 3)), d_x


@mutant(
    "local-reparam-conv-backward",
    "the 2 is missing in v = g e / (2 sd) of the convolution: a root has the derivative 1/(2 root)",
)
def conv_no_two_in_v(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = 2 * _conv_v(x, variance, noise, grad, stride, padding)
    return _conv_gradients(x, mean, variance, grad, v, (stride, padding))


@mutant(
    "local-reparam-conv-backward",
    "v = g e, the derivative by the standard deviation map: by the variance it is g e / (2 sd)",
)
def conv_v_by_deviation(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    return _conv_gradients(x, mean, variance, grad, grad * noise, (stride, padding))


@mutant(
    "local-reparam-conv-backward",
    "v lacks the noise of its place: z has sd times e, so v = g e / (2 sd) everywhere",
)
def conv_v_without_noise(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, np.ones_like(noise), grad, stride, padding)
    return _conv_gradients(x, mean, variance, grad, v, (stride, padding))


@mutant(
    "local-reparam-conv-backward",
    "the sign of the variance path is turned: every place of z has PLUS sd e",
)
def conv_v_negative(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = -_conv_v(x, variance, noise, grad, stride, padding)
    return _conv_gradients(x, mean, variance, grad, v, (stride, padding))


@mutant(
    "local-reparam-conv-backward",
    "dX lacks the variance path: the pixels are also in x^2, which adds 2 x times v taken back "
    "through S",
)
def conv_dx_without_variance(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, _ = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, d_bias, _by_x(x, mean, grad, stride, padding)


@mutant(
    "local-reparam-conv-backward",
    "dX has x for 2 x before the variance path: the derivative of a squared pixel is 2 x",
)
def conv_dx_without_two(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, d_bias, d_x - x * _by_x(x, variance, v, stride, padding)


@mutant(
    "local-reparam-conv-backward",
    "dX lacks the 2 x before the variance path: that is the derivative by x^2",
)
def conv_dx_by_square(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, _ = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    d_x = _by_x(x, mean, grad, stride, padding) + _by_x(x, variance, v, stride, padding)
    return d_mean, d_variance, d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "dX puts the kernel down flipped: going back, the weight at offset (k, l) returns to the "
    "pixel at (k, l) that it was multiplied with",
)
def conv_dx_flipped(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, _ = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    mean, variance = mean[:, :, ::-1, ::-1], variance[:, :, ::-1, ::-1]
    *_, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "the kernels' gradients are flipped, those of a true convolution: entry (k, l) belongs to "
    "the pixels at offset (k, l)",
)
def conv_kernels_flipped(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean[:, :, ::-1, ::-1].copy(), d_variance[:, :, ::-1, ::-1].copy(), d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "dS correlates v with x for x^2: the variance map is x^2 under S",
)
def conv_ds_input_not_squared(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, _, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, _by_kernel(x, variance, v, stride, padding), d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "the kernels' gradient by ln sigma2 where that by sigma2 is asked for: no factor S",
)
def conv_ds_by_logarithm(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, variance * d_variance, d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "the kernels' gradient by sigma where that by sigma2 is asked for: no factor 2 sigma",
)
def conv_ds_by_sigma(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, 2 * np.sqrt(variance) * d_variance, d_bias, d_x


@mutant(
    "local-reparam-conv-backward",
    "the feature maps' bias is in the variance path, sum (g + v): it is not random, sum g",
)
def conv_db_with_v(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, d_bias + v.sum(axis=(0, 2, 3)), d_x


@mutant(
    "local-reparam-conv-backward",
    "db is averaged over the places of a feature map: the bias is added at each, so g is summed",
)
def conv_db_averaged_over_places(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, _, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, grad.mean(axis=(2, 3)).sum(axis=0), d_x


@mutant(
    "local-reparam-conv-backward",
    "db is averaged over images and places: the loss has its own 1/B already, so sum over both",
)
def conv_db_averaged(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v = _conv_v(x, variance, noise, grad, stride, padding)
    d_mean, d_variance, _, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean, d_variance, grad.mean(axis=(0, 2, 3)), d_x


@mutant(
    "local-reparam-conv-backward",
    "the kernels' and the biases' gradients are divided by B: the 1/B is in g already",
)
def conv_averaged_again(
    x: Array, mean: Array, variance: Array, noise: Array, grad: Array, stride: int, padding: int
) -> Gradients:
    v, B = _conv_v(x, variance, noise, grad, stride, padding), len(x)
    d_mean, d_variance, d_bias, d_x = _conv_gradients(x, mean, variance, grad, v, (stride, padding))
    return d_mean / B, d_variance / B, d_bias / B, d_x
