"""Turbo-VBI on one page, in NumPy alone. Names in [brackets] are labels of docs/EQUATIONS.md.

Dense ReLU layers, Markov chains down the columns, collapsed Module A; no checks, no fine-tuning.
"""

import numpy as np

a, b = 1.0, 0.1  # precision rho of a live weight ~ Ga(a, b): its squared scale is b/a
r_start, r_end = 0.1, 1e-4  # of a dead weight ~ Ga(a, r b) with r annealed [prior-precision]
p01, p10 = 0.02, 0.5  # P(1|0) and P(0|1) from one input to the next [prior-support-markov]
batch, eta, seed = 32, 5e-3, 0  # rows of a minibatch, first learning rate, random draws


class TurboVBI:
    """A network and the loop that trains it."""

    def fit(self, means: list[np.ndarray], x: np.ndarray, y: np.ndarray, epochs: int) -> None:
        """Repeat w-step, Module A, Module B, Module A, for at least two epochs [turbo-loop]."""
        self.layers, rng, N = [Layer(mean) for mean in means], np.random.default_rng(seed), len(x)
        for epoch in range(epochs):
            kappa = min(1, (epoch + 1) / (epochs // 2 + 1))  # KL warm-up: the data come first
            r = r_start * (r_end / r_start) ** min(1, epoch / (epochs * 5 // 6))  # spike annealing
            for rows in np.split(rng.permutation(N), range(batch, N, batch)):
                z = self.forward(x[rows], rng)
                p = np.exp(z - np.logaddexp.reduce(z, 1, keepdims=True))  # softmax
                g = (p - np.eye(p.shape[1])[y[rows]]) / len(rows)  # dL/dz [likelihood-categorical]
                self.backward(g, kappa / N, eta * (1 - epoch / epochs))
            for q in self.layers:
                q.module_a(r)
                q.module_b(q.logit_pi_tilde - q.logit_pi)  # l: only what is news [extrinsic-a]
                q.module_a(r)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the logits, z = x M + b + sqrt(x^2 S + eps) e per layer [local-reparam-dense]."""
        for k, q in enumerate(self.layers):
            q.x, q.S = np.maximum(x, 0) if k else x, np.exp(q.ln_sigma2)
            q.sd = np.sqrt(q.x**2 @ q.S + 1e-8)
            q.e = rng.standard_normal(q.sd.shape) if rng else 0 * q.sd  # 0: the means alone
            x = q.x @ q.mu + q.bias + q.sd * q.e
        return x

    def backward(self, g: np.ndarray, kappa_N: float, rate: float) -> None:
        """Lower F/N of [q-weight] by one step of Adam [local-reparam-dense-backward]."""
        for q in reversed(self.layers):
            v = g * q.e / (2 * q.sd)  # dL/dVar
            d = np.vstack([q.x.T @ g, q.S * ((q.x**2).T @ v), g.sum(0)])  # [q-weight-gradient]
            d += kappa_N * np.vstack([q.rho * q.mu, (q.rho * q.S - 1) / 2, 0 * q.bias])
            g = (g @ q.mu.T + 2 * q.x * (v @ q.S.T)) * (q.x > 0)  # of the layer before
            q.t += 1
            q.m1 += (1 - 0.9) * (d - q.m1)
            q.m2 += (1 - 0.999) * (d * d - q.m2)
            q.theta -= rate * q.m1 / (1 - 0.9**q.t) / (np.sqrt(q.m2 / (1 - 0.999**q.t)) + 1e-8)


class Layer:
    """q(w) = N(mu, sigma2), the bias, and what the two modules say; a column is a neuron."""

    def __init__(self, mean: np.ndarray) -> None:
        self.theta = np.vstack([mean, np.full_like(mean, -8.0), 0 * mean[:1]])  # and views of it:
        self.mu, self.ln_sigma2, self.bias = np.split(self.theta, [len(mean), 2 * len(mean)])
        self.m1, self.m2, self.t = 0 * self.theta, 0 * self.theta, 0  # Adam's moments and steps
        self.x = self.S = self.sd = self.e = mean  # of the last forward pass, once there is one
        self.logit_pi = np.full_like(mean, np.log(p01 / p10))  # what a chain says of itself
        self.module_a(r_start)

    def module_a(self, r: float) -> None:
        """Find the best q(rho, s) = q(s) q(rho|s) for this q(w) [q-collapsed]."""
        m = self.mu**2 + np.exp(self.ln_sigma2)
        alive, dead = b + m / 2, r * b + m / 2
        l = -a * np.log(r) - (a + 0.5) * np.log(alive / dead)  # [evidence-collapsed], a_bar = a
        self.logit_pi_tilde = self.logit_pi + l  # [q-support]
        pi_tilde = 1 / (1 + np.exp(-self.logit_pi_tilde))
        self.rho = (a + 0.5) * (pi_tilde / alive + (1 - pi_tilde) / dead)  # [precision-collapsed]

    def module_b(self, l: np.ndarray) -> None:
        """Pass messages down and up every column, in odds [chain]."""
        odds, down, up = np.exp(l), np.full_like(l, p01 / p10), np.ones_like(l)
        for i in range(1, len(l)):
            c, d = odds[i - 1] * down[i - 1], odds[-i] * up[-i]  # [cavity]
            down[i] = ((1 - p10) * c + p01) / (p10 * c + 1 - p01)  # [sum-product]
            up[-i - 1] = ((1 - p10) * d + p10) / (p01 * d + 1 - p01)
        self.logit_pi = np.log(down * up)  # without l itself [extrinsic-b]


if __name__ == "__main__":
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rng, model = np.random.default_rng(seed), TurboVBI()
    test, train = np.split(rng.permutation(len(x)), [360])
    means = [rng.normal(0, np.sqrt(2 / I), (I, J)) for I, J in ((64, 32), (32, 10))]
    model.fit(means, x[train] / 16, y[train], epochs=60)
    for q in model.layers:
        k = (q.logit_pi_tilde >= 0).T  # pi_tilde >= 1/2 [prune]; now a row is a neuron
        q.mu *= k.T
        print(*map("".join, np.array(list(" ▀▄█"))[k[::2] + 2 * k[1::2]]), "", sep="\n")
    k = np.concatenate([q.mu.ravel() != 0 for q in model.layers])
    hit = np.mean(model.forward(x[test] / 16).argmax(1) == y[test])
    print(f"accuracy {hit:.3f}, kept {k.sum()} of {k.size} weights, compression {1 / k.mean():.1f}")
