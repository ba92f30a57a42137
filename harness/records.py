"""Which runs on record are those of a plan: the only thing that a claim is judged by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.arms import read_network, settings_of
from harness.config import Config
from harness.errors import NotRun
from harness.measures import Arm
from harness.reading import all_below
from harness.results import RunResult, differing

_ANYWHERE = frozenset({"device", "seed", "network"})
"""Settings that a run on record need not share with the plan, or is asked for otherwise."""


@dataclass(frozen=True, kw_only=True)
class Records(Mapping[str, Arm]):
    """The runs of one comparison that are on record, by arm; an arm is there when all of it is.

    Asking for an arm of which a run is missing raises NotRun: whoever looked before the last run
    has ended could stop where it pleases.
    """

    planned: Mapping[str, tuple[int, ...]]
    found: tuple[RunResult, ...]
    """As far as they have come."""
    command: str
    told: tuple[str, ...]
    """What is on record and was left out, and why."""

    def __getitem__(self, name: str) -> Arm:
        if name not in self.planned:
            raise KeyError(f"expected an arm of the comparison, one of {', '.join(self.planned)}")
        n = len(self.planned[name]) - len(self.missing(name))
        if self.missing(name):
            raise NotRun(f"{n} of {len(self.planned[name])} runs of {name} done; {self.command}")
        runs = tuple(run for run in self.found if run.arm == name)
        return Arm(name=name, runs=runs, planned=len(runs))

    def __iter__(self) -> Iterator[str]:
        return iter(self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    @property
    def done(self) -> str:
        """Say how many of its runs have ended."""
        planned = sum(map(len, self.planned.values()))
        return f"{planned - sum(len(self.missing(arm)) for arm in self.planned)} of {planned}"

    def missing(self, name: str) -> tuple[int, ...]:
        """Return the seeds at which an arm has no finished run."""
        done = {run.seed for run in self.found if run.arm == name and run.complete}
        return tuple(seed for seed in self.planned[name] if seed not in done)


def records_of(configs: Mapping[str, Config], seeds: Sequence[int], *, command: str) -> Records:
    """Find the runs of these arms at these seeds, wherever and with whatever version they ran.

    Where they fall into several groups that no table could hold together, such as those of two
    versions of torch, the one that was run last counts.
    """
    below = all_below(Path(next(iter(configs.values())).runs_dir))
    groups: dict[str, list[RunResult]] = {}
    for run in sorted(below.runs, key=lambda run: run.started):
        config = configs.get(run.arm)
        if config is not None and run.seed in seeds and _is_of(run, config):
            groups.setdefault(run.manifest["comparison"], []).append(run)
    *older, newest = sorted(groups.values(), key=lambda group: group[-1].started) or [[]]
    return Records(
        planned=dict.fromkeys(configs, tuple(seeds)),
        found=tuple(_one_each(newest)),
        command=command,
        told=(*below.damaged, *(_left_out(group, newest) for group in older)),
    )


def _is_of(run: RunResult, config: Config) -> bool:
    """Say whether a run was made with these settings, by its manifest; on whichever machine."""
    known = run.manifest["config"]
    wanted = {k: v for k, v in settings_of(config).items() if k not in _ANYWHERE}
    network = read_network(Path(config.network.path)).digest
    return known.get("network") == network and all(known.get(k) == v for k, v in wanted.items())


def _one_each(runs: Sequence[RunResult]) -> list[RunResult]:
    """Keep one run of each arm and seed: a finished one where there is one, else the newest."""
    kept = {(run.arm, run.seed): run for run in sorted(runs, key=lambda run: run.complete)}
    return [run for run in runs if kept[run.arm, run.seed] is run]


def _left_out(older: Sequence[RunResult], newest: Sequence[RunResult]) -> str:
    return f"{len(older)} older runs: {'; '.join(differing(newest[0], older[0]))}."
