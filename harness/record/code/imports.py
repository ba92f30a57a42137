"""Which files an arm consists of: its classes' modules, and what these import."""

import ast
import functools
import importlib.util
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path

from harness.sandbox.parser import syntax_tree

OURS, _BASELINES = "harness", "harness.baselines"
_LOADERS = ("importlib.import_module", "importlib.machinery", "importlib.util", "pkgutil", "runpy")
"""What loads modules that no import statement names."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_NOT_DATA = frozenset({".md", ".py", ".pyc", ".rst"})


def imported_files(modules: Collection[str]) -> dict[str, Path]:
    """Return the files of an arm: its modules, what they import, and the data of their packages.

    Of other packages, those are followed that lie where somebody edits them: outside of where
    packages are installed. A package that loads modules by name counts as a whole.
    """
    own = {_home(module) for module in modules}
    found: dict[str, Path] = {}
    todo, seen = list(modules), set[str]()
    while todo:
        module = todo.pop()
        if not module or module in seen:
            continue
        seen.add(module)
        todo.append(module.rpartition(".")[0])  # importing a module runs its packages, too
        if path := _file_of(module, own):
            found[module] = path
            names = list(_imports(path, module))
            todo += names
            if any(name == "importlib" or name.startswith(_LOADERS) for name in names):
                todo += _modules_in(_home(module))
    files = {_name(module, path): path for module, path in found.items()}
    for home in {_home(module) for module in found} - {_BASELINES}:
        place = _place(home)
        if place and place.is_dir() and any(data_in(place)):
            files[f"{home}/ (data)"] = place
    return files


def _home(module: str) -> str:
    """Return the package whose code belongs together."""
    ours = module == _BASELINES or module.startswith(f"{_BASELINES}.")
    return _BASELINES if ours else module.partition(".")[0]


@functools.cache
def _place(home: str) -> Path | None:
    """Return the folder of a package, or the file of a module; None where there is no source."""
    try:
        spec = importlib.util.find_spec(home)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if folders := list(spec.submodule_search_locations or ()):
        return Path(folders[0])
    origin = Path(spec.origin or "")
    return origin if spec.has_location and origin.suffix == ".py" else None


def _file_of(module: str, own: Collection[str]) -> Path | None:
    """Return the file of a module that counts, None for any other."""
    home = _home(module)
    place = _place(home)
    if place is None or home == OURS:
        return None
    installed = _INSTALLED & set(place.parts) or place.is_relative_to(_standard_library())
    if installed and home not in own and home != _BASELINES:
        return None
    if place.is_file():
        return place if module == home else None
    path = place.joinpath(*module.removeprefix(home).split("."))
    choices = (path / "__init__.py", path.parent / f"{path.name}.py")
    return next((choice for choice in choices if choice.is_file()), None)


@functools.cache
def _standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _modules_in(home: str) -> Iterator[str]:
    place = _place(home)
    if place is not None and place.is_dir():
        for path in place.rglob("*.py"):
            yield ".".join((home, *path.relative_to(place).with_suffix("").parts))


def _name(module: str, path: Path) -> str:
    end = "/__init__.py" if path.stem == "__init__" else ".py"
    return module.replace(".", "/").removesuffix("/__init__") + end


def _imports(path: Path, module: str) -> Iterator[str]:
    """Yield the dotted names that a file imports, inside functions too."""
    try:
        tree = syntax_tree(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        yield "importlib"  # it may import anything
        return
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield "importlib"


def data_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a package that are neither code nor settings nor texts about it."""
    for path in folder.rglob("*"):
        left_out = {"conf", "__pycache__"} & set(path.relative_to(folder).parts)
        if path.suffix not in _NOT_DATA and not left_out and path.is_file():
            yield path
