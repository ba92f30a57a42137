"""Look up a task by name, and the settings that it adds to the recipe.

A task is a package in ``harness/tasks``; ``harness.tasks.base`` describes its contents.
"""

import importlib
from typing import Any, cast

from harness.config.paths import PACKAGE
from harness.config.schema import Recipe
from harness.errors import InputError

KINDS = tuple(sorted(path.parent.name for path in PACKAGE.glob("tasks/*/recipe.py")))
"""Names of all tasks."""


def recipe_of(kind: str) -> type[Recipe]:
    """Return the recipe class of a task: general settings plus those of the task."""
    return cast("type[Recipe]", constant_of(kind, "recipe", "RECIPE"))


def constant_of(kind: str, module: str, name: str) -> Any:
    """Return a constant of a module in a task's package.

    Raises:
        InputError: This version has no such task.
    """
    if kind not in KINDS:
        raise InputError(
            f"expected a task of harness/tasks, got {kind!r}. Read a run with the version that "
            f"recorded it; set Dataset.kind of a data set to the name of its task."
        )
    return getattr(importlib.import_module(f"harness.tasks.{kind}.{module}"), name)
