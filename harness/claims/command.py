"""Check published claims: ``python -m harness.reproductions NAME plan|run|table``.

A reproduction is a folder with ``arms.yaml``, the planned runs, and ``claims.yaml``, the published
numbers: a shipped one by its name, or any other by its path. ``pytest`` asserts its claims.
"""

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from harness.claims.plan import show_plan
from harness.claims.reproduction import Reproduction, read_reproduction
from harness.claims.schemas.arms_file import ARMS
from harness.claims.tables import (
    claims_table,
    count_decided,
    count_written,
    published_text,
    write_published,
)
from harness.config.paths import REPRODUCTIONS
from harness.errors import HarnessError, InputError
from harness.evaluation.executor import Executors, require_room
from harness.reporting.console import show_table
from harness.reporting.notes.note import texts_of
from harness.runs.sweeps.plan import complete_all
from harness.terminal import escape_unencodable, exit_on_interrupt, fail, say


def main() -> None:
    """Plan, run or print a reproduction."""
    names = ", ".join(sorted(path.parent.name for path in REPRODUCTIONS.glob(f"*/{ARMS}")))
    parser = argparse.ArgumentParser(
        prog="python -m harness.reproductions",
        description="plan: the remaining runs and their cost. run: execute them. table: the "
        "paper's tables and figures, with published and measured numbers.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help=f"one of {names}, or a folder")
    parser.add_argument("action", choices=("plan", "run", "table"))
    parser.add_argument(
        "words", nargs="*", default=[], metavar="COMPARISON | KEY=VALUE",
        help="plan and run: some of its comparisons (default: all); settings, such as device=cuda",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="table: folder to write to (default: its own)")
    arguments = parser.parse_intermixed_args()
    if arguments.out is not None and arguments.action != "table":
        parser.error("--out goes with table alone: plan and run write no tables")
    exit_on_interrupt()
    escape_unencodable()
    try:
        overrides = [word for word in arguments.words if "=" in word]
        reproduction = read_reproduction(_folder(arguments.name, names), overrides)
        chosen = _chosen(reproduction, [word for word in arguments.words if "=" not in word])
        if arguments.action == "table":
            if chosen != list(reproduction.plans):
                raise InputError("table: expected no comparison, it prints all of them.")
            table(reproduction, arguments.out)
        else:
            {"plan": show_plan, "run": run}[arguments.action](reproduction, chosen)
    except HarnessError as error:
        fail(error)


def run(reproduction: Reproduction, comparisons: Sequence[str]) -> None:
    """Execute the missing runs of these comparisons, then print the verdicts on their claims."""
    planned = [
        [reproduction.config(name, arm, seed) for arm in plan.arms]
        for name in comparisons
        for plan in (reproduction.plans[name],)
        for seed in plan.seeds
        if not reproduction.evidence[name].complete
    ]  # all are composed before the first one runs, so that a mistake costs nothing
    for config in (config for configs in planned for config in configs):
        require_room(config.limits)
    with closing(Executors()) as executors:
        complete_all(planned, executors)
    after = read_reproduction(reproduction.folder, reproduction.overrides)
    document = claims_table(after, comparisons)
    for one in document.tables:
        show_table(one.cells, title=one.title, notes=list(one.notes), text=True)
    say("", *texts_of(document.headings), document.headline, *texts_of(document.notes))


def table(reproduction: Reproduction, out: Path | None) -> None:
    """Print the tables, and write them with the figures.

    A table that decides fewer claims than the one in the folder needs ``out``.
    """
    print(published_text(reproduction, "markdown"))
    there, here = count_written(reproduction.folder), count_decided(reproduction)
    if out is None and reproduction.changed:
        say("Nothing is written: these settings make another comparison. Give --out FOLDER.")
    elif out is None and here < there:
        say(
            f"Nothing is written: {reproduction.runs_dir} decides {here} claims, the table that is "
            f"there {there}. Give runs_dir=FOLDER or --out FOLDER."
        )
    else:
        for path in write_published(reproduction, out or reproduction.folder):
            say(str(path))


def _folder(name: str, names: str) -> Path:
    for folder in (REPRODUCTIONS / name, Path(name)) if Path(name).name == name else (Path(name),):
        if (folder / ARMS).is_file():
            return folder
    raise InputError(
        f"expected a reproduction, one of {names}, or a folder with {ARMS}, got {name}."
    )


def _chosen(reproduction: Reproduction, words: Sequence[str]) -> list[str]:
    for word in words:
        if word not in reproduction.plans:
            raise InputError(
                f"expected a comparison of {reproduction.folder / ARMS}, one of "
                f"{', '.join(reproduction.plans)}, got {word}."
            )
    return [name for name in reproduction.plans if name in words or not words]
