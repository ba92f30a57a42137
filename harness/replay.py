"""Run recorded runs again: ``python -m harness.replay RUN_OR_ARCHIVE... --out DIR``.

Without network, key or training: answers and measurements come from the record, everything between
them is computed again, and the result must be what was recorded. With ``--retrain`` answers and
decisions come from the record, and every network is trained and scored on this machine.
"""

import argparse
from pathlib import Path

from harness.runs.replay import replay_all
from harness.terminal import exit_on_error


def main() -> None:
    """Replay recorded runs, and print their table."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.replay", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN_OR_ARCHIVE",
        help="folder of a run, or an archive of runs (.zip)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the replayed runs")
    parser.add_argument("--retrain", action="store_true", help="train every network again, here")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="with --retrain, settings of this machine: device=cuda, task.path=FOLDER",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.overrides and not arguments.retrain:
        parser.error("--set goes with --retrain: without it nothing depends on this machine")
    with exit_on_error():
        replay_all(
            arguments.runs,
            arguments.out,
            retrains=arguments.retrain,
            overrides=arguments.overrides,
        )


if __name__ == "__main__":
    main()
