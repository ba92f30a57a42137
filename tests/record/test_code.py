"""Which code decides a run or a training, and what counts as a change of it."""

import shutil

import pytest

from harness.config.paths import PACKAGE
from harness.config.strategies import installed_strategies
from harness.record.code import digests
from harness.record.code.digests import (
    code_of_run,
    code_of_training,
    differing_files,
    files_of_run,
    without_comments,
)
from harness.record.code.imports import imported_files
from tests.support.modules import MODULES, ours

COVERED = {
    name.removeprefix("harness/").removesuffix(".py").replace("/", ".") for name in files_of_run(())
}
TRAINS = ("evaluation.evaluator", "evaluation.training_job", "worker.server", "worker.jobs")
READS = {
    "analysis.parallel",
    "record.archive", "record.bounded_json", "record.circumstances", "record.code.digests",
    "record.code.imports", "record.consistency", "record.database", "record.failure",
    "record.sealed_zip", "record.upgrade",
}  # fmt: skip
"""Reads, refuses and stores records; what it lets through is what was recorded."""
SETS_UP = {
    "config.bounded_yaml", "config.identity",
    "config.moved", "config.paths", "config.plugins", "config.problems", "config.yaml_files",
    "errors", "runs.spec",
}  # fmt: skip
"""Leads to the settings and the data of a run, which its identity holds as values and digests."""
SHOWS = {"analysis.aggregation", "analysis.arm", "analysis.comparison", "analysis.search_metrics",
         "analysis.curves.trajectory", "analysis.effort.budgets", "analysis.effort.spent",
         "analysis.measures", "analysis.metric", "analysis.metrics"}  # fmt: skip
"""Computes tables; a run that is read computes them once, to be refused where that fails."""


def loaded_from(*start):
    todo, found = list(start), set(start)
    while todo:
        for name in ours(MODULES[todo.pop()]):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def test_the_code_of_a_training_covers_every_module_that_a_training_loads():
    """What training and scoring import is part of it, unless it can change no outcome."""
    assert {f"harness/{name.replace('.', '/')}.py" for name in TRAINS} <= training_files()
    covered = {n.removeprefix("harness/")[:-3].replace("/", ".") for n in training_files()}
    assert loaded_from(*TRAINS) - covered <= {
        "config.paths", "record.code.digests", "record.code.imports", "errors", "evolution.pareto",
    }  # fmt: skip


def training_files():
    return set(digests._listed(digests._TRAINING, PACKAGE))


def test_the_code_of_a_run_covers_every_module_that_a_run_loads():
    strategies = {
        target.rpartition(".")[0].removeprefix("harness.")
        for target in installed_strategies().values()
        if target.startswith("harness.") and not target.startswith("harness.baselines.")
    }
    assert len(strategies) > 5
    loaded = loaded_from("runs.run", "runs.composed_arm", *TRAINS, *strategies)
    other = loaded - COVERED - READS - SETS_UP - SHOWS
    assert {name for name in other if not name.startswith("analysis.statistics.")} == set()
    assert not {name for name in COVERED if name.split(".")[0] in {"reporting", "claims"}}


def test_the_code_that_decides_counts_and_no_other(tmp_path):
    package = shutil.copytree(PACKAGE, tmp_path / "harness")
    assert code_of_training(package) == code_of_training()
    assert code_of_run((), package) == code_of_run(())
    shows = ("reporting/tables.py", "analysis/statistics/paired.py", "__main__.py")
    searches = ("llm/guided.py", "evolution/loop.py", "analysis/run_result.py")
    trains = ("worker/training.py", "tasks/new/kind.py", "config/schema.py", "seeding.py",
              "sandbox/confinement/limits.py")  # fmt: skip
    for names in (shows, searches, trains):
        digests._digest.cache_clear()
        for name in names:
            (package / name).parent.mkdir(exist_ok=True)
            with (package / name).open("a") as file:
                file.write("changed = 1\n")
        of_training = code_of_training(package) != code_of_training()
        assert of_training == (names == trains)
    changed = differing_files(code_of_run((), package), code_of_run(()))
    assert changed == sorted(f"harness/{name}" for name in (*searches, *trains))


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("x = 1\n", "# why\n\nx = 1  # one\n", True),
        ("f(1,\n  2)\n", "f(1,  # one\n\n  # two\n  2)\n", True),
        ("x = 1\n", "x = 2\n", False),
        ('"""Say a."""\n', '"""Say b."""\n', False),  # a program can read it, as a prompt
        ('x = """a\n# b"""\n', 'x = """a\n# c"""\n', False),
        ('x = """a\nb"""\n', 'x = """a\n\nb"""\n', False),
        ("if x:\n    y()\nz()\n", "if x:\n    y()\n    z()\n", False),
        ("x = '#1'\n", "x = '#2'\n", False),
    ],
)
def test_comments_and_blank_lines_do_not_count(before, after, same):
    assert (without_comments(before) == without_comments(after)) == same


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """Files of a package with two arms, by name; what is asked for is their code as it is now."""
    package = tmp_path / f"arm_{tmp_path.name.replace('-', '_')}"
    for name, text in {
        "__init__.py": "",
        "one.py": "from . import steps\nfrom harness.baselines.width import WidthMultiplier\n",
        "steps.py": "SIZE = 1\n",
        "two.py": "",
        "conf/ablation/one.yaml": "",
        "prompt.txt": "Be brief.",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return package


def code_now(arm):
    digests._digest.cache_clear()
    return digests._digests(imported_files({f"{arm.name}.one"}))


def test_the_code_of_an_arm_is_what_its_classes_import(arm):
    names = [f"{arm.name}/{name}" for name in (" (data)", "__init__.py", "one.py", "steps.py")]
    found = code_now(arm)
    assert {name for name in found if name.startswith(arm.name)} == set(names)
    assert {"harness/baselines/__init__.py", "harness/baselines/width.py"} <= set(found)
    assert "harness/baselines/optuna_search.py" not in found
    for name, counts in {"steps.py": True, "prompt.txt": True, "two.py": False,
                         "conf/ablation/one.yaml": False, "new.py": False}.items():  # fmt: skip
        before = code_now(arm)
        (arm / name).write_text("SIZE = 2\n")
        assert (code_now(arm) != before) == counts, name


def test_a_package_that_loads_modules_by_name_counts_as_a_whole(arm):
    (arm / "one.py").write_text("import importlib\n")
    before = code_now(arm)
    assert f"{arm.name}/two.py" in before
    (arm / "new.py").write_text("")
    assert f"{arm.name}/new.py" in code_now(arm)


def test_libraries_of_an_arm_count_by_their_version_and_not_here():
    found = code_of_run(["harness.baselines.optuna_search.OptunaSearch"])
    assert "harness/baselines/optuna_search.py" in found
    assert {name.partition("/")[0] for name in found} == {"harness"}
