"""List the runs of a folder with state, age and size: ``python -m harness.ls [RUNS_DIR]``.

Names after ``--remove`` are removed: runs, comparisons or caches, as listed. A run that is in
progress is never removed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError
from harness.reporting.console import show_table
from harness.runs.sweeps.inventory import Kept, chosen, inventory, remove
from harness.runs.sweeps.progress import duration
from harness.terminal import add_runs_dir, exit_on_error, say
from harness.text import counted

_KIB = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def main() -> None:
    """List runs, comparisons and caches below a folder, or remove some of them."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.ls", description=main.__doc__, allow_abbrev=False
    )
    add_runs_dir(parser)
    parser.add_argument(
        "--remove", metavar="NAME", nargs="+", help="folders to remove, by their listed names"
    )
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    arguments = parser.parse_args()
    with exit_on_error():
        kept = inventory(arguments.runs_dir)
        if not arguments.remove:
            _show(kept, arguments.runs_dir)
            return
        picked = chosen(arguments.remove, kept)
        what = f"{counted(len(picked), 'folder')}, {_size(picked)}"
        if arguments.yes or _agreed(what):
            remove(picked, arguments.runs_dir)
            say(f"removed: {what}")
        else:
            say("nothing is removed")


def _agreed(what: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError("--remove: expected --yes, since nobody can be asked here.")
    return input(f"Remove {what}? [y/N] ").strip().lower() in {"y", "yes"}


def _show(kept: Sequence[Kept], runs_dir: Path) -> None:
    runs = [one for one in kept if one.is_run]
    others = [one for one in kept if not one.is_run]
    header = ["run", "arm", "seed", "state", "evaluations", "age", "size"]
    rows = [
        [r.name, r.arm, r.seed, r.state, r.evaluations, duration(r.age_s), _size([r])] for r in runs
    ]
    notes = [f"{one.name}, {one.state}: {one.detail}" for one in runs if one.detail]
    show_table(
        [header, *rows],
        title=f"{counted(len(runs), 'run')} in {runs_dir}",
        notes=notes,
        turned=False,
    )
    for one in others:
        say(f"{one.name}, {_size([one])}: {one.state}")
    say(f"In all: {_size(kept)}")


def _size(kept: Sequence[Kept]) -> str:
    size, unit = float(sum(one.size for one in kept)), 0
    while size >= _KIB and unit < len(_UNITS) - 1:
        size, unit = size / _KIB, unit + 1
    return f"{size:.{0 if unit == 0 else 1}f} {_UNITS[unit]}"


if __name__ == "__main__":
    main()
