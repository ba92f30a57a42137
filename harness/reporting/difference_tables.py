"""The table of differences from the reference arm, with footnotes."""

import math
from collections.abc import Collection, Iterator, Sequence

from harness.analysis.arm import Arm
from harness.analysis.comparison import Comparison, declared_measure, paired_differences
from harness.analysis.metric import SEARCH, Metric
from harness.analysis.metrics import comparable_metric
from harness.analysis.statistics.family import Difference
from harness.analysis.statistics.intervals import LEVEL, Interval
from harness.analysis.statistics.paired import seeds_needed
from harness.analysis.statistics.power import POWER, detectable, seeds_to_find
from harness.reporting.footnotes import on_left_out
from harness.reporting.formatting import (
    ARM,
    Column,
    NumberFormat,
    Values,
    fill,
    format_of,
    known_columns,
    restricted,
)
from harness.reporting.tables import Table

BETTER, WORSE, EQUIVALENT = "better", "worse", "no relevant difference"
INCONCLUSIVE = "inconclusive"
_WITHOUT_MISSING = ", without missing values"
_LEAST_P = 0.001


def differences_table(
    comparison: Comparison, measure: Metric, *, only: Collection[str] = ()
) -> Table:
    """Return the comparison of all arms with the reference.

    Arms that saw test data are left out, since they are scored by another rule. So are arms that
    select by score alone, where the measure counts sizes.

    Args:
        comparison: Runs that may be compared; it has a reference.
        measure: Metric to compare by, labelled exploratory unless it is the primary measure.
        only: Names of the columns to which it is restricted, empty for all.
    """
    if not comparison.compared_by(measure):  # CSV and JSON have it all the same
        return Table(name="compared", shows="Compared", columns=(ARM,), rows=(), notes=())
    assert comparison.reference is not None
    wording = comparison.wording
    points = format_of(measure, wording).points
    standing, why = standing_of([comparison], measure)
    found = list(paired_differences(comparison, measure))
    columns = restricted(_columns(measure, comparison), only)
    rows = tuple(row for arm, one in found for row in difference_rows(arm, one, measure))
    shown = known_columns(columns, rows)
    return Table(
        name="compared",
        against=comparison.reference.name,
        shows=f"{standing}{_at(comparison)}: {fill(measure.phrase, wording)}"
        + (f", in {points}" if points else "")
        + (", luck included" if measure.table == SEARCH else ""),
        columns=shown,
        rows=rows,
        notes=(
            why,
            *_on_unpaired(comparison, measure, [arm for arm, _ in found]),
            *_notes(comparison, measure, [one for _, one in found], shown),
            *_on_neither(found, measure, comparison.reference.name),
            *_on_left_out(columns, shown, [one for _, one in found]),
        ),
    )


def _on_unpaired(
    comparison: Comparison, measure: Metric, compared: Collection[Arm]
) -> Iterator[str]:
    """Yield the arms that are no part of the family of tests."""
    assert comparison.reference is not None
    names = [arm.name for arm in comparison.compared_by(measure) if arm not in compared]
    if names:
        yield (
            f"Not compared, since no seed is completed by the arm and {comparison.reference.name}: "
            f"{', '.join(names)}."
        )


def _at(comparison: Comparison) -> str:
    """Return at which effort arms are compared, nothing where their budgets are equal."""
    if comparison.cut is not None:
        return f", at equal {comparison.cut.by}"
    return ", at unequal budgets" if comparison.differing_budgets else ""


def standing_of(tasks: Sequence[Comparison], measure: Metric) -> tuple[str, str]:
    """Return whether a comparison is the one that the runs are configured for, and a sentence.

    Args:
        tasks: One comparison or more, of different data.
        measure: The measure, which is primary if all of their runs are configured with it, and the
            reference is the one by default.
    """
    declared = [(task, declared_measure(task.runs[0])) for task in tasks]
    known = [(task, name) for task, name in declared if name is not None]
    if not known:
        return "exploratory", "Exploratory: these runs are configured with no primary measure."
    if any(task.shortened for task in tasks):
        return (
            "exploratory",
            "Exploratory: these runs are configured with no equal effort at which they are cut.",
        )
    if not all(task.reference_is_default for task in tasks):
        return (
            "exploratory",
            "Exploratory: the reference was chosen for this table (--reference).",
        )
    if not all(task.reference_is_declared for task in tasks):
        return (
            "exploratory",
            "Exploratory: no arm is full, and the reference is the arm that started first, which "
            "no run declares.",
        )
    if all(name and comparable_metric(name, task.wording) is measure for task, name in declared):
        is_full = all(task.reference_is_full for task in tasks)
        against = "" if is_full else " The reference is the first arm, which no run declares."
        return "primary", f"Primary: the measure that these runs are configured with.{against}"
    names = ", ".join(f"{name or 'none'} on {data_of(task)}" for task, name in declared)
    if len({name for _, name in declared}) == 1:
        names = known[0][1]
    return (
        "exploratory",
        f"Exploratory: the primary measure that these runs are configured with is {names}.",
    )


