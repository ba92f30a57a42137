"""Make a study of a complete run: ``python -m harness.recording RUN_DIR FILE``.

A study holds the prompts, the answers and the scores of one run, verbatim, so that anyone can
run its search again with ``model=recorded``.
"""

import argparse
from pathlib import Path

from harness.errors import HarnessError, RecordError
from harness.journal import is_complete, read_events
from harness.studies import Study, save_study


def study_of(folder: Path) -> Study:
    """Read a study out of a complete run's journal; RecordError where there is none in it."""
    if not is_complete(folder):
        raise RecordError(
            f"{folder}: expected a complete run, this one is not. Let it finish, then record it."
        )
    events = [event for _, event in read_events(folder)]
    manifest = next(e.content for e in events if e.kind == "manifest")
    calls = [e.content for e in events if e.kind == "call"]
    if "~" in manifest["arm"]:
        raise RecordError(
            f"{folder}: expected an arm whose answers are its own, {manifest['arm']} got them from "
            f"elsewhere. Record a run with model=openai or model=exchange."
        )
    if not calls:
        raise RecordError(f"{folder}: expected a run that asked an LLM, this one asked none.")
    scores = {e.key.split("/")[1]: e.content["fate"] for e in events if e.kind == "proposal"}
    reference = next(e.content for e in events if e.kind == "reference")
    config = manifest["config"]
    return Study(
        path=str(folder),
        settings=f"+ablation={config['ablation']} seed={config['seed']} "
        f"budget.evaluations={config['budget']['evaluations']} task={manifest['data']['name']}",
        task=manifest["data"]["name"],
        model=", ".join(sorted({call["model"] for call in calls})),
        date=max(call["date"] for call in calls),
        prompts_digest=manifest["prompts"],
        calls=tuple(sorted(calls, key=lambda call: _order(call["step"]))),
        scores={"seed": reference["fate"], **scores},
    )


def _order(step: str) -> tuple[int, int, str]:
    generation, child, purpose = step.split(".")
    return int(generation[1:]), int(child[1:]), purpose


def main() -> None:
    """Write the study of one run as readable JSON."""
    parser = argparse.ArgumentParser(prog="python -m harness.recording", description=main.__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    try:
        save_study(arguments.file, study_of(arguments.run_dir))
    except OSError as error:
        parser.exit(2, f"error: {arguments.file}: expected a file to write ({error.strerror}).\n")
    except HarnessError as error:
        parser.exit(error.exit_status, f"error: {error}\n")


if __name__ == "__main__":
    main()
