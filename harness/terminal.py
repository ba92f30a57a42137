"""How a command ends: one sentence and an exit status, or an interrupt that loses nothing."""

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
    """End the command with the sentence of a ``HarnessError`` that is raised in this block.

    Args:
        status: Exit status; by default the error's own.
    """
    try:
        yield
    except HarnessError as error:
        fail(error, status)


def fail(error: HarnessError, status: int | None = None) -> NoReturn:
    """End the command with the error's sentence and status."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(error.exit_status if status is None else status)


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the command at once: the journal holds everything that was done."""
    signal.signal(signal.SIGINT, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    """Exit without unwinding: threads may wait for an LLM without end."""
    if sys.stdout.isatty():
        print("\033[?25h", flush=True)  # the live display hid the cursor
    print("interrupted; the same command continues from here", file=sys.stderr)
    os._exit(_INTERRUPTED)
