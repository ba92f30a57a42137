"""The gates' verdicts in a record, and those of this machine, in a re-training.

The recorded refusals are those that proposers see. The gates of this machine decide which networks
are trained. Two networks are one function only if both the record and this machine say so, so that
a record alone keeps none from being trained.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.config.identity import hash_of
from harness.evaluation.backend import Backend
from harness.evaluation.gates import intake, is_verdict
from harness.evolution.candidate import (
    SAME_FUNCTION,
    Evaluation,
    Gated,
    Individual,
    Rejection,
    is_charged,
)
from harness.evolution.genome import Genome
from harness.evolution.proposer import Confirm, Gates
from harness.evolution.search import Assess, Recorder, Search
from harness.record.event import Event
from harness.record.events import ChildDecided, NetworkGated, ReferenceEvaluated
from harness.text import reason_of

_MOST_NAMED = 3
_LONGEST_REASON = 120


@dataclass(frozen=True, kw_only=True)
class RecordedGates:
    """What the gates accepted and refused when a run was recorded."""

    found: Mapping[str, Gated]
    """By the key of the event."""
    behaviours: dict[str, str] = field(default_factory=dict)
    """Digests of behaviour that this machine computes, by the hash of the exact source."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> "RecordedGates":
        """Return those of a run's events."""
        gated = (event for event in events if isinstance(event, NetworkGated))
        return cls(found={event.key: event.found for event in gated})

    def accepts(self, source: str) -> bool:
        """Return whether the record has a network as accepted."""
        found = self._of(source)
        return found is not None and not found.refusal

    def refusal(self, source: str) -> Rejection | None:
        """Return the recorded refusal of a network."""
        found = self._of(source)
        return found.refusal if found else None

    def _of(self, source: str) -> Gated | None:
        text = hash_of(source)
        keys = NetworkGated.key_of(text), NetworkGated.earlier_key_of(text)
        return next(filter(None, map(self.found.get, keys)), None)

    def backend(self, backend: Backend) -> Backend:
        """Return a backend that gates here, and tells apart what the record or this machine does.

        Networks that have no digest in the record, or none here, are equal to no other. FLOPs are
        those of the record, since the order of a search without generations follows them.
        """

        def validate(genome: Genome, *, seed: int) -> Gated:
            here, was = backend.validate(genome, seed=seed), self._of(genome.source)
            if here.refusal or was is None or was.refusal:
                return here
            here = replace(here, flops=was.flops)
            if here.behaviour is None:
                return here
            self.behaviours[hash_of(genome.source)] = here.behaviour
            both = hash_of([was.behaviour, here.behaviour])[: len(here.behaviour)]
            return replace(here, behaviour=both if was.behaviour else None)

        return replace(backend, validate=validate)

    def search(self, search: Search) -> Search:
        """Return a search whose proposers see the recorded verdicts."""

        def recorded(
            reference: Individual, *, gates: Gates, confirm: Confirm, assess: Assess,
            record: Recorder,
        ) -> None:  # fmt: skip
            def as_recorded(genome: Genome) -> Rejection | None:
                return None if self.accepts(genome.source) else gates(genome)

            search(reference, gates=as_recorded, confirm=confirm, assess=assess, record=record)

        return recorded

    def refused_here(self, events: Sequence[Event]) -> str:
        """Return a sentence on the accepted networks that this machine refused, "" for none.

        Args:
            events: The events of the re-training.
        """
        here = RecordedGates.of(events)
        named = _named(events, lambda text: here.refusal(text) if self.accepts(text) else None)
        if not named:
            return ""
        return (
            f"not trained, because the gates of this machine refuse what the record has as "
            f"accepted: {named}"
        )

    def accepted_here(self, events: Sequence[Event], backend: Backend, *, seed: int) -> str:
        """Return a sentence on the refused networks that this machine accepts, "" for none.

        Args:
            events: The events of the re-training.
            backend: Gates on this machine.
            seed: Seed of the search's trainings.
        """
        children = [Genome.parse(one.source) for one in events
                    if isinstance(one, ChildDecided) and one.source
                    and self.refusal(one.source)]  # fmt: skip
        found = backend.map(lambda child: backend.validate(child, seed=seed).refusal, children)
        accepted = {
            child.source for child, refusal in zip(children, found, strict=True) if not refusal
        }
        named = _named(events, lambda text: self.refusal(text) if text in accepted else None)
        if not named:
            return ""
        return (
            f"not trained, because the record has as refused what the gates of this machine "
            f"accept: {named}"
        )

    def told_apart(self, events: Iterable[Event]) -> str:
        """Return a sentence on networks that the record alone has as the same function as others.

        Args:
            events: The events of the re-training.
        """
        steps = [
            event.step for event in events
            if isinstance(event, ChildDecided) and is_charged(event.measured)
            and isinstance(event.outcome, Rejection) and event.outcome.gate == SAME_FUNCTION
        ]  # fmt: skip
        if not steps:
            return ""
        return (
            f"trained and charged, because this machine does not find the same function where the "
            f"record does: {_some(steps)}"
        )

    def alike_here(self, events: Iterable[Event]) -> str:
        """Return a sentence on networks that this machine alone has as the same function as others.

        Args:
            events: The events of the re-training.
        """
        evaluated, steps = set[str](), []
        for event in events:
            if not isinstance(event, ReferenceEvaluated | ChildDecided):
                continue
            measured, behaviour = event.measured, self.behaviours.get(hash_of(event.source))
            if behaviour in evaluated and is_charged(measured):
                steps.append(event.key.rpartition("/")[2])
            if behaviour and (isinstance(measured, Evaluation) or measured.kind == "outpaced"):
                evaluated.add(behaviour)
        if not steps:
            return ""
        return (
            f"trained as recorded, although this machine finds that they compute what others "
            f"compute: {_some(steps)}"
        )


def _named(events: Sequence[Event], refusal_of: Callable[[str], Rejection | None]) -> str:
    """Return the number of children whose sources are refused, and name the first; "" for none."""
    named = [
        f"{event.step} ({refusal.gate}: {reason_of(refusal.reason, _LONGEST_REASON)})"
        for event in events
        if isinstance(event, ChildDecided) and event.source is not None
        and (refusal := refusal_of(event.source))
    ]  # fmt: skip
    return _some(named) if named else ""


def _some(networks: Sequence[str]) -> str:
    more = " and others" if networks[_MOST_NAMED:] else ""
    return f"{len(networks)} of its networks, {', '.join(networks[:_MOST_NAMED])}{more}"


def require_verdicts(events: Iterable[Event]) -> None:
    """Raise ValueError if a gate's verdict is one that no gate of this version gives.

    A re-training takes recorded refusals, since prompts quote them.
    """
    for event in events:
        refusal = event.found.refusal if isinstance(event, NetworkGated) else None
        if refusal and not is_verdict(refusal):
            raise ValueError(f"{event.key} is refused by {refusal.gate} as {refusal.kind}")


def require_intake(events: Iterable[Event]) -> None:
    """Raise ValueError if a network that was trained is one that ``intake`` refuses.

    A replay writes such networks to files without gating them again.
    """
    for event in events:
        if isinstance(event, ReferenceEvaluated | ChildDecided) and event.source:
            trained = is_charged(event.outcome, event.measured)
            if trained and (reason := intake(Genome.parse(event.source))):
                raise ValueError(f"{event.key} was trained, but {reason}")
