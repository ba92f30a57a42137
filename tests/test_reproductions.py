"""Reproductions run from their plan, and the shipped ones compose."""

import pytest
import yaml

from harness.compose import compose
from harness.errors import InputError
from reproductions.__main__ import HERE, reproduce
from tests.test_commands import run

PLANS = sorted(HERE.glob("*/arms.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda p: p.parent.name)
def test_every_shipped_plan_composes_and_has_its_table(path):
    plan = yaml.safe_load(path.read_text())
    for arm in plan["arms"]:
        for seed in plan["seeds"]:
            assert compose([f"+ablation={arm}", f"seed={seed}", *plan["overrides"]]).arm == arm
    table = (path.parent / "table.md").read_text()
    assert all(f"| {arm} " in table for arm in plan["arms"])
    assert "not complete" not in table
    assert (path.parent / "README.md").exists()


def test_a_plan_is_run_and_its_table_written(tmp_path, quick):
    settings = [*quick, "budget.evaluations=1", f"runs_dir={tmp_path / 'runs'}"]
    plan = {"arms": ["random_mutation"], "seeds": [0, 1], "overrides": settings}
    (tmp_path / "arms.yaml").write_text(yaml.safe_dump(plan))
    printed = reproduce(tmp_path, ["final.seeds=2"])
    assert "the same network on 2 fresh seeds." in printed
    assert not (tmp_path / "table.md").exists()  # another comparison than the plan's
    text = reproduce(tmp_path, ["device=cpu"])
    assert (tmp_path / "table.md").read_text() == text
    assert "up to 1 evaluations per run, seeds 0 to 1" in text
    (tmp_path / "arms.yaml").write_text(yaml.safe_dump(plan | {"arms": ["full"]}))
    with pytest.raises(InputError, match="Leave out model=pool"):
        reproduce(tmp_path, ["model=pool"])


def test_an_unknown_name_says_which_there_are():
    done = run("no_such", module="reproductions")
    assert done.returncode == 2
    assert "one of quickstart, got no_such" in done.stderr
