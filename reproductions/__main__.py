"""Hold published claims against runs: ``python -m reproductions NAME plan|run|table``.

A reproduction is a folder with ``arms.yaml``, what to run, and ``claims.yaml``, what was published:
one of those here by its name, or any other by its path. ``pytest`` asserts its claims.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.arms import complete_runs
from harness.columns import rows_of
from harness.compose import end_on_interrupt, fail
from harness.display import show_table
from harness.errors import HarnessError, InputError
from harness.laboratories import Laboratories
from harness.published import claims_table, published_text, write_published
from harness.reproduction import ARMS, OURS, Reproduction, read_reproduction
from reproductions.plan import show_plan


def main() -> None:
    """Plan, run or print a reproduction."""
    names = ", ".join(sorted(path.parent.name for path in OURS.glob(f"*/{ARMS}")))
    parser = argparse.ArgumentParser(
        prog="python -m reproductions",
        description="plan: what is left to do and what it costs. run: do what is missing. table: "
        "the paper's tables and figures with our numbers beside the published ones.",
    )
    parser.add_argument("name", metavar="NAME", help=f"one of {names}, or a folder")
    parser.add_argument("action", choices=tuple(_ACTIONS))
    parser.add_argument(
        "words", nargs="*", metavar="COMPARISON | KEY=VALUE",
        help="which of its comparisons, at first all; settings, such as device=cuda",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="table: folder to write to, its own at first")
    arguments = parser.parse_intermixed_args()
    try:
        overrides = [word for word in arguments.words if "=" in word]
        reproduction = read_reproduction(_folder(arguments.name, names), overrides)
        chosen = _chosen(reproduction, [word for word in arguments.words if "=" not in word])
        _ACTIONS[arguments.action](reproduction, chosen, arguments.out)
    except HarnessError as error:
        fail(error)


def run(reproduction: Reproduction, comparisons: Sequence[str], _: Path | None = None) -> None:
    """Execute what is missing of these comparisons, then show what became of their claims."""
    planned = [
        [reproduction.config(name, arm, seed) for arm in plan.arms]
        for name in comparisons
        for plan in (reproduction.plans[name],)
        for seed in plan.seeds
    ]  # composed as a whole, so that mistakes cost nothing
    end_on_interrupt()
    with Laboratories() as laboratories:
        for configs in planned:
            complete_runs(configs, laboratories)
    for told in claims_table(reproduction, comparisons).tables:
        rows = rows_of(told.columns, told.rows)
        show_table(rows, title=told.title, notes=list(told.notes), text=True)


def table(reproduction: Reproduction, _: Sequence[str], out: Path | None = None) -> None:
    """Print the tables, and write them with the figures: the paper's, with ours beside."""
    print(published_text(reproduction, "markdown"))
    if out is None and not reproduction.is_as_planned:
        print("Nothing is written: these settings make another comparison. Give --out FOLDER.")
        return
    for path in write_published(reproduction, out or reproduction.folder):
        print(path)


def plan(reproduction: Reproduction, comparisons: Sequence[str], _: Path | None = None) -> None:
    """Print arms, seeds and cost."""
    show_plan(reproduction, comparisons)


_ACTIONS: Mapping[str, Callable[[Reproduction, Sequence[str], Path | None], None]] = {
    "plan": plan,
    "run": run,
    "table": table,
}


def _folder(name: str, names: str) -> Path:
    for folder in (OURS / name, Path(name)):
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


if __name__ == "__main__":
    main()
