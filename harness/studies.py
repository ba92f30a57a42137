"""Recorded studies: a run's prompts, answers and scores, shipped to be replayed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import RecordError

STUDY_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Study:
    """One run as it was recorded; ``scores`` are by step, each an evaluation or a rejection."""

    path: str
    settings: str
    """The command-line settings that it was recorded with."""
    task: str
    """Name of the data that it was searched on."""
    model: str
    date: str
    prompts_digest: str
    calls: tuple[Mapping[str, Any], ...]
    scores: Mapping[str, Mapping[str, Any]]


def load_study(path: Path) -> Study:
    """Read a study; RecordError when it is missing, damaged or of another format."""
    if not path.is_file():
        here = sorted(p.stem for p in path.parent.glob("*.json"))
        raise RecordError(
            f"model=recorded: expected the recorded study {path}, which does not exist. Recorded "
            f"there: {', '.join(here) or 'nothing'}. Use one of these, or model=openai or "
            f"model=exchange."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("format")
        if version != STUDY_FORMAT:
            raise RecordError(
                f"{path}: expected a study of format {STUDY_FORMAT}, found {version}. Use the "
                f"version of this package that recorded it."
            )
        return Study(path=str(path), **{**content, "calls": tuple(content["calls"])})
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path}: expected a recorded study, it does not parse: {error!r}."
        ) from None


def save_study(path: Path, study: Study) -> None:
    """Write a study as readable JSON."""
    content = {"format": STUDY_FORMAT, **vars(study), "calls": list(study.calls)}
    del content["path"]
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
