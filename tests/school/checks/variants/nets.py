"""Right versions of the likelihoods and the reparameterised layers, written otherwise."""

import math

import numpy as np
from scipy import signal, stats
from scipy.special import log_softmax, logsumexp, softmax

# Likelihoods


def by_scipy(output, y):
    gradient = softmax(output, axis=1) - np.eye(output.shape[1])[y]
    return -np.mean(log_softmax(output, axis=1)[np.arange(len(y)), y]), gradient / len(y)


def by_log_sum_exp(output, y):
    log_total = logsumexp(output, axis=1, keepdims=True)
    value = np.mean(log_total - np.take_along_axis(output, y[:, None], axis=1))
    gradient = np.exp(output - log_total)
    np.subtract.at(gradient, (range(len(y)), y), 1)
    return value, gradient / len(y)


def by_differences_of_logits(output, y):
    """-ln p_y = ln sum_c e^(z_c - z_y), row by row."""
    value, gradient = 0.0, np.zeros(output.shape)
    for n, label in enumerate(y):
        top = max(output[n])
        total = math.fsum(math.exp(z - top) for z in output[n])
        value += math.log(total) + top - output[n][label]
        for c, z in enumerate(output[n]):
            gradient[n, c] = (math.exp(z - top) / total - (c == label)) / len(y)
    return value / len(y), gradient


def row_by_row(output, y, noise_precision, log_noise_precision):
    value = 0.0
    for f, target in zip(output, y, strict=True):
        value += noise_precision * np.dot(target - f, target - f) / 2
        value += len(f) / 2 * (math.log(2 * math.pi) - log_noise_precision)
    return value / len(y), noise_precision / len(y) * (output - y)


def density_and_correction(output, y, noise_precision, log_noise_precision):
    """Take the density at the mean precision and correct it by the gap of the logarithms."""
    sd = noise_precision**-0.5
    gap = math.log(noise_precision) - log_noise_precision
    rows = -stats.norm(output, sd).logpdf(y).sum(axis=1) + output.shape[1] / 2 * gap
    return rows.mean(), -(y - output) / sd**2 / len(y)


def posterior_of_all_numbers_at_once(output, y, prior):
    residual = (y - output).ravel()
    return prior.shape + 0.5 * residual.size, prior.rate + 0.5 * (residual @ residual)


def posterior_one_number_at_a_time(output, y, prior):
    shape, rate = prior.shape, prior.rate
    for residual in (y - output).flat:
        shape, rate = shape + 0.5, rate + 0.5 * residual**2
    return shape, rate


# Dense


def dense_by_einsum(x, mean, variance, bias, noise):
    center = np.einsum("bi,ij->bj", x, mean) + bias
    spread = np.einsum("bi,bi,ij->bj", x, x, variance)
    return center + (spread + 1e-8) ** 0.5 * noise


def dense_by_broadcasting(x, mean, variance, bias, noise):
    """Keep the terms of every weight in one array (B, I, J), then sum over the inputs."""
    terms = x[:, :, None] * mean
    spread = (x[:, :, None] * np.sqrt(variance)) ** 2
    return terms.sum(axis=1) + bias + np.sqrt(spread.sum(axis=1) + 1e-8) * noise


def dense_weight_by_weight(x, mean, variance, bias, noise):
    z = np.zeros(noise.shape)
    for n in range(len(x)):
        for j in range(len(bias)):
            center = math.fsum(x[n, i] * mean[i, j] for i in range(x.shape[1]))
            spread = math.fsum(x[n, i] ** 2 * variance[i, j] for i in range(x.shape[1]))
            z[n, j] = center + bias[j] + math.sqrt(spread + 1e-8) * noise[n, j]
    return z


def dense_stacked(x, mean, variance, bias, noise):
    """Take bias and floor for the weights of one more input, which is 1."""
    ones = np.ones((len(x), 1))
    center = np.hstack([x, ones]) @ np.vstack([mean, bias])
    floor = np.full((1, len(bias)), 1e-8)
    return center + np.sqrt(np.hstack([x**2, ones]) @ np.vstack([variance, floor])) * noise


