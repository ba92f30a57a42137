"""One training in a child process of the worker, as the harness drives it.

``harness.sandbox.messages.Train`` has the order of the messages.
"""

from harness.config.schema import Recipe
from harness.evaluation.scoring import Offer
from harness.sandbox.job import JobFailed, RunningJob
from harness.sandbox.messages import Epoch, Ready, Restored, Trained
from harness.typing import Array

MAX_STATE_BYTES = 1 << 28
"""Largest state of a training that is saved."""
MAX_OFFERS_BYTES = 1 << 34
"""Room on the disk for the networks of all epochs: 1,000 of four million parameters each."""


class CannotRestore(Exception):  # noqa: N818 - no error: the training starts over
    """The state of an earlier process does not fit the candidate's parts."""


class RemoteTraining:
    """A training under way.

    Args:
        job: The running job.
        recipe: The recipe that it follows.
        epoch: The last epoch that an earlier process completed.
    """

    def __init__(self, job: RunningJob, recipe: Recipe, *, epoch: int) -> None:
        self._job, self._recipe = job, recipe
        self.epoch = epoch
        self.peak_mib: float | None = None
        """Peak of GPU memory in MiB, as the child states it; None before the end."""

    def restore(self, state: Array) -> None:
        """Continue from the state of an earlier process.

        Raises:
            CannotRestore: The state does not fit.
            JobFailed: The child failed before it was ready.
        """
        self._job.receive_answer(Ready)
        self._job.send(state)
        if not self._job.receive_answer(Restored).complete:
            raise CannotRestore

    def next_epoch(self) -> bool:
        """Wait for the end of the next epoch; return False at the end of the training.

        Epochs must come once each and in order: every additional one would be another try at the
        validation split.
        """
        self._job.renew()
        message = self._job.receive_either(Epoch, Trained)
        if isinstance(message, Trained):
            self.peak_mib = message.gpu_mib
            return False
        expected = self.epoch + 1
        if message.number != expected or expected > self._recipe.epochs:
            raise failure(f"expected the end of epoch {expected}, or of the training")
        self.epoch = expected
        return True

    def network(self) -> Offer:
        """Receive the network as it is now.

        Raises:
            JobFailed: The networks of all epochs are kept, and of this size they take more than
                ``MAX_OFFERS_BYTES``.
        """
        offer = Offer(*(self._job.receive_array(dtype) for dtype in ("u1", "u1", "f4")))
        n_kept = self._recipe.epochs if self._recipe.keep_best else 1
        most, n_bytes = MAX_OFFERS_BYTES // n_kept, sum(array.nbytes for array in offer)
        if n_bytes > most:
            raise failure(
                f"expected a network of at most {most:,} bytes, since recipe.keep_best keeps "
                f"those of {n_kept:,} epochs, got {n_bytes:,}"
            )
        return offer

    def state(self, *, wanted: bool) -> Array | None:
        """Request the state if ``wanted``, and receive it; None if there is none to save.

        Raises:
            JobFailed: The state is larger than ``MAX_STATE_BYTES``.
        """
        self._job.send(MAX_STATE_BYTES if wanted else 0)
        if not wanted:
            return None
        self._job.renew()
        state = self._job.receive_array("u1")
        if state.nbytes > MAX_STATE_BYTES:
            raise failure(f"expected a state of at most {MAX_STATE_BYTES:,} bytes, got more")
        return state if state.size else None


def failure(reason: str) -> JobFailed:
    """Return the failure of a training that breaks the protocol."""
    return JobFailed("train", "protocol", reason)
