"""Work in pieces: each call does the steps that are not done yet, until its time is used.

A step is a command that writes its figures to a file. What became of each step is kept in a folder,
so that another call, also on another machine to which the folder was copied, continues from there.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import RecordError
from harness.files import make_folder, write_text

DONE, UNDER_WAY, FAILED, NOT_BEGUN = "done", "under way", "failed", "not begun"
_GRACE_S = 5.0
"""Seconds that a step has to end after it was asked to."""
_WHOLE = 0.9
"""Share of a piece that a step must have had before it counts as too long for one."""


class Finished(NamedTuple):
    """A command that has ended."""

    status: int
    output: str
    file: Path
    """Where it may have written its figures."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a step."""

    status: str
    told: str
    """What was found, in a few words."""
    figures: dict[str, Any] = field(default_factory=dict)
    needs_s: float | None = None
    """Seconds that are still needed, where they are known."""
    least_s: float | None = None
    """Seconds without which it should not begin again, where a call showed it."""
    seconds: float = 0.0
    """Seconds that were spent on it, all calls together."""
    where: dict[str, Any] = field(default_factory=dict)
    """Commit, versions and time of the last call."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the work."""

    name: str
    guess_s: float
    """Seconds that it is expected to take."""
    command: Callable[[Path, float], Sequence[str]]
    """Returns the command, from the file for its figures and the seconds that it has."""
    read: Callable[[Finished], Outcome]
    least_s: float | None = None
    """Seconds with which it gets on, where it can be interrupted; None where it cannot."""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """Its name in file names."""
        return self.name.replace(" ", "-")


class Record:
    """What became of each step, in ``state.json`` of a folder."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.folder, self._path = folder, folder / "state.json"
        self.outcomes: dict[str, Outcome] = {}
        self.pieces = 0
        if self._path.exists():
            self._load()

    def _load(self) -> None:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self.pieces = int(content["pieces"])
            self.outcomes = {name: Outcome(**one) for name, one in content["steps"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RecordError(
                f"{self._path}: expected what became of each step, it cannot be read ({error!r}). "
                f"Remove it; all steps but the training start over."
            ) from None

    def of(self, step: Step) -> Outcome:
        """Return what became of a step."""
        return self.outcomes.get(step.name, Outcome(status=NOT_BEGUN, told=""))

    def needs_s(self, step: Step) -> float:
        """Return about how many seconds a step still takes."""
        outcome = self.of(step)
        if outcome.status in {DONE, FAILED}:
            return 0.0
        return step.guess_s if outcome.needs_s is None else outcome.needs_s

    def keep(self, step: Step, outcome: Outcome) -> None:
        """Save what became of a step."""
        self.outcomes[step.name] = outcome
        self.save()

    def forget(self, status: str) -> None:
        """Let all steps of a status begin anew."""
        self.outcomes = {n: one for n, one in self.outcomes.items() if one.status != status}
        self.save()

    def content(self) -> dict[str, Any]:
        """Return everything as plain values."""
        steps = {name: asdict(outcome) for name, outcome in self.outcomes.items()}
        return {"pieces": self.pieces, "steps": steps}

    def save(self) -> None:
        """Write the file."""
        write_text(self._path, json.dumps(self.content(), indent=1) + "\n")


def do_piece(
    steps: Sequence[Step],
    record: Record,
    *,
    seconds: float,
    where: Mapping[str, Any],
    say: Callable[[str], object],
) -> None:
    """Do steps that are not done yet, in their order, until the time is used.

    The first of them starts in any case. Another one starts only where the time that is left is
    enough, by what is known of it.

    Args:
        steps: All steps.
        record: What became of them.
        seconds: The time; a step that takes longer is ended.
        where: Circumstances of this call, kept with each step.
        say: Called with a sentence before each step.
    """
    began = time.monotonic()
    record.pieces += 1
    record.save()
    is_first = True
    for step in steps:
        former, left_s = record.of(step), seconds - (time.monotonic() - began)
        if former.status in {DONE, FAILED}:
            continue
        enough_s = former.least_s or step.least_s or record.needs_s(step)
        if not is_first and left_s < enough_s:
            continue
        is_first = False
        say(f"{step.name} ...")
        start = time.monotonic()
        outcome = _done(step, record.folder, left_s, whole_s=seconds)
        spent_s = round(former.seconds + time.monotonic() - start, 1)
        record.keep(step, _with(outcome, former, seconds=spent_s, where=dict(where)))


def _with(outcome: Outcome, former: Outcome, **changes: Any) -> Outcome:
    """Add circumstances, and what was known before where a call that was cut off knows nothing."""
    if outcome.status == UNDER_WAY and not outcome.figures:
        changes |= {"figures": former.figures, "needs_s": former.needs_s}
    return replace(outcome, **changes)


def _done(step: Step, folder: Path, left_s: float, *, whole_s: float) -> Outcome:
    """Do a step, or cut it off when its time is used."""
    file = folder / f"{step.slug}.json"
    file.unlink(missing_ok=True)
    command = [str(part) for part in step.command(file, left_s)]
    # pytest-benchmark measures nothing where it believes to be in a worker of xdist.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    status, output = _ran(command, left_s, environment | dict(step.environment))
    write_text(folder / f"{step.slug}.txt", output)
    if status is not None:
        return step.read(Finished(status, output, file))
    if left_s < _WHOLE * whole_s:
        told = f"was cut off after {left_s:.0f} s; it comes first in a later piece"
        return Outcome(status=UNDER_WAY, told=told, least_s=whole_s)
    told = f"not done in {left_s / 60:.1f} minutes; give it more with --minutes and --again"
    return Outcome(status=FAILED, told=told)


def _ran(
    command: list[str], left_s: float, environment: Mapping[str, str]
) -> tuple[int | None, str]:
    """Return exit status and output of a command; the status is None where it was cut off."""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        errors="replace", env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = child.communicate(timeout=max(0.0, left_s))
    except subprocess.TimeoutExpired:
        return None, _end(child)
    finally:
        if child.returncode is None:  # interrupted
            _end(child)
    return child.returncode, output


def _end(child: subprocess.Popen[str]) -> str:
    """End a command with all processes of its group; return its output."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=_GRACE_S)[0]
    return ""
