"""Untrusted YAML: each parser event is checked before values are built. A door to PyYAML.

Without limits, nested aliases expand exponentially, deep nesting exhausts the stack, and long
numbers take quadratic time. Values are built from the checked events, because two parsers may read
one text differently.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

MOST_BYTES = 256 * 1024
_MOST_VALUES = 20_000
_CHARACTERS_OF_A_VALUE = 64
"""A longer text counts as several values, since aliases can repeat it."""
_MOST_LEVELS = 16
_NUMBER = re.compile(r"[-+.\d][-+.:\w]*")
_LONGEST_NUMBER = 40
_AMBIGUOUS = re.compile("[\t\x85\u2028\u2029\ufeff]|\r(?!\n)")
"""Characters that libyaml and PyYAML treat differently, as space, line end or text."""
_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TIMESTAMP, _FLOAT = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:float"


@dataclass(kw_only=True)
class _Node:
    """Size and depth of a value with its aliases expanded."""

    anchor: str | None = None
    values: int = 1
    levels: int = 0


class _Tree:
    """Count of the values parsed so far, with each alias counted in full."""

    def __init__(self) -> None:
        self._anchored: dict[str, _Node] = {}
        self._open = [_Node()]

    def add(self, event: yaml.Event) -> bool:
        """Add a parser event; return whether the tree is still within the limits."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Node(anchor=event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._hold(self._open.pop())
        elif isinstance(event, yaml.ScalarEvent):
            values = 1 + len(event.value) // _CHARACTERS_OF_A_VALUE
            self._hold(_Node(anchor=event.anchor, values=values))
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:  # undefined, or a value that contains the alias
                return False
            self._hold(self._anchored[event.anchor])
        here = self._open[-1]
        return here.values <= _MOST_VALUES and len(self._open) + here.levels <= _MOST_LEVELS

    def _hold(self, node: _Node) -> None:
        holder = self._open[-1]
        holder.values += node.values
        holder.levels = max(holder.levels, node.levels + 1)
        if node.anchor:
            self._anchored[node.anchor] = node


class _Builder(Composer, SafeConstructor, Resolver):
    """Builds plain values from parser events.

    As in OmegaConf, ``1e-3`` is a number, a date is a text, and a key that occurs twice is an
    error.
    """

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._events = events
        self._next: yaml.Event | None = None

    def peek_event(self) -> yaml.Event | None:
        """Return the next event without consuming it."""
        if self._next is None:
            self._next = next(self._events, None)
        return self._next

    def get_event(self) -> yaml.Event | None:
        """Return the next event."""
        event, self._next = self.peek_event(), None
        return event

    def check_event(self, *kinds: type[yaml.Event]) -> bool:
        """Return whether the next event is of one of these kinds."""
        return isinstance(self.peek_event(), kinds)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - as PyYAML declares it
        """Return a mapping; ConstructorError if a key occurs twice."""
        keys: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in keys:
                raise ConstructorError(
                    None, None, f"found the key {key.value!a} twice", key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Builder.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in Resolver.yaml_implicit_resolvers.items()
}
_Builder.add_implicit_resolver(
    _FLOAT, re.compile(r"[-+]?\d+(_\d+)*(\.[\d_]*)?[eE][-+]?\d+$", re.ASCII), list("-+0123456789")
)


def require_bounded(text: str, *, interpolates: bool = False) -> None:
    """Check a YAML text event by event, without building a value.

    Args:
        text: The text.
        interpolates: Whether ``${...}`` is allowed.

    Raises:
        ValueError: The text has a tag, an interpolation or an ambiguous character, or exceeds a
            limit with its aliases expanded.
        yaml.YAMLError: The text is not YAML.
    """
    for _ in _checked(text, interpolates=interpolates):
        pass


def load_yaml(text: str, *, interpolates: bool = False) -> Any:
    """Load a YAML text as plain values; arguments and errors as of ``require_bounded``."""
    builder = _Builder(_checked(text, interpolates=interpolates))
    node = builder.get_single_node()
    return None if node is None else builder.construct_document(node)


def _checked(text: str, *, interpolates: bool) -> Iterator[yaml.Event]:
    """Yield the events of a text, each once it is checked."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES:,} characters")
    if found := _AMBIGUOUS.search(text):
        raise ValueError(
            f"line {text.count(chr(10), 0, found.start()) + 1}: expected no tab, byte-order mark "
            f"or unusual line end, found {found[0]!a}"
        )
    tree = _Tree()
    for event in yaml.parse(text, Loader=_Parser):
        line = f"line {event.start_mark.line + 1 if event.start_mark else '?'}"
        if tag := getattr(event, "tag", None):
            raise ValueError(f"{line}: expected values without a tag, found {tag[:40]!a}")
        if isinstance(event, yaml.ScalarEvent):
            _require_plain(event, line, interpolates=interpolates)
        if not tree.add(event):
            raise ValueError(
                f"{line}: expected at most {_MOST_VALUES:,} values on {_MOST_LEVELS} levels, and "
                f"aliases only of values that are complete"
            )
        yield event


def _require_plain(event: yaml.ScalarEvent, line: str, *, interpolates: bool) -> None:
    value = event.value
    if len(value) > _LONGEST_NUMBER and not event.style and _NUMBER.fullmatch(value):
        raise ValueError(f"{line}: expected numbers of at most {_LONGEST_NUMBER} characters")
    if "${" in value and not interpolates:
        raise ValueError(f"{line}: expected values without ${{...}}, found {value[:40]!a}")
