"""Run a reproduction and write its table: ``python -m reproductions NAME [overrides]``.

A reproduction is a folder with ``arms.yaml``: the arms, the seeds and what they share.
"""

import argparse
from pathlib import Path

import yaml

from harness.arms import complete_runs
from harness.comparison import comparisons
from harness.compose import compose
from harness.errors import HarnessError, InputError
from harness.laboratories import Laboratories
from harness.results import read_runs
from harness.table import document

HERE = Path(__file__).parent
FREE = (
    "runs_dir=", "device=", "workers=", "llm_workers=", "save_every_s=", "display=", "tracking=",
)  # fmt: skip
"""Settings that leave a reproduction what it is; under others its table is printed, not written."""


def main() -> None:
    """Run every arm at every seed that is not complete yet, then write ``table.md``."""
    names = sorted(path.parent.name for path in HERE.glob("*/arms.yaml"))
    parser = argparse.ArgumentParser(prog="python -m reproductions", description=main.__doc__)
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(names)}")
    parser.add_argument("overrides", nargs="*", help="settings, such as device=cuda")
    arguments = parser.parse_args()
    try:
        if arguments.name not in names:
            raise InputError(
                f"expected a reproduction, one of {', '.join(names)}, got {arguments.name}."
            )
        print(reproduce(HERE / arguments.name, arguments.overrides))
    except HarnessError as error:
        parser.exit(error.exit_status, f"error: {error}\n")


def reproduce(folder: Path, overrides: list[str]) -> str:
    """Return the table's text, written to the reproduction's folder unless settings differ."""
    plan = yaml.safe_load((folder / "arms.yaml").read_text(encoding="utf-8"))
    runs: list[Path] = []
    with Laboratories() as laboratories:
        for seed in plan["seeds"]:
            common = [*plan["overrides"], f"seed={seed}", *overrides]
            configs = [compose([f"+ablation={arm}", *common]) for arm in plan["arms"]]
            for config in configs:
                if "~" in config.arm:
                    raise InputError(
                        f"a reproduction needs answers to its own prompts, {config.arm} has "
                        f"others. Leave out model=pool and model=scripted."
                    )
            runs += complete_runs(configs, laboratories)
    text = document(comparisons(read_runs(runs)), "markdown")
    if all(override.startswith(FREE) for override in overrides):
        (folder / "table.md").write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
