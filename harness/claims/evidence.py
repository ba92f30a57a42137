"""The runs on record that match a plan: the only evidence that a claim is judged by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.arm import Arm, differing, without_repeats
from harness.analysis.comparison import table_key
from harness.analysis.loading import Below
from harness.analysis.run_result import RunResult
from harness.config.schema import Config
from harness.errors import NotRun


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The runs of one comparison that are on record.

    Attributes:
        planned: Seeds of each arm.
        found: The matching runs, finished or not.
        runs_dir: Where they lie.
        command: Command that runs what is missing.
        left_out: A sentence for each group of recorded runs that does not count.
        damaged: A sentence for each journal that cannot be read.
    """

    planned: Mapping[str, tuple[int, ...]]
    found: tuple[RunResult, ...]
    runs_dir: str
    command: str
    left_out: tuple[str, ...]
    damaged: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all of its runs are finished."""
        return not any(self.missing(arm) for arm in self.planned)

    @property
    def done(self) -> str:
        """Number of its finished runs, such as ``3 of 4``."""
        planned = sum(map(len, self.planned.values()))
        return f"{planned - sum(len(self.missing(arm)) for arm in self.planned)} of {planned}"

    def missing(self, name: str) -> tuple[int, ...]:
        """Return the seeds at which an arm has no finished run."""
        done = {run.seed for run in self.found if run.arm == name and run.complete}
        return tuple(seed for seed in self.planned[name] if seed not in done)

    def arm(self, name: str) -> Arm:
        """Return an arm of which every planned run is finished.

        Raises:
            KeyError: The comparison has no such arm.
            NotRun: A run is missing. Results that show before the last run would allow optional
                stopping.
        """
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

    def complete_arms(self) -> dict[str, Arm]:
        """Return the arms of which every planned run is finished."""
        return {name: self.arm(name) for name in self.planned if not self.missing(name)}


def collect_evidence(
    below: Below,
    planned: Mapping[str, tuple[int, ...]],
    is_planned: Callable[[RunResult], bool],
    *,
    runs_dir: str,
    command: str,
) -> Evidence:
    """Choose the runs that count, among all that match the plan.

    Matching runs may fall into groups that cannot share a table, such as those of two versions of
    torch. The first complete group counts, or the last one begun if none is complete. Of two runs
    of an arm at one seed, one counts, see ``without_repeats``. Both rules prevent re-running until
    a favourable result appears.

    Args:
        below: All runs in the folder.
        planned: Seeds of each arm.
        is_planned: Whether a run of a planned arm has the settings of the plan.
        runs_dir: The folder.
        command: Command that runs what is missing.
    """
    groups: dict[tuple[str, str], list[RunResult]] = {}
    for run in sorted(below.runs, key=lambda run: run.started):
        if run.seed in planned.get(run.arm, ()) and is_planned(run):
            groups.setdefault(table_key(run.manifest), []).append(run)
    whole = [group for group in groups.values() if _is_complete(group, planned)]
    begun = max(groups.values(), key=lambda group: group[-1].started, default=[])
    chosen = whole[0] if whole else begun
    others = [group for group in groups.values() if group is not chosen]
    counted, again = without_repeats(chosen)
    return Evidence(
        planned=planned,
        found=tuple(counted),
        runs_dir=runs_dir,
        command=command,
        left_out=(
            *(_describe_left_out(group, chosen) for group in others),
            *(f"{run.arm}, seed {run.seed}: ran again, the first run counts." for run in again),
        ),
        damaged=below.damaged,
    )


def matches(run: RunResult, config: Config, wanted: Mapping[str, object]) -> bool:
    """Return whether a run was made with the wanted settings, by its manifest.

    Args:
        run: The run, of any machine.
        config: Configuration of its arm. An arm with an LLM must have got answers, and a run
            follows a record only where its plan does.
        wanted: Settings, and digests of the files that they name.
    """
    known = run.manifest.settings
    if run.follows_record != bool(wanted.get("study")):
        return False
    asks = "model" in config.proposer
    return all(known.get(k) == v for k, v in wanted.items()) and bool(run.calls or not asks)


def _is_complete(group: Sequence[RunResult], planned: Mapping[str, tuple[int, ...]]) -> bool:
    done = {(run.arm, run.seed) for run in group if run.complete}
    return all((arm, seed) in done for arm, seeds in planned.items() for seed in seeds)


def _describe_left_out(others: Sequence[RunResult], chosen: Sequence[RunResult]) -> str:
    n = "1 run" if len(others) == 1 else f"{len(others)} runs"
    settings = "; ".join(differing(chosen[0], others[0]))
    return f"{n} with other settings, which cannot share a table: {settings}."
