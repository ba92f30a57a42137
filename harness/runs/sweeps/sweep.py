"""A sweep in the process that started it: its plan, its overall progress, its table at the end."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.analysis.loading import read_run
from harness.config.compose import Launching
from harness.config.schema import Config
from harness.errors import HarnessError
from harness.evaluation.machine.resources import cores
from harness.record.journal import holder_of, is_complete, wait_for_one
from harness.reporting.console import Panel
from harness.reporting.summary import print_comparison
from harness.runs.preflight import preflight
from harness.runs.runner import complete
from harness.runs.spec import RunSpec
from harness.runs.sweeps.jobs import Jobs, Report, executors
from harness.runs.sweeps.ownership import Owner
from harness.runs.sweeps.plan import complete_planned, planned, progress_of, runs_of
from harness.runs.sweeps.submitted import submitting_to, wait_for_jobs
from harness.terminal import say
from harness.text import counted

_LOOKS_EVERY_S = 1.0


class Sweep:
    """All jobs of a command.

    Args:
        typed: The overrides of each job.
        composed: The arms of each job.
        launching: How a launcher runs the jobs.
        folder: Where jobs may report, in folders of their own.
    """

    def __init__(
        self,
        typed: Sequence[Sequence[str]],
        composed: Sequence[Sequence[Config]],
        launching: Launching,
        folder: Path,
    ) -> None:
        self._typed, self._composed = typed, composed
        self._first, self._here = composed[0][0], launching.here
        self._scheduled = launching.scheduled
        self._plan = planned(composed)
        self._runs = runs_of(self._plan)
        self.overall = progress_of(self._plan)
        self._panel = Panel(self._rows, mode="plain" if self._here else self._first.display)
        self.jobs = Jobs(
            owner=Owner.of(os.getpid()),
            folder=Path(tempfile.mkdtemp(prefix="jobs-", dir=folder)).absolute(),
            n=len(composed),
            at_once=launching.at_once(len(composed), cores()),
            shared=frozenset.intersection(*map(frozenset, typed)),
            panel=self._panel.live,
        )
        self._told: set[Path] = set()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> None:
        done = len(self.overall.at_start)
        already = f", {done} of them complete already" if done else ""
        say(f"{counted(self.jobs.n, 'job')}, {counted(len(self._runs), 'run')}{already}")
        if self._scheduled:
            say(f"output of jobs: {self.jobs.folder}")
        if not self._here:
            self._panel.start()
            self._watch.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if not self._here:
            self._watch.join()
            self._panel.stop()

    def preflight(self) -> None:
        """Try what all runs need before the first job starts, see ``runs.preflight``."""
        preflight(self._runs.values())

    @property
    def at_once(self) -> bool:
        """Whether this process works on runs of several jobs at once."""
        return self._here and self._first.runs_at_once > 1

    def run_at_once(self) -> None:
        """Run all jobs in this process, and report for each."""
        ended = complete_planned(self._composed, self._plan, executors(), self.overall)
        for number, failure in enumerate(ended):
            self.jobs.report(number, failure)

    @property
    def overrides(self) -> list[str]:
        """Overrides that the launcher needs."""
        return [submitting_to(self.jobs.folder)] if self._scheduled else []

    def wait(self) -> None:
        """Wait for jobs that go on although their launcher has failed."""
        if self._scheduled:
            wait_for_jobs(self.jobs.folder)
        while self.jobs.are_running():
            time.sleep(_LOOKS_EVERY_S)

    def end(self) -> list[str]:
        """Wait for runs of other processes, and print one table of all complete runs.

        Returns:
            A sentence for each job that failed.
        """
        reports = self.jobs.reports()
        failures = [
            f"{self.jobs.words(job)}: {why}"
            for number, (job, specs) in enumerate(zip(self._typed, self._plan, strict=True))
            if (why := self._settled(reports.get(number), specs))
        ]
        found = [read_run(folder) for folder in self._runs if is_complete(folder)]
        if found:
            first = self._first
            print_comparison(found, Path(first.runs_dir), first.tracking, default=first.arm)
        to_read = failures or self.jobs.panel or self._scheduled  # output of jobs
        if not to_read:
            shutil.rmtree(self.jobs.folder, ignore_errors=True)
        return failures

    def _settled(self, report: Report | None, specs: Sequence[RunSpec]) -> str | None:
        """Complete what a job left to other processes; return why it failed, if it did."""
        if report is not None and report.failure:
            return report.failure
        left = [spec for spec in specs if not is_complete(spec.folder)]
        if report is None and (left or not specs):
            return (
                f"its process ended without a report in {self.jobs.folder}. It was killed or "
                f"cancelled, or does not see that folder; the same command goes on."
            )
        try:
            if self._here and left:
                complete(left, executors(), wait=True, overall=self.overall)
            while left and (held := [spec.folder for spec in left if holder_of(spec.folder)]):
                wait_for_one(held, wait_s=self._first.wait_s, told=self._told)
        except HarnessError as error:
            return str(error)
        left = [spec for spec in left if not is_complete(spec.folder)]
        names = "; ".join(spec.title for spec in left)
        return f"{names}: left by another process; the same command goes on." if left else None

    def _tell(self) -> None:
        """Print a line whenever a run is complete, where there is no panel."""
        told, ended = len(self.overall.at_start), False
        while not ended:
            ended = self._ended.wait(_LOOKS_EVERY_S)
            text = self.overall.text_now() if ended else self.overall.text
            if len(self.overall.complete) > told and not self._panel.live:
                self._panel.print(text)
            told = len(self.overall.complete)

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Yield heading and text of each row of the panel."""
        yield "sweep", f"{len(self.jobs.reports())} of {self.jobs.n} jobs ended"
        yield "all runs", self.overall.text
        for folder, spec in self._runs.items():
            if folder not in self.overall.complete and holder_of(folder):
                done, planned = self.overall.done.get(folder), spec.expected
                n = done.evaluations if done else 0
                yield spec.title, f"{n} of {planned.evaluations} evaluations"
        yield "output of jobs", str(self.jobs.folder)
