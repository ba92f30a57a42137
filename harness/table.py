"""The comparison table, from journals alone: ``python -m harness.table RUNS_DIR``."""

import csv
import io
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.notes import HALVED, SAW_TEST_DATA, notes_on
from harness.results import RunResult, runs_below
from harness.usage import Usage, total

NONE = "–"
HEADER = [
    "arm", "seeds", "valid %", "best val. acc. %", "val. acc. % of the pick, in search",
    "val. acc. % of the pick, re-trained", "test acc. % of the pick", "parameters",
    "hypervolume", "evaluations", "LLM calls", "tokens", "cost", "train s",
]  # fmt: skip
TIME_COLUMNS = ("train s",)
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs that may stand in one table: same task, network, recipe, budget; rows in their order."""

    title: str
    headings: tuple[str, ...]
    """Where the answers come from: what a reader must know before the first number."""
    rows: tuple[tuple[str, ...], ...]
    headline: str
    notes: tuple[str, ...]
    runs: tuple[RunResult, ...]


def compare(runs: Sequence[RunResult]) -> Comparison:
    """Build the table of runs that share a comparison; one row per arm and its settings."""
    rows = by_arm(runs)
    manifest = runs[0].manifest
    budget = manifest["config"]["budget"]
    seeds = sorted({run.seed for run in runs})
    return Comparison(
        title=f"{manifest['data']['name']}: {budget['evaluations']} evaluations per arm, "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}",
        headings=tuple(dict.fromkeys(_heading(name, arm[0]) for name, arm in rows.items())),
        rows=(
            _seed_row(runs),
            *(row for name, arm in rows.items() for row in (_row(name, arm), *_members(name, arm))),
        ),
        headline=_headline(rows, manifest["config"]["final"]["tolerance"]),
        notes=tuple(notes_on(runs)),
        runs=tuple(runs),
    )


def comparisons(runs: Sequence[RunResult]) -> list[Comparison]:
    """Split runs into those that may be compared, each a table of its own, oldest run first."""
    groups: dict[str, list[RunResult]] = {}
    for run in sorted(runs, key=lambda run: run.started):
        groups.setdefault(run.manifest["comparison"], []).append(run)
    return [compare(group) for group in groups.values()]


def render(comparison: Comparison, style: str) -> str:
    """Return the table as ``markdown``, ``latex``, ``csv`` or ``json`` text."""
    return _STYLES[style](comparison)


def by_arm(runs: Sequence[RunResult]) -> dict[str, list[RunResult]]:
    """Group runs that differ in their seed alone; settings tell arms of one name apart."""
    variants: dict[str, list[RunResult]] = {}
    for run in runs:
        variants.setdefault(run.manifest["variant"], []).append(run)
    names = Counter(_marked(group[0]) for group in variants.values())
    asking = Counter((_marked(group[0]), _asked(group[0])) for group in variants.values())

    def name(variant: str, run: RunResult) -> str:
        marked = _marked(run)
        if names[marked] == 1:
            return marked
        alone = _asked(run) and asking[marked, _asked(run)] == 1
        return f"{marked} ({_asked(run) if alone else variant[:4]})"

    return {name(variant, group[0]): group for variant, group in variants.items()}


def _marked(run: RunResult) -> str:
    """Name an arm with what sets its figures apart from those of the others."""
    return run.arm + (HALVED if run.halved else "") + (SAW_TEST_DATA if run.saw_test_data else "")


def _asked(run: RunResult) -> str:
    """Name the LLM that a run was composed to ask, as far as its configuration says."""
    return str(run.manifest["config"].get("proposer", {}).get("model", {}).get("name", ""))


def _heading(name: str, run: RunResult) -> str:
    study = run.manifest["study"]
    if study:
        return f"search recorded {study['date']} with {study['model']}; networks trained here"
    if run.models:
        models = ", ".join(sorted(set(run.models.values())))
        return f"{name}: answers by {models}; networks trained here"
    return f"{name}: searched and trained here"


def _headline(rows: Mapping[str, Sequence[RunResult]], tolerance: float) -> str:
    """Parameters at the seed's accuracy: on an easy task the one claim above the noise."""
    found = []
    for name, runs in rows.items():
        near = [run for run in runs if run.within_noise]
        if len(near) < len(runs):
            found.append(f"{name} none in {len(runs) - len(near)} of {len(runs)}")
        sizes = [
            r.pick.objectives[1] / r.seed_objectives[1]
            for r in near
            if r.pick and r.pick.objectives
        ]
        if sizes:
            saved = 100 * (1 - statistics.median(sizes))
            found.append(
                f"{name} {abs(saved):.1f} % {'fewer' if saved >= 0 else 'more'} parameters"
            )
    volumes = (
        f"{name} {statistics.median(run.hypervolume for run in runs):.3f}"
        for name, runs in rows.items()
    )
    return (
        f"Smallest network within {100 * tolerance:g} point of the seed network's validation "
        f"accuracy: {', '.join(found)}. Hypervolume: {', '.join(volumes)}."
    )


def _seed_row(runs: Sequence[RunResult]) -> tuple[str, ...]:
    """The seed network, re-trained on the same fresh seeds: the noise floor."""
    runs = [run for run in runs if not run.saw_test_data] or runs
    by_seed = {run.seed: run for run in runs}.values()
    objectives = [run.seed_objectives for run in by_seed]
    volumes = [run.hypervolume_of([run.seed_objectives]) for run in by_seed]
    return (
        "seed network", str(len(by_seed)), NONE,
        *[_percent([accuracy for accuracy, _ in objectives])] * 2,
        _percent([value for run in by_seed for value in run.retrained.get("seed", ())]),
        _percent([value for run in by_seed for value in run.finals.get("seed", ())]),
        f"{objectives[0][1]:,}", f"{statistics.median(volumes):.3f}",
        NONE, NONE, NONE, NONE, NONE,
    )  # fmt: skip


