"""Make an archive of a complete run: ``python -m harness.export RUN_DIR [FILE]``."""

import argparse
import shlex
from pathlib import Path

from harness.record.archive import write_archive
from harness.terminal import exit_on_error, say
from harness.text import portable


def main() -> None:
    """Write the archive of a complete run, one file that others can replay."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.export", description=main.__doc__, allow_abbrev=False
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("file", type=Path, nargs="?", help="default: the run's name, here")
    arguments = parser.parse_args()
    file = arguments.file or Path(f"{portable(arguments.run_dir.resolve().name)}.zip")
    with exit_on_error():
        write_archive(arguments.run_dir, file)
        command = ["python", "-m", "harness.replay", str(file), "--out", f"{file.stem}-replayed"]
        say(f"{file}: {file.stat().st_size:,} bytes. To replay it: {shlex.join(command)}")


if __name__ == "__main__":
    main()
