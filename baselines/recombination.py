"""Random recombination of segments that an LLM wrote in a recorded run: chance in its own space.

It asks no LLM. What an LLM's run gains over it is due to more than having these segments at hand.
"""

from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path

from harness.baselines.random_mutation import with_a_segment_of
from harness.config.paths import REPRODUCTIONS
from harness.errors import InputError, RecordError
from harness.evolution.candidate import Evaluation, Rejection, Variation
from harness.evolution.genome import Genome, normalised
from harness.evolution.proposer import Context
from harness.record.archive import read_archive
from harness.record.event import Event
from harness.record.events import ChildDecided, ReferenceEvaluated
from harness.record.study import study_of

_SHIPPED = REPRODUCTIONS / "quickstart"
_MOST_DRAWS = 100
"""After so many draws of the genome at hand, nothing else can be expected."""


class Recombination:
    """Draws each segment from the versions in the evaluated networks of a recorded run.

    The seed network's version is one of them. Each version is as likely, however many networks have
    it, and segments are drawn independently. A given recorded network is proposed with probability
    1 / (v_1 ... v_n), of v_k versions of segment k, so almost all proposals are new.

    Args:
        study: Archive of the recorded run. A run's identity has the digest of its content instead.
        digest: Digest of its events; set in a replay, which looks for it among the shipped ones.

    Raises:
        InputError: Neither is given, so no digest would identify the study.
        RecordError: There is no such study, it has another digest, or its networks have other
            segments than its seed network.
    """

    max_calls = 0

    def __init__(self, *, study: str | None = None, digest: str | None = None) -> None:
        if study is None and digest is None:
            raise InputError(
                "proposer.study: expected the archive of a recorded study, got none. Set "
                "proposer.study=FILE."
            )
        self._path, events = _found(study, digest)
        self._seed, self._networks = _networks(events, self._path)
        self._versions: tuple[Genome, dict[str, list[str]]] | None = None

    def require(self, seed: Genome) -> None:
        """Raise InputError where the study is one of another seed network."""
        if (seed.sha256, seed.names) != (self._seed.sha256, self._seed.names):
            raise InputError(
                f"proposer.study: expected a study of this run's seed network, {self._path} is one "
                f"of another. Name a study of this one, or choose its network."
            )

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Draw a version of every segment; a rejection where only the genome itself comes."""
        seed, rng = context.reference.genome, context.rng("recombination")
        versions = self.versions(seed)
        child = seed
        for _ in range(_MOST_DRAWS):
            for name in seed.names:
                child = child.replace(name, rng.choice(versions[name]))
            if child.differing(genome) and child.differing(seed):
                changed = child.differing(seed)
                detail = {"segments": ", ".join(changed)}
                return child, Variation(operator="recombination", segment="several", detail=detail)
        same = Rejection(gate="extract", kind="duplicate", reason="no other network was drawn")
        return same, Variation(operator="recombination", segment="several")

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Take the mate's version of one segment at which the two differ."""
        return with_a_segment_of(mate, genome, context)

    def versions(self, seed: Genome) -> dict[str, list[str]]:
        """Return the distinct versions of each segment, the seed network's first.

        Raises:
            InputError: The study is one of another seed network.
        """
        self.require(seed)
        if self._versions is None or self._versions[0] != seed:
            networks = (seed, *self._networks)
            found = {name: _distinct(network[name] for network in networks) for name in seed.names}
            self._versions = seed, found
        return self._versions[1]

    def chance_of_a_recorded_network(self, seed: Genome) -> float:
        """Return the probability that a draw is one of the study's networks, or the seed's."""
        recorded = {one.sha256 for one in [seed, *self._networks]}
        return len(recorded) / prod(map(len, self.versions(seed).values()))


def _distinct(texts: Iterable[str]) -> list[str]:
    """Return the first text of each syntax tree, in order."""
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        found.setdefault(normalised(text), text)
    return list(found.values())


def _networks(events: Sequence[Event], path: Path) -> tuple[Genome, list[Genome]]:
    """Return the seed network and the evaluated networks of a run."""
    reference = next(event for event in events if isinstance(event, ReferenceEvaluated))
    seed, children = Genome.parse(reference.source, origin=str(path)), []
    for event in events:
        if not (isinstance(event, ChildDecided) and isinstance(event.outcome, Evaluation)):
            continue
        if event.source is None:
            continue
        child = Genome.parse(event.source, origin=f"{path}: {event.step}")
        if child.names != seed.names:
            raise RecordError(
                f"{path}: expected networks with the segments {', '.join(seed.names)}, "
                f"{event.step} has {', '.join(child.names)}. Obtain a new copy of the study."
            )
        children.append(child)
    return seed, children


def _found(study: str | None, digest: str | None) -> tuple[Path, list[Event]]:
    """Return the archive that is named, or the shipped one that has the digest, and its events."""
    paths = [Path(study)] if study else sorted(_SHIPPED.glob("*.zip"))
    for path in paths:
        events = [entry.event for entry in read_archive(path)[1]]
        if digest is None or _digest(path, events) == digest:
            return path, events
    raise RecordError(
        f"proposer.study: expected the recorded study with the digest {digest}, found none in "
        f"{', '.join(map(str, paths))}. Name its archive with proposer.study=FILE."
    )


def _digest(path: Path, events: Sequence[Event]) -> str | None:
    """Return the digest of a study; None for a run that is none, such as one without an LLM."""
    try:
        return study_of(events, path=path).content_digest
    except RecordError:
        return None
