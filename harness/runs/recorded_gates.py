"""The gates' verdicts in a record, and those of this machine, in a re-training.

The recorded verdicts decide the course of a run: the refusals that proposers see, and which
networks compute the same. The gates of this machine decide which networks are trained.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.config.identity import digest_of
from harness.evaluation.backend import Backend
from harness.evaluation.gates import intake
from harness.evolution.candidate import Gated, Individual, Rejection, is_charged
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
    """What the gates accepted when a run was recorded."""

    accepted: Mapping[str, Gated]
    """By the digest of the exact source."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> "RecordedGates":
        """Return those of a run's events."""
        gated = (event for event in events if isinstance(event, NetworkGated))
        return cls(accepted={one.text: one.found for one in gated if not one.found.refusal})

    def backend(self, backend: Backend) -> Backend:
        """Return a backend that gates here, and compares networks by the recorded behaviours."""

        def validate(genome: Genome) -> Gated:
            found = backend.validate(genome)
            return found if found.refusal else self.accepted.get(digest_of(genome.source), found)

        return replace(backend, validate=validate)

    def search(self, search: Search) -> Search:
        """Return a search whose proposers see the recorded verdicts."""

        def recorded(
            reference: Individual, *, gates: Gates, confirm: Confirm, assess: Assess,
            record: Recorder,
        ) -> None:  # fmt: skip
            def as_recorded(genome: Genome) -> Rejection | None:
                return None if digest_of(genome.source) in self.accepted else gates(genome)

            search(reference, gates=as_recorded, confirm=confirm, assess=assess, record=record)

        return recorded

    def refused_here(self, events: Sequence[Event]) -> str:
        """Return a sentence on the accepted networks that this machine refused, "" for none.

        Args:
            events: The events of the re-training.
        """
        refusals = {
            event.text: event.found.refusal
            for event in events
            if isinstance(event, NetworkGated) and event.text in self.accepted
        }
        refused = [
            f"{event.step} ({refusal.gate}: {reason_of(refusal.reason, _LONGEST_REASON)})"
            for event in events
            if isinstance(event, ChildDecided) and event.source is not None
            and (refusal := refusals.get(digest_of(event.source)))
        ]  # fmt: skip
        if not refused:
            return ""
        shown = ", ".join(refused[:_MOST_NAMED]) + (" and others" if refused[_MOST_NAMED:] else "")
        return (
            f"not trained, because the gates of this machine refuse what the record has as "
            f"accepted: {len(refused)} of its networks, {shown}"
        )


def require_intake(events: Iterable[Event]) -> None:
    """Raise ValueError if a network that was trained is one that ``intake`` refuses.

    A replay writes such networks to files without gating them again.
    """
    for event in events:
        if isinstance(event, ReferenceEvaluated | ChildDecided) and event.source:
            trained = any(map(is_charged, (event.outcome, event.measured)))
            if trained and (reason := intake(Genome.parse(event.source))):
                raise ValueError(f"{event.key} was trained, but {reason}")