def data_of(task: Comparison) -> str:
    """Return the name of a comparison's data."""
    return task.runs[0].manifest.data.name


def _columns(measure: Metric, comparison: Comparison) -> tuple[Column, ...]:
    notation = format_of(measure, comparison.wording)
    share = NumberFormat(spec=".0f", times=100)
    return (
        ARM,
        Column(name="pairs", heading="seeds in common"),
        Column(
            name="difference",
            heading="difference (Hodges-Lehmann) [95 % CI]",
            write=lambda value: notation.text(value, sign="+"),
        ),
        Column(
            name="mean_difference",
            heading="mean difference [95 % CI]",
            write=lambda value: notation.text(value, sign="+"),
        ),
        Column(name="superiority", heading="ahead at % of seeds [95 % CI]", write=share.text),
        Column(name="p_alone", heading="p", write=_p),
        Column(name="p", heading="p (Holm)", write=_p),
        Column(name="detectable_sd", heading="detectable, sd", write=lambda value: f"{value:.2f}"),
        Column(name="detectable", heading="detectable difference", write=notation.text),
        Column(name="verdict", heading="verdict"),
    )


def _p(value: float) -> str:
    return f"< {_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


def difference_rows(arm: Arm, found: Difference, measure: Metric) -> Iterator[Values]:
    """Yield the values of an arm's difference, then those without missing values, if any is."""
    yield {"arm": arm.name, **_values(found, measure)}
    if found.left_out is not None:
        values = dict.fromkeys(_values(found, measure))
        known = {"pairs": found.left_out.n, "difference": found.left_out.shift}
        name = f"{arm.name}{_WITHOUT_MISSING}"
        yield {"arm": name, "of_arm": arm.name, "row": "known pairs", **values, **known}


def _values(found: Difference, measure: Metric) -> Values:
    ahead = found.ahead
    if ahead is not None and measure.lower_is_better:
        ahead = Interval(mean=1 - ahead.mean, low=1 - ahead.high, high=1 - ahead.low)
    in_sd, deviation = found.detectable, found.deviation
    return {
        "pairs": found.n,
        "difference": found.shift,
        "mean_difference": found.mean,
        "superiority": ahead,
        "p_alone": found.p_alone,
        "p": found.p,
        "detectable_sd": in_sd,
        "detectable": in_sd * deviation if in_sd and deviation else None,
        "verdict": _verdict(found, measure),
    }


def _verdict(found: Difference, measure: Metric) -> str:
    if found.n and found.neither == found.n:
        return measure.neither
    if found.equivalent:
        return EQUIVALENT
    if found.shift is None or found.p is None or found.p > LEVEL:
        return INCONCLUSIVE
    return BETTER if (found.shift.estimate > 0) is not measure.lower_is_better else WORSE


def _notes(
    comparison: Comparison,
    measure: Metric,
    found: Sequence[Difference],
    shown: Collection[Column],
) -> Iterator[str]:
    """Yield what the columns that are shown mean, and on what the verdict rests."""
    assert comparison.reference is not None
    names = {column.name for column in shown}
    yield (
        f"Difference: the arm's value less that of {comparison.reference.name} at each seed that "
        f"both completed, and of these the median of all means of two (Hodges-Lehmann). The "
        f"interval is of one comparison alone and excludes 0 exactly where p is at most {LEVEL:g}; "
        f"below {seeds_needed(1)} seeds there is none. Mean difference: Student's interval, none "
        f"where a value is missing. Ahead: ties count half; interval of Clopper and Pearson."
    )
    yield from _on_missing(found)
    if "p_alone" in names:
        yield _on_p(found)
    if "detectable" in names:
        yield (
            f"Detectable: the least difference that these seeds find with {100 * POWER:g} % "
            f"probability, given what Holm's adjustment has rejected, in standard deviations of "
            f"the paired differences (simulated with normal ones without ties; with many equal "
            f"values, such as runs that save nothing, more seeds are needed), and times the "
            f"deviation measured here. A smaller difference may well exist where p is large."
        )
    yield _on_verdicts(comparison, measure)
    yield _on_examples(comparison)


