"""Live code: a network's source without what provably never acts, and the digest of it.

Two networks with the same live code that are built under one seed are one function of one size:
nothing has to be observed. Source that is not plain (``plain_code``) has no digest. In plain code,
three steps change nothing that the network does:

1. A statement that is a constant, or ``pass``, is removed. Docstrings are out of reach.
2. Where every call of a function or class gives an argument a constant, and all of them are true or
   all false, a choice by that argument is replaced by the branch that is taken.
3. A definition that does nothing but bind a name is removed where no live code writes the name.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.evaluation.behaviour.plain_code import binds, bound, imported, mentioned, path_of
from harness.sandbox.parser import syntax_tree

_DIGEST_CHARACTERS = 32
_MOST_ROUNDS = 20
"""Bounds the time: what further rounds would remove is kept, which is sound."""
_MODULE = "torch.nn.Module"
_TYPES = frozenset({"bool", "dict", "float", "int", "list", "object", "set", "str", "tuple"})
_DECORATORS = frozenset({"property", "staticmethod"})

N = TypeVar("N", bound=ast.AST)


def behaviour_of(source: str, roots: Collection[str]) -> str | None:
    """Return the digest of a network's live code; None for a source that is not plain.

    Args:
        source: The source, which parses.
        roots: Names that are looked up in its module from outside.
    """
    try:
        tree = live_code(syntax_tree(source), roots)
        if tree is None:
            return None
        text = ast.dump(tree)
    except (RecursionError, ValueError):  # nested too deeply; a number too long to print
        return None
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]


def live_code(tree: ast.Module, roots: Collection[str]) -> ast.Module | None:
    """Return a module without what never acts; None if it is not plain.

    Args:
        tree: The module, which is changed.
        roots: Names that are looked up in it from outside.
    """
    tree = _Constants().visit(tree)
    paths = imported(tree)
    if paths is None:
        return None
    for _ in range(_MOST_ROUNDS):
        _remove_dead(tree, roots, paths)
        if not _choose(tree, roots, paths):
            break
    return tree


class _Constants(ast.NodeTransformer):
    """Removes statements that are constants or ``pass``."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Pass(self, _: ast.Pass) -> None:
        return None


def _remove_dead(tree: ast.Module, roots: Collection[str], paths: Mapping[str, str]) -> None:
    """Remove definitions that bind names alone, and which no code that is left mentions."""
    inert = _Inert(tree, paths)
    waiting = [(node, names) for node in tree.body if (names := inert.binds(node))]
    live = [node for node in tree.body if not inert.binds(node)]
    named = set(roots).union(mentioned(*live))
    while live := [node for node, names in waiting if names & named]:
        waiting = [(node, names) for node, names in waiting if not names & named]
        named |= set(mentioned(*live))
    dead = {id(node) for node, _ in waiting}
    tree.body = [node for node in tree.body if id(node) not in dead]


