"""Shipped reproductions are whole, and their commands plan, run and print."""

import re
import shutil
from pathlib import Path

import pytest

from harness.claims.reproduction import read_reproduction
from harness.claims.wording import describe_requirement, describe_value
from harness.config.identity import is_free
from harness.config.paths import REPRODUCTIONS
from tests.support.commands import run, run_main
from tests.support.paper import ARMS, write_paper

SHIPPED = sorted(path.parent for path in REPRODUCTIONS.glob("*/arms.yaml"))
COMMAND = "harness.claims.command"
"""What ``python -m reproductions`` runs."""


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda f: f.name)
def test_every_shipped_reproduction_composes_and_has_its_table(folder):
    reproduction = read_reproduction(folder)
    for name, plan in reproduction.plans.items():
        for arm in plan.arms:
            assert reproduction.config(name, arm, plan.seeds[-1]).arm == arm
    table = (folder / "table.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    told = [row[1:4] for row in rows if len(row) > 4]
    for claim in reproduction.claims:
        assert [
            claim.says,
            describe_value(claim, claim.published),
            describe_requirement(claim),
        ] in told
    of_signs = [claim for claim in reproduction.claims if claim.relation == "ahead"]
    assert ("- Sign only: " in table) == bool(of_signs)
    assert all(describe_requirement(claim).endswith("(sign only)") for claim in of_signs)
    assert (folder / "README.md").exists()
    assert (folder / "test_claims.py").exists()


PUBLISHED = {
    "seed_parameters": 518_230, "seed_accuracy": 0.9252, "gain": 0.0082,
    "evolved_l": 0.9334, "evolved_m": 0.9316, "evolved_s": 0.8883, "evolved_t": 0.8745,
    **dict(zip(
        [f"{arm}_g{g}" for arm in ("full", "no_eot", "no_eot_no_crp") for g in (1, 3, 6, 7, 8, 10, 12, 20)],
        [.9277, .9277, .9285, .9334, .9334, .9334, .9334, .9334,
         .9213, .9253, .9253, .9253, .9253, .9280, .9305, .9305,
         .9143, .9160, .9160, .9160, .9192, .9192, .9240, .9240], strict=True)),
}  # fmt: skip


def test_every_number_of_the_paper_is_a_claim():
    claims = {
        point.name: point
        for claim in read_reproduction(REPRODUCTIONS / "ge2024").claims
        for point in claim.points or (claim,)
    }
    assert {name: claims[name].published for name in PUBLISHED} == PUBLISHED
    sizes = {n: claims[f"evolved_{n}"].within.parameters for n in "lmst"}
    assert sizes == {"l": 518_230, "m": 295_000, "s": 119_254, "t": 39_190}
    for name in claims.keys() - PUBLISHED.keys():
        claim, at = claims[name], claims[name].within.generation
        assert claim.relation == "ahead"
        if name.startswith("gain_"):  # what figure 7 shows for both arms, subtracted
            one, other = (PUBLISHED[f"{arm}_g{at}"] for arm in claim.arms)
            assert claim.published == pytest.approx(one - other)
        else:  # generation 9 of figure 6 lies between generations 8 and 10 of figure 7
            assert at == 9
            one, other = (PUBLISHED[f"{a}_g{g}"] for a, g in zip(claim.arms, (8, 10), strict=True))
            assert claim.published == pytest.approx(one - other)


@pytest.mark.slow
def test_the_commands_plan_run_and_print(tmp_path, quick):
    paths = {key: value for key, _, value in (s.partition("=") for s in quick) if ".path" in key}
    (tmp_path / "own.py").write_text(Path(paths["network.path"]).read_text())
    (tmp_path / "images").symlink_to(paths["task.path"])
    own = (*quick, "network.path=own.py", "task.path=images")
    settings = ", ".join(
        s
        for s in own
        if not s.startswith(("budget.", "sizes.")) and (not is_free(s)) and "=/" not in s
    )
    arms = ARMS.replace("budget.evaluations=2, final.seeds=1", f"budget.evaluations=1, {settings}")
    paper = write_paper(tmp_path / "paper", arms=arms.replace("3, 5, 8", "3, 5"))
    runs = tmp_path / "runs"
    where = f"runs_dir={runs}"
    planned = run(paper, "plan", where, module="reproductions", cwd=tmp_path).stdout
    assert "0 of 4" in planned
    assert re.search(r"hours of training left │ unknown +│ unknown", planned)
    assert f"python -m harness.reproductions ./paper run mine {where}" in planned.replace("\n", "")
    assert not runs.exists()

    done = run(paper, "run", "mine", where, module="reproductions", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "chance less nothing" in done.stdout
    assert "an LLM" not in done.stdout  # another comparison decides that
    journals = {p: p.stat().st_mtime_ns for p in runs.glob("*/journal.sqlite")}
    assert len(journals) == 4
    shutil.rmtree(next(iter(journals)).parent)
    assert "3 of 4" in run_main(paper, "plan", "mine", where, module=COMMAND, cwd=tmp_path).stdout
    again = run_main(paper, "run", "mine", where, module=COMMAND, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    kept = {p: t for p, t in journals.items() if p.stat().st_mtime_ns == t}
    assert len(kept) == 3
    assert "4 of 4" in run_main(paper, "plan", "mine", where, module=COMMAND, cwd=tmp_path).stdout

    printed = run(paper, "table", where, module="reproductions", cwd=tmp_path)
    text = (paper / "table.md").read_text()
    assert printed.stdout.startswith(text.partition("\n![")[0])
    assert {p.name for p in paper.iterdir()} >= {"table.tex", "claims-best.png", "claims-best.pdf"}
    assert not (paper / "claims-llm.png").exists()  # nothing to show
    before = {p.name: p.read_bytes() for p in paper.iterdir()}
    for name in before.keys() - {"arms.yaml", "claims.yaml"}:
        (paper / name).unlink()
    run_main(paper, "table", where, module=COMMAND, cwd=tmp_path)
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before  # all of it is back
    other = run_main(paper, "table", where, "final.seeds=2", module=COMMAND, cwd=tmp_path)
    assert "Nothing is written: these settings make another comparison" in other.stdout
    nowhere = run_main(paper, "table", f"runs_dir={tmp_path}/nowhere", module=COMMAND, cwd=tmp_path)
    assert f"{tmp_path}/nowhere decides 0 claims, the table that is there 3. Give" in nowhere.stdout
    assert "Nothing is written: " in nowhere.stdout
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before
    elsewhere = ("final.seeds=2", "--out", tmp_path / "out")
    run_main(paper, "table", where, *elsewhere, module=COMMAND, cwd=tmp_path)
    assert "| chance " in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["no_such", "plan"],
            "one of ge2024, ladder, quickstart, or a folder with arms.yaml, got no_such",
        ),
        (["quickstart", "plan", "no_such"], "one of digits, got no_such"),
        (["quickstart", "plan", "recipe.epoch=3"], "recipe.epoch"),
        (["quickstart", "run", "model=pool"], "Leave out model=pool"),
        (["quickstart", "go"], "invalid choice: 'go'"),
        (["quickstart", "run", "seed=5"], "seed=5: expected none of"),
        (["quickstart", "plan", "--out", "x"], "--out goes with table alone"),
        (["ge2024", "table", "size"], "table: expected no comparison, it prints all of them"),
        (["./quickstart", "plan"], "or a folder with arms.yaml, got ./quickstart"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(words, told):
    done = run_main(*words, module=COMMAND)
    assert done.returncode == 2
    assert told in done.stderr
