"""Models without a server: a person who answers files, recorded answers, and scripted ones."""

import hashlib
import re
import time
from pathlib import Path
from typing import ClassVar

from harness.errors import InputError, ReplayMiss
from harness.files import check_writable, creation_lock, make_folder, only_regular, write_atomically
from harness.llm.model import UNMETERED, Completion, Meter, Request, completion_of, credible, today
from harness.llm.reported_usage import MOST_BYTES as USAGE_BYTES
from harness.llm.reported_usage import parse_usage
from harness.record.archive import read_archive
from harness.record.events import CallAnswered
from harness.record.study import load_study
from harness.seeding import stream
from harness.terminal import say

_POLL_S = 0.2
_OUTER = "exchange"
"""Folder of all exchanges in ``runs_dir``, as ``conf/model/exchange.yaml`` names it."""
_MOST_BYTES = 1 << 21
"""How much of an answer is read, as of a server's reply."""


class Exchange:
    """Writes each prompt to a file and reads the answer from another: a person can be the LLM.

    ``STEP-DIGEST.prompt.md`` appears in the folder, and the run waits until
    ``STEP-DIGEST.answer.md`` exists and no longer changes. ``STEP-DIGEST.usage.json`` may report
    the usage (``reported_usage``). It must exist at the latest ``settle_s`` after the answer, and
    is recorded like that of a server; without it, tokens and duration are unknown.

    Args:
        folder: Where the files lie, below a folder for the name.
        name: Name of the person or program that answers.
        settle_s: How long answer and usage must stay unchanged, in seconds.
    """

    is_paid: ClassVar = False

    def __init__(self, *, folder: str, name: str, settle_s: float) -> None:
        slug = re.sub(r"\W+", "-", name).strip("-")
        digest = hashlib.sha256(name.encode()).hexdigest()  # two names may have the same slug
        self._folder = Path(folder) / f"{slug}-{digest[:4]}"
        self._name, self._settle_s = name, settle_s
        say(f"model=exchange: answer {self._folder}/*.prompt.md in *.answer.md")

    def preflight(self) -> None:
        """Create the folder; InputError unless files can be written in it."""
        _make_folder(self._folder)
        check_writable(self._folder)

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Write the prompt and wait for the answer without limit.

        Raises:
            InputError: The reported usage is malformed, or lacks the seconds that the budget
                counts. The answer is not taken, so that the same command continues once the file
                is corrected.
        """
        _make_folder(self._folder)
        stem = f"{request.step}-{request.prompt_digest[:8]}"
        prompt = self._folder / f"{stem}.prompt.md"
        if not meter.pending:  # else an earlier process has asked, and its prompt is still there
            meter.sending(asked=self._name)
        with creation_lock(prompt):
            if not prompt.exists():
                write_atomically(prompt, lambda file: file.write(request.prompt.encode()))
        path = self._folder / f"{stem}.usage.json"
        answer, report = self._settled(self._folder / f"{stem}.answer.md", path)
        try:
            usage = parse_usage(report)
        except ValueError as error:
            raise InputError(
                f"{path}: {error}. Correct or delete the file, and run the same command to "
                f"continue."
            ) from None
        if usage.seconds is None and meter.counts_seconds:
            raise InputError(
                f"budget.seconds: expected the duration of the answer to {request.step} as seconds "
                f"in {path}, found none. Report it there and run the same command to continue, or "
                f"limit budget.evaluations or budget.train_s instead."
            )
        return Completion(
            text=answer,
            model=usage.model or self._name,
            asked=self._name if usage.model else None,
            date=today(),
            prompt_tokens=credible(usage.prompt_tokens, request.prompt),
            completion_tokens=credible(usage.completion_tokens, answer),
            latency_s=usage.seconds,
        )

    def _settled(self, answer: Path, usage: Path) -> tuple[str, str]:
        """Return answer and usage as texts, once neither has changed for ``settle_s``."""
        seen, since = ("", ""), time.monotonic()
        while True:
            texts = _text_of(answer), _text_of(usage, most=USAGE_BYTES + 1)
            if texts != seen:
                seen, since = texts, time.monotonic()
            if seen[0].strip() and time.monotonic() - since >= self._settle_s:
                return seen
            time.sleep(_POLL_S)


def _make_folder(folder: Path) -> None:
    """Create the folder of an exchange; InputError if a link would lead elsewhere."""
    outer = folder.parent.parent
    for part in (folder, folder.parent, *([outer] if outer.name == _OUTER else [])):
        if part.is_symlink():
            raise InputError(
                f"{part}: expected a folder, found a link, which may lead anywhere. Remove it, or "
                f"name the folder that it leads to: model.folder=FOLDER."
            )
    make_folder(folder)


def _text_of(path: Path, *, most: int = _MOST_BYTES) -> str:
    """Return the first bytes of a file as text; empty where there is no regular file yet."""
    try:
        with open(path, "rb", opener=only_regular) as file:
            return file.read(most).decode("utf-8", errors="replace")
    except OSError:
        return ""


class Recorded:
    """Serves the answers of a recorded study, each to exactly the prompt that it answered.

    Args:
        study: The study's archive; None in an arm that asks no LLM.

    Raises:
        InputError: There is no study.
    """

    is_paid: ClassVar = False

    def __init__(self, *, study: str | None) -> None:
        if study is None:
            raise InputError("model=recorded: expected a recorded study, got none. Set study=FILE.")
        self._study = load_study(Path(study))
        self._calls = {call.step: call for call in self._study.calls}

    @property
    def is_timed(self) -> bool:
        """Whether the record has the seconds of every answer."""
        return all(call.latency_s is not None for call in self._study.calls)

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the recorded answer; ReplayMiss if the step, prompt or settings are others."""
        call = self._calls.get(request.step)
        if call is None:
            why = "not at all"
        elif call.prompt != request.prompt:
            why = "with another prompt"
        elif call.requested != vars(request.settings):
            why = f"asked with other settings ({call.requested})"
        else:
            why = ""
        if call is None or why:
            steps = list(self._calls)
            raise ReplayMiss(
                f"{request.step}: the recorded study {self._study.path} holds this step {why}. "
                f"It was recorded with {self._study.settings}, steps {steps[0]} to {steps[-1]}. "
                f"Leave those settings as they are, use model=openai or model=exchange, or an arm "
                f"without an LLM, such as ablation=random_mutation."
            )
        meter.sending(asked=call.asked or call.model)
        return completion_of(call)


