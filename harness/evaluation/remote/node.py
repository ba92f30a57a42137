"""A node: gates and trains where it runs, with data, worker and cache of its own.

Requests and answers are JSON texts, so that nothing of a candidate is pickled on the way.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.config.schema import Config
from harness.config.strategies import build
from harness.errors import HarnessError
from harness.evaluation.backend import Backend
from harness.evaluation.cache import FOLDER
from harness.evaluation.executor import LocalThreads
from harness.evolution.candidate import content_of
from harness.evolution.genome import Genome, Segment
from harness.record.code.digests import code_of_training
from harness.record.event import plain


class Node:
    """Answers requests of one driver, several at a time once it is open.

    A method does the work that a constructor could do, so that a refusal arrives as an answer.
    """

    _backend: Backend

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._executor: LocalThreads | None = None
        self._opened: tuple[Config, str] | None = None
        self._found: dict[str, Any] = {}

    def open(self, config: Config, network: str, folder: str, cache: bool) -> str:  # noqa: FBT001
        """Load the data and start the worker, unless that is done; return what is found here.

        Args:
            config: Settings of the run.
            network: The seed network, as ``genome_as_json`` writes it.
            folder: The driver's folder, where relative paths start if it exists here, too.
            cache: Whether to reuse outcomes of trainings, if ``runs_dir`` exists here, too.
        """
        with self._opening:
            if self._opened != (config, network):
                return _answer(lambda: self._open(config, network, folder, cache=cache))
            return _answer(lambda: self._found)

    def ask(self, request: str) -> str:
        """Gate or train one network; return a ``Gated`` or an ``Outcome``."""
        asked = json.loads(request)
        return _answer(lambda: self._done(asked["method"], asked["genome"], asked["arguments"]))

    def _open(self, config: Config, network: str, folder: str, *, cache: bool) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        dataset = build(config.task).load()
        if self._executor is None:
            shared = (Path(config.runs_dir) / FOLDER).is_dir()
            self._executor = LocalThreads(cache=cache and shared)
        self._backend = self._executor.open(config, dataset, genome_of(json.loads(network)))
        self._opened = config, network
        self._found = {
            "data": dataset.sha256,
            "code": code_of_training(),
            "decisive": dict(self._backend.decisive),
            "machine": dict(self._backend.machine),
        }
        return self._found

    def _done(self, method: str, genome: Any, arguments: Mapping[str, Any]) -> Any:
        network = genome_of(genome)
        if method == "validate":
            return plain(self._backend.validate(network, **arguments))
        return content_of(getattr(self._backend.evaluate, method)(network, **arguments))


def genome_as_json(genome: Genome) -> str:
    """Return a genome as text, divided as it is: parsing its source could divide it otherwise."""
    return json.dumps([genome.header, [[s.name, s.source] for s in genome.segments]])


def genome_of(parts: Any) -> Genome:
    """Return the genome that ``genome_as_json`` wrote, parsed as JSON."""
    header, segments = parts
    return Genome(header=header, segments=tuple(Segment(name=n, source=s) for n, s in segments))


def _answer(work: Callable[[], Any]) -> str:
    try:
        return json.dumps({"answer": work()})
    except HarnessError as error:
        return json.dumps({"status": error.exit_status, "told": str(error)})
