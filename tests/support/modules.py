"""The modules of the harness, and what each imports."""

import ast

from tests.conftest import ROOT

HARNESS = ROOT / "harness"
MODULES = {
    ".".join(path.relative_to(HARNESS).with_suffix("").parts): path
    for path in sorted(HARNESS.rglob("*.py"))
    if path.stem != "__init__"
}


def imports(path):
    """Yield the dotted names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path):
    """Yield the modules of the harness that a file imports."""
    for name in imports(path):
        rest = name.removeprefix("harness.")
        if rest != name and rest in MODULES:
            yield rest
