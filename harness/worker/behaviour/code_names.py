"""Names in the compiled code of functions: what may be looked up when they run."""

import dis
import functools
import types
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Uses:
    """What code uses by name.

    Attributes:
        defined: Names of its functions.
        names: All names and texts in it.
        attributes: Names of attributes and methods, of any object.
        elsewhere: Names that it uses on other objects than ``self``, and texts.
        imports: Modules that it imports when it runs.
    """

    defined: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()


def uses_of(codes: Iterable[types.CodeType], *, texts: Iterable[str] = ()) -> Uses:
    """Return what code uses by name.

    Args:
        codes: Code of functions; the functions and classes within it count, too.
        texts: Texts that it can get at, which may be names as those in the code.
    """
    waiting = list(codes)
    texts, steps = set(texts), []
    for code in waiting:  # grows
        before = [None, *instructions(code)]
        steps += [
            (one, is_of_self(one, previous, code))
            for previous, one in zip(before, instructions(code), strict=False)
            if one.opcode in dis.hasname
        ]
        constants = list(code.co_consts)
        for constant in constants:  # grows
            if isinstance(constant, str):
                texts.add(constant)
            elif isinstance(constant, (tuple, frozenset)):
                constants.extend(constant)
            elif isinstance(constant, types.CodeType):
                waiting.append(constant)
    return Uses(
        defined=frozenset(code.co_name for code in waiting),
        names=frozenset(texts.union(one.argval for one, _ in steps)),
        attributes=frozenset(one.argval for one, _ in steps if is_attribute(one)),
        elsewhere=frozenset(texts.union(one.argval for one, of_self in steps if not of_self)),
        imports=frozenset(one.argval for one, _ in steps if one.opname == "IMPORT_NAME"),
    )


@functools.lru_cache(maxsize=1000)
def instructions(code: types.CodeType) -> tuple[dis.Instruction, ...]:
    """Return the instructions of code."""
    return tuple(dis.get_instructions(code))


def is_attribute(one: dis.Instruction) -> bool:
    """Return whether an instruction with a name reads or writes an attribute of that name."""
    return "ATTR" in one.opname or "METHOD" in one.opname


def is_of_self(
    one: dis.Instruction, previous: dis.Instruction | None, code: types.CodeType
) -> bool:
    """Return whether an instruction reads or writes an attribute of ``self``, and certainly so."""
    on_first = previous is not None and previous.opname == "LOAD_FAST" and not previous.arg
    plain = one.opname in {"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"} and not one.is_jump_target
    return on_first and plain and _keeps_self(code)


@functools.lru_cache(maxsize=1000)
def _keeps_self(code: types.CodeType) -> bool:
    is_method = "self" in code.co_varnames[:1] and code.co_argcount > 0
    return is_method and not any(
        one.opname.startswith(("STORE_FAST", "DELETE_FAST")) and one.argval == "self"
        for one in instructions(code)
    )
