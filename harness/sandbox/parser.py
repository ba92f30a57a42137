"""Parser for untrusted source text; every parse goes through ``syntax_tree``.

A confined process parses a text first: a text that makes the parser hang, crash or take gigabytes
does so there. A text that it survives is parsed here as well, by the same version of Python.
"""

import ast
import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
from functools import lru_cache
from subprocess import PIPE
from types import MappingProxyType

from harness.config.paths import PACKAGE, ROOT
from harness.errors import MachineError
from harness.sandbox.confinement.starting import patiently
from harness.text import TREES

MAX_SOURCE_BYTES = 64 * 1024
"""A longer source is refused unread: 10 MB held the parser for more than a minute."""
_PATIENCE_S = 10
_MEMORY_MIB = 512
_MAX_DEPTH = 400
_MAX_ANSWER_BYTES = 1 << 20
_EXHAUSTED = ("ValueError", "parsing takes too much time or memory", 0)
_SYNTAX_ERRORS = MappingProxyType(
    {kind.__name__: kind for kind in (SyntaxError, IndentationError, TabError)}
)
"""Syntax errors of ``ast.parse`` by name; the confined parser reports others as ValueError."""
_BOOT = (
    "import sys; sys.path.insert(0, {root!r}); from harness.sandbox.parser import serve; serve()"
)
DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
Definition = ast.ClassDef | ast.FunctionDef
MOST_DEPTH = 150
"""Levels of a syntax tree. Printing it recurses, so beyond some hundred levels the stack of the
caller would decide whether a source can be printed, and with that what its digest is."""


def syntax_tree(source: str) -> ast.Module:
    """Parse a source as ``ast.parse`` does.

    Raises:
        SyntaxError: As from ``ast.parse``.
        ValueError: The source is too large or nested too deeply, or parsing it takes too much time
            or memory.
        MachineError: The confined process does not answer.
    """
    size = len(source.encode(errors="surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        raise ValueError(f"expected at most {MAX_SOURCE_BYTES} bytes of source, got {size}")
    with TREES:
        error, message, line = _tried(source)
        if error:
            if error in _SYNTAX_ERRORS:
                raise _SYNTAX_ERRORS[error](message, ("<unknown>", line, 0, None))
            raise ValueError(message)
        try:
            tree = ast.parse(source)
        except (RecursionError, MemoryError) as exhausted:
            raise ValueError(f"the source cannot be parsed ({type(exhausted).__name__})") from None
    if (depth := _depth(tree)) > MOST_DEPTH:
        raise ValueError(
            f"code nested {depth} levels deep, more than {MOST_DEPTH}: each term of a sum and each "
            f"elif is a level"
        )
    return tree


def _depth(tree: ast.AST) -> int:
    level, depth = [tree], 0
    while level := [child for node in level for child in ast.iter_child_nodes(node)]:
        depth += 1
    return depth


def definitions(source: str) -> "list[Definition]":
    """Return the classes and functions at the top level of a source; none if it does not parse."""
    try:
        return [node for node in syntax_tree(source).body if isinstance(node, Definition)]
    except (SyntaxError, ValueError):
        return []


def defined_names(source: str) -> list[str]:
    """Return the names of these classes and functions."""
    return [node.name for node in definitions(source)]


@lru_cache(maxsize=512)
def _tried(source: str) -> tuple[str, str, int]:
    """Return name, message and line of the error that parsing raises; no name for none."""
    return _Reader.running().read(source)


class _Reader:
    """The confined process, seen from this one: a single one, started at the first use."""

    _one: "_Reader | None" = None

    def __init__(self) -> None:
        boot = _BOOT.format(root=str(ROOT))
        command = [sys.executable, "-I", "-S", "-c", boot]
        self._process = patiently(
            lambda: subprocess.Popen(
                command, stdin=PIPE, stdout=PIPE, env={}, start_new_session=True
            )
        )
        atexit.register(self.close)

    @classmethod
    def running(cls) -> "_Reader":
        one = cls._one
        if one is None or one._process.poll() is not None:  # noqa: SLF001 - its own
            one = cls._one = cls()
        return one

    def read(self, source: str) -> tuple[str, str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(source).encode() + b"\n")
            self._process.stdin.flush()
            answered, _, _ = select.select([self._process.stdout], [], [], 2 * _PATIENCE_S)
            answer = self._process.stdout.readline() if answered else b""
        except BrokenPipeError:
            answer = b""
        if not answer:
            self.close()
            raise MachineError("the process that parses sources does not answer")
        return read_outcome(answer)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()
        atexit.unregister(self.close)


def serve() -> None:
    """Parse one source per line of standard input, each in a confined child."""
    from harness.sandbox.confinement.child import Confinement

    confinement = Confinement(exclude=PACKAGE, enforce=sys.platform == "linux")
    confinement.prepare()
    # Lower than in the harness, which parses and walks a text that passes on a deeper stack.
    sys.setrecursionlimit(_MAX_DEPTH)
    for request in sys.stdin.buffer:
        near, far = os.pipe()
        child = patiently(os.fork)
        if child == 0:
            try:
                confinement.close_all_but(far)
                confinement.enter(cuda=False, memory_mib=_MEMORY_MIB, cpu_s=0)
                os.write(far, json.dumps(_parsed(json.loads(request))).encode())
            finally:
                os._exit(0)
        os.close(far)
        with open(near, "rb") as pipe:  # noqa: PTH123 - a descriptor
            answer = pipe.read(_MAX_ANSWER_BYTES)
        os.waitpid(child, 0)
        sys.stdout.buffer.write(json.dumps(read_outcome(answer)).encode() + b"\n")
        sys.stdout.buffer.flush()


def read_outcome(answer: bytes) -> tuple[str, str, int]:
    """Return the outcome that a parsing child reported: error, message, line.

    A missing or malformed report means that the child exceeded a limit.
    """
    try:
        error, message, line = json.loads(answer)
    except (ValueError, TypeError, RecursionError):
        return _EXHAUSTED
    known = isinstance(error, str) and error in {"", "ValueError", *_SYNTAX_ERRORS}
    placed = type(line) is int and 0 <= line <= MAX_SOURCE_BYTES + 1
    if not known or not placed or not isinstance(message, str):
        return _EXHAUSTED
    return error, message, line


def _parsed(source: str) -> tuple[str, str, int]:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return type(error).__name__, str(error.msg), error.lineno or 0
    except (ValueError, RecursionError, MemoryError) as error:
        return "ValueError", f"the source cannot be parsed ({type(error).__name__})", 0
    return "", "", 0
