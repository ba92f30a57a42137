"""Backends and finished runs for tests."""

from contextlib import closing, contextmanager

from harness.evaluation.executor import LocalThreads
from harness.runs.runner import complete_runs


@contextmanager
def open_backend(config, dataset, network, *, on_epoch=None, cache=False, **settings):
    """Open a backend with a worker of its own; by default it trains whatever was trained before."""
    with closing(LocalThreads(cache=cache, **settings)) as executor:
        yield executor.open(config, dataset, network, on_epoch=on_epoch)


def complete_folders(configs, executor=None):
    """Complete the runs and return their folders."""
    return [result.folder for result in complete_runs(configs, executor)]
