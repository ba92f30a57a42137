"""Which runs on record are those of a plan: the only thing that a claim is judged by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm
from harness.analysis.loading import Below
from harness.analysis.run_result import RunResult, differing
from harness.config.schema import Config
from harness.errors import NotRun


@dataclass(frozen=True, kw_only=True)
class Records(Mapping[str, Arm]):
    """The runs of one comparison that are on record, by arm; an arm is there when all of it is.

    Asking for an arm of which a run is missing raises NotRun: whoever looked before the last run
    has ended could stop where it pleases.
    """

    planned: Mapping[str, tuple[int, ...]]
    found: tuple[RunResult, ...]
    """As far as they have come."""
    runs_dir: str
    command: str
    """What a user types to run what is missing."""
    left_out: tuple[str, ...]
    """What is on record and does not count, and why."""
    damaged: tuple[str, ...]
    """What cannot be read, a sentence each."""

    def __getitem__(self, name: str) -> Arm:
        if name not in self.planned:
            raise KeyError(
                f"expected an arm of the comparison, one of {', '.join(self.planned)}, got {name}."
            )
        planned = len(self.planned[name])
        if missing := len(self.missing(name)):
            where = self.runs_dir + (f" ({len(self.damaged)} damaged)" if self.damaged else "")
            done = f"{planned - missing} of {planned} runs of {name} done in {where}"
            raise NotRun(f"{done}; {self.command}")
        return Arm(
            name=name, runs=tuple(run for run in self.found if run.arm == name), planned=planned
        )

    def __contains__(self, name: object) -> bool:
        return name in self.planned

    def __iter__(self) -> Iterator[str]:
        return iter(self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    @property
    def complete(self) -> bool:
        """Say whether all of its runs have ended."""
        return not any(self.missing(arm) for arm in self.planned)

    @property
    def done(self) -> str:
        """Say how many of its runs have ended."""
        planned = sum(map(len, self.planned.values()))
        return f"{planned - sum(len(self.missing(arm)) for arm in self.planned)} of {planned}"

    def missing(self, name: str) -> tuple[int, ...]:
        """Return the seeds at which an arm has no finished run."""
        done = {run.seed for run in self.found if run.arm == name and run.complete}
        return tuple(seed for seed in self.planned[name] if seed not in done)


def records_of(
    below: Below,
    planned: Mapping[str, tuple[int, ...]],
    is_planned: Callable[[RunResult], bool],
    *,
    runs_dir: str,
    command: str,
) -> Records:
    """Choose the runs that count, of all that are there.

    Where those of the plan fall into groups that no table could hold together, such as those of two
    versions of torch, it is the first group of which nothing is missing, else the last. Where an
    arm ran twice at a seed, the first run counts, of those that ended. So who does not like what
    came out cannot roll again.
    """
    groups: dict[str, list[RunResult]] = {}
    for run in sorted(below.runs, key=lambda run: run.started):
        if run.seed in planned.get(run.arm, ()) and is_planned(run):
            groups.setdefault(run.manifest.comparison, []).append(run)
    whole = [group for group in groups.values() if _is_complete(group, planned)]
    begun = max(groups.values(), key=lambda group: group[-1].started, default=[])
    chosen = whole[0] if whole else begun  # they are in the order in which they began
    others = [group for group in groups.values() if group is not chosen]
    counted = _first_of_each(chosen)
    twice = [f"{run.arm}, seed {run.seed}: ran again, the first run counts." for run in
             chosen if run not in counted]  # fmt: skip
    return Records(
        planned=planned,
        found=tuple(counted),
        runs_dir=runs_dir,
        command=command,
        left_out=(*(_told(group, chosen) for group in others), *twice),
        damaged=below.damaged,
    )


def is_of(run: RunResult, config: Config, wanted: Mapping[str, object]) -> bool:
    """Say whether a run was made as wanted, by its manifest; on whichever machine.

    wanted: settings, and digests of what they name. An arm that asks an LLM must have got answers.
    """
    known = run.manifest.settings
    asks = "model" in config.proposer
    return all(known.get(k) == v for k, v in wanted.items()) and bool(run.calls or not asks)


def _is_complete(group: Sequence[RunResult], planned: Mapping[str, tuple[int, ...]]) -> bool:
    done = {(run.arm, run.seed) for run in group if run.complete}
    return all((arm, seed) in done for arm, seeds in planned.items() for seed in seeds)


def _first_of_each(runs: Sequence[RunResult]) -> list[RunResult]:
    """Keep one run of each arm and seed: of those that ended the first begun, else the last."""
    kept: dict[tuple[str, int], RunResult] = {}
    for run in runs:
        before = kept.get((run.arm, run.seed))
        if before is None or not before.complete:
            kept[run.arm, run.seed] = run
    return list(kept.values())


def _told(others: Sequence[RunResult], chosen: Sequence[RunResult]) -> str:
    n = "1 run" if len(others) == 1 else f"{len(others)} runs"
    return f"{n} that no table could hold beside: {'; '.join(differing(chosen[0], others[0]))}."
