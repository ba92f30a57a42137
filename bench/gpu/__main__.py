"""Everything that only a GPU can show, in pieces: ``python -m bench.gpu --images FOLDER``.

It attacks the sandbox on the GPU, runs the tests that need one, measures, and trains the seed network
by the paper's recipe. A call ends after ``--minutes``; the same command continues. What is done so
far is in ``build/gpu/NAME-OF-THE-GPU``, which may be copied to another machine between two calls, and
all figures are in ``bench/results-NAME-OF-THE-GPU.json``. Exit status 0: all is done, or the time is
used; 1: a step failed; 2: could not run.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.gpu.pieces import FAILED, Record, do_piece
from bench.gpu.screen import last_line, lines_of
from bench.gpu.steps import Plan, reopened, steps_of
from harness.config.schema import LEVELS
from harness.errors import InputError, MachineError
from harness.files import LockHeldError, file_lock, make_folder, write_text
from harness.terminal import exit_on_error, say

HERE = Path(__file__).parents[1]
_RESERVE_S = 8.0
"""Seconds of a piece that are kept to end in time."""
_TRAIN_MINUTES = 18.0
_LOOK = """
import json, torch
found = {"torch": torch.__version__, "cuda": torch.version.cuda, "gpu": None}
if torch.cuda.is_available():
    one = torch.cuda.get_device_properties(0)
    found |= {"gpu": one.name, "gpu_mib": one.total_memory // 2**20}
    found["capability"] = f"{one.major}.{one.minor}"
print(json.dumps(found))
"""


def main() -> int:
    """Do one piece, tell what is done and what is left; return the exit status."""
    arguments = _arguments()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # ends the step, too
    with exit_on_error(2):
        if not arguments.images.is_dir():
            raise InputError(f"--images: expected a folder, found none at {arguments.images}.")
        machine = _machine(dry_run=arguments.dry_run)
        name = "dry-run" if arguments.dry_run else slug_of(machine["gpu"])
        folder = arguments.folder or HERE.parent / "build" / "gpu" / name
        out = arguments.out or (folder if arguments.dry_run else HERE)
        make_folder(folder)
        make_folder(out)
        plan = Plan(
            images=arguments.images.resolve(),
            folder=folder.resolve(),
            dry_run=arguments.dry_run,
            confinement=arguments.confinement,
            train_minutes=arguments.train_minutes,
        )
        seconds = 60 * arguments.minutes - _RESERVE_S - (time.monotonic() - began)
        if seconds <= 0:
            raise InputError(f"--minutes: expected 0.5 or more, got {arguments.minutes:g}.")
        try:
            with file_lock(folder / "lock", wait_s=0):
                return _piece(plan, machine, out / f"results-{name}.json", seconds, arguments)
        except LockHeldError as held:
            raise InputError(f"{folder}: {held.holder} works on it. Wait for its end.") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu", description=__doc__.replace("``", ""), allow_abbrev=False
    )
    parser.add_argument(
        "--images", type=Path, required=True, help="an image folder, such as CIFAR-10's"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of this call; default: 10")
    parser.add_argument(
        "--train-minutes", type=float, default=_TRAIN_MINUTES,
        help=f"of the seed network's training, all calls together; default: {_TRAIN_MINUTES:g}",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="do the steps that failed once more")
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, at tiny sizes")
    parser.add_argument("--folder", type=Path, help="what is done; default: build/gpu/NAME")
    parser.add_argument("--out", type=Path, help="folder for the figures; default: bench")
    parser.add_argument(
        "--confinement", choices=LEVELS, default=LEVELS[-1],
        help="the strongest to try when measuring; a weaker one finds out what stops a GPU",
    )  # fmt: skip
    return parser.parse_args()


def _machine(*, dry_run: bool) -> dict[str, Any]:
    """Return torch, CUDA, driver and GPU, as another process finds them, which then frees them."""
    command = [sys.executable, "-c", _LOOK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"expected a torch that works, got: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout)
    if found["gpu"] is None and not dry_run:
        raise MachineError(
            f"expected a CUDA GPU, torch {found['torch']} found none. Check the driver and that "
            f"torch is a CUDA build; --dry-run tries everything on the CPU, at tiny sizes."
        )
    return found | {
        "driver": _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    }


def _said(*command: str) -> str | None:
    """Return the first line that a program prints; None where there is none, or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)
    except (OSError, subprocess.CalledProcessError):
        return None
    return next(iter(done.stdout.splitlines()), None)


def slug_of(name: str) -> str:
    """Return the name of a GPU as part of a file name: ``NVIDIA H200`` is ``nvidia-h200``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "gpu"


def _piece(
    plan: Plan, machine: dict[str, Any], file: Path, seconds: float, arguments: argparse.Namespace
) -> int:
    record, steps = Record(plan.folder), steps_of(plan)
    if arguments.again:
        record.forget(FAILED)
    record.keep(steps[-1], reopened(record.of(steps[-1]), plan.train_minutes))
    where = machine | {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _said("git", "describe", "--always", "--dirty", "--abbrev=12"),
        "confinement": plan.confinement,
    }
    do_piece(steps, record, seconds=seconds, where=where, say=say)
    content = {"dry_run": plan.dry_run, "machine": where, **record.content()}
    write_text(file, json.dumps(content, indent=1) + "\n")
    say("", *lines_of(steps, record, machine), f"Figures: {file}", last_line(steps, record))
    return 1 if any(record.of(step).status == FAILED for step in steps) else 0


if __name__ == "__main__":
    sys.exit(main())
