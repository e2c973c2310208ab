"""A small problem, a budget, and the gradient check that every penalty passes."""

import numpy as np
import pytest

from tvbi_ref import nets
from tvbi_ref.lab.baselines import Step
from tvbi_ref.lab.experiment import Budget
from tvbi_ref.nets import Adam
from tvbi_ref.school.checks.differences import compare_gradients

NETS = {
    "dense": lambda: nets.mlp([6, 4, 3], seed=3, activation="tanh", dtype=np.float64),
    "conv": lambda: nets.cnn((1, 4, 4), [(2, 3)], [3], seed=3, activation="tanh", dtype=np.float64),
}


@pytest.fixture(params=NETS)
def float64_net(request):
    """Return a smooth network with weight variances that show."""
    net = NETS[request.param]()
    rng = np.random.default_rng(4)
    for parameter in net.parameters():
        if parameter.name == "log_variance":
            parameter.value[...] = rng.uniform(-4, -1, parameter.value.shape)
        if parameter.name == "bias":
            parameter.value[...] = rng.normal(size=parameter.value.shape)
    return net


@pytest.fixture
def budget():
    return Budget(epochs=4, fine_tune_epochs=2, batch_size=32, learning_rate=5e-3)


def rows_for(net, n=5):
    """Return rows and labels that the network takes."""
    rng = np.random.default_rng(5)
    n_inputs = np.prod(net.input_shape or net.widths[:1])
    return net.as_inputs(rng.normal(size=(n, n_inputs))), rng.integers(3, size=n)


@pytest.fixture
def objective_gradient():
    """Return a function that checks the gradient of data term and penalty together."""

    def check(network, hooks, penalty, noise_seed=7):
        x, y = rows_for(network)
        parameters = hooks.parameters(network)
        step = Step(0, 0.99, 1e-3, Adam(parameters), len(x))

        def loss():
            rng = np.random.default_rng(noise_seed)
            hooks.before(step, rng)
            output = network.forward(x, rng if hooks.noisy else None)
            return network.loss.value(output, y) + penalty() / len(x)

        rng = np.random.default_rng(noise_seed)
        hooks.before(step, rng)
        network.loss_and_gradient(x, y, rng if hooks.noisy else None)
        hooks.add_gradients(step)
        gradients = [p.grad.copy() for p in parameters]
        names = [f"{p.name}.{k}" for k, p in enumerate(parameters)]
        return compare_gradients(loss, [p.value for p in parameters], gradients, names)

    return check
