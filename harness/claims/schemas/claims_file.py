"""``claims.yaml``: the published numbers of a reproduction, by table and figure of the paper."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.analysis.metric import Within
from harness.claims.claim import Claim
from harness.claims.schemas.arms_file import ARMS, NAME, ArmsFile, Plan, problems_of_plans
from harness.claims.statement import ABOUT, ACCURACY, MEAN, Statement
from harness.config.schema import MISSING
from harness.config.yaml_files import read_yaml
from harness.errors import InputError
from harness.text import one_line, reason_of

CLAIMS = "claims.yaml"
FIGURES = ("generations", "fronts", "sizes")
_LONGEST_REASON = 1_000


@dataclass(kw_only=True)
class ClaimEntry:
    """A claim in ``claims.yaml``; a missing value is the section's."""

    name: str = MISSING
    says: str = MISSING
    comparison: str | None = None
    arm: str | None = None
    minus: str | None = None
    measure: str | None = None
    within: dict[str, int] = field(default_factory=dict)
    published: Any = MISSING
    """A number, or a number for each generation: a claim about the mean of the curve."""
    relation: str | None = None
    tolerance: float | None = None
    of: str | None = None


@dataclass(kw_only=True)
class SectionEntry:
    """A table or figure of the paper, and the values that its claims share."""

    title: str = MISSING
    source: str = MISSING
    figure: str | None = None
    """Kind of its figure: one of FIGURES, or none."""
    generation: int | None = None
    """Generation after which ``fronts`` are drawn."""
    comparison: str | None = None
    arm: str | None = None
    measure: str | None = None
    relation: str = ABOUT
    tolerance: float = 0.0
    of: str = MEAN
    notes: list[str] = field(default_factory=list)
    """Footnotes."""
    claims: list[ClaimEntry] = field(default_factory=list)


