"""Imports point down, and each third-party library has its doors."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LAYERS = (
    {"errors", "seeding", "config", "wire", "containment", "process", "places"},
    {"parsing", "images", "journal", "usage", "once", "inference"},
    {"genome", "fitness", "data", "augmentation", "archive", "graph", "attacks"},
    {"models", "prompts", "extraction", "training", "tracing", "playback", "flops"},
    {"population", "gate", "audit"},
    {
        "proposal",
        "selection",
        "halving",
        "ledger",
        "transport",
        "session",
        "results",
        "tasks",
        "trainings",
    },
    {"progress", "reading", "sandbox"},
    {
        "notes",
        "worker",
        "evolution",
        "guided",
        "calls",
        "validation",
        "display",
        "tracking",
        "export",
        "scoring",
    },
    {"measures", "evaluation", "lineage", "canvas"},
    {"columns", "curves", "dossier", "assessment"},
    {"comparison", "quantities"},
    {"table", "claims"},
    {"credit"},
    {"figures"},
    {"summary"},
    {"run", "compose", "laboratories"},
    {"arms"},
    {"single", "__main__", "replay"},
    {
        "validate",
        "evaluate",
        "doctor",
        "estimate",
        "fidelity",
        "power",
        "report",
        "records",
        "papers",
    },
    {"reproduction"},
    {"reprints"},
    {"published"},
    {"pytest_plugin"},
)
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
DOORS = {
    "hydra": {"compose"}, "omegaconf": {"compose"}, "openai": {"transport"}, "wandb": {"tracking"},
    "torch": {"augmentation", "training", "tracing", "playback", "flops", "audit", "tasks", "worker"}, "moocore": {"fitness"}, "sqlite3": {"journal"},
    "rich": {"display"}, "matplotlib": {"canvas"}, "pygments": {"dossier"}, "sklearn": {"data"}, "torchvision": {"data"},
    "PIL": {"data"}, "scipy": {"fidelity", "inference"}, "ruff": {"validation"}, "pytest": {"pytest_plugin"},
}  # fmt: skip
MODULES = {p.stem: p for p in (ROOT / "harness").glob("*.py") if p.stem != "__init__"}
CONTAINMENT = sorted((ROOT / "harness" / "containment").glob("*.py"))


def imports(path):
    """Yield the dotted names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_its_layer():
    assert set(LEVEL) == set(MODULES) | {"containment"}


def test_containment_stands_alone():
    """It runs in processes that must not load anything else."""
    for path in CONTAINMENT:
        for name in imports(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or name.startswith("harness.containment"), name


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module):
    for name in imports(MODULES[module]):
        package, _, rest = name.partition(".")
        assert package not in {"baselines", "reproductions", "tests"}, name
        other = rest.split(".")[0]
        if package == "harness" and other in LEVEL:
            assert LEVEL[other] < LEVEL[module], f"{module} imports {other}"


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_library_has_its_doors(library):
    using = {
        m for m, path in MODULES.items() if library in {n.split(".")[0] for n in imports(path)}
    }
    assert using == DOORS[library]


def test_every_source_is_parsed_at_one_place():
    """Parsing in two threads at once fails in CPython; ``parsing.syntax_tree`` takes turns."""
    for path in (*MODULES.values(), *(ROOT / "baselines").glob("*.py")):
        assert ("ast.parse(" in path.read_text()) == (path.stem == "parsing")


def test_baselines_and_reproductions_open_no_door():
    for path in (*(ROOT / "baselines").glob("*.py"), *(ROOT / "reproductions").glob("*.py")):
        assert not {name.split(".")[0] for name in imports(path)} & set(DOORS)


def test_baselines_see_the_method_and_nothing_above():
    for path in (ROOT / "baselines").glob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "harness" and len(parts) > 1 and parts[1] in LEVEL:
                assert LEVEL[parts[1]] <= LEVEL["guided"], f"{path.name} imports {name}"


def test_importing_the_loop_starts_no_heavy_library():
    code = (
        "import sys, harness.evolution, harness.table;"
        "print({'torch', 'openai', 'wandb', 'hydra', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
