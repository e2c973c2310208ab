"""What changes from epoch to epoch: the KL weight, the spike, the learning rate.

Two of the three make the problem easy first and true later.

* KL warm-up: kappa rises from 0 to its final value, 1, so that the weights find the data before
  the prior presses on them. A final value below 1 is no annealing but another posterior: see
  [q-weight].
* Spike annealing: the contrast r, the squared scale of dead weights over that of live ones,
  falls geometrically from 0.1 to its final value, as the temperature does in deterministic
  annealing (Rose, 1998).

Why the second matters. The evidence of one weight lies between -1/2 ln(1/r) and a ln(1/r): r says
how much one weight's data can ever count against the field and the couplings. With a narrow
spike from the start, the random weights that training starts with are by themselves too large to
be dead, so the evidence of all is "alive", and a coupled field holds on to that. With r = 0.1 and
a = 1 the evidence is at most 2.3, less than a sparse field asks for: at the start next to
nothing lives, and the dead still compute, for their spike is wide. As it narrows, a weight has
to shrink or to leave it, and those leave that the data need most, one by one. The share of living
weights rises from nothing instead of falling from everything.

figures/annealing.png shows both. On digits, three seeds, the grid keeps 3 percent of the weights
with annealing (accuracy 0.966) and 90 percent without (0.971); independent weights 3 percent
(0.964) and 8 percent (0.967). The cost: half of the run is over before the supports are final.
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
        kappa rises by the same step after each, from the first epoch on; 0: it is at its end at
        once.
    spike_epochs : int, at most `epochs`
        The contrast reaches its final value after so many epochs; 0: it is there at once.
    spike_start : float in (0, 1)
        The contrast to start from.
    learning_rate : float > 0
        At the start; it falls linearly to zero.
    final_kl_weight : float in (0, 1]
        Where kappa ends.

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
    final_kl_weight: float = 1.0

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
        as_real(self.final_kl_weight, "kl_weight", above=0, at_most=1)

    def kl_weight(self, epoch: int) -> float:
        """Return kappa of [q-weight] in `epoch`, in (0, 1]."""
        return self.final_kl_weight * min(1.0, (epoch + 1) / (self.kl_warmup + 1))

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
