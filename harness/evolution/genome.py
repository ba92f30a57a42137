"""Genomes: the source of a network, divided into named segments.

A segment starts at a line ``# segment: NAME`` and ends before the next one. The text before the
first is the header, which evolution never changes (Morris 2024, section 3.1).
"""

import ast
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from harness.errors import GenomeError, InputError
from harness.files import read_regular
from harness.sandbox.parser import syntax_tree

MARKER = "# segment: "
_MOST_BYTES = 1 << 20
"""Maximum size of a network's file; the gates accept less."""
_MARKER_LINE = re.compile(rf"^{re.escape(MARKER)}(\w+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One evolvable region: the class or function ``name`` with its private helpers."""

    name: str
    source: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Genome:
    """Header and segments of one network's source; equal texts are equal genomes."""

    header: str = field(repr=False)
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: str, *, origin: str = "the source") -> "Genome":
        """Divide a module at its segment markers; GenomeError if there are none or they repeat."""
        header, *rest = _MARKER_LINE.split(text)
        segments = tuple(
            Segment(name=name, source=source.strip("\n"))
            for name, source in zip(rest[::2], rest[1::2], strict=True)
        )
        names = [segment.name for segment in segments]
        if not names:
            raise GenomeError(
                f"{origin}: expected at least one evolvable segment, found none. Put a line "
                f"'{MARKER}NAME' before each class or function that evolution may rewrite."
            )
        if len(set(names)) < len(names):
            raise GenomeError(
                f"{origin}: expected every segment name once, found {', '.join(names)}."
            )
        return cls(header=header.strip("\n"), segments=segments)

    @property
    def source(self) -> str:
        """The whole module; parsing it returns an equal genome."""
        parts = [self.header] if self.header else []
        parts += [f"{MARKER}{segment.name}\n{segment.source}" for segment in self.segments]
        return "\n\n\n".join(parts) + "\n"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the segments, in order."""
        return tuple(segment.name for segment in self.segments)

    def __getitem__(self, name: str) -> str:
        return next(segment.source for segment in self.segments if segment.name == name)

    def replace(self, name: str, source: str) -> "Genome":
        """Return this genome with one segment's source replaced."""
        segments = tuple(
            Segment(name=name, source=source.strip("\n")) if segment.name == name else segment
            for segment in self.segments
        )
        return Genome(header=self.header, segments=segments)

    def differing(self, other: "Genome") -> tuple[str, ...]:
        """Return the names of segments whose syntax trees differ from the other genome's."""
        return tuple(
            name
            for name in self.names
            if self[name] != other[name] and normalised(self[name]) != normalised(other[name])
        )

    @cached_property
    def sha256(self) -> str:
        """Hash of the syntax tree, by which networks are compared.

        Comments and formatting do not count.
        """
        text = normalised(self.source)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    @property
    def digest(self) -> str:
        """The first 16 digits of ``sha256``: its name in records and in a run's identity."""
        return self.sha256[:16]


@lru_cache(maxsize=128)
def normalised(source: str) -> str:
    """Return a source printed from its syntax tree, or unchanged if it does not parse."""
    try:
        return ast.unparse(syntax_tree(source))
    except (SyntaxError, ValueError, RecursionError):  # unparsing recurses, too
        return source


def read_network(path: Path) -> Genome:
    """Read a seed network; InputError where the file does not parse or has no segments."""
    content = _content(path)
    try:
        text = content.decode()
        syntax_tree(text)
    except SyntaxError as error:
        found = f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"bytes that are no UTF-8 (line {line})"
    except ValueError as error:
        found = str(error)
    else:
        return Genome.parse(text, origin=str(path))
    raise InputError(
        f"{path}: expected a network's Python file, found {found}. Correct the file, or name "
        f"another with network.path=FILE."
    )


def read_unjudged(path: Path) -> Genome:
    """Read a network for the gates to judge; InputError where it has no segments."""
    # Bytes that are no text pass as surrogates, for the intake gate to refuse by line.
    text = _content(path).decode("utf-8", errors="surrogateescape")
    return Genome.parse(text, origin=str(path))


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"{path}: expected a network's Python file, it cannot be read ({error.strerror})."
        ) from None
