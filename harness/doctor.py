"""Attack the sandbox of this host and print what was stopped: ``python -m harness.doctor``.

Settings may follow, such as ``sandbox.level=isolated`` or ``device=cpu``. Exit status 0: the host
reaches ``sandbox.level``; 1: it does not; 2: could not run.
"""

import argparse
import platform
import sys
from dataclasses import replace
from importlib.metadata import version

from harness.config.compose import compose
from harness.config.schema import LEVELS
from harness.config.tasks import KINDS, recipe_of
from harness.record.database import SQLITE
from harness.reporting.console import show_table
from harness.sandbox.attacks import ATTACKS, NOT_TRIED
from harness.sandbox.confinement import landlock
from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Build, Candidate, Signature
from harness.sandbox.sandbox import Sandbox
from harness.terminal import exit_on_error, say
from harness.text import without_markup

COULD_NOT_RUN = 2
_RUNAWAYS = {
    "run for ever": "while True:\n    pass",
    "sleep for ever": "import time\ntime.sleep(1e6)",
    "ignore all signals": (
        "import signal\n"
        "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "while True:\n    pass"
    ),
    "fill the memory": "kept = []\nwhile True:\n    kept.append(bytearray(1 << 24))",
    "reserve 100 GB": "torch.empty(25 * 10**9)",
    "start 10,000 threads": (
        "import threading\n"
        "for _ in range(10_000):\n"
        "    threading.Thread(target=threading.Event().wait).start()"
    ),
    "crash": "import ctypes\nctypes.string_at(0)",
    "leave without a word": "import os\nos._exit(0)",
    "fall silent": "import os\nos.closerange(3, 64)\nwhile True:\n    pass",
}
"""Candidates that exhaust a machine; each must be refused, and the host must not suffer."""


def main() -> int:
    """Print the tables; return the exit status."""
    description = without_markup(__doc__)
    parser = argparse.ArgumentParser(
        prog="python -m harness.doctor", description=description, allow_abbrev=False
    )
    parser.add_argument("overrides", nargs="*", help="settings, such as sandbox.level=isolated")
    with exit_on_error(COULD_NOT_RUN):
        config = compose(parser.parse_args().overrides)
        wanted = config.sandbox.level
        limits = replace(config.limits, build_s=1.0, memory_mib=512)
        with Sandbox(limits, level=LEVELS[0], device=config.device) as sandbox:
            return _examine(sandbox, wanted)


def _examine(sandbox: Sandbox, wanted: str) -> int:
    rows = [["a candidate tries to", "stopped from level", "what happened"]]
    by_level = sorted(sandbox.stopped.items(), key=lambda a: LEVELS.index(ATTACKS[a[0]].level))
    for name, how in by_level:
        attack = ATTACKS[name]
        rows.append([attack.tries, attack.level, _described(how)])
    runaways = {tries: _outcome(sandbox, source) for tries, source in _RUNAWAYS.items()}
    rows[1:1] = [[tries, LEVELS[0], outcome] for tries, outcome in runaways.items()]
    show_table(rows, title="Attacks from inside the sandbox of this host", notes=[], text=True)
    say(*_versions(sandbox), *(f"missing: {reason}" for reason in sandbox.machine.missing))
    held = all(outcome.startswith("stopped") for outcome in runaways.values())
    enough = held and LEVELS.index(sandbox.level) >= LEVELS.index(wanted)
    say("", f"level: {sandbox.level if held else 'none'} (sandbox.level asks for {wanted})")
    return 0 if enough else 1


def _described(how: str) -> str:
    if how.startswith(NOT_TRIED):
        return how
    return f"stopped: {how}" if how else "SUCCEEDED"


def _outcome(sandbox: Sandbox, source: str) -> str:
    signature = Signature(kind=KINDS[0], class_name="None", input_shape=(3, 8, 8), n_outputs=2)
    recipe = recipe_of(KINDS[0])()
    candidate = Candidate(
        source=f"import torch\n{source}", signature=signature, recipe=recipe, seed=0
    )
    try:
        with sandbox.run(Build(candidate=candidate), time_limit_s=sandbox.limits.build_s) as job:
            job.receive()
    except JobFailed as refused:
        return f"stopped: {refused.reason}"
    return "SUCCEEDED"


def _versions(sandbox: Sandbox) -> list[str]:
    gpu = sandbox.machine.cuda or "none"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "ruff"))
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return [
        f"kernel: {kernel}, Landlock version {landlock.version()}",
        f"Python {platform.python_version()}, SQLite {SQLITE}, {packages}",
        f"GPU: {gpu}; jobs run on {sandbox.device}",
    ]


if __name__ == "__main__":
    sys.exit(main())