def dense_backward_by_einsum(x, mean, variance, noise, grad):
    sd = np.sqrt(np.einsum("bi,ij->bj", x**2, variance) + 1e-8)
    v = 0.5 * grad * noise / sd
    d_x = np.einsum("bj,ij->bi", grad, mean) + np.einsum("bi,bj,ij->bi", 2 * x, v, variance)
    d_variance = np.einsum("bi,bj->ij", x**2, v)
    return np.einsum("bi,bj->ij", x, grad), d_variance, np.einsum("bj->j", grad), d_x


def dense_backward_row_by_row(x, mean, variance, noise, grad):
    d_mean, d_variance = np.zeros(mean.shape), np.zeros(variance.shape)
    d_bias, d_x = np.zeros(mean.shape[1]), np.zeros(x.shape)
    for n, (row, e, g) in enumerate(zip(x, noise, grad, strict=True)):
        d_sd = g * e
        v = d_sd / (2 * np.sqrt(row**2 @ variance + 1e-8))
        d_mean += np.outer(row, g)
        d_variance += np.outer(row**2, v)
        d_bias += g
        d_x[n] = mean @ g + 2 * row * (variance @ v)
    return d_mean, d_variance, d_bias, d_x


def dense_backward_by_complex_steps(x, mean, variance, noise, grad):
    def loss(x, mean, variance, bias):
        z = x @ mean + bias + np.sqrt(x**2 @ variance + 1e-8) * noise
        return (grad * z).sum()

    return by_complex_steps(loss, x, mean, variance)


def by_complex_steps(loss, x, mean, variance):
    """Return the gradients of loss(x, mean, variance, bias), an analytic function."""
    n_outputs = mean.shape[1] if mean.ndim == 2 else mean.shape[0]
    arguments = [x, mean, variance, np.zeros(n_outputs)]
    gradients = []
    for k, argument in enumerate(arguments):
        gradient = np.empty(argument.shape)
        for n in np.ndindex(argument.shape):
            moved = argument.astype(complex)
            moved[n] += 1e-20j
            gradient[n] = loss(*arguments[:k], moved, *arguments[k + 1 :]).imag / 1e-20
        gradients.append(gradient)
    d_x, d_mean, d_variance, d_bias = gradients
    return d_mean, d_variance, d_bias, d_x


# Convolution


def padded(x, padding):
    B, C, H, W = x.shape
    frame = np.zeros((B, C, H + 2 * padding, W + 2 * padding), dtype=x.dtype)
    frame[:, :, padding : padding + H, padding : padding + W] = x
    return frame


def places(noise, kernel, stride):
    """Every place (i, j) of the output, with the part of the padded image under the kernel."""
    height, width = kernel.shape[2:]
    for i, j in np.ndindex(noise.shape[2:]):
        top, left = stride * i, stride * j
        yield (i, j), np.s_[:, :, top : top + height, left : left + width]


def conv_place_by_place(x, mean, variance, bias, noise, stride, padding):
    """Run a dense layer at every place: the patches are its rows."""
    frame, F = padded(x, padding), len(bias)
    z = np.empty(noise.shape)
    for (i, j), part in places(noise, mean, stride):
        rows = frame[part].reshape(len(x), -1)
        M, S = mean.reshape(F, -1).T, variance.reshape(F, -1).T
        z[:, :, i, j] = dense_by_broadcasting(rows, M, S, bias, noise[:, :, i, j])
    return z


def conv_offset_by_offset(x, mean, variance, bias, noise, stride, padding):
    """One matrix over the channels for each offset in the kernel."""
    frame, (Ho, Wo) = padded(x, padding), noise.shape[2:]
    center, spread = np.zeros(noise.shape), np.full(noise.shape, 1e-8)
    for k, l in np.ndindex(mean.shape[2:]):
        part = frame[:, :, k::stride, l::stride][:, :, :Ho, :Wo]
        center += np.einsum("fc,bcij->bfij", mean[:, :, k, l], part)
        spread += np.einsum("fc,bcij->bfij", variance[:, :, k, l], part**2)
    return center + bias.reshape(1, -1, 1, 1) + np.sqrt(spread) * noise


def conv_by_true_convolution(x, mean, variance, bias, noise, stride, padding):
    """SciPy's convolution with the kernels flipped beforehand."""

    def one(image, kernel):
        maps = [
            signal.convolve2d(channel, k[::-1, ::-1], mode="valid")
            for channel, k in zip(image, kernel, strict=True)
        ]
        return sum(maps)[::stride, ::stride]

    frame = padded(x, padding)
    center = np.array([[one(image, kernel) for kernel in mean] for image in frame])
    spread = np.array([[one(image**2, kernel) for kernel in variance] for image in frame])
    return center + bias[None, :, None, None] + np.sqrt(spread + 1e-8) * noise