def _row(name: str, runs: Sequence[RunResult]) -> tuple[str, ...]:
    proposals = sum(len(run.candidates) for run in runs)
    picks = [run.pick for run in runs]
    tests = [v for r, p in zip(runs, picks, strict=True) if p for v in r.finals.get(p.step, ())]
    # A search that saw the test split has no validation accuracy of its own.
    searched = [p for r, p in zip(runs, picks, strict=True) if not r.saw_test_data]
    again = [v for r, p in zip(runs, picks, strict=True) if p for v in r.retrained.get(p.step, ())]
    sizes = [pick.objectives[1] for pick in picks if pick and pick.objectives]
    best = [run.best_within_seed_size for run in runs]
    return (
        name,
        str(len(runs)),
        _share(sum(c.valid for run in runs for c in run.candidates), proposals),
        _percent([b for b in best if b is not None]),
        _percent([pick.objectives[0] for pick in searched if pick and pick.objectives]),
        _percent(again),
        _percent(tests),
        f"{statistics.median(sizes):,.0f}" if sizes else NONE,
        f"{statistics.median(run.hypervolume for run in runs):.3f}",
        str(sum(run.evaluations for run in runs)),
        str(sum(len(run.calls) for run in runs)),
        *_costs(total(run.usage for run in runs)),
        f"{sum(run.train_s for run in runs):.0f}",
    )


def _members(name: str, runs: Sequence[RunResult]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each LLM of an arm that asked several: its validity and what it cost.

    A proposal counts for the LLM that was asked last.
    """
    asked = sorted({call.asked for run in runs for call in run.calls.values()})
    for member in asked if len(asked) > 1 else ():
        last = [
            candidate
            for run in runs
            for candidate in run.candidates
            if (steps := [s for v in candidate.variations for s in v["calls"]])
            and run.calls[steps[-1]].asked == member
        ]
        valid = [candidate for candidate in last if candidate.valid]
        calls = [c for run in runs for c in run.calls.values() if c.asked == member]
        yield (
            f"{name}, asking {member}", NONE, _share(len(valid), len(last)),
            *[NONE] * 7, str(len(calls)),
            *_costs(total(call.usage for call in calls)), NONE,
        )  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else NONE


def _costs(usage: Usage | None) -> tuple[str, str]:
    """Tokens and cost; what is not known is said to be unknown."""
    if usage is None:
        return UNKNOWN, UNKNOWN
    cost = UNKNOWN if usage.cost is None else f"{usage.cost:.4g}"
    return f"{usage.tokens:,}", cost


def _percent(values: Sequence[float]) -> str:
    if not values:
        return NONE
    mean = f"{100 * statistics.fmean(values):.2f}"
    return f"{mean} ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else mean


def aligned(rows: Sequence[Sequence[str]], *, n_text: int = 1) -> str:
    """Return a Markdown table: a header, the first columns text, the others numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    pad = [str.ljust] * n_text + [str.rjust] * (len(widths) - n_text)
    lines = [
        "| " + " | ".join(pad[i](cell, widths[i]) for i, cell in enumerate(row)) + " |"
        for row in rows
    ]
    rule = ["-" * w for w in widths[:n_text]] + ["-" * (w - 1) + ":" for w in widths[n_text:]]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def _markdown(comparison: Comparison) -> str:
    table = aligned([HEADER, *comparison.rows])
    headings = [f"*{heading}*" for heading in comparison.headings]
    notes = [f"- {note}" for note in comparison.notes]
    parts = [
        f"**{comparison.title}**", "  \n".join(headings), table, comparison.headline,
        "\n".join(notes),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _latex(comparison: Comparison) -> str:
    lines = [
        *(f"% {line}" for line in (comparison.title, *comparison.headings)),
        r"\begin{tabular}{l" + "r" * (len(HEADER) - 1) + "}",
        r"\toprule",
        _latex_row(HEADER),
        r"\midrule",
        *map(_latex_row, comparison.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"% {line}" for line in (comparison.headline, *comparison.notes)),
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_escaped, cells)) + r" \\"


def _csv(comparison: Comparison) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *comparison.rows])
    return text.getvalue()


def _json(comparison: Comparison) -> str:
    rows = [dict(zip(HEADER, row, strict=True)) for row in comparison.rows]
    content = {
        "title": comparison.title,
        "headings": comparison.headings,
        "rows": rows,
        "headline": comparison.headline,
        "notes": comparison.notes,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _escaped(text: str) -> str:
    for character, escape in (("%", r"\%"), ("_", r"\_"), ("~", r"\textasciitilde{}")):
        text = text.replace(character, escape)
    return text.replace("±", r"$\pm$").replace("–", "--")


_STYLES = {"markdown": _markdown, "latex": _latex, "csv": _csv, "json": _json}
STYLES = tuple(_STYLES)


def main() -> None:
    """Print the tables of all runs below a folder."""
    import argparse

    from harness.errors import HarnessError

    parser = argparse.ArgumentParser(prog="python -m harness.table", description=main.__doc__)
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument("--format", choices=STYLES, default="markdown", dest="style")
    arguments = parser.parse_args()
    try:
        tables = comparisons(runs_below(arguments.runs_dir))
    except HarnessError as error:
        parser.exit(error.exit_status, f"error: {error}\n")
    texts = [render(table, arguments.style) for table in tables]
    if arguments.style == "json" and len(texts) > 1:  # several comparisons are one document still
        texts = ["[", ",".join(texts), "]\n"]
    print("\n".join(texts), end="")


if __name__ == "__main__":
    main()
