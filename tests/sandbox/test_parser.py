"""Sources are parsed in a confined process first, and come out as ``ast.parse`` says."""

import ast
import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sandbox.parser import MAX_SOURCE_BYTES, MOST_DEPTH, _Reader, read_outcome, syntax_tree
from tests.conftest import children_of

PIECES = st.sampled_from(
    ["def f(x):\n", "    return x\n", "class A:\n", "\tpass\n", "x = [1,", "]\n", "\0", "\ud800", "é",
     "lambda: ", "f'{x}'", "(", ")", "# segment: A\n", "await x\n", "'''"]
)  # fmt: skip


def outcome(parse, source):
    try:
        return ast.dump(parse(source))
    except SyntaxError as error:
        return type(error), error.msg, error.lineno or 0
    except (ValueError, RecursionError, MemoryError):
        return ValueError


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_as_ast_parse(source):
    assert outcome(syntax_tree, source) == outcome(ast.parse, source)


@pytest.mark.parametrize(
    "source",
    ["x = " + "[" * 30_000, "x = " + "-" * 60_000 + "1", "(" * 150 + "a b", "x = " + "9" * 60_000],
    ids=["brackets", "signs", "nesting", "digits"],
)
def test_what_is_hard_to_parse_is_an_error_and_no_crash(source):
    with pytest.raises((SyntaxError, ValueError)):
        syntax_tree(source)


NESTED = {
    "sum": lambda n: f"x{' + x' * n}",
    "calls": lambda n: f"{'f(' * n}x{')' * n}",
    "chain": lambda n: f"x{'.f()' * n}",
    "lists": lambda n: f"{'[' * n}x{']' * n}",
    "choices": lambda n: f"{'(' * n}x{' if x else x)' * n}",
    "functions": lambda n: f"{'lambda: ' * n}x",
    "signs": lambda n: f"{'not ' * n}x",
    "elif": lambda n: "if x:\n    x\n" + "elif x:\n    x\n" * n,
}


def below(frames, function):
    return below(frames - 1, function) if frames else function()


@pytest.mark.parametrize("kind", NESTED.values(), ids=NESTED)
def test_what_is_read_can_be_printed_however_deep_the_stack_is(kind):
    deepest = None
    for n in range(1, 400):
        with contextlib.suppress(SyntaxError, ValueError):
            deepest = syntax_tree(kind(n))
    assert ast.unparse(deepest) == below(300, lambda: ast.unparse(deepest))
    with pytest.raises((SyntaxError, ValueError)):
        syntax_tree(kind(4 * MOST_DEPTH))


def test_a_source_too_large_is_not_read():
    with pytest.raises(ValueError, match=f"at most {MAX_SOURCE_BYTES} bytes"):
        syntax_tree("#" * (MAX_SOURCE_BYTES + 1))


@pytest.mark.parametrize(
    "answer",
    [b"", b"[", b"3", b'["print", "", 1]', b'["", 1, 1]', b'["", "", -1]', b'["", "", true]', b"\xff",
     b'["SyntaxError", "", 1e9]', b"[" * 100_000, b'["", "", ' + b"9" * 5000 + b"]"],
    ids=range(11),
)  # fmt: skip
def test_a_process_that_says_anything_else_had_too_much_to_parse(answer):
    assert read_outcome(answer) == ("ValueError", "parsing takes too much time or memory", 0)


def test_the_process_that_parses_has_no_environment_and_is_replaced_when_it_died():
    syntax_tree("a = 1")
    first = _Reader.running()._process
    assert Path(f"/proc/{first.pid}/environ").read_bytes() == b""
    assert children_of(first.pid) == []
    first.kill()
    first.wait()
    assert ast.dump(syntax_tree("b = 2")) == ast.dump(ast.parse("b = 2"))
    assert _Reader.running()._process.pid != first.pid
