"""A paper held against the runs on record, with the settings of whoever asks."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.analysis.loading import all_below
from harness.analysis.run_result import RunResult
from harness.claims.claim import NOT_RUN, Claim, Verdict
from harness.claims.evidence import Records, is_of, records_of
from harness.claims.spec import ARMS, PLANNED, Paper, Plan, Section, is_planned, read_paper
from harness.config.compose import compose
from harness.config.identity import settings_of
from harness.config.paths import ROOT
from harness.config.schema import Config
from harness.errors import InputError, NotRun
from harness.record.study import load_study
from harness.runs.runner import read_network

OURS = ROOT / "reproductions"
"""Where the reproductions lie that come with this package."""
ANOTHER_LLM = ("model=", "model.")
"""Settings under which its claims can be asked of another LLM."""
FREE = (
    "runs_dir=", "device=", "workers=", "llm_workers=", "save_every_s=", "display=", "tracking=",
    "model.base_url=", "model.key_env=",
)  # fmt: skip
"""Settings that leave a reproduction what it is: where and how fast it runs."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A paper, where it lies, and the settings under which its runs are meant."""

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
        """Settings of the user that make other runs of it than the plan's."""
        return tuple(o for o in self.overrides if not o.startswith(FREE))

    def config(self, comparison: str, arm: str, seed: int) -> Config:
        """Compose one of its runs; InputError, which says whose setting it is, if it cannot be."""
        planned = [f"+ablation={arm}", *self.plans[comparison].overrides, f"seed={seed}"]
        theirs = self._settings(comparison)
        try:
            config = compose([*planned, *theirs])
        except InputError as error:
            if theirs:
                compose(planned)
                raise
            raise InputError(f"{self.folder / ARMS}: comparisons.{comparison}: {error}") from None
        if "~" in config.arm:
            raise InputError(
                f"a reproduction needs answers to its own prompts, {config.arm} has others. Leave "
                f"out model=pool and model=scripted."
            )
        return config

    def command(self, comparison: str) -> str:
        """What a user types to run a comparison."""
        words = ["python", "-m", "reproductions", self.name, "run", comparison]
        return shlex.join([*words, *self._settings(comparison)])

    def _settings(self, comparison: str) -> list[str]:
        """Return the user's settings that concern a comparison: an LLM's where it takes one."""
        asks = self.plans[comparison].takes.llm
        return [o for o in self.overrides if asks or not o.startswith("model.")]

    @property
    def name(self) -> str:
        """What a user calls it: ours by their names, others by their paths, as from here."""
        folder, here = self.folder.resolve(), Path.cwd()
        if folder.parent == OURS:
            return folder.name
        if folder == here:
            return "."
        return f"./{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)

    @cached_property
    def records(self) -> Mapping[str, Records]:
        """What is on record of each of its comparisons."""
        first = {name: self._configs(name) for name in self.plans}
        runs_dir = next(iter(next(iter(first.values())).values())).runs_dir
        below = all_below(Path(runs_dir))
        return {
            name: records_of(
                below,
                dict.fromkeys(plan.arms, tuple(plan.seeds)),
                self._is_planned(name, first[name]),
                runs_dir=runs_dir,
                command=self.command(name),
            )
            for name, plan in self.plans.items()
        }

    def _configs(self, comparison: str) -> dict[str, Config]:
        plan = self.plans[comparison]
        return {arm: self.config(comparison, arm, plan.seeds[0]) for arm in plan.arms}

    def _is_planned(
        self, comparison: str, configs: Mapping[str, Config]
    ) -> Callable[[RunResult], bool]:
        """Return what says whether a run of an arm of a comparison is as planned."""
        data = self.plans[comparison].data
        known = {arm: _wanted(config) for arm, config in configs.items()}

        def is_planned(run: RunResult) -> bool:
            config, wanted = configs[run.arm], known[run.arm]
            if config.study is not None and "model" in config.proposer:
                recorded = self.config(comparison, run.arm, run.seed)  # answers are of a seed
                wanted = wanted | {"study": load_study(Path(str(recorded.study))).digest}
            if data not in {None, run.manifest.data.digest}:
                return False
            return is_of(run, config, wanted)

        return is_planned

    def verdict(self, claim: Claim) -> Verdict:
        """Judge a claim by what is on record; not run where a run of it is missing."""
        try:
            return claim.judge(self.records[claim.comparison])
        except NotRun as missing:
            return Verdict(claim=claim, word=NOT_RUN, measured=None, n=0, of=0, reason=str(missing))


def _wanted(config: Config) -> dict[str, object]:
    """Return what a run on record has to share with a plan, by its manifest."""
    shared = {k: v for k, v in settings_of(config).items() if k not in {"device", "seed"}}
    return shared | {"network": read_network(Path(config.network.path)).digest}


def read_reproduction(folder: Path, overrides: Sequence[str] = ()) -> Reproduction:
    """Read a folder with ``arms.yaml`` and ``claims.yaml``; InputError where they do not fit."""
    for override in overrides:
        if is_planned(override):
            raise InputError(
                f"{override}: expected none of {', '.join(sorted(PLANNED))}, which the arms and "
                f"seeds of {folder / ARMS} say. Change them there, or run python -m harness."
            )
    return Reproduction(folder=folder, paper=read_paper(folder), overrides=tuple(overrides))
