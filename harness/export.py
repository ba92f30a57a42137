"""Make an archive of a complete run: ``python -m harness.export RUN_DIR [FILE]``."""

import argparse
from pathlib import Path

from harness.errors import HarnessError
from harness.record.archive import write_archive


def main() -> None:
    """Write the archive of a complete run, one file that others can replay."""
    parser = argparse.ArgumentParser(prog="python -m harness.export", description=main.__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("file", type=Path, nargs="?", help="default: the run's name, here")
    arguments = parser.parse_args()
    file = arguments.file or Path(f"{arguments.run_dir.resolve().name}.zip")
    try:
        write_archive(arguments.run_dir, file)
    except OSError as error:
        parser.exit(2, f"error: {file}: expected a file to write ({error.strerror}).\n")
    except HarnessError as error:
        parser.exit(error.exit_status, f"error: {error}\n")
    print(
        f"{file}: {file.stat().st_size:,} bytes. To replay it: "
        f"python -m harness.replay {file} --out FOLDER"
    )


if __name__ == "__main__":
    main()
