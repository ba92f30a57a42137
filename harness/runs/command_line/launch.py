"""Run one configuration or a sweep from the command line. A door to Hydra."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.config.compose import (
    as_hydra_takes,
    compose_comparison,
    compose_jobs,
    expanded,
    launching,
    typed,
)
from harness.config.paths import CONF
from harness.config.plugins import unusable_arms
from harness.config.problems import nearest
from harness.config.schema import Config
from harness.errors import HarnessError, InputError
from harness.files import check_writable, make_own_folder
from harness.reporting.summary import print_comparison
from harness.runs.command_line.usage import usage
from harness.runs.runner import complete_runs
from harness.runs.sweeps.jobs import executors
from harness.runs.sweeps.sweep import Sweep
from harness.terminal import escape_unencodable, exit_on_error, exit_on_interrupt, fail, say
from harness.text import reason_of

_HYDRA = ".hydra"
"""Folder of Hydra's files, as ``conf/config.yaml`` names it."""
_MODULE = "python -m harness"
_PROGRAM = "guided-evolution"
"""Name of the distribution and of its command, for which shells can complete words."""


def launch() -> NoReturn:
    """Run what ``sys.argv`` asks for, and exit with its status.

    All configurations are composed before the first run, so that mistakes are reported before any
    work. In a multirun, a failed job does not stop the others, and one table of all jobs is printed
    at the end.
    """
    escape_unencodable()
    try:
        sys.argv[1:] = as_hydra_takes(sys.argv[1:])
        flags = _flags(sys.argv[1:])
        jobs = list(expanded(sys.argv[1:]))
        composed = compose_jobs(jobs)
        folders = dict.fromkeys(Path(arms[0].runs_dir) for arms in composed)
        for runs_dir in [] if flags.cfg else folders:
            check_writable(runs_dir)
            make_own_folder(runs_dir / _HYDRA)
    except InputError as error:
        fail(error)
    _tell_left_out()
    exit_on_interrupt()
    with contextlib.closing(executors()):
        if flags.multirun and composed and not flags.cfg:
            _sweep(jobs, composed, flags.overrides)
        _alone()
    raise SystemExit(0)


def _alone() -> None:
    """Run one configuration, or print what a flag asks for."""

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(node: DictConfig) -> None:
        overrides = [str(o) for o in HydraConfig.get().overrides.task]
        config = typed(node)
        try:
            results = complete_runs(compose_comparison(config, overrides), executors())
            print_comparison(results, Path(config.runs_dir), config.tracking, default=config.arm)
        except HarnessError as error:
            fail(error)

    entry()


def _sweep(
    jobs: Sequence[Sequence[str]], composed: Sequence[Sequence[Config]], given: Sequence[str]
) -> NoReturn:
    """Run all jobs with the launcher that they name; print one table."""
    sweep = Sweep(jobs, composed, launching(jobs[0]), Path(composed[0][0].runs_dir) / _HYDRA)
    with exit_on_error():
        sweep.preflight()
    travels, overall = sweep.jobs, sweep.overall

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(node: DictConfig) -> None:
        overrides = [str(o) for o in HydraConfig.get().overrides.task]
        travels.run(HydraConfig.get().job.num, typed(node), overrides, overall)

    first = sys.argv.index(given[0]) if given else len(sys.argv)
    sys.argv[first:first] = sweep.overrides  # the user's own come after them
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises what a launcher raises
    with sweep:
        try:
            sweep.run_at_once() if sweep.at_once else entry()
        except Exception as error:  # noqa: BLE001 - of any launcher; the jobs have their reports
            say(f"the launcher failed: {reason_of(str(error))}", error=True)
        sweep.wait()
    failures = sweep.end()
    for failure in failures:
        say(f"failed: {failure}", error=True)
    raise SystemExit(1 if failures else 0)


def _flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's flags; ``--version`` and ``--help`` print and exit.

    Completion is installed for the command, since shells complete no words after ``python -m``.
    """
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--version", action="version", version=f"{_PROGRAM} {version(_PROGRAM)}")
    own.parse_known_args(arguments)
    flags = _hydra_flags(arguments)
    if flags.help:
        say(*usage().splitlines())
        _tell_left_out()
        raise SystemExit(0)
    if flags.shell_completion:
        sys.argv[0] = _PROGRAM
    return flags


def _hydra_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's flags and the overrides; InputError for an unknown or shortened flag."""
    parser = get_args_parser()
    parser.allow_abbrev = False
    parser.prog, parser.usage = _MODULE, f"{_MODULE} [--help] [-m] [SETTING=VALUE ...]"
    flags, others = parser.parse_known_args(arguments)
    for word in others:
        if not word.startswith("-"):
            raise InputError(f"{word}: expected all settings before the flags, or all after them.")
        known = [f"--{name.replace('_', '-')}" for name in [*vars(flags), "version"]]
        near = nearest(word, known)
        hint = f" Did you mean {near}?" if near else ""
        raise InputError(f"{word}: there is no such flag.{hint} {_MODULE} --help lists settings.")
    return flags


def _tell_left_out() -> None:
    """Name the arms of other packages that cannot be used, and why."""
    for reason in unusable_arms().values():
        say(f"left out: {reason}", error=True)
