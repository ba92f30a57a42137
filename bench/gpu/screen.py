"""What a person reads: after each piece, and in ``bench/RESULTS.md``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.gpu.pieces import DONE, FAILED, Record, Step

_MARK = {DONE: "x", FAILED: "!"}
_WIDEST = 100
"""Characters of what was found that are shown; the file with the figures has all."""


def lines_of(steps: Sequence[Step], record: Record, machine: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each step: its state, its minutes, and what was found."""
    driver = f", driver {machine['driver']}" if machine.get("driver") else ""
    yield f"Piece {record.pieces} on {machine['gpu'] or 'the CPU'}, torch {machine['torch']}{driver}"
    for step in steps:
        outcome = record.of(step)
        mark, spent = _MARK.get(outcome.status, " "), f"{outcome.seconds / 60:.1f} min"
        found = outcome.told or f"takes about {max(1, round(record.needs_s(step) / 60))} min"
        yield f"[{mark}] {step.name:<17} {outcome.status:<10} {spent:>9}  {found[:_WIDEST]}"


def last_line(steps: Sequence[Step], record: Record) -> str:
    """Say what to do next."""
    left_s = sum(record.needs_s(step) for step in steps)
    failed = [step.name for step in steps if record.of(step).status == FAILED]
    open_ = [step for step in steps if record.of(step).status not in {DONE, FAILED}]
    again = f" Failed: {', '.join(failed)}; --again does them once more." if failed else ""
    if open_:
        minutes = max(1, round(left_s / 60))
        unit = "minute is" if minutes == 1 else "minutes are"
        return f"Run the same command again, about {minutes} {unit} left.{again}"
    return f"All is done.{again}" if not failed else f"Nothing is left to do.{again}"


def section(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of ``RESULTS.md`` on one GPU, from the file with its figures."""
    machine = content["machine"]
    yield f"## {machine['gpu']}"
    yield ""
    yield (
        f"`nox -s gpu -- --images FOLDER`: torch {machine['torch']}, CUDA {machine['cuda']}, driver "
        f"{machine['driver'] or 'unknown'}, {machine['at'][:10]}, commit {machine['commit'] or 'unknown'}, confinement tried: "
        f"{machine['confinement']}."
    )
    yield ""
    yield "| step | what | value |"
    yield "|---|---|---:|"
    for name, step in content["steps"].items():
        for number, (what, value) in enumerate(_figures(step)):
            yield f"| {'' if number else name} | {what} | {value} |"


def _figures(step: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the figures of a step; those of a training are its accuracy after each piece."""
    figures = dict(step["figures"])
    if step["status"] != DONE:
        yield step["status"], step["told"]
    for piece in figures.get("pieces", ()):
        best = piece["best"]
        when = f"after {piece['epoch']} epochs, {piece['train_s'] / 60:.1f} minutes of training"
        validation = f"validation {best['validation']:.2%} in epoch {best['epoch']}"
        yield f"{when}: {validation}, test", f"{piece['test']:.2%}"
    if "pieces" in figures:
        images = ", ".join(f"{n:,} {part}" for part, n in figures["images"].items())
        yield f"published for CIFAR-10 (images here: {images})", f"{figures['published']:.2%}"
        yield "whether the recipe ended the training", "yes" if figures["recipe ended"] else "no"
        return
    for what, value in figures.items():
        yield what, ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