class _Inert:
    """Definitions at the top level of a plain module that do nothing but bind names.

    Args:
        tree: The module.
        paths: The path of each imported name.
    """

    def __init__(self, tree: ast.Module, paths: Mapping[str, str]) -> None:
        self._paths, self._bound = paths, bound(tree)
        self._classes = {
            node.name: node
            for node in tree.body
            if isinstance(node, ast.ClassDef) and self._bound[node.name] == 1
        }
        self._inert: dict[str, bool] = {}
        """Of each class that has been looked at; false while it is, so that no base is its own."""

    def binds(self, node: ast.stmt) -> set[str]:
        """Return the names that a statement binds if it does nothing else, none if it does."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            flags = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            return set() if flags else set(bound(node))
        if isinstance(node, ast.FunctionDef):
            return {node.name} if not node.decorator_list and self._is_function(node) else set()
        if isinstance(node, ast.ClassDef):
            return {node.name} if self._is_class(node) else set()
        return set(bound(node)) if self._is_assignment(node) else set()

    def _is_function(self, node: ast.FunctionDef) -> bool:
        """Return whether the definition of a function, decorators aside, evaluates nothing."""
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        annotations = [one.annotation for one in arguments if one] + [node.returns]
        defaults = [*given.defaults, *filter(None, given.kw_defaults)]
        return all(map(_is_constant, defaults)) and all(
            map(self._is_type, filter(None, annotations))
        )

    def _is_class(self, node: ast.ClassDef) -> bool:
        """Return whether a class, like all of its bases, has nothing that runs when it is made."""
        if self._bound[node.name] != 1:
            return False
        if node.name not in self._inert:
            self._inert[node.name] = False
            self._inert[node.name] = self._is_class_by_itself(node)
        return self._inert[node.name]

    def _is_class_by_itself(self, node: ast.ClassDef) -> bool:
        bases = [base for base in node.bases if not self._is_plain_base(base)]
        names = {base.id for base in bases if isinstance(base, ast.Name)}
        return (
            not node.decorator_list
            and len(names) == len(bases)
            and all(map(self._is_member, node.body))
            and all(name in self._classes and self._is_class(self._classes[name]) for name in names)
        )

    def _is_plain_base(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name) and node.id == "object":
            return not self._bound["object"]
        return path_of(node, self._paths) == _MODULE

    def _is_member(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.FunctionDef):
            names = [one.id for one in node.decorator_list if isinstance(one, ast.Name)]
            known = len(names) == len(node.decorator_list) and _DECORATORS.issuperset(names)
            return known and not any(map(self._bound.get, names)) and self._is_function(node)
        return self._is_assignment(node)

    def _is_assignment(self, node: ast.stmt) -> bool:
        """Return whether a statement gives constants to names."""
        if isinstance(node, ast.Assign):
            plain = all(isinstance(target, ast.Name) for target in node.targets)
            return plain and _is_constant(node.value)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return self._is_type(node.annotation) and (not node.value or _is_constant(node.value))
        return False

    def _is_type(self, node: ast.expr) -> bool:
        """Return whether an annotation is made of known types: evaluating it does nothing else."""
        if isinstance(node, ast.Subscript):
            return self._is_type(node.value) and self._is_type(node.slice)
        if isinstance(node, ast.Tuple):
            return all(map(self._is_type, node.elts))
        if isinstance(node, ast.BinOp):
            return self._is_type(node.left) and self._is_type(node.right)
        if isinstance(node, ast.Name) and node.id in _TYPES:
            return not self._bound[node.id]
        return isinstance(node, ast.Constant) or path_of(node, self._paths) is not None


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):  # a negative number
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)


def _choose(tree: ast.Module, roots: Collection[str], paths: Mapping[str, str]) -> bool:
    """Replace choices by arguments that never vary; return whether there were any."""
    mentions = mentioned(tree)
    calls: dict[str, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.setdefault(node.func.id, []).append(node)
    found = False
    for node in tree.body:
        called = _Called.by(node, paths)
        if called is None or called.name in roots:
            continue
        its_calls = calls.get(called.name, [])
        if mentions[called.name] == 1 + len(its_calls):  # but for its definition, nothing but calls
            chooser = _Chooser(called.truths(its_calls))
            called.function.body = chooser.suite(called.function.body)
            found |= chooser.found
    return found


@dataclass(frozen=True)
class _Called:
    """A function, or the constructor of a class, that is called by one name alone."""

    name: str
    function: ast.FunctionDef
    first: int
    """Number of arguments that a call by the name does not give: 1 for ``self``."""

    @classmethod
    def by(cls, node: ast.stmt, paths: Mapping[str, str]) -> "_Called | None":
        """Return what calls of a definition at the top level run; None where that may vary."""
        if isinstance(node, ast.FunctionDef):
            return None if node.decorator_list else cls(node.name, node, 0)
        if not isinstance(node, ast.ClassDef) or node.decorator_list:
            return None
        if [path_of(base, paths) for base in node.bases] != [_MODULE]:
            return None
        members = [one for one in node.body if "__init__" in bound(one)]
        member = members[0] if len(members) == 1 else None
        if not isinstance(member, ast.FunctionDef) or member.decorator_list:
            return None
        return cls(node.name, member, 1) if member.name == "__init__" else None

    def truths(self, calls: Sequence[ast.Call]) -> dict[str, bool]:
        """Return the arguments whose value is true, or false, in all calls."""
        given = self.function.args
        names = [one.arg for one in given.args]
        if given.posonlyargs or given.vararg or given.kwarg or len(names) < self.first:
            return {}
        defaults = dict(zip(reversed(names), reversed(given.defaults), strict=False))
        defaults |= {
            one.arg: value
            for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value
        }  # fmt: skip
        places = names[self.first :]
        found: dict[str, set[bool | None]] = {}
        times: Counter[str] = Counter()
        for call in calls:
            keywords = {one.arg: one.value for one in call.keywords if one.arg}
            spread = len(keywords) < len(call.keywords)
            if spread or len(call.args) > len(places) or any(map(_is_spread, call.args)):
                return {}
            values = dict(zip(places, call.args, strict=False)) | keywords
            times.update(values.keys())
            for name, value in values.items():
                found.setdefault(name, set()).add(_truth(value, {}))
        binds, known = bound(self.function), {}
        for name in (*places, *(one.arg for one in given.kwonlyargs)):
            truths = found.get(name, set())
            if times[name] < len(calls):  # others leave it to the default
                truths |= {_truth(defaults.get(name), {})}
            if len(truths) == 1 and None not in truths and binds[name] == 1:
                known[name] = bool(*truths)
        return known


def _is_spread(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Starred)


def _truth(node: ast.expr | None, known: Mapping[str, bool]) -> bool | None:
    """Return whether an expression is true, None where that is not known."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand, known)
        return None if inner is None else not inner
    return None


class _Chooser(ast.NodeTransformer):
    """Replaces choices by arguments whose truth is known with the branch that is taken.

    Args:
        known: The truth of arguments.
    """

    def __init__(self, known: Mapping[str, bool]) -> None:
        self._known = known
        self._staying: dict[ast.AST, bool] = {}
        self.found = False

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Return the value that is taken."""
        taken = self._taken(node.test, [node.body], [node.orelse])
        if taken is None:
            return self.generic_visit(node)
        visited: ast.AST = self.visit(taken[0])
        return visited

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Return the statements that are taken."""
        taken = self._taken(node.test, node.body, node.orelse)
        return self.generic_visit(node) if taken is None else self.suite(taken)

    def suite(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return statements with the choices made."""
        module = ast.Module(body=body, type_ignores=[])
        self.generic_visit(module)
        return module.body

    def _taken(self, test: ast.expr, body: list[N], orelse: list[N]) -> list[N] | None:
        """Return the branch that is taken; None where it is not known, or the other has to stay.

        What binds a local variable or yields decides what its function is, though it never runs.
        """
        truth = _truth(test, self._known)
        taken, left = (body, orelse) if truth else (orelse, body)
        if truth is None or any(map(self._has_to_stay, left)):
            return None
        self.found = True
        return taken

    def _has_to_stay(self, node: ast.AST) -> bool:
        """Return whether a node binds or yields; remembered, since choices are nested."""
        if node not in self._staying:
            self._staying[node] = (
                isinstance(node, (ast.Yield, ast.YieldFrom))
                or binds(node)
                or any(map(self._has_to_stay, ast.iter_child_nodes(node)))
            )
        return self._staying[node]
