"""Progress of a run from its events: a live panel on a terminal, plain lines elsewhere."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Self

from harness.config.schema import Budget
from harness.evolution.budget import Effort, effort_of_training
from harness.evolution.candidate import Evaluation, Outcome, Rejection, Variation, is_charged
from harness.record.event import Event
from harness.record.events import (
    CallAnswered,
    ChildDecided,
    GenerationEnded,
    NetworkRetrained,
    NetworkTrained,
    ReferenceEvaluated,
    RunCompleted,
)
from harness.reporting.console import Panel
from harness.tasks.base import Wording

_MINUTE_S = 60


class LiveDisplay:
    """Shows the progress of one run.

    Args:
        title: Name of the run.
        budget: Its budget.
        training_price: Price of an hour of training, None where it is unknown.
        mode: ``live`` for the panel, ``plain`` for lines, ``auto`` for the panel on a terminal.
        words: Words of its task.
    """

    def __init__(
        self,
        title: str,
        *,
        budget: Budget,
        mode: str,
        words: Wording,
        training_price: float | None = None,
    ) -> None:
        self._title, self._evaluations, self._words = title, budget.evaluations, words
        self._budget, self._training_price = budget, training_price
        self._phase = "starting the worker"
        self._generation = 0
        self._refused: Counter[str] = Counter()
        self._trained: dict[str, NetworkTrained] = {}
        """The last training of each network in the search, the seed network's first."""
        self._train_s: dict[str, float] = {}
        """Seconds of all trainings of each network in the search."""
        self._calls: dict[str, Effort] = {}
        self._effort = Effort()
        """Of the proposals so far, answers only."""
        self._measuring = False
        self._panel = Panel(self.rows, mode=mode)

    def show(self, event: Event) -> None:
        """Take in an event; without a panel, print the line of an event that has one."""
        line = self._take(event)
        if line and not self._panel.live:
            self._panel.print(f"{self._title}: {line}")

    def recall(self, events: Iterable[Event]) -> None:
        """Take in the events that earlier processes recorded of this run, and print nothing."""
        for event in events:
            self._take(event)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield heading and text of each row of the panel."""
        yield self._title, self._phase
        trained = list(self._trained.values())[1:]
        yield "evaluated", f"{len(trained)} of {self._evaluations}"
        refused = ", ".join(f"{n} {gate}" for gate, n in sorted(self._refused.items()))
        yield "refused", refused or "none"
        yield from self._limits()
        whole = [training.outcome for training in trained if training.purpose.epochs is None]
        accepted = [outcome for outcome in whole if isinstance(outcome, Evaluation)]
        if accepted:
            best = self._words.text(max(outcome.score for outcome in accepted))
            yield f"best {self._words.score}", best
            yield "smallest", f"{min(outcome.n_params for outcome in accepted):,} parameters"
        if 0 < len(self._trained) <= self._evaluations and not self._measuring:
            yield "search time left", _duration(self._left_s())

    def _limits(self) -> Iterator[tuple[str, str]]:
        """Yield what was spent of the limits on seconds and cost, where there are any."""
        for name, unit in (("seconds", " s of training and LLM"), ("cost", "")):
            limit, spent = getattr(self._budget, name), getattr(self._effort, name)
            if limit is not None:
                yield name, f"{'unknown' if spent is None else f'{spent:,.4g}'} of {limit:,}{unit}"

    def __enter__(self) -> Self:
        self._panel.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._panel.stop()

    def _left_s(self) -> float:
        known = [seconds for seconds in self._train_s.values() if seconds]
        return statistics.fmean(known or [0]) * (1 + self._evaluations - len(self._trained))

    def _take(self, event: Event) -> str | None:
        """Update the display's state; return the event's line, None where it has none."""
        match event:
            case ReferenceEvaluated():
                self._phase = "founders"
                return f"seed network: {self._measured(event.measured)}"
            case CallAnswered():
                cost = event.usage.cost if event.usage else None
                self._calls[event.step] = Effort(seconds=event.latency_s, cost=cost)
                self._phase = f"generation {self._generation}: answer to {event.step}"
            case NetworkTrained():
                self._take_training(event)
            case ChildDecided():
                return self._take_child(event)
            case GenerationEnded():
                self._generation = event.number + 1
                self._phase = f"generation {self._generation}"
            case NetworkRetrained():
                measured = self._measured_on_test(event.outcome)
                return f"{event.step} re-trained ({event.k + 1}): {measured}"
            case RunCompleted():
                self._phase = "complete"
                return "complete"
        return None

    def _take_training(self, event: NetworkTrained) -> None:
        if event.purpose.name == "confirm":
            self._phase = f"generation {self._generation}: confirming on other seeds"
        elif event.purpose.name == "search":
            spent = self._train_s.get(event.network, 0.0)
            self._train_s[event.network] = spent + (event.outcome.train_s or 0.0)
            self._trained[event.network] = event
            epochs = event.purpose.epochs
            self._phase = f"generation {self._generation}: training"
            self._phase += f" for {epochs} epochs" if epochs else ""
        else:
            self._phase = "re-training the result on fresh seeds"
            self._measuring = True

    def _take_child(self, event: ChildDecided) -> str:
        trained = event.outcome.train_s if is_charged(event.outcome) else 0.0
        steps = [step for variation in event.variations for step in variation.calls]
        efforts = [self._calls.get(step, Effort(seconds=None, cost=None)) for step in steps]
        self._effort += sum(efforts, effort_of_training(trained, self._training_price))
        if isinstance(event.measured, Rejection):
            self._refused[event.measured.gate] += 1
            how = (
                "outpaced"
                if event.measured.gate == "fidelity"
                else (f"refused by {event.measured.gate}")
            )
            return f"{event.step} {how}: {event.measured.reason}"
        operators = " + ".join(map(_operator, event.variations))
        return f"{event.step} {operators}: {self._measured(event.measured)}"

    def _measured(self, outcome: Outcome) -> str:
        if isinstance(outcome, Rejection):
            return outcome.reason
        score = f"{self._words.score} {self._words.text(outcome.score)}"
        return f"{score}, {outcome.n_params:,} parameters"

    def _measured_on_test(self, outcome: Outcome) -> str:
        if isinstance(outcome, Rejection):
            return outcome.reason
        return f"{self._words.test_score} {self._words.text(outcome.score)}"


def _operator(variation: Variation) -> str:
    return f"{variation.operator} of {variation.segment}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
