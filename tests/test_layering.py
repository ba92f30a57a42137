"""Imports follow the order of the packages, and each third-party library has its doors."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.modules import HARNESS, MODULES, imports, ours

ORDER = (
    "base", "config", "sandbox", "tasks", "evolution", "record", ("llm", "worker", "evaluation"),
    "analysis", "reporting", "tidy", "runs", ("claims", "api", "testing"), "commands",
)  # fmt: skip
"""A module imports its own package and those before it; packages in brackets ignore each other."""
BASE = {"errors", "seeding", "typing", "files", "secrets", "terminal", "text"}
MOST_MODULES, MOST_ENTRIES = 13, 37
DOORS = {
    "hydra": {"config.compose", "config.foreign", "runs.command_line.launch"},
    "submitit": {"runs.sweeps.submitted"},
    "omegaconf": {
        "config.compose", "config.foreign", "config.problems", "config.yaml_files",
        "runs.command_line.launch",
    },
    "openai": {"llm.transport"}, "wandb": {"reporting.tracking.wandb_process"},
    "joblib": {"analysis.parallel"}, "moocore": {"evolution.pareto"}, "sqlite3": {"record.database"}, "rich": {"reporting.console"},
    "pandas": {"tidy.frames", "api.study"}, "pyarrow": {"tidy.files"},
    "matplotlib": {"reporting.plot_style", "api.study"}, "pygments": {"reporting.run_page"},
    "ray": {"evaluation.remote.ray_actors"},
    "ruff": {"evaluation.gates"}, "pytest": {"claims.pytest_plugin", "testing.datasets", "testing.proposers", "testing.selections"},
    "sklearn": set(),  # importing it would cost every command more than a second
    "torchvision": {"tasks.image_classification.datasets"},
    "PIL": {"tasks.image_classification.decoding"},
    "scipy": {f"analysis.statistics.{name}" for name in ("intervals", "noise", "several_tasks")},
    "yaml": {"config.bounded_yaml", "config.plugins", "config.yaml_files"},
}  # fmt: skip
BASELINE_DOORS = {"optuna": {"optuna_search"}}
"""The same for libraries of baselines, by module of ``baselines``."""
LINKED = {"baselines", "conf", "reproductions"}
"""Top-level folders to which links in ``harness`` lead, and which none of its modules imports."""
COMMANDS = {name for name in MODULES if "." not in name} - BASE
LEVEL = {
    package: level
    for level, entry in enumerate(ORDER)
    for package in (entry if isinstance(entry, tuple) else (entry,))
}


def package_of(module):
    """Return the entry of ``ORDER`` that a module belongs to."""
    first, _, rest = module.partition(".")
    if rest or first in LEVEL:
        return first
    return "base" if first in BASE else "commands"


def test_every_package_has_its_place():
    assert {package_of(module) for module in MODULES} == set(LEVEL)
    assert set(MODULES) > BASE


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_to_earlier_packages(module):
    own = package_of(module)
    for other in ours(MODULES[module]):
        package = package_of(other)
        assert other not in COMMANDS, f"{module} imports the command {other}"
        assert package == own or LEVEL[package] < LEVEL[own], f"{module} imports {other}"
    for name in imports(MODULES[module]):
        first, _, rest = name.partition(".")
        assert first != "tests", name
        assert first != "harness" or rest.split(".")[0] not in LINKED, name


@pytest.mark.parametrize(
    "folder", ["baselines", "bench", "examples", "harness", "reproductions", "tests"]
)
def test_every_module_is_imported_by_one_name(folder):
    """A checkout has its top-level folders in the path, too; a module would be loaded twice."""
    other = re.compile(r"^ *(?:from|import) (?:baselines|conf|reproductions)\b", re.MULTILINE)
    for path in (ROOT / folder).rglob("*.py"):
        assert not other.findall(path.read_text(encoding="utf-8", errors="replace")), path


def test_no_module_is_loaded_under_two_names():
    code = (
        "import importlib, os, pkgutil, sys, harness, harness.config.strategies as strategies;"
        "names = [m.name for m in pkgutil.walk_packages(harness.__path__, 'harness.')];"
        "[importlib.import_module(n) for n in names if not n.endswith(('__main__', 'test_claims'))];"
        "[strategies.strategy_class(s) for s in strategies.installed_strategies().values()];"
        "files = [os.path.realpath(m.__file__) for m in list(sys.modules.values())"
        " if getattr(m, '__file__', None)];"
        "files = [f for f in files if os.path.relpath(f).split(os.sep)[0] in"
        " ('harness', 'baselines', 'conf', 'reproductions')];"
        "print(len(files), len(set(files)), 'harness.baselines.width' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded, files, baselines = done.stdout.split()
    assert loaded == files
    assert baselines == "True"
    assert int(loaded) > len(MODULES)


def test_no_package_has_a_cycle():
    edges = {module: set(ours(path)) for module, path in MODULES.items()}
    done = set()
    while ready := [m for m in edges if m not in done and edges[m] <= done]:
        done |= set(ready)
    assert not set(edges) - done, sorted(set(edges) - done)


def test_the_folder_can_be_taken_in_at_a_glance():
    assert {p.name for p in HARNESS.iterdir() if p.is_symlink()} == LINKED
    left_out = {"__pycache__", "__init__.py", "py.typed", *LINKED}
    shown = [p for p in HARNESS.iterdir() if p.name not in left_out]
    assert len(shown) <= MOST_ENTRIES, sorted(p.name for p in shown)
    for folder in (p for p in HARNESS.rglob("*") if p.is_dir()):
        modules = [p for p in folder.glob("*.py") if p.stem != "__init__"]
        if folder != HARNESS:
            assert len(modules) <= MOST_MODULES, folder
            assert not (HARNESS / f"{folder.name}.py").exists(), f"{folder} is named as a command"


def test_packages_run_no_code_of_their_own():
    """Confined processes import single modules; a package's ``__init__`` must not load others."""
    for path in set(HARNESS.rglob("__init__.py")) - {HARNESS / "__init__.py"}:
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path


