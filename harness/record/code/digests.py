"""The code that decides a run or a training: a digest of each of its files, by name.

The files of ``harness`` are listed here. Those of an arm in ``baselines`` or in another package are
what its classes import, so that a new arm beside an old one changes nothing for the old one.
Comments and blank lines do not count. Docstrings do: a program can read them, as a prompt for
example.
"""

import contextlib
import functools
import hashlib
import io
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.config.paths import PACKAGE
from harness.record.code.imports import OURS, data_in, imported_files

_TRAINING = (
    "config/arguments.py", "config/schema.py", "config/tasks.py", "evaluation",
    "evolution/candidate.py", "evolution/genome.py", "files.py", "sandbox", "secrets.py",
    "seeding.py", "tasks", "terminal.py", "text.py", "typing.py", "worker",
)  # fmt: skip
"""Code that decides the outcome of a training: what gates, trains and scores, and its imports."""
_RUN = (
    *_TRAINING, "analysis/loading.py", "analysis/proposals.py", "analysis/run_result.py",
    "config/strategies.py", "evolution", "llm", "record/event.py", "record/events.py",
    "record/journal.py", "record/study.py", "record/values.py", "runs/composed_arm.py",
    "runs/run.py",
)  # fmt: skip
"""Code that decides the course of a run, that of its trainings included."""
_SHOWN = 3


def code_of_training(package: Path = PACKAGE) -> str:
    """Return one digest of the code that decides a training; code that reports runs is left out."""
    return _one_digest(_digests(_listed(_TRAINING, package)))


def code_of_run(classes: Iterable[str], package: Path = PACKAGE) -> dict[str, str]:
    """Return the digest of each file that decides the course of a run, by its name.

    Args:
        classes: Import paths of the classes that the run's settings name.
        package: The folder of ``harness``.
    """
    return _digests(files_of_run(classes, package))


def files_of_run(classes: Iterable[str], package: Path = PACKAGE) -> dict[str, Path]:
    """Return the files behind ``code_of_run``; a folder stands for the data in it."""
    return _listed(_RUN, package) | imported_files({name.rpartition(".")[0] for name in classes})


def digest_of_code(code: Mapping[str, str]) -> str:
    """Return one digest of all files of a run."""
    return _one_digest(code)[:12]


def differing_files(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the names of the files that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def some_of(names: Sequence[str]) -> str:
    """Return a few names and the number of the others: ``a, b, c and 4 more``."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def without_comments(source: str) -> str:
    """Return Python source without comments, and without the blank lines outside its strings."""
    cut: dict[int, int] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            cut.setdefault(*token.start)
    kept = []
    for number, line in enumerate(io.StringIO(source), start=1):
        code = line[: cut[number]].rstrip() if number in cut else line.rstrip("\n")
        if code or number not in cut:
            kept.append(code)
    return "\n".join(kept)


def _one_digest(digests: Mapping[str, str]) -> str:
    text = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digests(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: _digest(path) for name, path in sorted(files.items())}


@functools.cache
def _digest(path: Path) -> str:
    """Return the digest of a file, or of all data in a folder, as it is when first asked for."""
    if path.is_dir():
        return _one_digest({str(p.relative_to(path)): _digest(p) for p in data_in(path)})[:12]
    content = path.read_bytes()
    if path.suffix == ".py":
        # What is no Python counts as it is.
        with contextlib.suppress(SyntaxError, tokenize.TokenError, UnicodeError):
            content = without_comments(content.decode()).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _listed(names: Iterable[str], package: Path) -> dict[str, Path]:
    """Return the files of ``harness`` that one of the lists above names."""
    paths = (package / name for name in names)
    files = (p for path in paths for p in (path.rglob("*.py") if path.is_dir() else (path,)))
    return {f"{OURS}/{file.relative_to(package).as_posix()}": file for file in files}
