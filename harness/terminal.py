"""Output and exit of commands: one sentence on an error, an immediate exit on Ctrl-C."""

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from harness.text import one_line

_INTERRUPTED = 128 + signal.SIGINT
_CUT_OFF = 128 + signal.SIGPIPE


def say(*lines: str, error: bool = False) -> None:
    """Print lines and flush them.

    Args:
        *lines: The lines, each of which stays one: parts of it may be untrusted.
        error: Whether to print to standard error.
    """
    print("\n".join(map(one_line, lines)), file=sys.stderr if error else sys.stdout, flush=True)


def add_runs_dir(parser: argparse.ArgumentParser) -> None:
    """Add the argument ``runs_dir``, by default the one of every run."""
    parser.add_argument(
        "runs_dir", type=Path, nargs="?", default=Path("runs"), help="default: runs"
    )


def escape_unencodable() -> None:
    """Print escapes for characters that the encoding of standard output lacks, as on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def exit_on_error(status: int | None = None) -> Iterator[None]:
    """End the command with the message of a ``HarnessError`` that the block raises.

    From here on, the command prints what its encoding lacks as escapes.

    Args:
        status: Exit status; by default the error's own.
    """
    escape_unencodable()
    try:
        yield
        sys.stdout.flush()
    except HarnessError as error:
        fail(error, status)
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except BrokenPipeError:  # as of ``| head``; what is left would fail again at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(_CUT_OFF) from None


def fail(error: HarnessError, status: int | None = None) -> NoReturn:
    """End the command with the error's message, and its status unless another is given."""
    say(*(f"error: {sentence}" for sentence in error.args), error=True)
    raise SystemExit(error.exit_status if status is None else status)


def exit_on_interrupt() -> None:
    """Make Ctrl-C end the command at once, which loses nothing that the journal holds."""
    signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    """Exit without unwinding, since threads may wait for an LLM forever.

    The live display replaces ``sys.stdout`` and ``sys.stderr``, and draws itself below whatever is
    printed there, so this prints to the original ones.
    """
    if os.isatty(1):
        os.write(1, b"\n\033[?25h")  # leaves its last line, and shows the cursor that it hid
    os.write(2, b"interrupted; the same command continues from here\n")
    os._exit(_INTERRUPTED)
