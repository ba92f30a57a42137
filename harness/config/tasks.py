"""Tasks by name, and the settings that each adds to the recipe.

A task is a package in ``harness/tasks``; ``harness.tasks.base`` describes what it holds.
"""

import importlib
from typing import Any, cast

from harness.config.paths import PACKAGE
from harness.config.schema import Recipe
from harness.errors import InputError

KINDS = tuple(sorted(path.parent.name for path in PACKAGE.glob("tasks/*/recipe.py")))
"""Names of all tasks."""


def recipe_of(kind: str) -> type[Recipe]:
    """Return the class of a task's recipe: the general settings and the task's own."""
    return cast("type[Recipe]", constant_of(kind, "recipe", "RECIPE"))


def constant_of(kind: str, module: str, name: str) -> Any:
    """Return a constant of a module in a task's package.

    Raises:
        InputError: This version has no such task.
    """
    if kind not in KINDS:
        raise InputError(
            f"expected a task of harness/tasks, got {kind!r}. A run is read with the version that "
            f"recorded it; a data set names its task in Dataset.kind."
        )
    return getattr(importlib.import_module(f"harness.tasks.{kind}.{module}"), name)
