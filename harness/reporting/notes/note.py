"""A note of a table, with the arm that it is about."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A sentence that readers see beside tables.

    Attributes:
        text: The sentence.
        arm: Name of the one arm that it is about; None where it is about several or about none.
    """

    text: str
    arm: str | None = None


def notes_on(arm: str, texts: Iterable[str]) -> list[Note]:
    """Return notes on an arm, which begin with its name."""
    return [Note(f"{arm}: {text}", arm) for text in texts]


def texts_of(notes: Iterable[Note]) -> list[str]:
    """Return the texts of notes."""
    return [note.text for note in notes]
