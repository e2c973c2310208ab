r"""The three-layer prior: support, precision, weight.

From the top down, for each weight n of a layer ([prior-weight], [prior-precision]):

.. code-block:: text

    s  ~ support prior        which weights are alive     (module_b)
    rho_n | s_n = 1 ~ Ga(a, b)            a live weight has some precision a/b
    rho_n | s_n = 0 ~ Ga(a_bar, b_bar)    a dead one a much larger precision
    w_n | rho_n ~ N(0, 1/rho_n)

Integrating rho out leaves two Student-t distributions, a wide "slab" and a narrow
"spike" ([prior-weight-marginal]); `HierarchicalPrior.spike_and_slab` chooses the four
Gamma numbers by what a user can picture: the variance of a live weight, and how many
times smaller a dead one is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from tvbi_ref._validation import FloatArray, as_float_array, as_real

if TYPE_CHECKING:
    from tvbi_ref.module_b import SupportPrior


@dataclass(frozen=True)
class Gamma:
    """The Gamma distribution in shape and rate: Ga(r; a, b) = b^a r^(a-1) e^(-b r) / Gamma(a).

    Parameters
    ----------
    shape : float
        a > 0.
    rate : float
        b > 0 (a rate, not a scale: the mean is a/b).

    Raises
    ------
    ValueError
        If a parameter is not positive and finite.

    Notes
    -----
    Source: [prior-precision].

    Examples
    --------
    >>> Gamma(shape=2.0, rate=4.0).mean
    0.5
    >>> Gamma(shape=1.0, rate=0.0)
    Traceback (most recent call last):
    ValueError: rate must be a number > 0; got 0
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_real(self.shape, "shape", above=0))
        object.__setattr__(self, "rate", as_real(self.rate, "rate", above=0))

    @property
    def mean(self) -> float:
        """The expected precision, a/b."""
        return self.shape / self.rate

    @property
    def log_normalizer(self) -> float:
        """The constant a ln b - ln Gamma(a) of the log density."""
        return self.shape * math.log(self.rate) - math.lgamma(self.shape)

    def log_density(self, precision: ArrayLike) -> FloatArray:
        """Return ln Ga(r; a, b), elementwise.

        Parameters
        ----------
        precision : array_like, any shape, > 0

        Examples
        --------
        >>> Gamma(1.0, 2.0).log_density([0.0, 1.0]).round(3)
        array([ 0.693, -1.307])
        """
        r = as_float_array(precision, "precision")
        return self.log_normalizer + xlogy(self.shape - 1.0, r) - self.rate * r

    def expected_log_density(
        self, expected_precision: ArrayLike, expected_log_precision: ArrayLike
    ) -> FloatArray:
        """Return E_q[ln Ga(rho; a, b)] = a ln b - ln Gamma(a) + (a-1)<ln rho> - b<rho>.

        Parameters
        ----------
        expected_precision, expected_log_precision : array_like, same shape
            <rho> and <ln rho> under q.

        Notes
        -----
        Source: the bracket of [evidence] and of [elbo].

        Examples
        --------
        >>> float(Gamma(1.0, 1.0).expected_log_density(2.0, 0.5))
        -2.0
        """
        rho = np.asarray(expected_precision, dtype=np.float64)
        log_rho = np.asarray(expected_log_precision, dtype=np.float64)
        return self.log_normalizer + (self.shape - 1.0) * log_rho - self.rate * rho

    def log_weight_evidence(self, second_moment: ArrayLike) -> FloatArray:
        r"""Return ln Z(m) = ln of the integral of Ga(rho; a, b) (rho/2pi)^(1/2) e^(-rho m/2).

        Z_1(m) = (2pi)^(-1/2) b^a G(a+1/2) / (G(a) (b+m/2)^(a+1/2)): with m = w^2 this is
        the Student-t density of the weight with the precision integrated out.

        Parameters
        ----------
        second_moment : array_like, any shape, >= 0
            m = E_q[w^2].

        Notes
        -----
        Source: Z_1 in [elbo-collapsed]; with m = w^2, [prior-weight-marginal].

        Examples
        --------
        >>> from scipy import stats
        >>> a, b, w = 1.5, 0.3, 0.7
        >>> density = stats.t(df=2 * a, scale=(b / a) ** 0.5).pdf(w)
        >>> bool(abs(np.exp(Gamma(a, b).log_weight_evidence(w**2)) - density) < 1e-12)
        True
        """
        m = np.asarray(second_moment, dtype=np.float64)
        half_more = self.shape + 0.5
        return (
            self.log_normalizer
            + math.lgamma(half_more)
            - 0.5 * math.log(2 * math.pi)
            - half_more * np.log(self.rate + 0.5 * m)
        )

    def sample(self, size: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Draw precisions.

        Examples
        --------
        >>> Gamma(2.0, 4.0).sample((2, 3), np.random.default_rng(0)).shape
        (2, 3)
        """
        return rng.gamma(self.shape, 1.0 / self.rate, size)


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
        if not hasattr(self.support, "extrinsic"):
            raise TypeError(f"support must be a support prior; got {self.support!r}")
        if self.inactive.mean <= self.active.mean:
            raise ValueError(
                "inactive must have the larger mean precision (a dead weight is closer to 0); "
                f"got active mean {self.active.mean:g}, inactive mean {self.inactive.mean:g}"
            )

    @classmethod
    def spike_and_slab(
        cls, support: SupportPrior, *, variance: float = 0.02, contrast: float = 1e-4
    ) -> HierarchicalPrior:
        """Build the prior from the scale of live weights and the contrast of dead ones.

        Parameters
        ----------
        support : SupportPrior
        variance : float
            v > 0, the order of a live weight's variance: b = a v with a = 1.
        contrast : float
            r in (0, 1), how much smaller a dead weight's variance is: b_bar = a_bar v r.

        Examples
        --------
        >>> from tvbi_ref.module_b import IndependentSupport
        >>> HierarchicalPrior.spike_and_slab(IndependentSupport(0.0)).active
        Gamma(shape=1.0, rate=0.02)
        """
        v = as_real(variance, "variance", above=0)
        r = as_real(contrast, "contrast", above=0, below=1)
        return cls(Gamma(1.0, v), Gamma(1.0, v * r), support)

    @property
    def contrast(self) -> float:
        """The spike's scale over the slab's, (b_bar/a_bar) / (b/a)."""
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
        log_rho = np.where(s == 1, self.active.log_density(rho), self.inactive.log_density(rho))
        log_w = 0.5 * np.log(rho / (2 * np.pi)) - 0.5 * rho * w**2
        return self.support.log_prob(s) + float(np.sum(log_rho + log_w))


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
    priors = list(prior)
    if len(priors) != n_layers:
        raise ValueError(f"prior must name {n_layers} priors, one a layer; got {len(priors)}")
    for k, one in enumerate(priors):
        if not isinstance(one, HierarchicalPrior):
            raise TypeError(f"prior[{k}] must be a HierarchicalPrior; got {one!r}")
    return priors
