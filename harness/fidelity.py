"""Print whether few epochs rank networks as all would: ``python -m harness.fidelity RUN_DIR``."""

import argparse
from pathlib import Path

from harness.runs.fidelity_study import OUT, correlate
from harness.terminal import exit_on_error


def main() -> None:
    """Print how well a few epochs predict the ranking after all epochs."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.fidelity", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--networks", type=int, default=16, help="how many to train (default: 16)")
    parser.add_argument(
        "--epochs", type=int, nargs="+", default=[],
        help="numbers of epochs to try (default: those of fidelity=halving)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=OUT, metavar="RUNS_DIR",
        help="folder of your own runs, whose cached trainings are used (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="settings of this machine: device=cuda, task.path=FOLDER",
    )  # fmt: skip
    arguments = parser.parse_args()
    with exit_on_error():
        correlate(
            arguments.run_dir,
            n_networks=arguments.networks,
            epochs=arguments.epochs,
            overrides=arguments.overrides,
            out=arguments.out,
        )


if __name__ == "__main__":
    main()
