"""Assessment of a generation: gates, duplicates, training for as many epochs as each earns."""

import dataclasses
from collections.abc import Generator, Sequence
from functools import partial

from harness.config.schema import Config
from harness.errors import InputError
from harness.evaluation.gates import advice
from harness.evaluation.memo import Memo, named_step
from harness.evolution.candidate import (
    SAME_FUNCTION,
    Decided,
    Evaluation,
    Gated,
    Outcome,
    Proposal,
    Rejection,
)
from harness.evolution.fidelity import Fidelity
from harness.evolution.genome import Genome
from harness.evolution.search import Stages, Training, Twin
from harness.record.study import Decisions
from harness.seeding import derived_seed


class Assessor:
    """Assesses a generation together: gates in parallel, duplicates in order, then training.

    A duplicate has the source of an earlier network of the run, the seed network included, or the
    live code of one that was evaluated (``evaluation.behaviour``). It is not trained. A network
    that failed its training keeps none of another source from being evaluated.

    Args:
        memo: Gates and trains.
        network: The seed network.
        config: Settings of the run.
        decisions: Recorded outcomes, which take the place of those measured here; ``measured``
            keeps the latter.
        fidelity: Which candidates earn how many epochs.
    """

    def __init__(
        self,
        memo: Memo,
        network: Genome,
        config: Config,
        decisions: Decisions,
        fidelity: Fidelity,
    ) -> None:
        self._memo, self._config = memo, config
        self._decisions, self._fidelity = decisions, fidelity
        self._sources = {network.sha256: "the seed"}
        self._behaviours: dict[str, str] = {}
        self._under_way: dict[str, str] = {}
        self._seed_flops: int | None = None
        self.measured: dict[str, Outcome] = {}

    def reference(self, genome: Genome) -> Evaluation:
        """Gate and evaluate the seed network.

        Raises:
            InputError: It fails a gate or its training; there is nothing to evolve from.
            RecordError: The record that the run follows has another seed network.
        """
        gated = self._memo.gated(genome)
        measured = gated.refusal or self._search(genome, "seed")
        self._seed_flops = gated.flops
        if gated.behaviour:
            self._behaviours[gated.behaviour] = "the seed network"
        decided = self._decided("seed", genome, measured)
        self.measured["seed"] = measured
        for outcome in (measured, decided):
            if isinstance(outcome, Rejection):
                raise InputError(
                    f"network.path: expected a seed network that passes every gate, but "
                    f"{outcome.gate} refused it: {outcome.reason}.{advice(outcome)}"
                )
        assert isinstance(decided, Evaluation)
        return decided

    def __call__(self, proposals: Sequence[Proposal]) -> list[Decided]:
        """Return a generation's proposals with their outcomes, in their order."""
        outcomes: dict[str, Outcome] = {}
        passed: list[tuple[Proposal, str | None]] = []
        found = self._memo.map(self.gate, proposals)
        for proposal, gated in zip(proposals, found, strict=True):
            if rejection := gated.refusal or self._same_source(proposal):
                outcomes[proposal.step] = rejection
            else:
                passed.append((proposal, gated.behaviour))
        outcomes |= self._assessed(passed)
        self.measured |= outcomes
        return [self._decision(proposal, outcomes[proposal.step]) for proposal in proposals]

    def stages(self, proposal: Proposal, gated: Gated) -> Stages:
        """Assess one proposal in stages; see ``search.Assess``."""
        step = proposal.step
        behaviour = None if self._config.search.retrain else gated.behaviour
        while behaviour and (twin := self._under_way.get(behaviour)):
            yield Twin(step=twin)
        outcome: Outcome | None = gated.refusal or self._same_source(proposal)
        outcome = outcome or (self._same_behaviour(behaviour) if behaviour else None)
        if outcome is None:
            if behaviour:
                self._under_way[behaviour] = step
            outcome = yield from self._trainings(proposal, gated)
            if behaviour:
                del self._under_way[behaviour]
                self._know(behaviour, step, outcome)
        self.measured[step] = outcome
        return self._decision(proposal, outcome)

    def _trainings(
        self, proposal: Proposal, gated: Gated
    ) -> Generator[Training, Outcome | None, Outcome]:
        """Train for as many epochs as the fidelity grants."""
        child, step, whole = proposal.child, proposal.step, self._config.recipe.epochs
        relative = 1.0
        if gated.flops is not None and self._seed_flops:
            relative = gated.flops / self._seed_flops
        train_s = 0.0
        for epochs in [*self._fidelity.rungs(whole), None]:
            outcome = yield Training(
                work=partial(self._search, child, step, epochs),
                duration=relative * (epochs or whole) / whole,
            )
            assert outcome is not None
            if epochs is None or isinstance(outcome, Rejection):
                return _add_time(outcome, train_s)
            train_s += outcome.train_s
            if not all(self._fidelity.promoted(epochs, [outcome.objectives])):
                return _outpaced(outcome, epochs, whole, train_s)
        raise AssertionError("the last training is for all epochs")

    def _decision(self, proposal: Proposal, measured: Outcome) -> Decided:
        outcome = self._decided(proposal.step, proposal.child, measured)
        return Decided(proposal=proposal, outcome=outcome, measured=measured)

    def gate(self, proposal: Proposal) -> Gated:
        """Return what the gates find of a proposal.

        Raises:
            RecordError: The record that the run follows has another network at its step.
        """
        child = proposal.child
        self._decisions.outcome(proposal.step, child)  # here, so that it is not trained in vain
        if isinstance(child, Rejection):
            return Gated(refusal=child)
        with named_step(proposal.step):
            return self._memo.gated(child)

    def _same_source(self, proposal: Proposal) -> Rejection | None:
        """Return the refusal of a network that was proposed before."""
        step, child = proposal.step, proposal.child
        assert isinstance(child, Genome)
        if self._config.search.retrain:
            return None
        twin = self._sources.setdefault(child.sha256, step)
        if twin == step:
            return None
        reason = f"the same network as {twin}"
        return Rejection(gate="duplicates", kind="duplicate", reason=reason)

    def _same_behaviour(self, behaviour: str) -> Rejection | None:
        """Return the refusal of a network that computes what an evaluated one computes."""
        if (twin := self._behaviours.get(behaviour)) is None:
            return None
        reason = f"computes what {twin} computes"
        return Rejection(gate=SAME_FUNCTION, kind="duplicate", reason=reason)

    def _know(self, behaviour: str, step: str, outcome: Outcome) -> None:
        """Keep the behaviour of a network that was evaluated."""
        if isinstance(outcome, Evaluation) or outcome.kind == "outpaced":
            self._behaviours[behaviour] = step

    def _assessed(self, waiting: list[tuple[Proposal, str | None]]) -> dict[str, Outcome]:
        """Train the first network of each behaviour; the next one where it was not evaluated.

        Args:
            waiting: What passed the gates, with its behaviour; None is equal to no other.
        """
        outcomes: dict[str, Outcome] = {}
        while waiting:
            firsts: dict[str, Proposal] = {}
            for proposal, behaviour in waiting:
                if behaviour is None or self._config.search.retrain:
                    firsts[proposal.step] = proposal
                elif refused := self._same_behaviour(behaviour):
                    outcomes[proposal.step] = refused
                else:
                    firsts.setdefault(behaviour, proposal)
            trained = self._train(list(firsts.values()))
            for behaviour, proposal in firsts.items():
                self._know(behaviour, proposal.step, trained[proposal.step])
            outcomes |= trained
            waiting = [(p, behaviour) for p, behaviour in waiting if p.step not in outcomes]
        return outcomes

    def _train(self, proposals: Sequence[Proposal]) -> dict[str, Outcome]:
        """Train all, for as many epochs as the fidelity grants each."""
        outcomes: dict[str, Outcome] = {}
        train_s: dict[str, float] = {}
        for epochs in self._fidelity.rungs(self._config.recipe.epochs):
            stopped, proposals = self._train_rung(proposals, epochs, train_s)
            outcomes |= stopped
        for proposal, outcome in self._search_all(proposals, None):
            outcomes[proposal.step] = _add_time(outcome, train_s.get(proposal.step))
        return outcomes

    def _train_rung(
        self, proposals: Sequence[Proposal], epochs: int, train_s: dict[str, float]
    ) -> tuple[dict[str, Outcome], list[Proposal]]:
        """Train for a few epochs; return the outcomes of those stopped, and those promoted.

        Args:
            proposals: What to train.
            epochs: For how many epochs.
            train_s: Seconds spent on each step so far; this rung's are added.
        """
        stopped: dict[str, Outcome] = {}
        evaluated: list[tuple[Proposal, Evaluation]] = []
        for proposal, outcome in self._search_all(proposals, epochs):
            if isinstance(outcome, Evaluation):
                evaluated.append((proposal, outcome))
            else:
                stopped[proposal.step] = _add_time(outcome, train_s.get(proposal.step))
        promoted = []
        goes_on = self._fidelity.promoted(epochs, [e.objectives for _, e in evaluated])
        for (proposal, outcome), is_promoted in zip(evaluated, goes_on, strict=True):
            train_s[proposal.step] = train_s.get(proposal.step, 0.0) + outcome.train_s
            if is_promoted:
                promoted.append(proposal)
            else:
                whole = self._config.recipe.epochs
                stopped[proposal.step] = _outpaced(outcome, epochs, whole, train_s[proposal.step])
        return stopped, promoted

    def _search_all(
        self, proposals: Sequence[Proposal], epochs: int | None
    ) -> list[tuple[Proposal, Outcome]]:
        outcomes = self._memo.map(lambda p: self._search(p.child, p.step, epochs), proposals)
        return list(zip(proposals, outcomes, strict=True))

    def _search(self, genome: Genome | Rejection, step: str, epochs: int | None = None) -> Outcome:
        """Train with one seed for all networks, so that differences are the networks' own.

        With ``search.retrain`` each proposal has a seed of its own.
        """
        assert isinstance(genome, Genome)
        seed = training_seed(self._config.seed)
        if self._config.search.retrain and step != "seed":
            seed = derived_seed(self._config.seed, "training", step)
        split = self._config.search.split
        with named_step(step):
            return self._memo.search(genome, seed=seed, split=split, epochs=epochs)

    def _decided(self, step: str, child: Genome | Rejection, measured: Outcome) -> Outcome:
        return self._decisions.outcome(step, child) or measured


def training_seed(seed: int) -> int:
    """Return the training seed of the networks of a search."""
    return derived_seed(seed, "training")


def _add_time(outcome: Outcome, earlier_s: float | None) -> Outcome:
    """Add the seconds that a network was trained for on earlier rungs."""
    if not earlier_s:
        return outcome
    return dataclasses.replace(outcome, train_s=(outcome.train_s or 0) + earlier_s)


def _outpaced(outcome: Evaluation, epochs: int, whole: int, train_s: float) -> Rejection:
    reason = (
        f"{outcome.score:.2%} with {outcome.n_params:,} parameters after {epochs} of {whole} "
        f"epochs, where others did better"
    )
    return Rejection(gate="fidelity", kind="outpaced", reason=reason, train_s=train_s)
