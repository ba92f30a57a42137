"""Why the last attempt at a run failed: a file in its folder, until an attempt does not fail."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.files import read_regular, write_text
from harness.secrets import without_secrets
from harness.text import reason_of

_FAILURE = "failure.txt"
_LONGEST = 10_000


@contextlib.contextmanager
def failure_kept(folder: Path) -> Iterator[None]:
    """Keep the reason in the run's folder where the block fails, until an attempt does not."""
    try:
        yield
    except Exception as error:
        why = str(error) if isinstance(error, HarnessError) else repr(error)
        with contextlib.suppress(HarnessError):  # the disk may be what failed
            write_text(folder / _FAILURE, without_secrets(why) + "\n")
        raise
    (folder / _FAILURE).unlink(missing_ok=True)


def failure_of(folder: Path) -> str | None:
    """Return why the last attempt at a run failed, None where it did not."""
    try:
        text = read_regular(folder / _FAILURE, _LONGEST)
    except OSError:
        return None
    return reason_of(text.decode("utf-8", "replace").strip())
