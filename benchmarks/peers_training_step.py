"""Training steps a second: ours against PyTorch on the CPU, the same algorithm on both sides.

One pass over the data is the loop's w-step: 40 batches of 128 random rows, and for each

1.  forward with local reparameterisation, z = x M + b + sqrt(x^2 S + 1e-8) e, S = e^(ln sigma2);
2.  the mean cross-entropy (its value is read) and its gradient by means, ln sigma2 and biases;
3.  plus kappa/N times the gradient of sum 1/2 <rho> (mu^2 + sigma2) - 1/2 ln sigma2;
4.  Adam on all of it, ln sigma2 clipped to its bounds;
5.  the accuracy of the batch (its value is read);

and at the end one forward pass at the means. All start at the same float32 numbers, have as many
threads (--threads, two if not said), and draw their own noise. PyTorch has its fused Adam and runs
eagerly, once with 3. in the objective (what one would write), once with 3. added to the gradients
in place (what we do); and once with 1. to 3. compiled (torch.compile, which needs a C++ compiler),
3. in the objective.

Other work on the machine slows down each side, and not equally. So every side is a process of
its own, they take turns, pass by pass, and the ratio of neighbours is what counts: the median,
and the spread. Run it on a quiet machine all the same.

    pip install -e .[peers] torch
    python benchmarks/peers_training_step.py
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from _timing import Clock, median_seconds, ratios, spread

from tvbi_ref import HierarchicalPrior, IndependentSupport, TurboVBI, nets
from tvbi_ref.nets import convolution, layers
from tvbi_ref.turbo import loop
from tvbi_ref.turbo.run import Run

BATCH, STEPS = 128, 40
PEAK_SIDE = 2048
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NETWORKS = {"LeNet-300-100": "lenet_300_100", "LeNet-5-Caffe": "lenet5_caffe"}
SIDES = {
    "tvbi_ref": "tvbi_ref",
    "objective": "PyTorch, penalty in the objective",
    "gradients": "PyTorch, penalty added to gradients",
    "compiled": "torch.compile, penalty in the objective",
}


def new_run(network: nets.Network, steps: int = STEPS) -> Any:
    """Return the loop's state for random data, so many batches of them."""
    rng = np.random.default_rng(1)
    x = rng.random((steps * BATCH, 784), dtype=np.float32)
    settings = TurboVBI(
        HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0)),
        epochs=1000,
        batch_size=BATCH,
        kl_warmup=0,
    )
    return Run(settings, network, x, rng.integers(0, 10, len(x)), None)


