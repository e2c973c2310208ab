"""What changes from epoch to epoch: the KL weight, the spike, the learning rate.

Two of the three make the problem easy first and true later.

* KL warm-up: kappa rises from 0 to 1, so that the weights find the data before the prior
  presses on them.
* Spike annealing: the contrast, the squared scale of dead weights over that of live ones,
  falls geometrically to its final value. The evidence of one weight is bounded by its log,
  so it starts weak and hardens, as in deterministic annealing (Rose, 1998): supports
  settle one by one instead of being decided by the first epochs' noise.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvbi_ref._validation import as_count, as_real


@dataclass(frozen=True)
class Annealing:
    """The schedule of one run.

    Parameters
    ----------
    epochs : int
        Of the whole run.
    kl_warmup : int, at most `epochs`
        kappa is (epoch + 1) / (kl_warmup + 1) until it reaches 1; 0: 1 from the start.
    spike_epochs : int, at most `epochs`
        The contrast reaches its final value after so many epochs; 0: it is there at once.
    spike_start : float in (0, 1)
        The contrast to start from.
    learning_rate : float > 0
        At the start; it falls linearly to zero.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> plan = Annealing(epochs=10, kl_warmup=4, spike_epochs=3, spike_start=0.1, learning_rate=1.0)
    >>> [round(plan.kl_weight(epoch), 2) for epoch in range(6)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    >>> ["%.0e" % plan.contrast(epoch, 1e-4) for epoch in range(5)]
    ['1e-01', '1e-02', '1e-03', '1e-04', '1e-04']
    """

    epochs: int
    kl_warmup: int
    spike_epochs: int
    spike_start: float
    learning_rate: float

    def __post_init__(self) -> None:
        as_count(self.epochs, "epochs", at_least=1)
        for name in ("kl_warmup", "spike_epochs"):
            value = as_count(getattr(self, name), name)
            if value > self.epochs:
                raise ValueError(
                    f"{name} must be at most epochs, {self.epochs}, or the run ends before the "
                    f"prior has its full weight; got {value}"
                )
        as_real(self.spike_start, "spike_start", above=0, below=1)
        as_real(self.learning_rate, "learning_rate", above=0)

    def kl_weight(self, epoch: int) -> float:
        """Return kappa of [q-weight] in `epoch`, in (0, 1]."""
        return min(1.0, (epoch + 1) / (self.kl_warmup + 1))

    def contrast(self, epoch: int, final: float) -> float:
        """Return the spike's scale over the slab's in `epoch`: geometric from start to `final`."""
        if epoch >= self.spike_epochs or final >= self.spike_start:
            return final
        return float(self.spike_start * (final / self.spike_start) ** (epoch / self.spike_epochs))

    def rate(self, epoch: int) -> float:
        """Return the learning rate of `epoch`."""
        return self.learning_rate * (1 - epoch / self.epochs)

    def settled(self, epoch: int) -> bool:
        """Whether everything that is annealed has reached its final value."""
        return epoch >= max(self.kl_warmup, self.spike_epochs)
