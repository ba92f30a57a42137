"""A run as values: what was composed, what came of it; the same behind tables and figures."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from harness.config.schema import FULL, is_full
from harness.evolution import pareto
from harness.evolution.candidate import CHARGED, Variation
from harness.evolution.usage import Usage, total
from harness.record.events import Manifest, Purpose

ARM_SETTINGS = frozenset(
    {
        "ablation", "arm", "seed", "proposer", "selection", "sizes", "rates", "search",
        "fidelity", "third_party",
    }
)  # fmt: skip
"""Settings in which arms of one comparison may differ."""
FRONT = "front"
"""Folder within a run's, for the networks of its front."""
_ROUNDING = 1e-9
"""Differences of accuracies are not exact in binary; 0.93 - 0.92 is above 0.01."""


HALVED = " (halving)"
"""Marks an arm whose networks did not all get the recipe's epochs."""
SAW_TEST_DATA = " (selected on test data)"
"""Marks an arm whose every figure is worthless as a test of generalisation."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One proposal as recorded; objectives are this machine's, None where it was refused."""

    step: str
    source: str
    parents: tuple[str, ...]
    """Steps of the parents, ``seed`` for the seed network; a second one is the mate."""
    variations: tuple[Variation, ...]
    objectives: pareto.Objectives | None
    gate: str | None
    """Gate that refused it, None where it was evaluated."""
    reason: str | None
    machine_dependent: bool
    train_s: float
    """Seconds of its training in the search; 0 where it did not end by itself."""

    @property
    def valid(self) -> bool:
        """Say whether it passed every gate and trained, if for fewer epochs than others."""
        return self.objectives is not None or self.gate == "fidelity"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One answered call: who was asked, who answered, what it cost."""

    asked: str
    model: str
    usage: Usage | None
    """None where the model does not report its tokens."""
    longer: bool
    """Whether the answer is longer than was asked for."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run: what was composed, what came of each proposal, what was measured at the end."""

    folder: Path
    manifest: Manifest
    seed_objectives: pareto.Objectives
    seed_source: str
    candidates: tuple[Candidate, ...]
    finals: Mapping[str, tuple[float, ...]]
    """Test accuracies by step, one per fresh seed; refused re-trainings are left out."""
    retrained: Mapping[str, tuple[float, ...]]
    """Validation accuracies of the same re-trainings."""
    confirmed: Mapping[str, tuple[float, ...]]
    """Validation accuracies by step, of what was re-trained before the pick was chosen."""
    calls: Mapping[str, Call]
    """Answered calls to an LLM, by step."""
    lost: Usage
    """What sendings without an answer may have cost at most."""
    unfinished: Mapping[str, str]
    """Calls that a limit of the budget refused, by step: which limit."""
    train_s: float
    trainings: Counter[Purpose]
    """Numbers of trainings by purpose."""
    answers: str | None
    """Digest of all answers of an LLM, None where it asked none."""
    started: float
    """When its first event was recorded, in seconds since 1970; orders arms in a table."""
    complete: bool

    @property
    def models(self) -> dict[str, str]:
        """Which LLM answered, by the step of the call."""
        return {step: call.model for step, call in self.calls.items()}

    @property
    def usage(self) -> Usage | None:
        """What the answered calls cost, None where the model reports no tokens."""
        return total([call.usage for call in self.calls.values()])

    @property
    def arm(self) -> str:
        """Name of the arm."""
        return self.manifest.arm

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.manifest.seed

    @property
    def labels(self) -> Mapping[str, str]:
        """Details of its variations that are counted, and the heading of each."""
        return self.manifest.labels

    @property
    def saw_test_data(self) -> bool:
        """Say whether the search was scored on the test split."""
        return bool(self.manifest.settings["search"]["split"] == "test")

    @property
    def epochs(self) -> int:
        """Epochs of all trainings of the search, were none cut short."""
        whole: int = self.manifest.settings["recipe"]["epochs"]
        return sum(
            n * (purpose.epochs or whole)
            for purpose, n in self.trainings.items()
            if purpose.name == "search"
        )

    @property
    def halved(self) -> bool:
        """Say whether networks had to earn their epochs."""
        return not is_full(self.manifest.settings.get("fidelity", {"_target_": FULL}))

    @cached_property
    def evaluated(self) -> tuple[Candidate, ...]:
        """Candidates that have objectives."""
        return tuple(c for c in self.candidates if c.objectives is not None)

    @property
    def evaluations(self) -> int:
        """Trainings charged to the budget, failed ones included."""
        return len(self.evaluated) + sum(self.gates[gate] for gate in CHARGED)

    @property
    def outpaced(self) -> int:
        """Valid networks that got fewer epochs than the recipe has, for others did better."""
        return self.gates["fidelity"]

    @cached_property
    def gates(self) -> Counter[str]:
        """How many candidates each gate refused."""
        return Counter(c.gate for c in self.candidates if c.gate is not None)

    @cached_property
    def front(self) -> tuple[Candidate, ...]:
        """Candidates that no other dominates, smallest first, equal objectives once."""
        objectives = [c.objectives for c in self.evaluated if c.objectives is not None]
        members = [self.evaluated[i] for i in pareto.front(objectives)]
        distinct = {c.objectives: c for c in reversed(members) if c.objectives}
        return tuple(
            distinct[objectives] for objectives in sorted(distinct, key=attrgetter("n_params"))
        )

    @cached_property
    def hall_of_fame(self) -> tuple[Candidate, ...]:
        """The front, thinned as SPEA2 does where it is larger than asked for; with the pick."""
        n = self.manifest.settings["final"]["hall_of_fame"]
        objectives = [c.objectives for c in self.front if c.objectives]
        kept = (
            pareto.spea2_choice(objectives, n, [c.step for c in self.front]) if objectives else []
        )
        return tuple(c for i, c in enumerate(self.front) if i in kept or c == self.pick)

    @cached_property
    def pick(self) -> Candidate | None:
        """The smallest of the front within the tolerance of the seed's accuracy.

        Where none is so accurate, the most accurate. None where nothing was evaluated.
        """
        able = self.front
        if self._confirms:
            able = tuple(c for c in self.front if self.confirmed.get(c.step))
        near = [c for c in able if self._near_the_seed(c)]
        return near[0] if near else max(reversed(able), key=self._score, default=None)

    @property
    def within_noise(self) -> bool:
        """Say whether the pick is as accurate as the seed network, up to the tolerance."""
        return self.pick is not None and self._near_the_seed(self.pick)

    @property
    def holds_when_retrained(self) -> bool | None:
        """Say the same of the means of both when re-trained on fresh seeds; None if unknown."""
        seed, pick = (
            self.retrained.get(s, ()) for s in ("seed", self.pick.step if self.pick else "")
        )
        if not (seed and pick):
            return None
        return statistics.fmean(seed) - statistics.fmean(pick) <= self._tolerance

    def as_accurate_as_the_seed(self, score: float) -> bool:
        """Say whether an accuracy of the search is the seed network's, up to the tolerance."""
        return self.seed_objectives.score - score <= self._tolerance

    @property
    def _tolerance(self) -> float:
        tolerance: float = self.manifest.settings["final"]["tolerance"]
        return tolerance + _ROUNDING

    def _near_the_seed(self, candidate: Candidate) -> bool:
        seed = self.seed_objectives.score
        if self._confirms:
            seed = statistics.fmean(self.confirmed["seed"])
        return seed - self._score(candidate) <= self._tolerance

    @property
    def _confirms(self) -> bool:
        """Say whether what was re-trained decides: the seed network and some of the front were."""
        steps = (c.step for c in self.front)
        return bool(self.confirmed.get("seed")) and any(self.confirmed.get(s) for s in steps)

    def _score(self, candidate: Candidate) -> float:
        assert candidate.objectives is not None
        if self._confirms:
            return statistics.fmean(self.confirmed[candidate.step])
        return candidate.objectives.score

    @cached_property
    def best_within_seed_size(self) -> float | None:
        """Best validation accuracy among networks no larger than the seed."""
        limit = self.seed_objectives.n_params
        fitting = [
            c.objectives.score
            for c in self.evaluated
            if c.objectives and c.objectives.n_params <= limit
        ]
        return max(fitting, default=None)

    @cached_property
    def hypervolume(self) -> float:
        """Hypervolume of the front, see ``pareto.hypervolume``."""
        return self.hypervolume_of([c.objectives for c in self.front if c.objectives])

    def hypervolume_of(self, objectives: Sequence[pareto.Objectives]) -> float:
        """Hypervolume of any points, with this run's reference point."""
        return pareto.hypervolume(
            objectives,
            chance=self.manifest.data.chance,
            seed_params=self.seed_objectives.n_params,
        )


def differing(one: RunResult, other: RunResult) -> list[str]:
    """Say in which settings that all arms share two runs differ, so that no table holds both."""
    was, now = (dict(_settings(run.manifest.settings)) for run in (one, other))
    return [
        f"{name} is {now.get(name)}, not {was.get(name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _settings(known: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings that all arms share, by dotted name."""
    if not isinstance(known, dict) or not known:
        yield name, known
        return
    for key, value in known.items():
        if name or key not in ARM_SETTINGS | {"study"}:
            yield from _settings(value, f"{name}.{key}" if name else key)
