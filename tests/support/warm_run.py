"""Imported by a process that is forked: a run, so that what runs load and keep need not be loaded."""

import contextlib
import os
import tempfile
from pathlib import Path

import scipy.stats  # noqa: F401 - what the display loads

from harness.config.compose import compose
from harness.runs.runner import complete_runs
from tests.support.backends import ImaginedTrainings

with contextlib.suppress(ImportError):  # an extra
    import openai  # noqa: F401 - what a run that asks an LLM loads

with (
    tempfile.TemporaryDirectory() as folder,
    Path(os.devnull).open("w") as nowhere,
    contextlib.redirect_stdout(nowhere),
):
    overrides = ("ablation=seed_only", "compare=[]", "budget.evaluations=1", "display=plain")
    complete_runs([compose([*overrides, f"runs_dir={folder}"])], ImaginedTrainings())
