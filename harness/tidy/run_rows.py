"""One row for each run: what it was, and every metric of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from harness.analysis.comparison import comparisons, table_name
from harness.analysis.measures import lacks_retrainings
from harness.analysis.metric import SHARE, Metric
from harness.analysis.metrics import METRICS
from harness.analysis.run_result import RunResult
from harness.reporting.formatting import fill
from harness.reporting.unrounded.column import Cell, Column
from harness.tasks.base import wording_of

_DIGITS = 8
"""Digits of the name of a comparison; more where these do not tell all apart."""
_WORDS = wording_of("image_classification")
"""Words of the task that descriptions of metrics use."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run with the names that it has in the tables of its comparison.

    Attributes:
        run: The run.
        arm: Name of its arm there.
        comparison: Digest of what the runs of one comparison have in common.
        name: Name by which rows of other tables refer to it.
        counts: Whether tables count it.
    """

    run: RunResult
    arm: str
    comparison: str
    name: str
    counts: bool

    def recorded(self, *path: str) -> Any:
        """Return a setting by its path, None where it is not on record."""
        known: Any = self.run.manifest.settings
        for name in path:
            known = known.get(name) if isinstance(known, dict) else None
        return known


def run_rows(runs: Sequence[RunResult]) -> Iterator[RunRow]:
    """Yield a row for each run, comparison by comparison, arm by arm, repeats last."""
    rows = Counter[str]()
    found = comparisons(runs)
    names = [table_name(one.runs[0].manifest) for one in found]
    digits = next(n for n in count(_DIGITS) if len({name[:n] for name in names}) == len(names))
    for comparison, name in zip(found, names, strict=True):
        for arm in (*comparison.arms, *comparison.incomplete):
            repeats = [(run, False) for run in arm.repeats]
            for run, counts in [*((run, run.complete) for run in arm.runs), *repeats]:
                rows[run.folder.name] += 1
                copies = rows[run.folder.name]
                yield RunRow(
                    run=run,
                    arm=arm.name,
                    comparison=name[:digits],
                    name=run.folder.name + (f" ({copies})" if copies > 1 else ""),
                    counts=counts,
                )


def _models(row: RunRow) -> Cell:
    return ", ".join(sorted(set(row.run.models.values()))) or None


def _machine(name: str) -> Any:
    return lambda row: row.run.manifest.machine.get(name)


_FACTS: tuple[Column[RunRow], ...] = (
    Column(
        name="run", type=str, value=lambda row: row.name,
        meaning="name of its folder, numbered where several have it; the key",
    ),
    Column(
        name="folder", type=str, value=lambda row: str(row.run.folder),
        meaning="where its journal lies",
    ),
    Column(
        name="comparison", type=str, value=lambda row: row.comparison,
        meaning="equal for runs that may stand in one comparison",
    ),
    Column(
        name="arm", type=str, value=lambda row: row.arm, meaning="its arm, as in the tables"
    ),
    Column(name="seed", type=int, value=lambda row: row.run.seed, meaning="its seed"),
    Column(
        name="complete", type=bool, value=lambda row: row.run.complete,
        meaning="whether it has ended",
    ),
    Column(
        name="counts", type=bool, value=lambda row: row.counts,
        meaning="whether tables count it: complete runs, of each arm the first at a seed",
    ),
    Column(
        name="started", type=datetime, value=lambda row: row.run.started,
        meaning="when its first event was recorded, UTC",
    ),
    Column(
        name="task", type=str, value=lambda row: row.run.manifest.data.kind,
        meaning="kind of its task",
    ),
    Column(
        name="data", type=str, value=lambda row: row.run.manifest.data.name,
        meaning="name of its data",
    ),
    Column(
        name="data_digest", type=str, value=lambda row: row.run.manifest.data.digest,
        meaning="digest of its data",
    ),
    Column(
        name="seed_network", type=str, value=lambda row: row.recorded("network"),
        meaning="digest of its seed network",
    ),
    Column(
        name="llm", type=str, value=_models,
        meaning="LLMs that answered, by their own account",
    ),
    Column(
        name="version", type=str,
        value=lambda row: row.run.manifest.packages.get("guided-evolution"),
        meaning="version of this package",
    ),
    Column(
        name="commit", type=str, value=lambda row: row.run.manifest.commit,
        meaning="commit of the repository",
    ),
    Column(name="device", type=str, value=_machine("device"), meaning="where it trained"),
    Column(name="torch", type=str, value=_machine("torch"), meaning="version of PyTorch"),
    Column(
        name="epochs", type=int, value=lambda row: row.recorded("recipe", "epochs"),
        meaning="epochs of a training",
    ),
    Column(
        name="budget_evaluations", type=int,
        value=lambda row: row.recorded("budget", "evaluations"),
        meaning="evaluations that it may take",
    ),
    Column(
        name="selects_on_test_data", type=bool, value=lambda row: row.run.saw_test_data,
        meaning="whether its search was scored on the test split, so that its scores are worthless",
    ),
    Column(
        name="generations", type=int, value=lambda row: row.run.generations,
        meaning="generations that it reached, that of the founders included",
    ),
    Column(
        name="front", type=int, value=lambda row: len(row.run.front),
        meaning="networks on its front",
    ),
    Column(
        name="selected", type=str,
        value=lambda row: row.run.selected.step if row.run.selected else None,
        meaning="step of the selected network",
    ),
    Column(
        name="retraining_failed", type=bool, value=lambda row: lacks_retrainings(row.run),
        meaning="whether a re-training of the selected network failed or is missing",
    ),
    Column(
        name="seed_score", type=float, value=lambda row: row.run.seed_objectives.score,
        meaning="score of the seed network in the search", unit=SHARE,
    ),
)  # fmt: skip


def _column_of(metric: Metric) -> Column[RunRow]:
    return Column(
        name=metric.name,
        type=int if metric.whole else float,
        value=lambda row: metric.value(row.run),
        meaning=metric.meaning or fill(metric.phrase, _WORDS),
        unit=metric.unit,
    )


RUN_COLUMNS = (*_FACTS, *map(_column_of, METRICS.values()))
"""Columns of a run: facts, then every metric, as in ``analysis.metrics``."""