class TorchSide:
    """The w-step of a `Run` in PyTorch, from the same numbers."""

    def __init__(self, run: Any, penalty: str) -> None:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.torch, self.run, self.penalty = torch, run, penalty
        self.x, self.y = torch.from_numpy(run.x.copy()), torch.from_numpy(run.y.copy())
        self.weights, self.plan = [], []
        for layer in run.network.layers:
            self._translate(layer)
        trained = [p for weight in self.weights for p in weight[:3]]
        self.adam = torch.optim.Adam(trained, lr=1e-3, fused=True)
        if penalty == "compiled":
            self.objective = torch.compile(self.objective)

    def _translate(self, layer: Any) -> None:
        torch, kind = self.torch, type(layer).__name__
        if kind in ("Dense", "Conv2D"):
            state = self.run.layers[len(self.weights)]
            rho = state.posterior.expected_precision.astype(self.run.network.dtype)
            # A convolution's prior lives on a matrix; a dense layer's has its shape already.
            rho = rho if kind == "Dense" else layer.from_matrix(rho)
            arrays = (layer.mean.value, layer.log_variance.value, layer.bias.value)
            trained = [torch.nn.Parameter(torch.from_numpy(a.copy())) for a in arrays]
            self.weights.append((*trained, torch.from_numpy(np.ascontiguousarray(rho))))
            step = self._dense if kind == "Dense" else self._convolution(layer)
            number = len(self.weights) - 1
            self.plan.append(lambda x, draw: step(x, draw, *self.weights[number][:3]))
        else:
            plain = {
                "ReLU": lambda x, _: torch.relu(x),
                "MaxPool": lambda x, _: torch.nn.functional.max_pool2d(x, layer.size),
                "Flatten": lambda x, _: x.flatten(1),
            }
            self.plan.append(plain[kind])

    def _dense(self, x: Any, draw: Any, mean: Any, log_variance: Any, bias: Any) -> Any:
        z = self.torch.addmm(bias, x, mean)
        if draw is None:
            return z
        sd = self.torch.sqrt((x * x) @ log_variance.exp() + 1e-8)
        return z + sd * draw(z.shape)

    def _convolution(self, layer: Any) -> Callable[..., Any]:
        conv, how = self.torch.conv2d, {"stride": layer.stride, "padding": layer.padding}

        def step(x: Any, draw: Any, mean: Any, log_variance: Any, bias: Any) -> Any:
            z = conv(x, mean, bias, **how)
            if draw is None:
                return z
            sd = self.torch.sqrt(conv(x * x, log_variance.exp(), **how) + 1e-8)
            return z + sd * draw(z.shape)

        return step

    def forward(self, x: Any, draw: Any) -> Any:
        """Return the outputs; with `draw` every weight layer adds its noise."""
        for step in self.plan:
            x = step(x, draw)
        return x

    def one_pass(self, order: Any = None, draw: Any = None) -> None:
        """Do what `loop.w_step` does."""
        torch, schedule = self.torch, self.run.options.annealing
        self.adam.param_groups[0]["lr"] = schedule.rate(0)
        weight = schedule.kl_weight(0) / len(self.x)
        order = torch.randperm(len(self.x)) if order is None else order
        for rows in order.split(BATCH):
            x, y = self.x[rows], self.y[rows]
            output, loss, objective = self.objective(x, y, draw or torch.randn, weight)
            self._step(objective, weight)
            loss.item(), (output.argmax(1) == y).float().mean().item()
        with torch.no_grad():
            torch.nn.functional.cross_entropy(self.forward(x, None), y).item()

    def objective(self, x: Any, y: Any, draw: Any, weight: float) -> tuple[Any, Any, Any]:
        """Return the outputs, the loss, and the loss with the penalty if it belongs there."""
        output = self.forward(x, draw)
        loss = objective = self.torch.nn.functional.cross_entropy(output, y)
        if self.penalty != "gradients":
            for mean, log_variance, _, rho in self.weights:
                m = mean * mean + log_variance.exp()
                objective = objective + 0.5 * weight * (rho * m - log_variance).sum()
        return output, loss, objective

    def _step(self, objective: Any, weight: float) -> None:
        self.adam.zero_grad()
        objective.backward()
        with self.torch.no_grad():
            if self.penalty == "gradients":
                for mean, log_variance, _, rho in self.weights:
                    mean.grad.addcmul_(rho, mean, value=weight)
                    log_variance.grad.addcmul_(rho, log_variance.exp(), value=weight / 2)
                    log_variance.grad.sub_(weight / 2)
            self.adam.step()
            for _, log_variance, _, _ in self.weights:
                log_variance.clamp_(*nets.layers.LOG_VARIANCE_BOUNDS)


def largest_difference(builder: str, penalty: str) -> float:
    """Return how far means and ln sigma2 end apart after three steps with the same noise.

    In units of the learning rate, by which Adam moves a weight in a step; in float64, because
    where a gradient is 0 but for rounding, Adam makes a whole step of the rounding.
    """
    run = new_run(getattr(nets, builder)(seed=0).astype(np.float64), steps=3)
    side, order = TorchSide(run, penalty), np.random.default_rng(run.options.seed)
    drawn = noise_of(lambda: loop.w_step(run, 0))
    noise = iter([side.torch.from_numpy(e) for e in drawn])
    draw = lambda shape: next(noise)  # noqa: E731
    if penalty == "compiled":
        draw = side.torch.compiler.disable(draw)
    side.one_pass(side.torch.from_numpy(order.permutation(len(run.x))), draw)
    gaps = [
        np.abs(p.value - theirs.detach().numpy()).max()
        for layer, weight in zip(run.network.weight_layers, side.weights, strict=True)
        for p, theirs in zip((layer.mean, layer.log_variance), weight[:2], strict=True)
    ]
    return float(max(gaps) / run.options.annealing.rate(0))


