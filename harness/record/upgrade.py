"""Conversion of events of journal format 3, which version 0.1.0 wrote, to format 4.

Format 4 calls the score ``score`` and the decision ``outcome``, names strategies by package and
class, and records the kind of task, its chance level and the labels of the proposer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from harness.config.strategies import with_stable_names

JOURNAL_FORMAT = 4
_RENAMED = {"accuracy": "score", "accuracies": "scores", "fate": "outcome"}
_LABELS = {"category": "category", "character": "character", "eot": "reflection"}
"""Labels of guided variation, the only proposer that recorded details under these keys."""
_WITH_OUTCOMES = frozenset({"proposal", "reference", "confirmed"})
_OUTCOMES = frozenset({"training", "final"})


def upgrade(key: str, content: Mapping[str, Any], *, version: int) -> Mapping[str, Any]:
    """Return the content of an event as the present format has it.

    Raises:
        LookupError: The version is none of ``READABLE_FORMATS``, or the content lacks a key.
    """
    return _CONVERSIONS[version](key, content)


def _upgraded(key: str, content: Mapping[str, Any]) -> dict[str, Any]:
    kind = key.partition("/")[0]
    if kind == "manifest":
        return _manifest(content)
    if kind in _OUTCOMES:
        return _outcome(content)
    if kind in _WITH_OUTCOMES:
        known = _outcome(content)
        return {k: _outcome(v) if k in {"outcome", "measured"} else v for k, v in known.items()}
    return dict(content)


def _outcome(content: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(k, k): v for k, v in content.items()}


def _manifest(content: Mapping[str, Any]) -> dict[str, Any]:
    data = content["data"]
    task = {"kind": "image_classification", "chance": 1 / data["n_classes"]}
    return {
        **content,
        "data": {**data, **task},
        "config": with_stable_names(content["config"]),
        "labels": _LABELS,
    }


_CONVERSIONS: Mapping[int, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    3: _upgraded,
    JOURNAL_FORMAT: lambda _, content: content,
}
READABLE_FORMATS = frozenset(_CONVERSIONS)
"""Formats of journals and archives that this version reads."""
