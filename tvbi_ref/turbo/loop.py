r"""The turbo loop: the only place that sees both modules.

.. code-block:: text

    repeat for every epoch ([turbo-loop])
        w_step            minibatches: data gradient + kappa/N * prior gradient -> mu, sigma2
        turbo_round       Module A with the old pi          -> logit pi_tilde
                          l = logit pi_tilde - logit pi     -> Module B
                          Module B, messages warm-started   -> the new logit pi
                          Module A with the new pi          -> <rho> for the next w-step
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from tvbi_ref.equations.sockets import plugged
from tvbi_ref.errors import DivergenceError, NonFiniteError, PlugError
from tvbi_ref.module_a.q_weight import add_penalty_gradient
from tvbi_ref.module_b.base import warn_of_messages
from tvbi_ref.nets import Network, minibatches
from tvbi_ref.nets.row_weights import as_arguments
from tvbi_ref.turbo.options import Options
from tvbi_ref.turbo.resume import Checkpoint
from tvbi_ref.turbo.run import Run, TurboLayer, TurboResult
from tvbi_ref.turbo.trace import Row


def one_epoch(run: Run, epoch: int) -> Row:
    """Run one turn of the loop and add its row to the trace.

    Parameters
    ----------
    run : Run
    epoch : int
        Counted from 0.

    Raises
    ------
    DivergenceError, PlugError
        As `TurboVBI.fit` says.
    """
    good, last = run.network.state(), run.result()
    try:
        with np.errstate(all="ignore"):  # overflow on the way to what is reported
            log_likelihood, score = w_step(run, epoch)
            change = 0.0
            for k in range(len(run.layers)):
                change = max(change, turbo_step(run, epoch, k))
            run.network.refit_likelihood(run.x, run.y, run.rng, run.weights.each)
        row = run.row(epoch, log_likelihood, score, change)
        run.shrinking.update(run.layers)
    except Exception as error:
        run.network.set_state(good)
        if isinstance(error, DivergenceError | PlugError):
            error.epoch, error.last_good = epoch, last if run.trace.rows else None
        raise
    run.trace.append(row)
    return row


def w_step(run: Run, epoch: int) -> tuple[float, float]:
    """Pass over the data once; return (E_q[ln p(D|w)], score), averaged over the pass.

    Parameters
    ----------
    run : Run
    epoch : int

    Notes
    -----
    Source: [q-weight], [q-weight-gradient]; the gradient of the data by local reparameterisation.
    """
    part, n_rows, annealing = run.shrinking.part(), len(run.x), run.options.annealing
    network = part.network
    N = run.weights.total  # each row counted as often as its weight says
    kappa, rate = annealing.kl_weight(epoch), annealing.rate(epoch)
    precisions = [
        layer.precision_of_weights()[place]
        for layer, place in zip(run.layers, part.places, strict=True)
    ]
    loss, score = 0.0, 0.0
    for batch in minibatches(n_rows, run.options.batch_size, run.rng):
        x, y, rows = part.take(run.x[batch]), run.y[batch], as_arguments(run.weights.of(batch))
        output = network.forward(x, run.rng)
        network.fill_gradients(network.loss.gradient(output, y, *rows))
        for w, rho in zip(network.weight_layers, precisions, strict=True):
            add_penalty_gradient(
                w.mean.grad, w.log_variance.grad, w.mean.value, w.last_variance, rho, kappa / N
            )
        part.optimizer.step(rate)
        loss += len(batch) * network.loss.value(output, y, *rows)
        score += len(batch) * network.loss.score(output, y, *rows)
        run.after_batch()
    # The last step may have broken what the sum has not seen: look once more.
    after = network.loss.value(network.forward(x), y)
    if not np.isfinite([loss, after]).all():
        raise DivergenceError(f"the loss is {loss + after}", epoch=epoch, layer=None)
    run.shrinking.put_back(part)
    return -loss * (N / n_rows), score / n_rows


def turbo_step(run: Run, epoch: int, k: int) -> float:
    """Let the two modules of layer k exchange messages; return the largest change of a pi_tilde."""
    layer: TurboLayer = run.layers[k]
    annealing = run.options.annealing
    try:
        layer.anneal(annealing.contrast(epoch, layer.prior.contrast))
        run.shrinking.rest(k, layer)
        if run.options.learn and epoch >= annealing.spike_epochs:
            layer.module_b.learn()
        return layer.exchange_messages()
    except NonFiniteError as error:
        raise DivergenceError(str(error), epoch=epoch, layer=k) from error
    except PlugError as error:
        error.layer = k
        raise


Callback = Callable[[int, Row, TurboResult], Any]
"""Called after every epoch with (epoch, row, result so far); a true return value stops the run."""


class TurboVBI(Options):  # noqa: D101  (documented by its options)
    __doc__ = Options.__doc__

    def fit(
        self,
        network: Network,
        x: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> TurboResult:
        """Train `network` in place and find which of its weights the data need.

        Parameters
        ----------
        network : Network
            Changed in place.
        x : array_like (N, n_inputs)
        y : array_like
            Labels (N,), or targets (N, n_outputs).
        validation : (x, y), optional
            Scored every epoch at the posterior means, nothing more.
        callbacks : sequence of callable
            Each is called after every epoch as ``callback(epoch, row, result)``; a true
            return value stops the run.
        progress : bool, optional
            Show a progress bar; by default only on a terminal.
        checkpoint : path-like, optional
            A file that holds the whole run, written anew after every epoch, once the callbacks
            have been called. If it is there at the start, the run goes on from it and ends with
            the same bits as one that was never stopped; one that is over, by a callback too,
            returns its result at once. Callbacks are not stored: they see only the epochs that are
            still to come. ``seconds`` in the trace go on from the last stored row, so that neither
            the pause nor the epoch that was lost counts.
        sample_weight : array_like (N,), optional
            How often every row counts, >= 0: the evidence is that of so many rows, beside the
            same prior. Twice the weights are twice the data.

        Returns
        -------
        TurboResult

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            If the data are not what is asked for above; ValueError also if the checkpoint
            belongs to a run with other settings, another network at the start or other data,
            and TypeError if there is something in the run that no file can hold.
        DataCorruptedError
            If the checkpoint is damaged, or no such file.
        DivergenceError, PlugError
            If the loss or a message is no longer finite, or a function that was plugged in by
            `tvbi_ref.use` does not fit. Its ``last_good`` is the result after the last good
            epoch, and the network is put back there. The checkpoint is of that epoch, too.

        Warns
        -----
        MessagesWarning
            If a layer's messages still move by much after the last epoch, with the annealing over:
            Module B ran out of sweeps.

        Examples
        --------
        >>> import tempfile
        >>> from tvbi_ref import HierarchicalPrior, IndependentSupport, nets
        >>> prior = HierarchicalPrior.spike_and_slab(IndependentSupport(-1.0))
        >>> x, y, net = np.eye(4), np.array([0, 0, 1, 1]), nets.mlp([4, 2], seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = f"{folder}/run.npz"
        ...     one = TurboVBI(prior, epochs=3).fit(net.copy(), x, y, checkpoint=file)
        ...     two = TurboVBI(prior, epochs=3).fit(net.copy(), x, y, checkpoint=file)
        >>> one.trace.rows == two.trace.rows  # even the seconds: nothing was left to do
        True
        """
        self.refuse_two_plugs()
        with plugged(self.plugs):
            run = Run(self, network, x, y, validation, sample_weight)
            kept = None if checkpoint is None else Checkpoint(checkpoint, run)
            for epoch in _epochs(run, progress):
                row = one_epoch(run, epoch)
                stops = [callback(epoch, row, run.result()) for callback in callbacks]
                run.finished = any(stops) or self.is_last(epoch, row)
                if kept:
                    kept.write()
        result = run.result()
        if self.annealing.settled(len(run.trace) - 1):  # before, messages are to be on the move
            warn_of_messages({f"layer {k}": m for k, m in enumerate(result.messages)})
        return result

    def is_last(self, epoch: int, row: Row) -> bool:
        """Whether a run ends with this epoch, of which this is the row."""
        at_rest = self.annealing.settled(epoch) and row["change"] <= self.tol
        return at_rest or epoch + 1 == self.epochs


def _epochs(run: Run, progress: bool | None) -> Iterator[int]:
    """Yield the epochs that are still to come, with a progress bar."""
    disable = None if progress is None else not progress
    n_batches = -(-len(run.x) // run.options.batch_size)
    done, total = n_batches * len(run.trace), n_batches * run.options.epochs
    look: dict[str, Any] = {"desc": "Turbo-VBI", "unit": "batch", "leave": False}
    with tqdm(total=total, initial=done, disable=disable, **look) as bar:
        run.after_batch = bar.update
        while not run.finished:
            yield len(run.trace)
            row = run.trace.rows[-1]
            bar.set_postfix(density=f"{row['density']:.3f}", score=f"{row['train_score']:.3f}")