def agree(builder: str, penalty: str) -> float:
    """Return the `largest_difference`, or stop if it is more than rounding."""
    gap = largest_difference(builder, penalty)
    if gap > 1e-9:
        raise AssertionError(f"{penalty} does not compute the same: {gap:.0e} of a step apart")
    return gap


def noise_of(call: Callable[[], object]) -> list[np.ndarray]:
    """Return the noise that the layers draw in a call."""
    drawn: list[np.ndarray] = []
    before = layers.standard_normal

    def recorded(*arguments: Any) -> np.ndarray:
        drawn.append(before(*arguments).copy())
        return drawn[-1].copy()

    layers.standard_normal = convolution.standard_normal = recorded
    call()
    layers.standard_normal = convolution.standard_normal = before
    return drawn


# Where our time goes


class OurSide:
    """The w-step of a `Run` with a clock on its phases."""

    def __init__(self, run: Any) -> None:
        self.run, self.clock = run, Clock()
        run.rng, network = Dice(0), run.network
        for thing, methods, phase in (
            (run.rng, ("standard_normal",), "noise"),
            (layers, ("standard_normal",), "noise"),
            (convolution, ("standard_normal",), "noise"),
            (network, ("forward",), "forward, rest"),
            (network, ("backward", "fill_gradients"), "backward"),
            (network.loss, ("value", "gradient", "value_and_gradient", "score"), "loss, accuracy"),
            (loop, ("add_penalty_gradient",), "prior's gradient"),
            (run.optimizer, ("step",), "Adam"),
        ):
            self.clock.watch(thing, methods, phase)

    def one_pass(self) -> None:
        """Do the w-step."""
        self.clock.start()
        loop.w_step(self.run, 0)


class Dice:
    """A generator whose methods can be replaced, which those of NumPy's cannot."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.standard_normal, self.permutation = rng.standard_normal, rng.permutation
        self.integers = rng.integers


def dense_products(network: nets.Network) -> list[Callable[[], object]]:
    """Return the matrix products of one step of a dense network, nothing between them."""
    jobs: list[Callable[[], object]] = []
    rng = np.random.default_rng(0)
    for number, layer in enumerate(network.weight_layers):
        I, J = layer.mean.value.shape
        x, g = (rng.random((BATCH, n), dtype=np.float32) for n in (I, J))
        w, z, d = layer.mean.value, np.empty_like(g), np.empty_like(layer.mean.value)
        jobs += 2 * [lambda x=x, w=w, z=z: np.matmul(x, w, out=z)]
        jobs += 2 * [lambda x=x, g=g, d=d: np.matmul(x.T, g, out=d)]
        if number > 0:
            dx = np.empty_like(x)
            jobs += 2 * [lambda g=g, w=w, dx=dx: np.matmul(g, w.T, out=dx)]
    return jobs


def product_flops(network: nets.Network) -> int:
    """Return the operations in the products of one step.

    Six products for a weight layer, two of them for dL/dx, which the first does not need; each
    multiplies and adds once for every weight at every position of an output image.
    """
    x, sizes = np.zeros((1, *(network.input_shape or network.widths[:1])), network.dtype), []
    for layer in network.layers:
        x = layer.forward(x)
        if layer in network.weight_layers:
            sizes.append(layer.mean.value.size * math.prod(x.shape[2:]))
    return 2 * BATCH * (6 * sum(sizes) - 2 * sizes[0])


def large_product() -> Callable[[], object]:
    """Return the product of two large square matrices: as fast as the BLAS gets."""
    square = np.random.default_rng(0).random((2, PEAK_SIDE, PEAK_SIDE), dtype=np.float32)
    out = np.empty_like(square[0])
    return lambda: np.matmul(*square, out=out)


# The race


def worker(side: str, builder: str) -> None:
    """For each line that comes in do a pass, and answer with seconds by name."""
    run = new_run(getattr(nets, builder)(seed=0))
    racer = OurSide(run) if side == "tvbi_ref" else TorchSide(run, side)
    products = dense_products(run.network) if is_dense(run.network) else []
    large = large_product()
    racer.one_pass()
    for _ in sys.stdin:
        start = time.perf_counter()
        racer.one_pass()
        answer = {"pass": time.perf_counter() - start}
        if isinstance(racer, OurSide):
            answer |= racer.clock.stop()
            alone = median_seconds(lambda: [job() for job in products], 20) if products else 0
            answer["products"] = alone
            answer["large product"] = median_seconds(large, 3)
        print(json.dumps(answer), flush=True)


def is_dense(network: nets.Network) -> bool:
    """Return whether all weights stand in plain matrices."""
    return all(layer.mean.value.ndim == 2 for layer in network.weight_layers)


class Worker:
    """A side of the race in a process of its own."""

    def __init__(self, side: str, builder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", side, builder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self) -> dict[str, float]:
        """Return the worker's answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()


