"""A paper and the runs on record that decide its claims, under the user's settings."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from harness.analysis.loading import all_below
from harness.analysis.run_result import RunResult
from harness.claims.claim import Claim
from harness.claims.evidence import Evidence, collect_evidence, matches
from harness.claims.judge import NOT_RUN, Verdict, judge
from harness.claims.schemas.arms_file import ARMS, PLANNED, Plan, is_planned
from harness.claims.schemas.claims_file import Paper, Section, read_paper
from harness.claims.statement import Statement
from harness.config.compose import STRATEGIES, compose
from harness.config.foreign import require_installed, require_moderate
from harness.config.identity import is_free
from harness.config.paths import REPRODUCTIONS
from harness.config.schema import Config
from harness.errors import InputError, NotRun
from harness.runs.estimates.dry_run import asks_for_money
from harness.runs.spec import planned_settings

ANOTHER_LLM = ("model=", "model.")
"""Settings that choose another LLM."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A paper and the settings under which its runs count.

    Attributes:
        folder: Where ``arms.yaml`` and ``claims.yaml`` lie.
        paper: What these files say.
        overrides: The user's settings.
    """

    folder: Path
    paper: Paper
    overrides: tuple[str, ...] = ()

    @property
    def plans(self) -> Mapping[str, Plan]:
        """Its comparisons by name."""
        return self.paper.plans

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its tables and figures."""
        return self.paper.sections

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, in order."""
        return tuple(claim for section in self.sections for claim in section.claims)

    @property
    def changed(self) -> tuple[str, ...]:
        """Settings of the user under which the runs are not those of the plan."""
        return tuple(o for o in self.overrides if not is_free(o))

    def config(self, comparison: str, arm: str, seed: int) -> Config:
        """Compose the configuration of one of its runs.

        Raises:
            InputError: It cannot be composed; the message says whether by the user's settings or
                by those of ``arms.yaml``.
        """
        planned = [f"ablation={arm}", *self.plans[comparison].overrides, f"seed={seed}"]
        theirs = self._settings(comparison)
        try:
            config = compose([*planned, *theirs])
            require_moderate(config)
            for name in STRATEGIES:
                if not any(o.startswith((f"{name}=", f"{name}.")) for o in theirs):
                    require_installed(name, getattr(config, name))
        except InputError as error:
            if theirs:
                compose(planned)
                raise
            raise InputError(f"{self.folder / ARMS}: comparisons.{comparison}: {error}") from None
        asks = "model" in config.proposer and not any(o.startswith("model=") for o in theirs)
        if asks and not self.plans[comparison].takes.llm and asks_for_money(config.model):
            raise InputError(
                f"{self.folder / ARMS}: comparisons.{comparison}.takes: expected llm: true, since "
                f"{arm} uses an LLM that may cost money."
            )
        if "~" in config.arm:
            raise InputError(
                f"a reproduction needs answers to its own prompts, {config.arm} has others. Leave "
                f"out model=pool and model=scripted."
            )
        return config

    def command(self, comparison: str) -> str:
        """Return the command that runs a comparison."""
        words = ["python", "-m", "harness.reproductions", self.name, "run", comparison]
        return shlex.join([*words, *self._settings(comparison)])

    def _settings(self, comparison: str) -> list[str]:
        """Return the user's settings that apply to a comparison: an LLM's where it takes one."""
        asks = self.plans[comparison].takes.llm
        return [o for o in self.overrides if asks or not o.startswith("model.")]

    @property
    def name(self) -> str:
        """Its name on the command line: a name for a shipped one, a path for any other."""
        folder, here = self.folder.resolve(), Path.cwd()
        if folder.parent == REPRODUCTIONS:
            return folder.name
        if folder == here:
            return "."
        return f"./{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """The runs on record, by comparison."""
        below = all_below(Path(self.runs_dir))
        return {
            name: collect_evidence(
                below,
                dict.fromkeys(plan.arms, tuple(plan.seeds)),
                self._is_planned(name),
                runs_dir=self.runs_dir,
                command=self.command(name),
            )
            for name, plan in self.plans.items()
        }

    @cached_property
    def runs_dir(self) -> str:
        """Folder of its runs, which all of its comparisons share."""
        name, plan = next(iter(self.plans.items()))
        return self.config(name, plan.arms[0], plan.seeds[0]).runs_dir

    def _is_planned(self, comparison: str) -> Callable[[RunResult], bool]:
        """Return a function that returns whether a run of a planned arm has the plan's settings."""
        plan = self.plans[comparison]
        configs = {arm: self.config(comparison, arm, plan.seeds[0]) for arm in plan.arms}

        @cache  # only for arms with runs: a file that no run has used yet may be missing
        def wanted(arm: str, seed: int) -> Mapping[str, object]:
            return _wanted(self.config(comparison, arm, seed))

        def is_planned(run: RunResult) -> bool:
            config = configs[run.arm]
            of_a_seed = config.study is not None and "model" in config.proposer
            seed = run.seed if of_a_seed else plan.seeds[0]
            if plan.data not in {None, run.manifest.data.digest}:
                return False
            return matches(run, config, wanted(run.arm, seed))

        return is_planned

    def verdict(self, claim: Statement) -> Verdict:
        """Judge a claim by the runs on record; its verdict is ``not run`` where one is missing."""
        try:
            evidence = self.evidence[claim.comparison]
            return judge(claim, {name: evidence.arm(name) for name in claim.arms})
        except NotRun as missing:
            return Verdict(
                claim=claim,
                word=NOT_RUN,
                measured=None,
                n=0,
                of=0,
                reason=str(missing),
                wording=None,
            )


def _wanted(config: Config) -> dict[str, object]:
    """Return the settings that a matching run has in its manifest."""
    return {k: v for k, v in planned_settings(config).items() if k not in {"device", "seed"}}


def read_reproduction(folder: Path, overrides: Sequence[str] = ()) -> Reproduction:
    """Read a folder with ``arms.yaml`` and ``claims.yaml``.

    Raises:
        InputError: A file is invalid, or an override is one that ``arms.yaml`` decides.
    """
    for override in overrides:
        if is_planned(override):
            raise InputError(
                f"{override}: expected none of {', '.join(sorted(PLANNED))}, which the arms and "
                f"seeds of {folder / ARMS} say. Change them there, or run python -m harness."
            )
    return Reproduction(folder=folder, paper=read_paper(folder), overrides=tuple(overrides))
