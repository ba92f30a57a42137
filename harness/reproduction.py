"""A published comparison as a folder: ``arms.yaml`` has what to run, ``claims.yaml`` what it found.

Both are data, so that anybody's paper can be held against runs of this harness in the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.claims import ABOUT, MEAN, NOT_RUN, Claim, Verdict, Within
from harness.compose import compose, read_yaml
from harness.config import MISSING, Config
from harness.errors import InputError, NotRun
from harness.records import Records, records_of

OURS = Path(__file__).resolve().parents[1] / "reproductions"
"""Where the reproductions lie that come with this package."""
ARMS, CLAIMS = "arms.yaml", "claims.yaml"
FREE = (
    "runs_dir=", "device=", "workers=", "llm_workers=", "save_every_s=", "display=", "tracking=",
    "model.base_url=", "model.key_env=",
)  # fmt: skip
"""Settings that leave a reproduction what it is: where and how fast it runs."""
DEVICES = ("cpu", "gpu")
FIGURES = ("", "generations", "fronts", "sizes")


@dataclass(kw_only=True)
class Takes:
    """What the runs of a comparison need."""

    device: str = "cpu"
    """``cpu`` or ``gpu``."""
    llm: bool = False
    """Whether an LLM must answer; recorded answers need none."""
    hours: float | None = None
    """Of that device, for all of its runs, measured; null where nobody has measured it."""


@dataclass(kw_only=True)
class Plan:
    """One comparison: these arms at these seeds, under settings that all of them share."""

    arms: list[str] = MISSING
    seeds: list[int] = MISSING
    overrides: list[str] = field(default_factory=list)
    takes: Takes = field(default_factory=Takes)


@dataclass(kw_only=True)
class ArmsFile:
    """The schema of ``arms.yaml``."""

    comparisons: dict[str, Plan] = MISSING


@dataclass(kw_only=True)
class ClaimEntry:
    """A claim as it is written down; what is left out is the section's."""

    name: str = MISSING
    says: str = MISSING
    comparison: str | None = None
    arm: str | None = None
    minus: str | None = None
    measure: str | None = None
    within: dict[str, int] = field(default_factory=dict)
    published: Any = MISSING
    """A number, or a number for each generation: a claim for each of them."""
    relation: str | None = None
    tolerance: float | None = None
    of: str | None = None


@dataclass(kw_only=True)
class SectionEntry:
    """A table or figure of the paper, and what its claims share."""

    title: str = MISSING
    source: str = MISSING
    figure: str = ""
    """What is drawn, published beside measured: one of FIGURES, or nothing."""
    generation: int | None = None
    """Draw ``fronts`` as they were after it."""
    comparison: str | None = None
    arm: str | None = None
    measure: str | None = None
    relation: str = ABOUT
    tolerance: float = 0.0
    of: str = MEAN
    notes: list[str] = field(default_factory=list)
    """What a reader must know beside the numbers."""
    claims: list[ClaimEntry] = field(default_factory=list)