def conv_backward_place_by_place(x, mean, variance, noise, grad, stride, padding):
    frame, F = padded(x, padding), len(mean)
    M, S = mean.reshape(F, -1).T, variance.reshape(F, -1).T
    totals, d_frame = [0.0, 0.0, 0.0], np.zeros(frame.shape)
    for (i, j), part in places(noise, mean, stride):
        rows = frame[part].reshape(len(x), -1)
        at = np.s_[:, :, i, j]
        *parts, d_rows = dense_backward_by_einsum(rows, M, S, noise[at], grad[at])
        totals = [total + new for total, new in zip(totals, parts, strict=True)]
        d_frame[part] += d_rows.reshape(frame[part].shape)
    d_mean, d_variance, d_bias = totals
    height, width = x.shape[2:]
    d_x = d_frame[:, :, padding : padding + height, padding : padding + width]
    return d_mean.T.reshape(mean.shape), d_variance.T.reshape(mean.shape), d_bias, d_x


def conv_backward_by_transposed_convolution(x, mean, variance, noise, grad, stride, padding):
    """Go back by full convolutions of the gradient, spread out by the stride."""
    frame = padded(x, padding)
    room = [side - k + 1 for side, k in zip(frame.shape[2:], mean.shape[2:], strict=True)]

    def spread_out(values):
        wide = np.zeros((*values.shape[:2], *room))
        wide[:, :, ::stride, ::stride] = values
        return wide

    def to_input(values, kernels):
        wide = spread_out(values)
        return np.array(
            [
                [
                    sum(signal.convolve2d(wide[b, f], kernels[f, c]) for f in range(len(kernels)))
                    for c in range(x.shape[1])
                ]
                for b in range(len(x))
            ]
        )

    def to_kernel(values, images):
        wide = spread_out(values)
        return np.array(
            [
                [
                    sum(
                        signal.correlate2d(images[b, c], wide[b, f], mode="valid")
                        for b in range(len(x))
                    )
                    for c in range(x.shape[1])
                ]
                for f in range(len(mean))
            ]
        )

    no_noise = np.zeros(noise.shape)
    no_bias = np.zeros(len(mean))
    spread = conv_offset_by_offset(x**2, variance, variance, no_bias, no_noise, stride, padding)
    v = grad * noise / (2 * np.sqrt(spread + 1e-8))
    d_frame = to_input(grad, mean) + 2 * frame * to_input(v, variance)
    height, width = x.shape[2:]
    d_x = d_frame[:, :, padding : padding + height, padding : padding + width]
    return to_kernel(grad, frame), to_kernel(v, frame**2), grad.sum((0, 2, 3)), d_x


def conv_backward_by_complex_steps(x, mean, variance, noise, grad, stride, padding):
    def loss(x, mean, variance, bias):
        frame, total = padded(x, padding), 0
        for (i, j), part in places(noise, mean, stride):
            rows = frame[part].reshape(len(x), -1)
            center = rows @ mean.reshape(len(mean), -1).T + bias
            spread = rows**2 @ variance.reshape(len(mean), -1).T
            z = center + np.sqrt(spread + 1e-8) * noise[:, :, i, j]
            total += (grad[:, :, i, j] * z).sum()
        return total

    return by_complex_steps(loss, x, mean, variance)


VARIANTS = {
    "likelihood-categorical": [by_scipy, by_log_sum_exp, by_differences_of_logits],
    "likelihood-gaussian": [row_by_row, density_and_correction],
    "noise-precision": [posterior_of_all_numbers_at_once, posterior_one_number_at_a_time],
    "local-reparam-dense": [
        dense_by_einsum,
        dense_by_broadcasting,
        dense_weight_by_weight,
        dense_stacked,
    ],
    "local-reparam-dense-backward": [
        dense_backward_by_einsum,
        dense_backward_row_by_row,
        dense_backward_by_complex_steps,
    ],
    "local-reparam-conv": [
        conv_place_by_place,
        conv_offset_by_offset,
        conv_by_true_convolution,
    ],
    "local-reparam-conv-backward": [
        conv_backward_place_by_place,
        conv_backward_by_transposed_convolution,
        conv_backward_by_complex_steps,
    ],
}
