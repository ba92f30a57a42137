"""Values that the notes of metrics may name: limits, numbers of seeds, the rule that selects."""

from collections.abc import Sequence

from harness.analysis.arm import SAW_TEST_DATA
from harness.analysis.curves.trajectory import TARGET_SIZE
from harness.analysis.measures import confirming_seeds, margin_of, relevant_saving, useful_of
from harness.analysis.run_result import RunResult
from harness.evolution.pareto import REFERENCE_SIZE
from harness.reporting.notes.limits import points, saving_text
from harness.text import counted


def facts_of(runs: Sequence[RunResult]) -> dict[str, str]:
    """Return the values that notes of metrics may name, for runs of one comparison."""
    run, wording = runs[0], runs[0].wording
    final = run.manifest.settings["final"]
    chance = wording.times * run.manifest.data.chance
    marked = any(run.saw_test_data for run in runs)
    return {
        "tolerance": points(run, final["tolerance"]),
        "threshold": _threshold(run),
        "search_training": "its training in the search; confirmed scores selected it"
        if confirming_seeds(run)
        else "the one training that selected it, luck included",
        "margin": points(run, margin_of(run)),
        "relevant_saving": saving_text(relevant_saving(run)),
        "useful": points(run, useful_of(run)),
        "final_times": counted(final["seeds"], "time"),
        "fresh_seeds": counted(final["seeds"], "fresh seed"),
        "test_split": "The search never saw the test split"
        + (f", except where marked{SAW_TEST_DATA}." if marked else "."),
        "chance": f"{chance:g} {wording.unit} {wording.score}",
        "most_params": f"{REFERENCE_SIZE * run.seed_objectives.n_params:,}",
        "target_size": f"{TARGET_SIZE:g}",
    }


def _threshold(run: RunResult) -> str:
    """Return what the score of a selected network was held against."""
    score = run.wording.validation_score
    if seeds := confirming_seeds(run):
        return f"seed network's {score}, both confirmed on {counted(seeds, 'fresh seed')}"
    if run.retrainings_select:
        return f"mean {score} of the seed network's re-trainings"
    return f"seed network's {score}"
