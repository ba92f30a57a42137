"""A recorded run as a value: its configuration and its outcomes, behind all tables and figures."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path

from harness.analysis.proposals import Call, Candidate, effort_of_all
from harness.config.schema import FULL, is_full
from harness.evolution import pareto
from harness.evolution.budget import Effort, Usage, total
from harness.evolution.candidate import SAME_FUNCTION
from harness.record.circumstances import CodeChanged
from harness.record.events import Manifest, Purpose
from harness.tasks.base import Wording, wording_of

FRONT = "front"
"""Name of the folder within a run's that holds the networks of its front."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The effort at which a run is compared, see ``analysis.effort.cut``.

    Attributes:
        by: Kind of effort, one of ``analysis.effort.spent.EFFORTS``.
        amount: The most that the run may have taken.
        whole: The whole run.
        training_price: Price of an hour of training, where it is not the recorded one.
    """

    by: str
    amount: float
    whole: "RunResult"
    training_price: float | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class RunResult:
    """One run: its configuration, the outcome of each proposal, and the final measurements.

    Attributes:
        folder: Where its journal lies.
        manifest: As recorded: configuration, data, machine, packages.
        seed_objectives: Objectives of the seed network in the search.
        seed_train_s: Seconds of its training in the search.
        seed_flops: Its operations per example, None where they are not recorded.
        seed_source: Source code of the seed network.
        candidates: Its proposals, in the order in which they were decided.
        finals: Test scores by step, one for each fresh seed; failed re-trainings are left out.
        retrained: Validation scores of the same re-trainings.
        retrained_s: Seconds of the same re-trainings.
        confirmed: Validation scores by step, of networks re-trained before the selection.
        calls: Answered LLM calls, by step.
        lost: Upper bound on the cost of requests without an answer.
        most_reserved: The most of each kind that one request reserved.
        unfinished: The limit of the budget that refused an LLM call, by the step of the call.
        not_reserved: The most that such a call may have taken, by step, where on record.
        train_s: Seconds of all trainings.
        trainings: Number of trainings by purpose.
        answers: Digest of all LLM answers, None where the run asked no LLM.
        started: When its first event was recorded, in seconds since 1970; orders arms.
        complete: Whether it reached its end.
        compares_functions: Whether its networks were compared by what they compute.
        code_changes: Each time that it was continued with other code.
        failure: Why the last attempt at it failed, None where it did not.
        cut: The effort at which it is compared, None for a run as it ended. A cut run has its
            beginning, but ``train_s``, ``trainings`` and what its budget lost of the whole.
    """

    folder: Path
    manifest: Manifest
    seed_objectives: pareto.Objectives
    seed_train_s: float
    seed_flops: int | None
    seed_source: str
    candidates: tuple[Candidate, ...]
    finals: Mapping[str, tuple[float, ...]]
    retrained: Mapping[str, tuple[float, ...]]
    retrained_s: Mapping[str, tuple[float, ...]]
    confirmed: Mapping[str, tuple[float, ...]]
    calls: Mapping[str, Call]
    lost: Usage
    most_reserved: Usage
    unfinished: Mapping[str, str]
    not_reserved: Mapping[str, Usage]
    train_s: float
    trainings: Counter[Purpose]
    answers: str | None
    started: float
    complete: bool
    compares_functions: bool
    code_changes: tuple[CodeChanged, ...] = ()
    failure: str | None = None
    cut: Cut | None = None

    def __repr__(self) -> str:
        state = "complete" if self.complete else "not complete"
        return f"<{self.folder.name}: {self.evaluations} evaluations, {state}>"

    @cached_property
    def wording(self) -> Wording:
        """Words of the task that its networks were trained on."""
        return wording_of(self.manifest.data.kind)

    @property
    def models(self) -> dict[str, str]:
        """Models that answered, by the step of the call."""
        return {step: call.model for step, call in self.calls.items()}

    @cached_property
    def usage(self) -> Usage | None:
        """Cost of the answered calls, None where a model reports no tokens."""
        return total([call.usage for call in self.calls.values()])

    @property
    def training_price(self) -> float | None:
        """Price of an hour of training: that of the comparison, or else the recorded one."""
        if self.cut is not None and self.cut.training_price is not None:
            return self.cut.training_price
        earlier: float | None = self.manifest.settings.get("training_price")
        return self.manifest.training_price if earlier is None else earlier

    @cached_property
    def effort(self) -> Effort:
        """Seconds and cost of all its proposals and answers; None is unknown."""
        return effort_of_all(self.candidates, self.calls, self.training_price)

    @property
    def arm(self) -> str:
        """Name of the arm."""
        return self.manifest.arm

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.manifest.seed

    @property
    def score_only(self) -> bool:
        """Whether the arm selects by score alone, so that no measure of size judges its search."""
        return self.manifest.score_only

    @property
    def follows_record(self) -> bool:
        """Whether the decisions of a recorded run set its course."""
        return bool(self.manifest.study)

    @property
    def labels(self) -> Mapping[str, str]:
        """Details of its variations that are counted, and the heading of each."""
        return self.manifest.labels

    @property
    def saw_test_data(self) -> bool:
        """Whether the search was scored on the test split."""
        return bool(self.manifest.settings["search"]["split"] == "test")

    @property
    def epochs(self) -> int:
        """Planned epochs of all trainings of the search."""
        whole: int = self.manifest.settings["recipe"]["epochs"]
        return sum(
            n * (purpose.epochs or whole)
            for purpose, n in self.trainings.items()
            if purpose.name == "search"
        )

    @property
    def halved(self) -> bool:
        """Whether the search trained networks for fewer epochs first."""
        return not is_full(self.manifest.settings.get("fidelity", {"_target_": FULL}))

    @cached_property
    def evaluated(self) -> tuple[Candidate, ...]:
        """Candidates that have objectives."""
        return tuple(c for c in self.candidates if c.objectives is not None)

    @property
    def evaluations(self) -> int:
        """Trainings charged to the budget, failed ones included."""
        return sum(candidate.charged for candidate in self.candidates)

    @property
    def whole(self) -> "RunResult":
        """The run as it ended."""
        return self.cut.whole if self.cut else self

    @property
    def shortened(self) -> bool:
        """Whether a cut left out some of its proposals."""
        return len(self.candidates) < len(self.whole.candidates)

    @property
    def horizon(self) -> int | None:
        """Evaluations that it was given, None where runs are cut at equal seconds or cost."""
        if self.cut is None:
            return int(self.manifest.settings["budget"]["evaluations"])
        return int(self.cut.amount) if self.cut.by == "evaluations" else None

    @property
    def outpaced(self) -> int:
        """Number of valid networks stopped early, at a rung, because others did better."""
        return self.gates["fidelity"]

    @cached_property
    def gates(self) -> Counter[str]:
        """Number of candidates that each gate refused."""
        return Counter(c.gate for c in self.candidates if c.gate is not None)

    @property
    def same_function(self) -> float | None:
        """Share of its proposals that compute what an earlier network computes; None if unknown."""
        if not self.candidates or not self.compares_functions:
            return None
        return self.gates[SAME_FUNCTION] / len(self.candidates)

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
        """The front, thinned by SPEA2 to ``final.hall_of_fame``, with the selected network."""
        n = self.manifest.settings["final"]["hall_of_fame"]
        objectives = [c.objectives for c in self.front if c.objectives]
        kept = (
            pareto.spea2_choice(objectives, n, [c.step for c in self.front]) if objectives else []
        )
        return tuple(c for i, c in enumerate(self.front) if i in kept or c == self.selected)

    @cached_property
    def selected(self) -> Candidate | None:
        """The selected network: the smallest of the front as good as the seed network.

        As good: within ``final.tolerance`` of its validation score, see ``final.threshold``. The
        best of the front where none is as good, None where nothing was evaluated, or where it is
        not known.
        """
        if not self.knows_selected:
            return None
        able = [c for c in self.front if self.confirmed.get(c.step) or not self._confirms]
        near = [c for c in able if self._near_the_seed(c)]
        return near[0] if near else max(reversed(able), key=self._score, default=None)

    @cached_property
    def knows_selected(self) -> bool:
        """Whether it is known which network would be selected.

        Where confirmed scores select, that takes those of the whole front; the front of a shortened
        run has members that the whole run did not confirm.
        """
        confirms = self.shortened and bool(self.confirmed.get("seed"))
        return not confirms or all(c.step in self.confirmed for c in self.front)

    def plans_retrainings(self, candidate: Candidate) -> int:
        """Return how many re-trainings a network was given; in a shortened run, by the whole."""
        if self.whole.selected and candidate.step == self.whole.selected.step:
            return int(self.manifest.settings["final"]["seeds"])
        return int(not self.shortened or candidate in self.whole.hall_of_fame)

    def as_good_as_the_seed(self, score: float) -> bool:
        """Return whether a score of the search is the seed network's, up to the tolerance."""
        return self._as_good(score, self.seed_objectives.score)

    def _as_good(self, score: float, other: float) -> bool:
        tolerance: float = self.manifest.settings["final"]["tolerance"]
        return pareto.as_good(score, other, tolerance=tolerance)

    def _near_the_seed(self, candidate: Candidate) -> bool:
        return self._as_good(self._score(candidate), self.threshold)

    @cached_property
    def threshold(self) -> float:
        """Validation score of the seed network that the selected one is held against."""
        if self._confirms:
            return statistics.fmean(self.confirmed["seed"])
        if self.retrainings_select and (fresh := self.retrained.get("seed")):
            return statistics.fmean(fresh)
        return self.seed_objectives.score

    @property
    def retrainings_select(self) -> bool:
        """Whether ``final.threshold`` is the mean of the seed network's re-trainings."""
        return bool(self.manifest.settings["final"].get("threshold") == "retrainings")

    @property
    def _confirms(self) -> bool:
        """Whether confirmed scores select: the seed network and some of the front have them."""
        steps = (c.step for c in self.front)
        return bool(self.confirmed.get("seed")) and any(self.confirmed.get(s) for s in steps)

    def _score(self, candidate: Candidate) -> float:
        score = self.selection_score(candidate)
        assert score is not None
        return score

    def selection_score(self, candidate: Candidate) -> float | None:
        """Return the score by which the search selects, None where it has none.

        No re-training of ``finals`` is behind it.
        """
        if self._confirms:
            confirmed = self.confirmed.get(candidate.step)
            return statistics.fmean(confirmed) if confirmed else None
        return candidate.objectives.score if candidate.objectives else None

    def best_score(self, most_params: int | None = None) -> float | None:
        """Return the best validation score among networks of at most so many parameters.

        Args:
            most_params: Largest size; by default the seed network's.
        """
        most = most_params or self.seed_objectives.n_params
        found = (c.objectives for c in self.evaluated if c.objectives)
        return max((o.score for o in found if o.n_params <= most), default=None)

    @cached_property
    def hypervolume(self) -> float:
        """Hypervolume of the front, see ``pareto.hypervolume``."""
        return self.hypervolume_of([c.objectives for c in self.front if c.objectives])

    @property
    def generations(self) -> int:
        """Number of generations that it reached, the founders' included."""
        return max((c.generation for c in self.candidates), default=-1) + 1

    def up_to(self, generation: int) -> "RunResult":
        """Return the run as it was after a generation; the founders are generation 0."""
        kept = tuple(c for c in self.candidates if c.generation <= generation)
        known = {"seed", *(c.step for c in kept)}
        confirmed = {step: scores for step, scores in self.confirmed.items() if step in known}
        return replace(self, candidates=kept, confirmed=confirmed)

    def hypervolume_of(self, objectives: Sequence[pareto.Objectives]) -> float:
        """Hypervolume of any points, with this run's reference point."""
        chance, seed_params = self.manifest.data.chance, self.seed_objectives.n_params
        return pareto.hypervolume(objectives, chance=chance, seed_params=seed_params)
