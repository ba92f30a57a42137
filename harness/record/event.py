"""One event: a key and JSON values as stored, a typed value in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, ClassVar, Self

from harness.evolution.candidate import Evaluation, Gated, Rejection, content_of
from harness.record.values import require


class Event:
    """One fact of a run. Its subclasses, one for each kind of event, are frozen dataclasses."""

    KIND: ClassVar[str]
    """First part of the key."""
    PLACE: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that make up the rest of the key."""
    SHORTER: ClassVar[Mapping[str, int]] = {}
    """Number of digits that a digest of the place has in earlier records, by name of the field."""
    WHOLE: ClassVar[str | None] = None
    """Name of the field that is the content, where the content is one field."""
    ADDED: ClassVar[tuple[str, ...]] = ()
    """Names of fields that earlier records lack; they are stored where they have a value."""
    PARSE: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Parsers of fields that are stored as other values than they have, by name."""

    @classmethod
    def key_of(cls, *place: object) -> str:
        """Return the key of the event of this kind at a place."""
        return "/".join([cls.KIND, *map(str, place)])

    @classmethod
    def earlier_key_of(cls, *place: object) -> str:
        """Return the key at a place as earlier records have it.

        A short digest can be that of two networks. So only what a record alone decides, a replay,
        may look for this key.
        """
        named = zip(cls.PLACE, place, strict=True)
        return cls.key_of(*(str(value)[: cls.SHORTER.get(name)] for name, value in named))

    @property
    def key(self) -> str:
        """The key, unique within a run."""
        return self.key_of(*(getattr(self, name) for name in self.PLACE))

    @property
    def content(self) -> dict[str, Any]:
        """The content as JSON values."""
        fields = {n: v for n, v in vars(self).items() if n not in self.ADDED or v not in (None, {})}
        stored = {n: plain(v) for n, v in fields.items() if n not in self.PLACE}
        return stored[self.WHOLE] or {} if self.WHOLE else stored

    @classmethod
    def parse(cls, place: Sequence[str], content: Mapping[str, Any]) -> Self:
        """Build the event from the parts of its key after the kind, and from its content.

        Raises:
            ValueError, TypeError, LookupError, AttributeError: A value is missing, belongs to no
                field, or has the wrong type or magnitude.
        """
        values: dict[str, Any] = {cls.WHOLE: content} if cls.WHOLE else dict(content)
        values.update(zip(cls.PLACE, place, strict=True))
        event = cls(**{n: cls.PARSE[n](v) if n in cls.PARSE else v for n, v in values.items()})
        require(event, cls)
        return event


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event as recorded."""

    event: Event
    at: float
    """When it was recorded, in seconds since 1970."""


def plain(value: Any) -> Any:
    """Turn a value of an event into JSON values."""
    if isinstance(value, Gated):
        value = value.refusal or content_of(value)
    if isinstance(value, Evaluation | Rejection):
        return content_of(value)
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, tuple | list) else value
