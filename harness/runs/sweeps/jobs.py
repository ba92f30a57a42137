"""The jobs of a sweep, wherever a launcher runs them: in this process, or in others.

A job runs what is not complete and what no other process works on. It reports by a file whether it
failed; its results are in the journals. So the process that started the sweep needs nothing from a
launcher but a common folder.
"""

import contextlib
import functools
import json
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.compose import compose_comparison
from harness.config.schema import Config
from harness.errors import HarnessError
from harness.evaluation.executor import Executors, candidates_at_once
from harness.files import file_lock, lock_holder, write_text
from harness.runs.runner import complete_runs
from harness.runs.sweeps.ownership import Owner
from harness.runs.sweeps.progress import Progress
from harness.secrets import without_secrets
from harness.terminal import escape_unencodable, say

_LOCK = ".lock"
"""Suffix of the file that a job in a process of its own keeps locked."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a job ended."""

    failure: str | None
    """Why it failed, None where it did not."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What each job knows of its sweep, in whatever process it runs.

    Attributes:
        owner: The process that started the sweep.
        folder: Where jobs report.
        n: Number of jobs.
        at_once: How many of them share a machine at a time.
        shared: Overrides that all jobs have.
        panel: Whether the owner draws a panel, so that nobody else may use its terminal.
    """

    owner: Owner
    folder: Path
    n: int
    at_once: int
    shared: frozenset[str]
    panel: bool

    def run(self, number: int, config: Config, overrides: Sequence[str], overall: Progress) -> None:
        """Run what is left of a job, as far as no other process works on it, and report.

        Args:
            number: Which job, from 0.
            config: Its configuration.
            overrides: Its part of the command line.
            overall: Progress of the sweep.
        """
        words = self.words(overrides)
        with contextlib.ExitStack() as stack:
            if not self.owner.is_this:
                _belong_to(self.owner)
                stack.enter_context(file_lock(self.folder / f"{number}{_LOCK}"))
                stack.enter_context(self._output(number))
            say(f"job {number + 1} of {self.n}: {words}")
            failure: Exception | None = None
            try:
                arms = [self._fitted(one) for one in compose_comparison(config, overrides)]
                complete_runs(arms, executors(), wait=False, overall=overall)
            except Exception as error:  # noqa: BLE001 - the other jobs go on
                failure = error
            self.report(number, failure)

    def words(self, overrides: Sequence[str]) -> str:
        """Return what distinguishes a job from the others."""
        return " ".join(o for o in overrides if o not in self.shared) or " ".join(overrides)

    def reports(self) -> dict[int, Report]:
        """Return the reports of the jobs that have ended, by number."""
        return {
            int(path.stem): Report(**json.loads(path.read_text(encoding="utf-8")))
            for path in self.folder.glob("*.json")
        }

    def are_running(self) -> bool:
        """Return whether a job is running in a process other than the owner."""
        return any(map(lock_holder, self.folder.glob(f"*{_LOCK}")))

    def report(self, number: int, failure: Exception | None) -> None:
        """Report that a job has ended, and what ended it if it failed."""
        told = None
        if failure is not None:
            told = str(failure) if isinstance(failure, HarnessError) else repr(failure)
            if not isinstance(failure, HarnessError):  # a defect of this package
                traceback.print_exception(failure)
            say(f"job {number + 1} failed: {told}", error=True)
        text = json.dumps(vars(Report(failure=told)), indent=2) + "\n"
        write_text(self.folder / f"{number}.json", without_secrets(text))

    def _fitted(self, config: Config) -> Config:
        """Return the settings of a run for the process that it runs in.

        Only the owner draws on the terminal. A job next to others takes its share of the cores.
        """
        if self.owner.is_this:
            return config
        jobs = self.at_once if self.owner.is_near else 1
        return replace(config, display="plain", workers=candidates_at_once(config, jobs=jobs))

    @contextlib.contextmanager
    def _output(self, number: int) -> Iterator[None]:
        """Write what a job prints to a file of its own, where a panel has the terminal."""
        escape_unencodable()
        if not (self.panel and sys.stdout.isatty()):
            yield
            return
        log = self.folder / f"{number}.log"
        with (
            log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1) as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
        ):
            yield


@functools.cache
def executors() -> Executors:
    """Return the executors of this process, which all of its jobs share."""
    return Executors()


@functools.cache
def _belong_to(owner: Owner) -> None:
    """End with the owner, however it ends, and leave its Ctrl-C to it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner.end_with_it()
