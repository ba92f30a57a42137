"""Events of journal format 3 (version 0.1.0) as the events of today.

Format 4 calls the score ``score`` and what was decided ``outcome``, and names strategies by package
and class.
"""

from collections.abc import Mapping
from typing import Any

from harness.config.strategies import with_stable_names

_RENAMED = {"accuracy": "score", "accuracies": "scores", "fate": "outcome"}
_LABELS = {"category": "category", "character": "character", "eot": "reflection"}
"""Those of guided variation; no other proposer had details under these keys."""
_WITH_OUTCOMES = frozenset({"proposal", "reference", "confirmed"})
_OUTCOMES = frozenset({"training", "final"})


def upgraded(key: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a format 3 event in the words of format 4."""
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
    told = {"kind": "image_classification", "chance": 1 / data["n_classes"]}
    return {
        **content,
        "data": {**data, **told},
        "config": with_stable_names(content["config"]),
        "labels": _LABELS,
    }