@dataclass(kw_only=True)
class ClaimsFile:
    """The schema of ``claims.yaml``."""

    title: str = MISSING
    """What was published, and where."""
    given: str = "published"
    """What its numbers are called, such as ``recorded`` where nobody has published them."""
    sections: dict[str, SectionEntry] = MISSING


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table or figure of the paper: its claims, and what is drawn of it."""

    name: str
    title: str
    source: str
    figure: str
    generation: int | None
    comparison: str | None
    """The comparison that its figure shows."""
    notes: tuple[str, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What was published, what is to be run for it, and with which settings of this user."""

    folder: Path
    title: str
    given: str
    """What the numbers of its claims are called."""
    plans: Mapping[str, Plan]
    sections: tuple[Section, ...]
    overrides: tuple[str, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, in order."""
        return tuple(claim for section in self.sections for claim in section.claims)

    @property
    def is_as_planned(self) -> bool:
        """Say whether the user's settings leave it what it is."""
        return all(override.startswith(FREE) for override in self.overrides)

    def config(self, comparison: str, arm: str, seed: int) -> Config:
        """Compose one of its runs."""
        plan = self.plans[comparison]
        config = compose([f"+ablation={arm}", *plan.overrides, f"seed={seed}", *self.overrides])
        if "~" in config.arm:
            raise InputError(
                f"a reproduction needs answers to its own prompts, {config.arm} has others. Leave "
                f"out model=pool and model=scripted."
            )
        return config

    def command(self, comparison: str) -> str:
        """What a user types to run a comparison."""
        folder = self.folder.resolve()
        name = folder.name if folder.parent == OURS else _short(folder)
        return " ".join(["python -m reproductions", name, "run", comparison, *self.overrides])

    @cached_property
    def records(self) -> Mapping[str, Records]:
        """What is on record of each of its comparisons."""
        return {name: self._records(name) for name in self.plans}

    def _records(self, comparison: str) -> Records:
        plan = self.plans[comparison]
        configs = {arm: self.config(comparison, arm, plan.seeds[0]) for arm in plan.arms}
        return records_of(configs, plan.seeds, command=self.command(comparison))

    def verdict(self, claim: Claim) -> Verdict:
        """Judge a claim by what is on record; not run where a run of it is missing."""
        try:
            return claim.judge(self.records[claim.comparison])
        except NotRun as missing:
            return Verdict(claim=claim, word=NOT_RUN, measured=None, n=0, reason=str(missing))


def _short(folder: Path) -> str:
    """Name a folder as from here where it is below, for what is written is shared."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def read_reproduction(folder: Path, overrides: Sequence[str] = ()) -> Reproduction:
    """Read a folder's ``arms.yaml`` and ``claims.yaml``; InputError where they do not fit."""
    arms: ArmsFile = read_yaml(ArmsFile, folder / ARMS)
    claims: ClaimsFile = read_yaml(ClaimsFile, folder / CLAIMS)
    for name, plan in arms.comparisons.items():
        told = f"{folder / ARMS}: comparisons.{name}"
        if not plan.arms or not plan.seeds:
            raise InputError(f"{told}: expected at least one arm and one seed.")
        if plan.takes.device not in DEVICES:
            raise InputError(
                f"{told}.takes.device: expected one of {', '.join(DEVICES)}, got "
                f"{plan.takes.device}."
            )
    sections = tuple(
        _section(name, entry, folder / CLAIMS, arms.comparisons)
        for name, entry in claims.sections.items()
    )
    names = [claim.name for section in sections for claim in section.claims]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"{folder / CLAIMS}: expected claims of different names, twice: {twice[0]}."
        )
    return Reproduction(
        folder=folder,
        title=claims.title,
        given=claims.given,
        plans=arms.comparisons,
        sections=sections,
        overrides=tuple(overrides),
    )


def _section(name: str, entry: SectionEntry, path: Path, plans: Mapping[str, Plan]) -> Section:
    if entry.figure not in FIGURES:
        raise InputError(
            f"{path}: sections.{name}.figure: expected one of {', '.join(FIGURES[1:])}, got "
            f"{entry.figure}."
        )
    try:
        claims = tuple(claim for one in entry.claims for claim in _claims(one, entry))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for claim in claims:
        if claim.comparison not in plans:
            raise InputError(
                f"{path}: claim {claim.name}: expected a comparison of {ARMS}, one of "
                f"{', '.join(plans)}, got {claim.comparison}."
            )
        arms = plans[claim.comparison].arms
        for arm in claim.arms:
            if arm not in arms:
                raise InputError(
                    f"{path}: claim {claim.name}: expected an arm of {claim.comparison}, one of "
                    f"{', '.join(arms)}, got {arm}."
                )
    return Section(
        name=name,
        title=entry.title,
        source=entry.source,
        figure=entry.figure,
        generation=entry.generation,
        comparison=entry.comparison,
        notes=tuple(entry.notes),
        claims=claims,
    )


def _claims(entry: ClaimEntry, section: SectionEntry) -> Iterator[Claim]:
    """Yield the claim, or one for each generation that it has a number for."""
    series = entry.published if isinstance(entry.published, Mapping) else {None: entry.published}
    for generation, published in series.items():
        at = {} if generation is None else {"generation": generation}
        try:
            within = Within(**entry.within, **at)
        except TypeError:
            raise InputError(
                f"claim {entry.name}: within: expected parameters or generation, got "
                f"{', '.join(entry.within)}."
            ) from None
        if isinstance(published, bool) or not isinstance(published, int | float):
            raise InputError(f"claim {entry.name}: published: expected a number, got {published}.")
        shared = {
            key: getattr(entry, key) if getattr(entry, key) is not None else getattr(section, key)
            for key in ("comparison", "arm", "measure", "relation", "tolerance", "of")
        }
        if missing := [key for key, value in shared.items() if value is None]:
            raise InputError(f"claim {entry.name}: expected {missing[0]}, here or in its section.")
        yield Claim(
            name=entry.name if generation is None else f"{entry.name}_g{generation}",
            says=entry.says if generation is None else f"{entry.says}, generation {generation}",
            series=entry.says,
            source=section.source,
            minus=entry.minus,
            within=within,
            published=published,
            **shared,
        )