@dataclass(kw_only=True)
class ClaimsFile:
    """The schema of ``claims.yaml``."""

    title: str = MISSING
    """Title of the paper and where it was published."""
    given: str = "published"
    """Name of its numbers, such as ``recorded`` for unpublished ones."""
    sections: dict[str, SectionEntry] = MISSING


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table or figure of the paper: its claims and its figure."""

    name: str
    title: str
    source: str
    figure: str | None
    generation: int | None
    comparison: str | None
    """Comparison that its figure shows."""
    notes: tuple[str, ...]
    claims: tuple[Claim, ...]

    @property
    def curves(self) -> list[Statement]:
        """The points of curves over the generations, all of one metric."""
        points = [point for claim in self.claims for point in claim.points or (claim,)]
        claims = [point for point in points if point.is_of_a_curve]
        return [claim for claim in claims if claim.measure == claims[0].measure]

    @property
    def sized(self) -> list[tuple[Claim, float]]:
        """The claims of test scores, each with its size; the seed network's size is a claim."""
        seed = next((c.published for c in self.claims if c.measure == "seed_parameters"), None)
        sizes = [
            (claim, seed if claim.measure == "seed_test_score" else claim.within.parameters)
            for claim in self.claims
            if claim.measure in {"seed_test_score", "test_score"}
        ]
        return [(claim, size) for claim, size in sizes if size is not None]

    @property
    def has_to_draw(self) -> bool:
        """Whether its figure has claims to show."""
        return bool({"generations": self.curves, "sizes": self.sized}.get(str(self.figure), True))


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Published claims, and the plan of the runs that decide them."""

    title: str
    given: str
    """Name of the numbers of its claims, such as ``published``."""
    plans: Mapping[str, Plan]
    sections: tuple[Section, ...]


def read_paper(folder: Path) -> Paper:
    """Read a folder's ``arms.yaml`` and ``claims.yaml``.

    Raises:
        InputError: A file is invalid, or the two do not fit; the message is one sentence.
    """
    try:
        return _paper(folder)
    except InputError as error:
        raise InputError(reason_of(str(error), _LONGEST_REASON)) from None


def _paper(folder: Path) -> Paper:
    arms: ArmsFile = read_yaml(ArmsFile, folder / ARMS)
    claims: ClaimsFile = read_yaml(ClaimsFile, folder / CLAIMS)
    for problem in problems_of_plans(arms.comparisons):
        raise InputError(f"{folder / ARMS}: comparisons{problem}")
    try:
        sections = tuple(_section(name, entry) for name, entry in claims.sections.items())
    except InputError as error:
        raise InputError(f"{folder / CLAIMS}: {error}") from None
    for problem in _problems_of_sections(sections, arms.comparisons):
        raise InputError(f"{folder / CLAIMS}: {problem}")
    texts = {"title": _line(claims.title), "given": _line(claims.given)}
    return Paper(**texts, plans=arms.comparisons, sections=sections)


def _problems_of_sections(sections: Sequence[Section], plans: Mapping[str, Plan]) -> Iterator[str]:
    among = f"one of {', '.join(plans)}"
    for section in sections:
        where = f"sections.{section.name}"
        if not NAME.fullmatch(section.name):
            yield f"{where}: expected letters, digits, - and _: its figure is such a file."
        if section.figure not in (None, *FIGURES):
            yield f"{where}.figure: expected one of {', '.join(FIGURES)}, got {section.figure}."
        if section.figure and section.comparison not in plans:
            got = section.comparison
            yield f"{where}.comparison: expected the one to draw, {among}, got {got}."
        if not section.has_to_draw:
            yield f"{where}.figure: expected claims that {section.figure} shows, there are none."
        at = section.generation
        if at is not None and (section.figure != "fronts" or at < 0):
            yield f"{where}.generation: expected one from 0 on, with figure: fronts, got {at}."
    yield from _problems_of_claims([c for section in sections for c in section.claims], plans)


def _problems_of_claims(claims: Sequence[Claim], plans: Mapping[str, Plan]) -> Iterator[str]:
    if not claims:
        yield "expected at least one section with a claim."
    names = [claim.name for claim in claims]
    for claim in claims:
        expected = f"claim {claim.name}: expected"
        if names.count(claim.name) > 1:
            yield f"{expected} claims of different names, this one is there twice."
        if claim.comparison not in plans:
            among = ", ".join(plans)
            yield f"{expected} a comparison of {ARMS}, one of {among}, got {claim.comparison}."
        else:
            arms = plans[claim.comparison].arms
            for arm in set(claim.arms) - set(arms):
                known = f"{claim.comparison}, one of {', '.join(arms)}"
                yield f"{expected} an arm of {known}, got {arm}."


def _section(name: str, entry: SectionEntry) -> Section:
    return Section(
        name=name,
        title=_line(entry.title),
        source=_line(entry.source),
        figure=entry.figure,
        generation=entry.generation,
        comparison=entry.comparison,
        notes=tuple(_line(note) for note in entry.notes),
        claims=tuple(_claim(one, entry) for one in entry.claims),
    )


def _claim(entry: ClaimEntry, section: SectionEntry) -> Claim:
    """Return the claim; of several generations, it is about the mean of the curve."""
    where = f"claim {entry.name}"
    if not NAME.fullmatch(entry.name):
        raise InputError(f"{where}: expected a name of letters, digits, - and _.")
    shared = {
        key: getattr(section if getattr(entry, key) is None else entry, key)
        for key in ("comparison", "arm", "measure", "relation", "tolerance", "of")
    }
    for key, value in shared.items():
        if value is None:
            raise InputError(f"{where}: expected {key}, here or in its section.")
    shared["measure"] = shared["measure"].replace(ACCURACY, "score")
    shared |= {"source": _line(section.source), "minus": entry.minus}
    points = [
        Claim(
            name=entry.name if generation is None else f"{entry.name}_g{generation}",
            says=_line(entry.says) + ("" if generation is None else f", generation {generation}"),
            series=_line(entry.says),
            within=_within(entry, generation),
            published=published,
            **shared,
        )
        for generation, published in _series(entry, where)
    ]
    if len(points) == 1:
        return points[0]
    return replace(
        points[0],
        name=entry.name,
        says=f"{_line(entry.says)}, mean of {len(points)} generations",
        within=_within(entry, None),
        published=fmean(point.published for point in points),
        points=tuple(points),
    )


def _within(entry: ClaimEntry, generation: int | None) -> Within:
    try:
        return Within(**entry.within, **({} if generation is None else {"generation": generation}))
    except TypeError:
        expected = "expected parameters, or a generation if published has none"
        got = ", ".join(entry.within)
        raise InputError(f"claim {entry.name}: within: {expected}, got {got}.") from None


def _series(entry: ClaimEntry, where: str) -> Iterator[tuple[int | None, float]]:
    """Yield the published number, or each with its generation."""
    given = entry.published if isinstance(entry.published, Mapping) else {None: entry.published}
    if not given:
        raise InputError(f"{where}: published: expected a number, or one for each generation.")
    for generation, published in given.items():
        if generation is not None and (not isinstance(generation, int) or generation < 0):
            raise InputError(
                f"{where}: published: expected generations, which are whole numbers from 0 on, got "
                f"{generation!r}."
            )
        if isinstance(published, bool) or not isinstance(published, int | float):
            raise InputError(f"{where}: published: expected a number, got {published!r}.")
        yield generation, published


def _line(text: str) -> str:
    return one_line(" ".join(text.split()))
