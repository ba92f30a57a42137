"""Only a task's own package says what the task is about."""

import re

from tests.support.modules import HARNESS, MODULES

WORDS = re.compile(
    r"\b(?:images?|n_classes|classes|pixels?|accuracy|accuracies|accurate)\b", re.IGNORECASE
)
OWN = ("tasks.image_classification.", "claims.")
"""The task itself, and claims of papers about it."""
OF_OTHER_THINGS = {
    "config.foreign": {"classes"},  # Python's
    "config.moved": {"images", "classes"},  # the name of a module of version 0.1.0; Python's
    "config.plugins": {"classes"},  # Python's
    "config.strategies": {"classes"},  # Python's
    "record.code.digests": {"classes"},  # Python's
    "record.code.imports": {"classes"},  # Python's
    "record.study": {"accuracy", "accuracies"},  # the words of records before format 4
    "record.upgrade": {"accuracy", "accuracies", "n_classes"},
    "reporting.tracking.wandb_process": {"image"},  # a figure
    "reporting.html": {"image"},
    "reporting.run_page": {"classes"},  # CSS's
    "runs.command_line.usage": {"images"},  # the help on an option of a task
    "sandbox.parser": {"classes"},
    "evaluation.behaviour.plain_code": {"classes"},  # Python's
    "testing.datasets": {"classes", "images"},  # the contract of data sets of images
    "tasks.base": {"accuracy", "accurate", "image"},  # examples of words
}
"""Words by module that are about something else."""


def words_of(module):
    return {word.lower() for word in WORDS.findall(MODULES[module].read_text())}


def test_nothing_outside_a_task_speaks_of_images():
    found = {m: words_of(m) for m in MODULES if not m.startswith(OWN)}
    assert {m: words for m, words in found.items() if words} == OF_OTHER_THINGS


def test_the_search_finds_what_it_looks_for():
    own = words_of("tasks.image_classification.datasets") | words_of(
        "tasks.image_classification.scale"
    )
    assert {"images", "classes", "accuracy"} <= own
    assert (HARNESS / "tasks" / "image_classification" / "kind.py").exists()
