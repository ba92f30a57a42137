"""Gates: ordered checks of a proposed source before it is trained, cheap before expensive.

``STATIC_GATES`` read the source; nothing of it runs. The last gate, ``build``, builds the network
in the sandbox. Every network passes the same gates, the seed network included.
"""

import ast
import json
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import PIPE
from types import MappingProxyType

from harness.config.schema import Recipe
from harness.errors import GenomeError, MachineError
from harness.evaluation.behaviour.live_code import behaviour_of
from harness.evaluation.device_slots import Device
from harness.evolution.candidate import (
    CAUSES,
    MACHINE_DEPENDENT,
    Gated,
    Rejection,
    rejection_of,
)
from harness.evolution.genome import Genome
from harness.sandbox.confinement.starting import patiently
from harness.sandbox.job import FAILURES, JobFailed
from harness.sandbox.messages import Build, Built, Candidate, Signature
from harness.sandbox.parser import MAX_SOURCE_BYTES, defined_names, syntax_tree
from harness.sandbox.sandbox import Sandbox
from harness.text import INVISIBLE

_RUFF_TIMEOUT_S = 20
_MOST_FLOPS = 10**15
_LIMITED = frozenset({"build", "train"})
"""Gates with a limit of time in ``limits``."""
"""Upper limit of a number on record; a larger claim predicts nothing."""

# Rules by which code cannot run as written; none is about style.
_RUFF_RULES = "E9,F402,F404,F50,F632,F702,F704,F706,F707,F811,F821,F822,F823"

