"""The help of ``python -m harness``: arms, options and the settings used most, on two screens."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from harness.config.paths import CONF
from harness.config.plugins import third_party_arms, yaml_texts

_MOST_COLUMNS = 100
_GROUPS = (
    "model", "task", "network", "recipe", "profile", "selection", "fidelity", "schedule",
    "tracking",
)  # fmt: skip
"""Groups whose options users choose; an arm chooses its proposer and prompts."""
_SETTINGS: Mapping[str, str] = {
    "seed=0": "seed of the search; -m seed=0,1,2 runs several",
    "compare=[full,nas]": "other arms to run and to compare with; [] for none",
    "budget.evaluations=12": "trainings of proposals; likewise budget.tokens, budget.cost",
    "model.name=NAME": "the model, as its server knows it; model.base_url=URL for the server",
    "network.path=FILE": "your own seed network (network=own)",
    "task.path=FOLDER": "your own images (task=image_folder)",
    "recipe.epochs=5": "epochs of each training",
    "final.seeds=3": "re-trainings of the selected and the seed network",
    "device=auto": "auto, cpu or cuda",
    "runs_at_once=1": "runs of the command that go on at the same time",
    "prices=FILE": "your prices of models and of an hour of training",
    "runs_dir=runs": "where runs are recorded; the same command continues them",
}
_START = """\
Runs one arm and those to compare it with, then prints their comparison.

    python -m harness [-m] [ablation=ARM] [GROUP=OPTION ...] [SETTING=VALUE ...]

    python -m harness                           with recorded answers
    python -m harness ablation=no_eot           without Evolution of Thought
    python -m harness -m ablation=no_eot,nas    a sweep, one table at the end
    python -m harness.estimate ablation=no_eot  what a command would cost
"""
_END = """\
All settings with their values: python -m harness --cfg job
Hydra's own flags: python -m harness --hydra-help
Tables and pages of runs: python -m harness.table, python -m harness.report
"""


def usage() -> str:
    """Return the text of ``--help``."""
    columns = min(_MOST_COLUMNS, shutil.get_terminal_size().columns)
    parts = (
        [_START.rstrip()],
        ["Arms:", *_lines(dict(_arms()), columns)],
        ["Options:", *(line for group in _GROUPS for line in _options(group, columns))],
        ["Settings used most:", *_lines(_SETTINGS, columns)],
        [_END.rstrip()],
    )
    return "\n\n".join("\n".join(lines) for lines in parts)


def _arms() -> Iterator[tuple[str, str]]:
    """Yield the name of each arm, and the first sentence of its YAML."""
    yield from _summaries(CONF / "ablation")
    for arm, module in third_party_arms():
        found = dict(_summaries(resources.files(module) / "conf" / "ablation"))
        yield arm, found.get(arm, "") or f"of the package {module}"


def _summaries(folder: Traversable) -> Iterator[tuple[str, str]]:
    for file, text in yaml_texts(folder):
        yield file.name.removesuffix(".yaml"), _first_sentence(text)


def _first_sentence(yaml: str) -> str:
    """Return the first sentence of the comment at the start of a YAML text, "" without one."""
    words: list[str] = []
    for line in yaml.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            words += line.lstrip("# ").split()
    return " ".join(words).partition(". ")[0].rstrip(".")


def _lines(texts: Mapping[str, str], columns: int) -> Iterator[str]:
    """Yield a line for each name, with as much of its text as fits."""
    width = max(map(len, texts)) + 2
    for name, text in texts.items():
        shown = textwrap.shorten(text, columns - width - 2, placeholder=" ...")
        yield f"  {name:<{width}}{shown}".rstrip()


def _options(group: str, columns: int) -> list[str]:
    names = ", ".join(sorted(file.stem for file in (CONF / group).glob("*.yaml")))
    return textwrap.wrap(
        f"{group + '=':<12}{names}", columns, initial_indent="  ", subsequent_indent=" " * 14
    )
