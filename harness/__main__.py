"""``python -m harness``: run the composed arm and those in ``compare``, then compare them.

``python -m harness COMMAND`` runs the module of that name, as ``python -m harness.COMMAND`` does.
"""

import os
import runpy
import sys

from harness.config.problems import nearest
from harness.errors import InputError
from harness.runs.command_line.launch import launch
from harness.terminal import fail, say

COMMANDS = frozenset({
    "credit", "data", "doctor", "estimate", "evaluate", "export", "fidelity", "lineage", "ls",
    "power", "replay", "report", "reproductions", "table", "validate",
})  # fmt: skip
"""Modules that are commands of their own."""
_TAKE_SETTINGS = frozenset({"doctor", "estimate", "evaluate", "reproductions", "validate"})
"""Commands whose further words may be settings; those of others are files or options."""


def main() -> None:
    """Run what the command line says: a command, or else a comparison."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word == "-sc" and not _completed():
        return
    if word in COMMANDS:
        runpy.run_module(f"harness.{sys.argv.pop(1)}", run_name="__main__", alter_sys=True)
        return
    if word and word[0] not in "-~" and "=" not in word:
        near = nearest(word, COMMANDS)
        hint = f"Did you mean {near}?" if near else f"Commands are {', '.join(sorted(COMMANDS))}."
        fail(InputError(f"{word}: there is no such command. {hint} Settings are SETTING=VALUE."))
    launch()


def _completed() -> bool:
    """Print the commands that fit what a user has typed; return whether Hydra completes settings.

    Hydra gets the line without a command that takes settings. Behind any other the shell completes
    files, since no word is printed.
    """
    program, _, typed = os.environ.get("COMP_LINE", "").partition(" ")
    first, space, rest = typed.lstrip().partition(" ")
    if first in COMMANDS and space:
        os.environ["COMP_LINE"] = f"{program} {rest}"
        return first in _TAKE_SETTINGS
    if program and not space:
        say(*sorted(one for one in COMMANDS if one.startswith(first)))
    return True


if __name__ == "__main__":
    main()
