"""Exit of a command: on an error with one sentence and a status, on Ctrl-C at once."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

from harness.errors import HarnessError

_INTERRUPTED = 128 + signal.SIGINT


@contextlib.contextmanager
def exit_on_error(status: int | None = None) -> Iterator[None]:
    """End the command with the message of a ``HarnessError`` that the block raises.

    Args:
        status: Exit status; by default the error's own.
    """
    try:
        yield
    except HarnessError as error:
        fail(error, status)


def fail(error: HarnessError, status: int | None = None) -> NoReturn:
    """End the command with the error's message, and its status unless another is given."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(error.exit_status if status is None else status)


def exit_on_interrupt() -> None:
    """Make Ctrl-C end the command at once, which loses nothing that the journal holds."""
    signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    """Exit without unwinding, since threads may wait for an LLM forever."""
    if sys.stdout.isatty():
        print("\033[?25h", flush=True)  # the live display hid the cursor
    print("interrupted; the same command continues from here", file=sys.stderr)
    os._exit(_INTERRUPTED)
