r"""The three-layer prior: support, precision, weight.

From the top down, for each weight n of a layer ([prior-weight], [prior-precision]):

.. code-block:: text

    s  ~ support prior        which weights are alive     (module_b)
    rho_n | s_n = 1 ~ Ga(a, b)            a live weight has some precision a/b
    rho_n | s_n = 0 ~ Ga(a_bar, b_bar)    a dead one a much larger precision
    w_n | rho_n ~ N(0, 1/rho_n)

Integrating rho out leaves two Student-t distributions, a wide "slab" and a narrow
"spike" ([prior-weight-marginal]); `HierarchicalPrior.spike_and_slab` chooses the four
Gamma numbers by what a user can picture: how large a live weight is, squared, and how
many times smaller that is for a dead one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tvbi_ref._validation import FloatArray, as_float_array, as_real
from tvbi_ref.equations import equation
from tvbi_ref.gamma import Gamma
from tvbi_ref.module_b.base import SupportPrior

__all__ = [
    "Gamma",
    "HierarchicalPrior",
    "log_marginal_weight",
    "log_prior_precision",
    "log_prior_weight",
    "per_layer",
]


@equation("prior-weight")
def log_prior_weight(weight: ArrayLike, precision: ArrayLike) -> FloatArray:
    """Return ln p(w | rho) = ln N(w; 0, 1/rho), elementwise.

    Parameters
    ----------
    weight : array_like (I, J)
    precision : array_like (I, J), > 0
        rho.

    Notes
    -----
    Source: [prior-weight].

    Examples
    --------
    >>> log_prior_weight([0.0, 1.0], [1.0, 4.0]).round(4)
    array([-0.9189, -2.2258])
    """
    w, rho = np.asarray(weight, np.float64), np.asarray(precision, np.float64)
    return 0.5 * np.log(rho / (2 * np.pi)) - 0.5 * rho * w**2


@equation("prior-precision")
def log_prior_precision(
    precision: ArrayLike, support: ArrayLike, active: Gamma, inactive: Gamma
) -> FloatArray:
    """Return ln p(rho | s), elementwise: the active Gamma where s = 1, the inactive where s = 0.

    Parameters
    ----------
    precision : array_like (I, J), > 0
        rho.
    support : array_like (I, J), 0 or 1
        s.
    active, inactive : Gamma

    Notes
    -----
    Source: [prior-precision].

    Examples
    --------
    >>> log_prior_precision([1.0, 1.0], [1, 0], Gamma(1.0, 0.5), Gamma(1.0, 0.1)).round(4)
    array([-1.1931, -2.4026])
    """
    s = np.asarray(support)
    on, off = (Gamma(*g).log_density(precision) for g in (active, inactive))
    return np.where(s == 1, on, off)


@equation("prior-weight-marginal")
def log_marginal_weight(weight: ArrayLike, prior: Gamma) -> FloatArray:
    """Return ln p(w | s), the precision integrated out: a Student-t density, elementwise.

    It has 2a degrees of freedom and squared scale b/a.

    Parameters
    ----------
    weight : array_like (I, J)
    prior : Gamma
        The active one for s = 1, the inactive one for s = 0.

    Notes
    -----
    Source: [prior-weight-marginal].

    Examples
    --------
    >>> from scipy import stats
    >>> slab = Gamma(shape=1.0, rate=0.02)
    >>> np.allclose(log_marginal_weight(0.3, slab), stats.t(2, scale=0.02**0.5).logpdf(0.3))
    True
    """
    return Gamma(*prior).log_weight_evidence(np.square(np.asarray(weight, np.float64)))


@dataclass(frozen=True)
class HierarchicalPrior:
    """The three-layer prior of one layer of a network.

    Parameters
    ----------
    active : Gamma
        (a, b): the precision of a live weight. Its mean a/b is of the order of 1/E[w^2].
    inactive : Gamma
        (a_bar, b_bar): the precision of a dead weight, much larger.
    support : SupportPrior
        The prior over which weights are alive, one of `tvbi_ref.module_b`.

    Raises
    ------
    ValueError
        If the inactive precision is not the larger one.

    Notes
    -----
    Source: [prior-weight], [prior-precision], [prior-support-ising].

    Examples
    --------
    >>> from tvbi_ref.module_b import IndependentSupport
    >>> prior = HierarchicalPrior(Gamma(1, 0.02), Gamma(1, 2e-6), IndependentSupport(-2.0))
    >>> prior.contrast
    0.0001
    """

    active: Gamma
    inactive: Gamma
    support: SupportPrior

    def __post_init__(self) -> None:
        for name in ("active", "inactive"):
            if not isinstance(getattr(self, name), Gamma):
                raise TypeError(f"{name} must be a Gamma; got {getattr(self, name)!r}")
        if not isinstance(self.support, SupportPrior):
            raise TypeError(
                f"support must be an instance of a SupportPrior, as in tvbi_ref.module_b; "
                f"got {self.support!r}"
            )
        if self.inactive.mean <= self.active.mean:
            raise ValueError(
                "inactive must have the larger mean precision (a dead weight is closer to 0); "
                f"got active mean {self.active.mean:g}, inactive mean {self.inactive.mean:g}"
            )

    @classmethod
    def spike_and_slab(
        cls, support: SupportPrior, *, variance: float = 0.02, contrast: float = 1e-4
    ) -> HierarchicalPrior:
        """Build the prior from the squared scale of live weights and the contrast of dead ones.

        Both Gamma shapes are 1, so that a weight is Student-t with 2 degrees of freedom:
        heavy tails, most of its mass within a few times the root of v.

        Parameters
        ----------
        support : SupportPrior
        variance : float
            v > 0, the squared scale of a live weight: b = a v with a = 1.
        contrast : float
            r in (0, 1), the squared scale of a dead weight over that: b_bar = a_bar v r.

        Examples
        --------
        >>> from tvbi_ref.module_b import IndependentSupport
        >>> HierarchicalPrior.spike_and_slab(IndependentSupport(0.0)).active
        Gamma(shape=1.0, rate=0.02)
        """
        v = as_real(variance, "variance", above=0)
        r = as_real(contrast, "contrast", above=0, below=1)
        if v * r < (least := float(np.finfo(np.float32).tiny)):  # networks have float32 weights
            raise ValueError(
                f"variance times contrast must be >= {least:.2g}; got {v:g} times {r:g}"
            )
        return cls(Gamma(1.0, v), Gamma(1.0, v * r), support)

    @property
    def contrast(self) -> float:
        """The squared scale of the spike over the slab's, (b_bar/a_bar) / (b/a)."""
        return self.active.mean / self.inactive.mean

    def with_contrast(self, contrast: float) -> HierarchicalPrior:
        """Return the same prior with another spike; the loop anneals with this.

        Parameters
        ----------
        contrast : float
            r in (0, 1).

        Examples
        --------
        >>> from tvbi_ref.module_b import IndependentSupport
        >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
        >>> prior.with_contrast(0.1).inactive.rate
        0.002
        """
        r = as_real(contrast, "contrast", above=0, below=1)
        a_bar = self.inactive.shape
        return replace(self, inactive=Gamma(a_bar, a_bar * r / self.active.mean))

    def sample(
        self, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Draw (support, precision, weight), each of `shape`, from the top down.

        Examples
        --------
        >>> from tvbi_ref.module_b import IndependentSupport
        >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
        >>> s, rho, w = prior.sample((3, 2), np.random.default_rng(0))
        >>> s.shape == rho.shape == w.shape == (3, 2)
        True
        """
        s = self.support.sample(shape, rng)
        rho = np.where(s == 1, self.active.sample(shape, rng), self.inactive.sample(shape, rng))
        return s, rho, rng.normal(size=shape) / np.sqrt(rho)

    def log_density(self, support: ArrayLike, precision: ArrayLike, weight: ArrayLike) -> float:
        """Return ln p(s) + ln p(rho | s) + ln p(w | rho), up to the constant of ln p(s).

        Parameters
        ----------
        support, precision, weight : array_like (I, J)

        Examples
        --------
        >>> from tvbi_ref.module_b import IndependentSupport
        >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
        >>> bool(np.isfinite(prior.log_density([[1.0]], [[50.0]], [[0.1]])))
        True
        """
        s = as_float_array(support, "support", ndim=2)
        rho = as_float_array(precision, "precision", shape=s.shape)
        w = as_float_array(weight, "weight", shape=s.shape)
        log_rho = log_prior_precision(rho, s, self.active, self.inactive)
        return self.support.log_prob(s) + float(np.sum(log_rho + log_prior_weight(w, rho)))


def per_layer(
    prior: HierarchicalPrior | Sequence[HierarchicalPrior], n_layers: int
) -> list[HierarchicalPrior]:
    """Return one prior a layer.

    Parameters
    ----------
    prior : HierarchicalPrior or sequence of HierarchicalPrior
    n_layers : int

    Raises
    ------
    TypeError, ValueError
        If something else came, or the number of priors is not the number of layers.

    Examples
    --------
    >>> from tvbi_ref.module_b import IndependentSupport
    >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(0.0))
    >>> len(per_layer(prior, 3))
    3
    >>> per_layer([prior], 3)
    Traceback (most recent call last):
    ValueError: prior must name 3 priors, one a layer; got 1
    """
    if isinstance(prior, HierarchicalPrior):
        return [prior] * n_layers
    if not isinstance(prior, Iterable):
        raise TypeError(f"prior must be a HierarchicalPrior or a sequence of them; got {prior!r}")
    priors = list(prior)
    if len(priors) != n_layers:
        raise ValueError(f"prior must name {n_layers} priors, one a layer; got {len(priors)}")
    for k, one in enumerate(priors):
        if not isinstance(one, HierarchicalPrior):
            raise TypeError(f"prior[{k}] must be a HierarchicalPrior; got {one!r}")
    return priors
