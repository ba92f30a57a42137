"""Progress of a run from its events: a live panel on a terminal, plain lines elsewhere."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from harness.analysis.measures import is_chance
from harness.config.schema import Budget
from harness.evolution.budget import Effort, effort_of_training
from harness.evolution.candidate import Evaluation, Outcome, Rejection, Variation, charged_seconds
from harness.evolution.schedule import is_steady
from harness.record.event import Event
from harness.record.events import (
    CallAnswered,
    ChildDecided,
    Data,
    GenerationEnded,
    Manifest,
    NetworkRetrained,
    NetworkTrained,
    ReferenceEvaluated,
    RunCompleted,
)
from harness.reporting.console import Panel
from harness.runs.display.spending import Spending
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
        is_paid: Whether its calls to an LLM may cost money.
        overall: Returns a line on all runs of the command, empty where there is nothing to say.
        panel: The panel that several runs share; by default this one has its own.
    """

    def __init__(
        self,
        title: str,
        *,
        budget: Budget,
        mode: str,
        words: Wording,
        training_price: float | None = None,
        is_paid: bool = True,
        overall: Callable[[], str] = str,
        panel: Panel | None = None,
    ) -> None:
        self._title, self._evaluations, self._words = title, budget.evaluations, words
        self._budget, self._training_price = budget, training_price
        self._phase = "starting the worker"
        self._generation = 0
        self._steady = False
        self._refused: Counter[str] = Counter()
        self._trained: dict[str, NetworkTrained] = {}
        """The last training of each network in the search, the seed network's first."""
        self._train_s: dict[str, float] = {}
        """Seconds of all trainings of each network in the search."""
        self._calls: dict[str, Effort] = {}
        self._effort = Effort()
        """Of the proposals so far, answers only."""
        self._spending = Spending(budget=budget, training_price=training_price, is_paid=is_paid)
        self._measuring = False
        self._data: Data | None = None
        self._overall = overall
        self._shares = panel is not None
        self._panel = panel or Panel(self.rows, mode=mode)

    def show(self, event: Event) -> None:
        """Take in an event; without a panel, print the line of an event that has one."""
        line = self._take(event)
        if line and not self._panel.live:
            self.say(line)
        if warning := self._warning(event):
            self.say(warning)

    def say(self, line: str) -> None:
        """Print a line of this run."""
        self._panel.print(f"{self._title}: {line}")

    def tell_overall(self, line: str) -> None:
        """Print a line on all runs, where there is one and no panel shows it."""
        if line and not self._panel.live:
            self._panel.print(line)

    def recall(self, events: Iterable[Event]) -> None:
        """Take in the events that earlier processes recorded of this run, and print nothing."""
        for event in events:
            self._take(event)
        self._spending.in_flight.clear()  # calls of processes that have ended

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield heading and text of each row of the panel."""
        yield self._title, self._phase
        trained = list(self._trained.values())[1:]
        yield "evaluated", f"{len(trained)} of {self._evaluations}"
        refused = ", ".join(f"{n} {gate}" for gate, n in sorted(self._refused.items()))
        yield "refused", refused or "none"
        if calls := self._spending.calls:
            yield "LLM", calls
        yield from self._limits()
        yield "nearest limit", self._spending.nearest
        whole = [training.outcome for training in trained if training.purpose.epochs is None]
        accepted = [outcome for outcome in whole if isinstance(outcome, Evaluation)]
        if accepted:
            best = self._words.text(max(outcome.score for outcome in accepted))
            yield f"best {self._words.score}", best
            yield "smallest", f"{min(outcome.n_params for outcome in accepted):,} parameters"
        if 0 < len(self._trained) <= self._evaluations and not self._measuring:
            yield "search time left", _duration(self._left_s())
        if overall := self._overall():
            yield "all runs", overall

    def _limits(self) -> Iterator[tuple[str, str]]:
        """Yield what was spent of the limits on seconds and cost, where there are any."""
        for name, unit in (("seconds", " s of training and LLM"), ("cost", "")):
            limit, spent = getattr(self._budget, name), getattr(self._effort, name)
            if limit is not None:
                yield name, f"{'unknown' if spent is None else f'{spent:,.4g}'} of {limit:,}{unit}"

    def __enter__(self) -> Self:
        if not self._shares:
            self._panel.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._shares:
            self._panel.stop()

    @property
    def summary(self) -> tuple[str, str]:
        """The run's name, and its progress in one line."""
        trained = max(0, len(self._trained) - 1)
        return self._title, f"{trained} of {self._evaluations} evaluated, {self._phase}"

    def _left_s(self) -> float:
        known = [seconds for seconds in self._train_s.values() if seconds]
        return statistics.fmean(known or [0]) * (1 + self._evaluations - len(self._trained))

    def _take(self, event: Event) -> str | None:
        """Update the display's state; return the event's line, None where it has none."""
        self._spending.take(event)
        match event:
            case Manifest():
                self._data = event.data
                self._steady = is_steady(event.settings.get("schedule"))
            case ReferenceEvaluated():
                self._phase = "founders"
                return f"seed network: {self._measured(event.measured)}"
            case CallAnswered():
                cost = event.usage.cost if event.usage else None
                self._calls[event.step] = Effort(seconds=event.latency_s, cost=cost)
                self._phase = f"{self._stage}answer to {event.step}"
            case NetworkTrained():
                self._take_training(event)
            case ChildDecided():
                return self._take_child(event)
            case GenerationEnded():
                self._generation = event.number + 1
                self._phase = self._stage.removesuffix(": ") or "searching"
                return self._told_of_spending(event.number)
            case NetworkRetrained():
                measured = self._measured_on_test(event.outcome)
                return f"{event.step} re-trained ({event.k + 1}): {measured}"
            case RunCompleted():
                self._phase = "complete"
                return "complete"
        return None

    def _warning(self, event: Event) -> str:
        """Return a sentence on what makes the run useless, "" where nothing does."""
        if not isinstance(event, ReferenceEvaluated) or self._data is None:
            return ""
        measured = event.measured
        if isinstance(measured, Rejection) or not is_chance(
            measured.score, self._data, "validation"
        ):
            return ""
        return (
            "the score of the seed network is at chance. Unless its re-trainings score better, no "
            "comparison with it will say anything: interrupt, and train longer (recipe.epochs) or "
            "choose another."
        )

    @property
    def _stage(self) -> str:
        """The generation with a colon; empty for a schedule without generations."""
        return "" if self._steady else f"generation {self._generation}: "

    def _told_of_spending(self, generation: int) -> str:
        parts = [f"{self._spending.evaluations} of {self._evaluations} evaluations"]
        if calls := self._spending.calls:
            parts.append(f"LLM: {calls}")
        if not (near := self._spending.nearest).startswith("budget.evaluations "):
            parts.append(f"nearest limit: {near}")
        done = f"generation {generation} done"
        if self._steady:
            done = f"{self._spending.proposals:,} children decided"
        return f"{done}: {'; '.join(parts)}"

    def _take_training(self, event: NetworkTrained) -> None:
        if event.purpose.name == "confirm":
            self._phase = f"{self._stage}confirming on other seeds"
        elif event.purpose.name == "search":
            spent = self._train_s.get(event.network, 0.0)
            self._train_s[event.network] = spent + (event.outcome.train_s or 0.0)
            self._trained[event.network] = event
            epochs = event.purpose.epochs
            self._phase = f"{self._stage}training"
            self._phase += f" for {epochs} epochs" if epochs else ""
        else:
            self._phase = "re-training the result on fresh seeds"
            self._measuring = True

    def _take_child(self, event: ChildDecided) -> str:
        trained = charged_seconds(event.outcome, event.measured)
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