def race(builder: str, rounds: int) -> None:
    """Print steps a second of all sides, our multiple of the others, where our time goes."""
    workers = {side: Worker(side, builder) for side in SIDES}
    answers = [{side: each.ask() for side, each in workers.items()} for _ in range(rounds + 1)]
    for each in workers.values():
        each.close()
    answers = answers[1:]  # the first round is not counted
    print("  steps a second, and ours as a multiple of them: medians (quartiles)")
    for side, name in SIDES.items():
        rates = [STEPS / answer[side]["pass"] for answer in answers]
        passes = [[answer[who]["pass"] for answer in answers] for who in (side, "tvbi_ref")]
        print(f"  {name:<42}{spread(rates):<28}{spread(ratios(*passes))}")
    report(builder, [answer["tvbi_ref"] for answer in answers])


def report(builder: str, answers: list[dict[str, float]]) -> None:
    """Print where our time goes."""
    seconds = {name: statistics.median(a[name] for a in answers) for name in answers[0]}
    products, large = seconds.pop("products"), seconds.pop("large product")
    total = seconds.pop("pass")
    print(f"  where our {total / STEPS * 1e3:.2f} ms a step go:")
    for name, part in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"    {name:<24}{part / STEPS * 1e3:6.2f} ms{part / total:6.0%}")
    flops = product_flops(getattr(nets, builder)(seed=0))
    speed, peak = flops * STEPS / total / 1e9, 2 * PEAK_SIDE**3 / large / 1e9
    print(
        f"  fraction of BLAS peak: {speed / peak:.0%}, products of {flops / 1e9:.2f} GFLOP a step,"
        f" {speed:.0f} of the {peak:.0f} GFLOP/s of a large sgemm"
    )
    if products:
        speed = flops / products / 1e9
        print(
            f"  its matrix products alone: {products * 1e3:.2f} ms, {products * STEPS / total:.0%};"
            f" {speed:.0f} GFLOP/s, {speed / peak:.0%} of the peak"
        )


def main() -> None:
    """Race on every network that is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2, help="of either side")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(*arguments.worker)
        return
    # The workers inherit it; the numbers of this process are compared, not timed.
    os.environ |= dict.fromkeys(POOLS, str(arguments.threads))
    if not find_spec("torch"):
        sys.exit("PyTorch is not installed; nothing to race against")
    for title, builder in NETWORKS.items():
        if not hasattr(nets, builder):
            print(f"{title}: nets.{builder} does not exist, left out")
            continue
        gap = max(agree(builder, penalty) for penalty in list(SIDES)[1:])
        print(
            f"{title}, batch {BATCH}, {arguments.threads} threads, "
            f"{arguments.rounds} rounds of {STEPS} steps"
        )
        print(
            f"  after 3 steps with the same noise the sides differ by {gap:.0e} of a step (float64)"
        )
        race(builder, arguments.rounds)


if __name__ == "__main__":
    main()