def test_importing_the_package_imports_no_module_of_it():
    """Names of the public API are imported when they are first used."""
    code = (
        "import sys; before = set(sys.modules); import harness;"
        "print(sorted(set(sys.modules) - before - {'typing'}));"
        "print(sorted(m for m in sys.modules if m.startswith('harness')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    new, ours_loaded = done.stdout.splitlines()
    assert ours_loaded == "['harness']"
    heavy = {"torch", "hydra", "pandas", "matplotlib", "numpy", "importlib.metadata"}
    assert not heavy & set(ast.literal_eval(new))


def test_confinement_stands_alone():
    """It runs in processes that must not load anything else."""
    for module, path in MODULES.items():
        if module.startswith("sandbox.confinement."):
            for name in imports(path):
                top = name.split(".")[0]
                own = name.startswith("harness.sandbox.confinement")
                assert top in sys.stdlib_module_names or own, name


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_library_has_its_doors(library):
    using = {
        m for m, path in MODULES.items() if library in {n.split(".")[0] for n in imports(path)}
    }
    assert using == DOORS[library]


def test_torch_is_imported_in_the_worker_and_in_what_tasks_bring_there():
    for module, path in MODULES.items():
        if "torch" in {name.split(".")[0] for name in imports(path)}:
            assert package_of(module) in {"worker", "tasks"}, module


def test_every_source_is_parsed_at_one_place():
    """Parsing in two threads at once fails in CPython; ``parser.syntax_tree`` takes turns."""
    for path in (*MODULES.values(), *(ROOT / "baselines").glob("*.py")):
        assert ("ast.parse(" in path.read_text()) == (path == HARNESS / "sandbox" / "parser.py")


@pytest.mark.parametrize("library", sorted(BASELINE_DOORS))
def test_each_library_of_baselines_has_its_doors(library):
    def uses(path):
        return library in {name.split(".")[0] for name in imports(path)}

    using = {path.stem for path in (ROOT / "baselines").glob("*.py") if uses(path)}
    assert using == BASELINE_DOORS[library]
    assert not [module for module, path in MODULES.items() if uses(path)]


def test_baselines_and_reproductions_open_no_door():
    for path in (*(ROOT / "baselines").glob("*.py"), *(ROOT / "reproductions").glob("*.py")):
        assert not {name.split(".")[0] for name in imports(path)} & {*DOORS, "torch"}


def test_baselines_see_the_method_and_nothing_above():
    for path in (ROOT / "baselines").glob("*.py"):
        for module in ours(path):
            assert LEVEL[package_of(module)] <= LEVEL["llm"], f"{path.name} imports {module}"


def test_importing_the_loop_starts_no_heavy_library():
    code = (
        "import sys, harness.evolution.loop, harness.table;"
        "print({'torch', 'openai', 'wandb', 'hydra', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
