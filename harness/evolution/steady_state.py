"""The search without generations: conceive, wait for the child that ends next, select, repeat.

Which child ends next is decided by a simulated clock: an answer of an LLM takes a fixed time on it,
a training as long as its FLOPs predict, and trainings wait for a free one of so many simulated
workers. Where the machine is slower than predicted, the search waits for it; where it is faster,
results wait their turn. So the course of a run follows from its seed and its answers alone.
"""

import heapq
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Semaphore
from typing import Any

from harness.evolution.candidate import Decided, Gated, Individual, Proposal
from harness.evolution.loop import MatingPlan, evaluated, pair_up, reproduce
from harness.evolution.proposer import Confirm, Context, Gates, demand_of
from harness.evolution.search import Assess, Method, Recorder, Stages, Twin
from harness.seeding import stream

_PARENTS = 2
"""A child's parent and, if the two mate, its mate."""


@dataclass(kw_only=True)
class Child:
    """A child that is conceived and not yet decided."""

    number: int
    step: str
    work: Future[Any]
    """What it waits for: its proposal with what the gates found, or a training."""
    stages: Stages | None = None
    """The rest of its assessment, once it is proposed."""


class Course:
    """One search; the arguments are those of ``loop.evolve`` and of ``schedule.SteadyState``."""

    def __init__(
        self,
        reference: Individual,
        method: Method,
        *,
        gates: Gates,
        confirm: Confirm,
        assess: Assess,
        record: Recorder,
        under_way: int,
        workers: int,
        answer: float,
    ) -> None:
        self._reference, self._method, self._most = reference, method, under_way
        self._gates, self._confirm = gates, confirm
        self._assess, self._record = assess, record
        self._seed, self._selection, self._ledger = method.seed, method.selection, method.ledger
        self._demand = demand_of(method.proposer)
        self._answer = 0.0 if self._demand.calls == 0 else answer
        self._population = self._selection.start(reference)
        self._founders = 0 if self._population else method.sizes.founders
        offspring = method.sizes.offspring
        self._groups = Groups(self._founders or offspring, offspring)
        self._history: list[Decided] = []
        self._conceived, self._is_over = 0, False
        self._now, self._free_at = 0.0, [0.0] * workers
        self._ends: list[tuple[float, int]] = []
        self._children: dict[int, Child] = {}
        self._waiting: defaultdict[str, list[Child]] = defaultdict(list)
        self._asking = Semaphore(method.llm_workers)
        self._threads = ThreadPoolExecutor(under_way)

    def run(self) -> None:
        """Search until the budget is spent."""
        with self._threads:
            self._conceive_all()
            while self._ends:
                self._now, number = heapq.heappop(self._ends)
                self._go_on(self._children[number])
                self._conceive_all()
        if not self._groups.ends_with(len(self._history) - 1):
            self._end_group()

    def _conceive_all(self) -> None:
        while (
            not self._is_over
            and len(self._children) < self._most
            and not self._ledger.generations_spent(self._groups.of(self._conceived)[0])
            and self._ledger.admit()
        ):
            self._conceive()

    def _conceive(self) -> None:
        number, self._conceived = self._conceived, self._conceived + 1
        step = "g{}.c{}".format(*self._groups.of(number))
        rng = stream(self._seed, "elites", number)
        elites = self._selection.elites(self._population, rng=rng) if self._population else []
        plan = self._plan(number)
        founding = plan is None
        plan = plan or MatingPlan(parent=self._reference, mate=None, mutates=True)
        context = Context(
            step=step,
            seed=self._seed,
            founding=founding,
            reference=self._reference,
            elites=elites,
            parent=plan.parent,
            history=tuple(self._history),
            gates=self._gates,
            confirm=self._confirm,
        )
        alone = self._ledger.side_by_side(self._most, self._method.llm_workers, self._demand) == 1
        asking = [child.work for child in self._children.values() if child.stages is None]
        if alone:  # which call is refused must not depend on threads
            wait(asking)
        work = self._threads.submit(self._proposed, plan, context)
        if alone:
            wait([work])
        self._children[number] = Child(number=number, step=step, work=work)
        heapq.heappush(self._ends, (self._now + self._answer, number))

    def _plan(self, number: int) -> MatingPlan | None:
        """Return how a child is made; None for one that is made from the seed network."""
        if number < self._founders or not self._population:
            return None
        rng = stream(self._seed, "parents", number)
        parents = self._selection.parents(self._population, n=_PARENTS, rng=rng)
        rates = self._method.rates
        plans = pair_up(parents, self._population, rates, seed=self._seed, generation=number)
        return plans[0] if plans else None

    def _proposed(self, plan: MatingPlan, context: Context) -> tuple[Proposal, Gated] | None:
        """Propose a child and pass it through the gates; None if the budget ends within it."""
        with self._asking:
            proposal = reproduce(plan, self._method.proposer, context)
        return None if proposal is None else (proposal, self._assess.gate(proposal))

    def _go_on(self, child: Child) -> None:
        """Take the result that a child waits for."""
        result = child.work.result()
        if child.stages is not None:
            self._resume(child, result)
        elif result is None:  # the budget for proposals is spent
            self._is_over = True
            del self._children[child.number]
        else:
            child.stages = self._assess.stages(*result)
            self._resume(child, None)

    def _resume(self, child: Child, result: Any) -> None:
        """Begin the next stage of an assessment, or take its outcome."""
        assert child.stages is not None
        try:
            stage = child.stages.send(result)
        except StopIteration as end:
            self._take(child, end.value)
            return
        if isinstance(stage, Twin):
            self._waiting[stage.step].append(child)
        else:
            child.work = self._threads.submit(stage.work)
            ends = max(self._now, heapq.heappop(self._free_at)) + stage.duration
            heapq.heappush(self._free_at, ends)
            heapq.heappush(self._ends, (ends, child.number))

    def _take(self, child: Child, decided: Decided) -> None:
        """Charge and record a child that is decided; select from it and the population."""
        del self._children[child.number]
        self._ledger.charge(decided)
        group, _ = self._groups.of(child.number)
        self._record.proposal(group, decided.proposal, decided.outcome)
        if offspring := evaluated([decided]):
            rng = stream(self._seed, "survivors", child.number)
            kept = self._selection.elites(self._population, rng=rng) if self._population else []
            self._population = self._selection.survivors(kept, offspring)
        self._history.append(decided)
        if self._groups.ends_with(len(self._history) - 1):
            self._end_group()
        for twin in self._waiting.pop(child.step, []):
            self._resume(twin, None)

    def _end_group(self) -> None:
        number, _ = self._groups.of(len(self._history) - 1)
        self._record.generation(number, self._population)


@dataclass(frozen=True)
class Groups:
    """Children counted as if there were generations, so that steps and records have one form."""

    first: int
    """Size of the first group."""
    others: int
    """Size of every other group."""

    def of(self, number: int) -> tuple[int, int]:
        """Return the group of a child, and its place there."""
        if number < self.first:
            return 0, number
        group, place = divmod(number - self.first, self.others)
        return group + 1, place

    def ends_with(self, number: int) -> bool:
        """Return whether a child is the last of its group."""
        return self.of(number)[0] != self.of(number + 1)[0]
