"""Backends and finished runs for tests."""

import hashlib
from contextlib import closing, contextmanager
from random import Random

from harness.evaluation.backend import Backend
from harness.evaluation.executor import LocalThreads
from harness.evolution.candidate import Evaluation, Gated, Rejection
from harness.runs.runner import complete_runs


@contextmanager
def open_backend(config, dataset, network, *, on_epoch=None, cache=False, **settings):
    """Open a backend with a worker of its own; by default it trains whatever was trained before."""
    with closing(LocalThreads(cache=cache, **settings)) as executor:
        yield executor.open(config, dataset, network, on_epoch=on_epoch)


def complete_folders(configs, executor=None):
    """Complete the runs and return their folders."""
    return [result.folder for result in complete_runs(configs, executor)]


class ImaginedTrainings:
    """An executor that trains nothing: the outcome of a network is drawn by its text.

    Some networks are refused by a gate, some fail in training; a training takes some seconds.
    """

    def open(self, config, dataset, network, *, on_epoch=None):
        """Return the backend; it runs nothing."""
        del config, dataset, on_epoch
        self._seed_network = network
        machine = {"device": "cpu", "torch": "0", "sandbox": "none"}
        return Backend(validate=self._gates, evaluate=self, machine=machine)

    def search(self, genome, *, seed, split="validation", epochs=None):
        """Draw an outcome, the same for any seed."""
        del seed, split, epochs
        draw = Random(f"training {genome.digest}")
        seconds = round(draw.uniform(1, 9), 3)
        if genome != self._seed_network and draw.random() < 0.15:
            return Rejection(gate="train", kind="nonfinite", reason="not finite", train_s=seconds)
        return Evaluation(
            score=draw.uniform(0.9, 1), n_params=draw.randrange(1, 10**6), train_s=seconds
        )

    def final(self, genome, *, seed):
        """Draw the outcome of a re-training."""
        draw = Random(f"{seed} {genome.digest}")
        score = draw.uniform(0.9, 1)
        return Evaluation(score=score, validation=score, n_params=1, train_s=1.0)

    def _gates(self, genome, *, seed):
        del seed
        refuses = Random(f"gates {genome.digest}").random() < 0.2
        if refuses and genome != self._seed_network:
            return Gated(refusal=Rejection(gate="lint", kind="lint", reason="refused"))
        return Gated(behaviour=hashlib.md5(genome.digest.encode()).hexdigest())
