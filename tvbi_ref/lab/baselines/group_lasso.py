r"""Group lasso: a penalty with a corner at zero, taken by its proximal step.

Yuan and Lin, *Model selection and estimation in regression with grouped variables*, JRSS B 68,
2006; for networks Wen, Wu, Wang, Chen and Li, *Learning structured sparsity in deep neural
networks*, NeurIPS 2016. The objective is

    L(w) + strength sum_g sqrt(n_g) ||w_g||

over the groups g of every layer, n_g weights each. The norm has no gradient at w_g = 0, where it
is needed most; so the penalty is not differentiated but minimised, after every step of size t,

    prox(v) = argmin_w  1/2 ||w - v||^2 + c ||w||  =  max(0, 1 - c/||v||) v
    c = t strength sqrt(n_g)

which puts groups at exactly zero (Parikh and Boyd, *Proximal algorithms*, 2014). Adam divides the
gradient of every coordinate by the root of its second moment v, so its step size is
t = rate/sqrt(v). The prox of a whole group needs one t_g: the mean of the roots over the group
stands in for each. Loss and penalty then meet as they do in the objective, exactly where the roots
of a group agree, else for the group on average. With t = rate alone `strength` would be measured
against the noise of the gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tvbi_ref._validation import FloatArray, as_real
from tvbi_ref.lab.baselines.base import Method, Problem, by_group, descend, prune_groups
from tvbi_ref.nets import Adam, Network, Parameter, WeightLayer
from tvbi_ref.nets.training import Hooks, Step


def group_norms(weight: FloatArray) -> FloatArray:
    """Return ||w_g|| of every group, a slice along the first axis.

    Parameters
    ----------
    weight : ndarray (G, ...)

    Returns
    -------
    ndarray (G,)

    Examples
    --------
    >>> group_norms(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([5., 0.])
    """
    return np.sqrt(np.sum(weight * weight, axis=tuple(range(1, weight.ndim))))


def group_lasso_penalty(weight: FloatArray) -> float:
    """Return sum_g sqrt(n_g) ||w_g|| of one layer.

    Parameters
    ----------
    weight : ndarray (G, ...)

    Examples
    --------
    >>> group_lasso_penalty(np.array([[3.0, 4.0, 0.0, 0.0]]))
    10.0
    """
    return float(np.sqrt(weight[0].size) * group_norms(weight).sum())


def group_prox(weight: FloatArray, c: FloatArray) -> FloatArray:
    """Return max(0, 1 - c_g/||w_g||) w_g for every group.

    Parameters
    ----------
    weight : ndarray (G, ...)
    c : ndarray (G,)
        At least 0.

    Returns
    -------
    ndarray (G, ...)

    Examples
    --------
    >>> group_prox(np.array([[3.0, 4.0], [0.3, 0.4]]), np.ones(2)).round(6)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """
    norms = group_norms(weight)
    stays = norms > c
    factor = np.where(stays, 1 - c / np.where(stays, norms, 1), 0)
    return weight * by_group(factor.astype(weight.dtype), weight)


def group_steps(optimizer: Adam, parameter: Parameter, rate: float) -> FloatArray:
    """Return t_g = rate / mean over the group of (sqrt(v) + epsilon), v without its bias.

    Parameters
    ----------
    optimizer : Adam
        When it has made a step.
    parameter : Parameter, (G, ...)
        One of its own.
    rate : float

    Returns
    -------
    ndarray (G,)

    Examples
    --------
    >>> weight = Parameter("weight", np.ones((2, 2)))
    >>> adam = Adam([weight])
    >>> weight.grad[...] = [[1.0, 3.0], [5.0, 5.0]]
    >>> adam.step(0.1)
    >>> group_steps(adam, weight, rate=0.1).round(4)
    array([0.05, 0.02])
    """
    k = next(k for k, p in enumerate(optimizer.parameters) if p is parameter)
    v = optimizer.second[k] / (1 - optimizer.beta2**optimizer.count)
    roots = np.sqrt(v).reshape(len(v), -1).mean(axis=1) + optimizer.epsilon
    return np.asarray(rate / roots)


class _ProximalStep(Hooks):
    """The prox of every layer, after the optimizer's step."""

    def __init__(self, layers: Sequence[WeightLayer], strength: float) -> None:
        self.layers, self.strength = layers, strength

    def after(self, step: Step) -> None:
        for layer in self.layers:
            weight = layer.mean.value
            t = group_steps(step.optimizer, layer.mean, step.rate)
            weight[...] = group_prox(weight, t * self.strength * np.sqrt(weight[0].size))


@dataclass(frozen=True)
class GroupLasso(Method):
    """Train with a proximal step on the groups, prune those at zero, fine-tune unpenalised.

    Parameters
    ----------
    strength : float >= 0
        Of the penalty, beside the mean loss of a row; more prunes more.

    Examples
    --------
    >>> from tvbi_ref import datasets, nets
    >>> from tvbi_ref.lab.experiment import Budget
    >>> data, budget = datasets.load_digits(), Budget(epochs=5, fine_tune_epochs=1)
    >>> small = GroupLasso(strength=3e-3).fit(
    ...     nets.mlp([64, 16, 10], seed=0), data.x_train, data.y_train, budget, seed=0)
    >>> mask = small.weight_layers[0].mask
    >>> bool((mask.all(axis=1) | ~mask.any(axis=1)).all())  # whole inputs
    True
    """

    strength: float = 1e-3

    def __post_init__(self) -> None:
        as_real(self.strength, "strength", at_least=0)

    def prune(self, network: Network, problem: Problem) -> Network:
        """Train, then prune the groups whose norm is zero."""
        descend(network, problem, _ProximalStep(network.weight_layers, self.strength))
        for layer in network.weight_layers:
            prune_groups(layer, group_norms(layer.mean.value) > 0)
        return network
