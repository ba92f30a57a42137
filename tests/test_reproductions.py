"""Published claims are held against the runs that were planned, and against no others."""

import re
import shutil

import pytest

from harness.claims import FAILS, HOLDS, NOT_RUN
from harness.errors import InputError
from harness.published import write_published
from harness.reading import read_run
from harness.reproduction import OURS, read_reproduction
from tests.conftest import ROOT
from tests.paper import ARMS, record_plan, write_paper
from tests.test_commands import run

SHIPPED = sorted(path.parent for path in OURS.glob("*/arms.yaml"))
NEAR = (0.929, 0.930, 0.931)


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
        assert [claim.says, claim.written(claim.published), claim.wanted] in told
    assert (folder / "README.md").exists()
    assert (folder / "test_claims.py").exists()


PUBLISHED = {
    "seed_parameters": 518_230, "seed_accuracy": 0.9252,
    "evolved_l": 0.9334, "evolved_m": 0.9316, "evolved_s": 0.8883, "evolved_t": 0.8745,
    **dict(zip(
        [f"{arm}_g{g}" for arm in ("full", "no_eot", "no_eot_no_crp") for g in (1, 3, 6, 7, 8, 10, 12, 20)],
        [.9277, .9277, .9285, .9334, .9334, .9334, .9334, .9334,
         .9213, .9253, .9253, .9253, .9253, .9280, .9305, .9305,
         .9143, .9160, .9160, .9160, .9192, .9192, .9240, .9240], strict=True)),
}  # fmt: skip


def test_every_number_of_the_paper_is_a_claim():
    claims = {claim.name: claim for claim in read_reproduction(OURS / "ge2024").claims}
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


def test_the_commands_plan_run_and_print(tmp_path, quick):
    settings = ", ".join(s for s in quick if not s.startswith(("budget.", "sizes.")))
    arms = ARMS.replace("budget.evaluations=2, final.seeds=1", f"budget.evaluations=1, {settings}")
    paper, runs = (
        write_paper(tmp_path / "paper", arms=arms.replace("3, 5, 8", "3, 5")),
        tmp_path / "runs",
    )
    where = f"runs_dir={runs}"
    planned = run(paper, "plan", where, module="reproductions").stdout
    assert "0 of 4" in planned
    assert re.search(r"hours of training left │ unknown +│ unknown", planned)
    assert f"python -m reproductions {paper} run mine {where}" in planned.replace("\n", "")
    assert not runs.exists()

    done = run(paper, "run", "mine", where, module="reproductions")
    assert done.returncode == 0, done.stderr
    assert "chance less nothing" in done.stdout
    assert "an LLM" not in done.stdout  # another comparison decides that
    journals = {p: p.stat().st_mtime_ns for p in runs.glob("*/journal.sqlite")}
    assert len(journals) == 4
    shutil.rmtree(next(iter(journals)).parent)
    assert "3 of 4" in run(paper, "plan", "mine", where, module="reproductions").stdout
    again = run(paper, "run", "mine", where, module="reproductions")
    assert again.returncode == 0, again.stderr
    kept = {p: t for p, t in journals.items() if p.stat().st_mtime_ns == t}
    assert len(kept) == 3
    assert "4 of 4" in run(paper, "plan", "mine", where, module="reproductions").stdout

    printed = run(paper, "table", where, module="reproductions")
    text = (paper / "table.md").read_text()
    assert printed.stdout.startswith(text.partition("\n![")[0])
    assert {p.name for p in paper.iterdir()} >= {"table.tex", "best.png", "best.pdf"}
    assert not (paper / "llm.png").exists()  # nothing to show
    before = {p.name: p.read_bytes() for p in paper.iterdir()}
    run(paper, "table", where, module="reproductions")
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before
    other = run(paper, "table", where, "final.seeds=2", module="reproductions")
    assert "Nothing is written" in other.stdout
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before
    run(paper, "table", where, "final.seeds=2", "--out", tmp_path / "out", module="reproductions")
    assert "| chance " in (tmp_path / "out" / "table.md").read_text()


@pytest.fixture
def paper(tmp_path):
    return write_paper(tmp_path / "paper")


def verdicts(paper, runs, *overrides):
    reproduction = read_reproduction(paper, [f"runs_dir={runs}", *overrides])
    return {claim.name: reproduction.verdict(claim) for claim in reproduction.claims}


def test_a_claim_is_not_run_until_the_last_of_its_runs_has_ended(paper, tmp_path):
    runs = tmp_path / "runs"
    assert {v.word for v in verdicts(paper, runs).values()} == {NOT_RUN}
    record_plan(paper, runs, accuracies={"random_mutation": NEAR[:2]})
    record_plan(paper, runs, accuracies={"seed_only": NEAR}, complete=False)
    found = verdicts(paper, runs)
    assert found["chance"].word == NOT_RUN
    command = f"python -m reproductions {paper} run mine runs_dir={runs}"
    assert found["chance"].reason == f"2 of 3 runs of random_mutation done; {command}"
    assert found["nothing"].reason == f"0 of 3 runs of seed_only done; {command}"
    shutil.rmtree(runs)
    record_plan(paper, runs, accuracies={"random_mutation": NEAR})
    found = verdicts(paper, runs)
    assert (found["chance"].word, found["gain"].word) == (HOLDS, NOT_RUN)
    record_plan(paper, runs, accuracies={"seed_only": (0.91, 0.909, 0.912)})
    found = verdicts(paper, runs)
    assert [found[n].word for n in ("chance", "nothing", "gain")] == [HOLDS, FAILS, HOLDS]
    assert found["asked_g4"].word == NOT_RUN


