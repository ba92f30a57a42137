"""The headline of a comparison: the parameters that each arm saves, in a sentence."""

import statistics
from collections.abc import Collection

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison, seeds_text
from harness.analysis.measures import learnt_nothing, margin_of, relevant_saving, saved, saves
from harness.analysis.metrics import METRICS
from harness.reporting.notes.limits import points, saving_text


def parameters_saved(comparison: Comparison, only: Collection[str]) -> str:
    """Return the parameters saved at the seed network's test score, 0 where an arm's run failed.

    Nothing for one seed, since a sentence without an interval would look like a result, and nothing
    where a cut left no arm with a value.

    Args:
        comparison: Runs that may be compared.
        only: Names of the arms to which it is restricted, empty for all.
    """
    run = comparison.arms[0].runs[0]
    if not any(arm.finished for arm in comparison.arms):
        return "No run is complete yet."
    if without := sorted({run.seed for run in comparison.runs if learnt_nothing(run)}):
        return (
            f"No sentence on the parameters saved: at {seeds_text(without)} the seed network is at "
            f"chance, so that any network is as good."
        )
    if has_one_seed(comparison):
        return ""
    exploratory = ""
    if not METRICS["saved"].is_named(comparison.primary, comparison.wording):
        exploratory = f"Exploratory, since the primary measure is {comparison.primary}. "
    finished = [arm for arm in comparison.arms if arm.finished and (not only or arm.name in only)]
    if not any(map(_knows_saved, finished)):
        return ""
    return (
        f"{exploratory}Parameters saved by the selected network with a {run.wording.test_score} "
        f"at most {points(run, margin_of(run))} below the seed network's, both re-trained on "
        f"fresh seeds; median over all runs, 0 where it fails, and how many runs save "
        f"{saving_text(relevant_saving(run))} or more: "
        f"{', '.join(map(_saved, finished))}."
    )


def has_one_seed(comparison: Comparison) -> bool:
    """Return whether all runs of a comparison have one seed."""
    return len({run.seed for run in comparison.runs}) == 1


def _saved(arm: Arm) -> str:
    if not _knows_saved(arm):
        return f"{arm.name} unknown"
    decades = [one for run in arm.finished if (one := saved(run)) is not None]
    share = 100 * (1 - 10 ** -statistics.median(decades))
    succeeded = sum(bool(saves(run)) for run in arm.finished)
    return f"{arm.name} {share:.1f} % ({succeeded} of {len(decades)} runs)"


def _knows_saved(arm: Arm) -> bool:
    """Return whether no cut left out what its runs save, and one of them has a value."""
    lost = any(map(METRICS["saved"].is_lost, arm.finished))
    return not lost and any(saved(run) is not None for run in arm.finished)