def _on_p(found: Sequence[Difference]) -> str:
    text = (
        f"p: exact signed-rank test, two-sided, ties and zeros resolved against a difference. p "
        f"(Holm): adjusted for {_count(len(found), 'comparison')}."
    )
    if all(one.p is not None for one in found):
        return text
    return (
        f"{text} A dash: no pair has a value, or with so few seeds no difference could be "
        f"significant at 5 %, however large, under p (Holm) after the adjustment "
        f"({_possible(found)})."
    )


def _on_left_out(
    columns: Collection[Column], shown: Collection[Column], found: Sequence[Difference]
) -> Iterator[str]:
    """Yield why the table has no p, and nothing that depends on it."""
    why = (
        f"with so few seeds in common no difference could be significant at 5 %, however large "
        f"({_possible(found)})"
    )
    if not any(one.n for one in found):
        why = "no seed is completed by an arm and the reference"
    tested = [column for column in columns if column.name != "mean_difference"]
    yield from on_left_out(tested, shown, why=why)


def _possible(found: Sequence[Difference]) -> str:
    """Return from how many seeds on there is a p, and what these find."""
    comparisons = len(found)
    least = seeds_needed(comparisons)
    size = detectable(least, comparisons=comparisons)
    one = seeds_to_find(1.0, comparisons=comparisons, power=POWER)
    return (
        f"possible from {least} seeds on, if all differences have one sign; {least} seeds find one "
        f"of {size:.2f} standard deviations with {100 * POWER:g} % probability, {one} seeds one of "
        f"1, see python -m harness.power"
    )


def _on_missing(found: Sequence[Difference]) -> Iterator[str]:
    n = sum(one.n - one.left_out.n for one in found if one.left_out is not None)
    if n:
        yield (
            f"A completed run without a value, or of whose re-trainings one failed, counts as "
            f"worse than any value, and two such runs at one seed as equal; {_count(n, 'pair')} "
            f"here. Runs without values show no equality: an arm has no test where no pair has a "
            f"value, and never the verdict {EQUIVALENT} where a pair misses both. The second row "
            f"of an arm is its estimate without them, which has no test and no verdict, since it "
            f"takes for granted that runs succeed."
        )


def _on_neither(
    found: Sequence[tuple[Arm, Difference]], measure: Metric, reference: str
) -> Iterator[str]:
    """Yield at how many seeds an arm and the reference both fail, which is no finding of equality.

    Where that is so at every seed, nothing but the failures was seen.
    """
    counts = [
        f"{arm.name} and {reference} at {one.neither} of {one.n} seeds"
        for arm, one in found
        if one.neither
    ]
    if counts:
        yield (
            f"{measure.neither.capitalize()}: {', '.join(counts)}. Each of these is a difference "
            f"of 0, and no evidence of equality: {EQUIVALENT} is the verdict only where the other "
            f"seeds show it by themselves. With no other seed, the verdict is {measure.neither}."
        )


def _on_verdicts(comparison: Comparison, measure: Metric) -> str:
    margin = comparison.relevant(measure)
    text = f"Verdict: {BETTER} or {WORSE} where p (Holm) is at most {LEVEL:g}"
    if margin is None:
        given = "is set (final.relevant)"
        if not measure.is_named(comparison.primary, comparison.wording):
            given = "is set for this measure (final.relevant is of the primary one)"
        return (
            f"{text}, else {INCONCLUSIVE}. No least difference that matters {given}, so equality "
            f"cannot be concluded."
        )
    notation = format_of(measure, comparison.wording)
    within = f"± {notation.text(margin)} {notation.points}".strip()
    return (
        f"{text}; {EQUIVALENT} where both the median of all means of two and the mean are shown to "
        f"lie within {within}, the least difference that matters, whatever p is (two one-sided "
        f"tests each, signed-rank and Student's, at 2.5 % adjusted for all comparisons by Holm's "
        f"method); else {INCONCLUSIVE}. The mean counts rare failures, which the median "
        f"may not; with few seeds none may occur."
    )


def _on_examples(comparison: Comparison) -> str:
    run, wording = comparison.runs[0], comparison.wording
    text = f"Intervals and tests are over seeds, for these {wording.examples}"
    n = run.manifest.data.details.get("n_test")
    scores = [score for one in comparison.runs for score in one.finals.get("seed", ())]
    if not isinstance(n, int) or n < 1 or not scores:
        return f"{text}: the error of the sample of {wording.examples} is in none of them."
    score = sum(scores) / len(scores)
    error = 1.96 * math.sqrt(score * (1 - score) / n)
    return (
        f"{text}: the error of {n:,} {wording.test_examples}, ± {wording.number(error)} "
        f"{wording.short_points} for one score of {wording.text(score)}, is in none of them."
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