@pytest.mark.parametrize(
    "other",
    ["recipe.epochs=7", "budget.evaluations=3", "task.split_seed=1", "limits.threads=2", "seed=4"],
)
def test_runs_under_other_settings_are_not_on_record(paper, tmp_path, other):
    runs = tmp_path / "runs"
    record_plan(paper, runs, accuracies={"random_mutation": NEAR})
    if other.startswith("seed"):
        write_paper(paper, arms=ARMS.replace("3, 5, 8", "3, 5, 4"))
        assert verdicts(paper, runs)["chance"].reason.startswith("2 of 3 runs")
    else:
        assert verdicts(paper, runs, other)["chance"].reason.startswith("0 of 3 runs")


def test_where_and_how_fast_it_runs_changes_nothing(paper, tmp_path):
    record_plan(paper, tmp_path / "runs", accuracies={"random_mutation": NEAR})
    found = verdicts(paper, tmp_path / "runs", "device=cpu", "workers=3", "display=plain")
    assert found["chance"].word == HOLDS


def test_of_several_versions_the_last_one_counts(paper, tmp_path):
    """Runs that no table could hold together do not decide a claim together either."""
    runs = tmp_path / "runs"
    record_plan(paper, runs, accuracies={"random_mutation": NEAR}, group="old", at=1.0)
    record_plan(paper, runs, accuracies={"random_mutation": (0.8,)}, group="new", at=2.0)
    assert verdicts(paper, runs)["chance"].reason.startswith("1 of 3 runs")
    record_plan(
        paper, runs, accuracies={"random_mutation": (0.8, 0.81, 0.82)}, group="newest", at=3.0
    )
    assert verdicts(paper, runs)["chance"].word == FAILS
    reproduction = read_reproduction(paper, [f"runs_dir={runs}"])
    write_published(reproduction, paper)
    text = (paper / "table.md").read_text()
    assert "mine, left out: 3 older runs" in text
    assert "mine, left out: 1 older runs" in text


def test_a_damaged_journal_is_named_and_decides_nothing(paper, tmp_path):
    runs = tmp_path / "runs"
    record_plan(paper, runs, accuracies={"random_mutation": NEAR})
    (runs / "random_mutation-s5-g" / "journal.sqlite").write_bytes(b"nothing of the kind")
    assert verdicts(paper, runs)["chance"].reason.startswith("2 of 3 runs")
    (told,) = read_reproduction(paper, [f"runs_dir={runs}"]).records["mine"].told
    assert "random_mutation-s5-g" in told


def test_an_unfinished_run_does_not_hide_a_finished_one(paper, tmp_path):
    runs = tmp_path / "runs"
    record_plan(paper, runs, accuracies={"random_mutation": NEAR})
    reproduction = read_reproduction(paper, [f"runs_dir={runs}"])
    shutil.copytree(runs / "random_mutation-s3-g", runs / "copy")
    record = reproduction.records["mine"]
    assert len(record.found) == 3
    assert read_run(runs / "copy").seed == 3
    with pytest.raises(KeyError, match="one of random_mutation, seed_only"):
        record["full"]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("arms", "seeds: [3, 5, 8]", "seed: [3]", "Key 'seed' not in 'Plan'"),
        ("arms", "seeds: [3, 5, 8]", "seeds: []", "expected at least one arm and one seed"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [x]", "Value 'x' of type 'str'"),
        ("arms", "device: gpu", "device: tpu", "expected one of cpu, gpu, got tpu"),
        ("arms", "comparisons:", "comparisons: [", "expected YAML"),
        ("claims", "measure: best_accuracy", "measure: beauty", "claim chance: measure: expected"),
        ("claims", "name: nothing", "name: chance", "expected claims of different names, twice: chance"),
        ("claims", "arm: seed_only,", "arm: full,", "expected an arm of mine, one of random_mutation"),
        ("claims", "comparison: mine", "comparison: yours", "expected a comparison of arms.yaml"),
        ("claims", "figure: generations", "figure: pie", "expected one of generations, fronts, sizes"),
        ("claims", "published: 0.93", "published: much", "published: expected a number, got much"),
        ("claims", "published: 0.93", "within: {size: 3}, published: 1", "got size"),
        ("claims", "says: chance,", "", "says"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_one_sentence(paper, file, old, new, told):
    path = paper / f"{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(str(path))) as caught:
        read_reproduction(paper)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no_such", "plan"], "one of ge2024, quickstart, or a folder with arms.yaml, got no_such"),
        (["quickstart", "plan", "no_such"], "one of digits, got no_such"),
        (["quickstart", "plan", "recipe.epoch=3"], "recipe.epoch"),
        (["quickstart", "run", "model=pool"], "Leave out model=pool"),
        (["quickstart", "go"], "invalid choice: 'go'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(words, told):
    done = run(*words, module="reproductions")
    assert done.returncode == 2
    assert told in done.stderr


def test_the_example_of_contributing_is_one(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    arms, claims = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    reproduction = read_reproduction(write_paper(tmp_path, arms=arms, claims=claims))
    assert [c.name for c in reproduction.claims] == [
        "ours", "by_generation_g1", "by_generation_g3", "gain",
    ]  # fmt: skip
    assert {reproduction.verdict(claim).word for claim in reproduction.claims} == {NOT_RUN}
    (test,) = re.findall(r"```python\n(def test_claim.*?)```", text, re.DOTALL)
    assert test.splitlines()[-1] in (OURS / "ge2024" / "test_claims.py").read_text()