ALLOWED_IMPORTS = frozenset(
    {
        "__future__", "abc", "collections", "copy", "dataclasses", "enum", "functools",
        "itertools", "math", "numbers", "operator", "torch", "typing", "warnings",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One check that reads a source without running it."""

    name: str
    """As in tables, and in the names of ``tests/candidates/NAME__what.py``."""
    kind: str
    """Why it refuses, in one word; several gates may share one."""
    meaning: str
    """What the kind stands for."""
    check: Callable[[Genome], str | Rejection | None]
    """Returns the reason for a refusal, its refusal for a limit of the machine, or None for a
    genome that passes."""

    def refusal(self, genome: Genome) -> Rejection | None:
        """Return the refusal of a genome, or None for one that passes."""
        reason = self.check(genome)
        if isinstance(reason, str):
            return Rejection(gate=self.name, kind=self.kind, reason=reason)
        return reason


def intake(genome: Genome) -> str | None:
    """Refuse by size and characters: huge sources stall parsers, invisible ones mislead readers."""
    size = len(genome.source.encode("utf-8", errors="surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        return f"expected at most {MAX_SOURCE_BYTES} bytes of source, got {size}"
    for number, line in enumerate(genome.source.split("\n"), start=1):
        for character in line:
            if character != "\t" and unicodedata.category(character) in INVISIBLE:
                return f"line {number} holds the invisible character U+{ord(character):04X}"
    if _cut_again(genome) != genome.names:
        return "the answer holds segment markers, which belong to the harness"
    return None


def parse(genome: Genome) -> str | None:
    """Refuse bad syntax, and a segment that no longer defines the name it is called by."""
    try:
        syntax_tree(genome.source)
    except SyntaxError as error:
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    except ValueError as error:
        return str(error)
    for segment in genome.segments:
        if segment.name not in defined_names(segment.source):
            return f"segment {segment.name} does not define {segment.name}"
    return None


def lint(genome: Genome) -> str | Rejection | None:
    """Refuse what pinned rules of ruff find; configuration files and noqa are ignored."""
    try:
        status, found, errors = _ruff(genome.source)
    except subprocess.TimeoutExpired:
        return _limited("ruff took too long on this source")
    if status > 1 and _ruff("")[0] > 1:
        raise MachineError(f"ruff could not run: {errors.decode(errors='replace').strip()}")
    if status not in {0, 1}:
        return _limited("ruff crashed on this source")
    findings = json.loads(found)
    if not findings:
        return None
    first = findings[0]
    return f"{first['code']}: {first['message']} (line {first['location']['row']})"


def _ruff(source: str) -> tuple[int, bytes, bytes]:
    """Run ruff; return its exit status, stdout and stderr. Raises TimeoutExpired."""
    from ruff import find_ruff_bin

    command = [
        find_ruff_bin(), "check", "--isolated", "--ignore-noqa", "--no-cache", "--quiet",
        f"--select={_RUFF_RULES}", "--output-format=json", "--stdin-filename=candidate.py", "-",
    ]  # fmt: skip
    with patiently(
        lambda: subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={})
    ) as process:
        _limit(process.pid)  # before it has read a byte
        try:
            found, errors = process.communicate(source.encode(), timeout=_RUFF_TIMEOUT_S)
        finally:
            process.kill()
    return process.returncode, found, errors


def imports(genome: Genome) -> str | None:
    """Refuse imports that are not on the allow-list: a statement of intent, not security."""
    for node in ast.walk(syntax_tree(genome.source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or "."] if not node.level else ["."]
        else:
            continue
        for module in modules:
            if module.split(".")[0] not in ALLOWED_IMPORTS:
                return f"import of {module} is not allowed (line {node.lineno})"
    return None


def advice(rejection: Rejection) -> str:
    """Return a sentence on what would pass the gate that refused a network, "" where none helps."""
    if rejection.kind == "timeout" and rejection.gate in _LIMITED:
        return f" Use a larger limits.{rejection.gate}_s; a training is shorter with fewer epochs."
    if rejection.gate != "imports":
        return ""
    return f" A network may import {', '.join(sorted(ALLOWED_IMPORTS))}, and their submodules."


def _limit(pid: int) -> None:
    """Limit the memory and processor time of ruff, and forbid it to write files."""
    if sys.platform == "linux":
        for kind, value in (
            (resource.RLIMIT_AS, 2**32),
            (resource.RLIMIT_CPU, _RUFF_TIMEOUT_S),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.prlimit(pid, kind, (value, value))


def _limited(reason: str) -> Rejection:
    """Refuse for a limit of the machine, so that another machine may decide otherwise."""
    return Rejection(gate="lint", kind="timeout", reason=reason)


STATIC_GATES = (
    Gate(name="intake", kind="intake", meaning="size, encoding or characters", check=intake),
    Gate(name="parse", kind="syntax", meaning=CAUSES["syntax"], check=parse),
    Gate(name="lint", kind="lint", meaning="ruff: it cannot run as written", check=lint),
    Gate(name="imports", kind="policy", meaning="an import that is not allowed", check=imports),
)
"""All gates before ``build``, in order: a genome meets the first that refuses it."""

REPAIRABLE = frozenset({"extract", "build", *(gate.name for gate in STATIC_GATES)})
"""Gates that a proposer learns of before its child counts, so that it may repair the code."""

KINDS = MappingProxyType(dict(CAUSES) | {gate.kind: gate.meaning for gate in STATIC_GATES})
"""Why candidates are refused: every kind there is, and what it means."""


def is_verdict(refusal: Rejection) -> bool:
    """Return whether one of the gates can have refused a network so, by its name and kind."""
    kinds = {gate.name: {gate.kind} | MACHINE_DEPENDENT for gate in STATIC_GATES}
    return refusal.kind in (kinds | {"build": set(FAILURES)}).get(refusal.gate, ())


class Validator:
    """All gates that look at one network alone, the digest of its behaviour, and its FLOPs.

    Args:
        sandbox: Where networks are built.
        device: Slots of the device that they are built on.
        signature: How they are built.
        recipe: How they are trained.
    """

    def __init__(
        self, sandbox: Sandbox, device: Device, signature: Signature, recipe: Recipe
    ) -> None:
        self._sandbox, self._device = sandbox, device
        self._signature, self._recipe = signature, recipe

    def __call__(self, genome: Genome, *, seed: int) -> Gated:
        """Return the first refusal, or the behaviour of a genome worth training.

        Args:
            genome: The network.
            seed: Seed of its training, under which it is built.
        """
        refusals = (gate.refusal(genome) for gate in STATIC_GATES)
        if refusal := next(filter(None, refusals), None):
            return Gated(refusal=refusal)
        found = self._device.run(lambda: self._build(genome, seed))
        return Gated(refusal=found) if isinstance(found, Rejection) else found

    def _build(self, genome: Genome, seed: int) -> Rejection | Gated:
        """Build in a separate process: shapes, parameters, gradients, time, memory."""
        job = Build(
            candidate=Candidate(
                source=genome.source,
                signature=self._signature,
                recipe=self._recipe,
                seed=seed,
            )
        )
        passed, flops = False, None
        try:
            with self._sandbox.run(job, time_limit_s=self._sandbox.limits.build_s) as running:
                running.receive_answer(Built)
                passed = True
                claimed = running.receive_array("i8")
                if claimed.shape == (1,) and 0 < claimed[0] <= _MOST_FLOPS:
                    flops = int(claimed[0])
        except JobFailed as failure:
            if not passed:
                return rejection_of(failure)
        roots = (self._signature.class_name, "get_optimizer")
        return Gated(behaviour=behaviour_of(genome.source, roots), flops=flops)


def _cut_again(genome: Genome) -> tuple[str, ...]:
    try:
        return Genome.parse(genome.source).names
    except GenomeError:
        return ()
