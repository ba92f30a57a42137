"""How a run came about, where its settings do not tell it: with code that was edited meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.record.event import Event


@dataclass(frozen=True, kw_only=True)
class CodeChanged(Event):
    """A run was continued with other code than before, which the user accepted.

    A replay works with its own code, so it takes this over from the record.
    """

    KIND = "code"
    PLACE = ("number",)
    PARSE: ClassVar = {"number": int}

    number: int
    """Number of earlier changes."""
    code: Mapping[str, str]
    """As ``Manifest.code``."""
    commit: str | None
