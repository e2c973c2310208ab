"""The Gamma distribution: the prior and posterior of every precision here, weight or noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln, xlogy

from tvbi_ref._validation import FloatArray, as_float_array, as_real, border


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

    def __iter__(self) -> Iterator[float]:
        """Unpack as ``a, b = gamma``."""
        return iter((self.shape, self.rate))

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
        precision : array_like, any shape, >= 0

        Examples
        --------
        >>> Gamma(1.0, 2.0).log_density([0.0, 1.0]).round(3)
        array([ 0.693, -1.307])
        """
        r = as_float_array(precision, "precision")
        if (r < 0).any():
            raise ValueError(f"precision must be >= 0; got {r.min():g}")
        return self.log_normalizer + xlogy(self.shape - 1.0, r) - self.rate * r

    @border
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

    @border
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


@border
def gamma_entropy(shape: ArrayLike, rate: ArrayLike) -> FloatArray:
    """Return H[Ga] = a_tilde - ln b_tilde + ln G(a_tilde) + (1 - a_tilde) psi(a_tilde).

    Notes
    -----
    Source: [elbo].

    Examples
    --------
    >>> float(gamma_entropy(1.0, 1.0))
    1.0
    """
    a, b = np.asarray(shape, np.float64), np.asarray(rate, np.float64)
    return a - np.log(b) + gammaln(a) + (1 - a) * digamma(a)