class Pool:
    """Serves any recorded answer for the same segment, to try settings out.

    Args:
        folder: Folder with archives of recorded runs.
    """

    is_paid: ClassVar = False

    _NAME = "pool of recorded answers"

    def __init__(self, *, folder: str) -> None:
        self._calls = [
            entry.event
            for path in sorted(Path(folder).glob("*.zip"))
            for entry in read_archive(path)[1]
            if isinstance(entry.event, CallAnswered)
        ]
        if not self._calls:
            raise InputError(f"model=pool: expected recorded answers in {folder}, found none.")

    @property
    def is_timed(self) -> bool:
        """Whether the records have the seconds of every answer."""
        return all(call.latency_s is not None for call in self._calls)

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return a recorded answer for the segment, drawn by step and prompt."""
        meter.sending(asked=self._NAME)
        fitting = [call for call in self._calls if call.segment == request.segment]
        if not fitting:
            return Completion(
                text=f"No answer is recorded for the segment {request.segment}.",
                model=self._NAME,
                date=today(),
                latency_s=0.0,
            )
        return completion_of(stream(0, "pool", request.step, request.prompt).choice(fitting))


class Scripted:
    """Serves answers from a list, drawn by step, for tests and to try prompts out.

    Args:
        answers: The answers; at least one.
    """

    is_paid: ClassVar = False
    is_timed: ClassVar = False

    _NAME = "scripted"

    def __init__(self, *, answers: list[str]) -> None:
        self._answers = answers

    def complete(self, request: Request, meter: Meter = UNMETERED) -> Completion:
        """Return the answer drawn by the step, so that the order of calls does not matter."""
        if not self._answers:
            raise InputError("model=scripted: expected model.answers=[...], got none.")
        meter.sending(asked=self._NAME)
        text = stream(0, self._NAME, request.step).choice(self._answers)
        return Completion(text=text, model=self._NAME, date=today())
