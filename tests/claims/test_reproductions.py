"""Published claims are held against the runs that were planned, and against no others."""

import re
import shutil
from pathlib import Path

import pytest

from harness.claims.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from harness.claims.reproduction import OURS, read_reproduction
from harness.claims.tables import published_text, write_published
from harness.claims.wording import describe_requirement, describe_value
from harness.errors import InputError
from harness.record.study import load_study
from tests.conftest import OWN_NETWORK, ROOT
from tests.support.commands import run, run_main
from tests.support.paper import ARMS, CLAIMS, record_plan, write_paper
from tests.support.records import evaluated

SHIPPED = sorted(path.parent for path in OURS.glob("*/arms.yaml"))
COMMAND = "harness.claims.command"
"""What ``python -m reproductions`` runs."""
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
        assert [
            claim.says,
            describe_value(claim, claim.published),
            describe_requirement(claim),
        ] in told
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
    paper = write_paper(tmp_path / "paper", arms=arms.replace("3, 5, 8", "3, 5"))
    runs = tmp_path / "runs"
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
    assert "3 of 4" in run_main(paper, "plan", "mine", where, module=COMMAND).stdout
    again = run_main(paper, "run", "mine", where, module=COMMAND)
    assert again.returncode == 0, again.stderr
    kept = {p: t for p, t in journals.items() if p.stat().st_mtime_ns == t}
    assert len(kept) == 3
    assert "4 of 4" in run_main(paper, "plan", "mine", where, module=COMMAND).stdout

    printed = run(paper, "table", where, module="reproductions")
    text = (paper / "table.md").read_text()
    assert printed.stdout.startswith(text.partition("\n![")[0])
    assert {p.name for p in paper.iterdir()} >= {"table.tex", "best.png", "best.pdf"}
    assert not (paper / "llm.png").exists()  # nothing to show
    before = {p.name: p.read_bytes() for p in paper.iterdir()}
    for name in before.keys() - {"arms.yaml", "claims.yaml"}:
        (paper / name).unlink()
    run_main(paper, "table", where, module=COMMAND)
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before  # all of it is back
    other = run_main(paper, "table", where, "final.seeds=2", module=COMMAND)
    assert "Nothing is written: these settings make another comparison" in other.stdout
    nowhere = run_main(paper, "table", f"runs_dir={tmp_path}/nowhere", module=COMMAND)
    told = (
        f"Nothing is written: {tmp_path}/nowhere decides 0 claims, the table that is there 3. Give"
    )
    assert told in nowhere.stdout
    assert {p.name: p.read_bytes() for p in paper.iterdir()} == before
    run_main(paper, "table", where, "final.seeds=2", "--out", tmp_path / "out", module=COMMAND)
    assert "| chance " in (tmp_path / "out" / "table.md").read_text()


@pytest.fixture
def paper(tmp_path):
    return write_paper(tmp_path / "paper")


@pytest.fixture(scope="module")
def on_record(tmp_path_factory):
    """A paper and its runs, for tests that only read them."""
    folder = tmp_path_factory.mktemp("on_record")
    paper, runs = write_paper(folder / "paper"), folder / "runs"
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    return paper, runs


def verdicts(paper, runs, *overrides):
    reproduction = read_reproduction(paper, [f"runs_dir={runs}", *overrides])
    return {claim.name: reproduction.verdict(claim) for claim in reproduction.claims}


def test_a_claim_is_not_run_until_the_last_of_its_runs_has_ended(paper, tmp_path):
    runs = tmp_path / "runs"
    assert {v.word for v in verdicts(paper, runs).values()} == {NOT_RUN}
    record_plan(paper, runs, scores={"random_mutation": NEAR[:2]})
    record_plan(paper, runs, scores={"seed_only": NEAR}, complete=False)
    found = verdicts(paper, runs)
    assert found["chance"].word == NOT_RUN
    command = f"python -m reproductions {paper} run mine runs_dir={runs}"
    assert found["chance"].reason == f"2 of 3 runs of random_mutation done in {runs}; {command}"
    assert found["nothing"].reason == f"0 of 3 runs of seed_only done in {runs}; {command}"
    shutil.rmtree(runs)
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    found = verdicts(paper, runs)
    assert (found["chance"].word, found["gain"].word) == (HOLDS, NOT_RUN)
    record_plan(paper, runs, scores={"seed_only": (0.91, 0.909, 0.912)})
    found = verdicts(paper, runs)
    assert [found[n].word for n in ("chance", "nothing", "gain")] == [HOLDS, FAILS, HOLDS]
    assert found["asked_g4"].word == NOT_RUN


def test_runs_at_other_seeds_are_not_on_record(paper, tmp_path):
    runs = tmp_path / "runs"
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    write_paper(paper, arms=ARMS.replace("3, 5, 8", "3, 5, 4"))
    assert verdicts(paper, runs)["chance"].reason.startswith("2 of 3 runs")
    write_paper(paper, arms=ARMS.replace("3, 5, 8", "3, 5"))
    verdict = verdicts(paper, runs)["chance"]
    assert (verdict.of, verdict.measured.mean) == (2, pytest.approx(0.9295))


@pytest.mark.parametrize(
    "other",
    [
        "recipe.epochs=7", "budget.evaluations=3", "task.split_seed=1", "limits.threads=2",
        "search.retrain=true", "fidelity=halving", "confirm.seeds=2", "sizes.elites=3",
        "rates.p_mate=0.1", "selection=best_so_far", "final.tolerance=0.02",
    ],
)  # fmt: skip
def test_runs_under_other_settings_are_not_on_record(on_record, other):
    paper, runs = on_record
    assert verdicts(paper, runs, other)["chance"].reason.startswith("0 of 3 runs")
    planned = read_reproduction(paper, [f"runs_dir={runs}", other])
    assert f"Not as planned, but with {other}." in published_text(planned, "markdown")


def test_answers_of_another_llm_are_records_of_their_own(paper, tmp_path):
    runs = tmp_path / "runs"
    five = [("g0.c0", evaluated(0.95, 900)), ("g4.c0", evaluated(0.95, 900))]
    record_plan(paper, runs, "dear", scores={"full": (0.9,)}, children=five, tokens=9)
    assert verdicts(paper, runs)["asked_g4"].word != NOT_RUN
    assert verdicts(paper, runs, "model.name=another")["asked_g4"].word == NOT_RUN
    assert verdicts(paper, runs, "model.base_url=http://localhost")["asked_g4"].word != NOT_RUN
    shutil.rmtree(runs)
    record_plan(paper, runs, "dear", scores={"full": (0.9,)}, children=five)
    assert verdicts(paper, runs)["asked_g4"].word == NOT_RUN  # nobody answered


def test_runs_of_other_images_or_another_seed_network_are_not_on_record(paper, tmp_path):
    runs, own = tmp_path / "runs", tmp_path / "own.py"
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    own.write_text(OWN_NETWORK)
    assert verdicts(paper, runs)["chance"].word == HOLDS
    reason = verdicts(paper, runs, f"network.path={own}")["chance"].reason
    assert reason.startswith("0 of 3 runs")
    for data, word in (("c060ebd9", HOLDS), ("ffffffff", NOT_RUN)):
        write_paper(
            paper, arms=ARMS.replace("seeds: [3, 5, 8]", f"seeds: [3, 5, 8]\n    data: {data}")
        )
        assert verdicts(paper, runs)["chance"].word == word


def test_runs_with_other_recorded_answers_are_not_on_record(tmp_path):
    """Answers that were recorded belong to the plan, by all that the archive of that seed holds."""
    plan = "comparisons: {mine: {arms: [full], seeds: [0]}}"
    claim = "{name: ours, says: best, comparison: mine, arm: full, measure: valid, published: 1}"
    claims = f"title: x\nsections: {{a: {{title: x, source: x, claims: [{claim}]}}}}"
    paper, runs = write_paper(tmp_path / "paper", arms=plan, claims=claims), tmp_path / "runs"
    archive = read_reproduction(paper).config("mine", "full", 0).study
    held = load_study(Path(archive)).digest
    for study, word in ((held, INCONCLUSIVE), ("other", NOT_RUN)):  # one run, whose mean is unsure
        record_plan(paper, runs, scores={"full": (0.9,)}, tokens=9, more={"study": study})
        assert verdicts(paper, runs)["ours"].word == word


def test_where_and_how_fast_it_runs_changes_nothing(on_record):
    paper, runs = on_record
    found = verdicts(paper, runs, "device=cpu", "workers=3", "display=plain")
    assert found["chance"].word == HOLDS


def test_of_several_versions_the_first_complete_one_counts(paper, tmp_path):
    """Runs that no table could hold together do not decide a claim together either."""
    runs = tmp_path / "runs"
    good, bad = ({"random_mutation": r, "seed_only": r} for r in (NEAR, (0.8, 0.81, 0.82)))
    record_plan(paper, runs, scores={"random_mutation": NEAR}, group="old", at=1.0)
    record_plan(paper, runs, scores={"random_mutation": (0.8,)}, group="new", at=2.0)
    assert verdicts(paper, runs)["chance"].reason.startswith("1 of 3 runs")
    record_plan(paper, runs, scores=good, group="old", at=1.0)
    assert verdicts(paper, runs)["chance"].word == HOLDS  # what has begun anew takes nothing back
    record_plan(paper, runs, scores=bad, group="newest", at=3.0)
    assert verdicts(paper, runs)["chance"].word == HOLDS  # nor does what was done again
    shutil.rmtree(runs)
    record_plan(paper, runs, scores={"random_mutation": NEAR}, group="old", at=1.0)
    record_plan(paper, runs, scores={"random_mutation": (0.8,)}, group="new", at=2.0)
    record_plan(paper, runs, scores=bad, group="newest", at=3.0)
    assert verdicts(paper, runs)["chance"].word == FAILS
    reproduction = read_reproduction(paper, [f"runs_dir={runs}"])
    write_published(reproduction, paper)
    text = (paper / "table.md").read_text()
    assert "mine, left out: 3 runs with other settings, which cannot share a table: " in text
    assert "mine, left out: 1 run with other settings, which cannot share a table: " in text


def test_a_damaged_journal_is_named_and_decides_nothing(paper, tmp_path):
    runs = tmp_path / "runs"
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    (runs / "random_mutation-s5-g" / "journal.sqlite").write_bytes(b"nothing of the kind")
    assert verdicts(paper, runs)["chance"].reason.startswith("2 of 3 runs")
    reproduction = read_reproduction(paper, [f"runs_dir={runs}"])
    (told,) = reproduction.evidence["mine"].damaged
    assert "random_mutation-s5-g" in told
    assert f"mine, left out: {told}" in published_text(reproduction, "markdown")
    assert f"done in {runs} (1 damaged); " in verdicts(paper, runs)["chance"].reason


def test_of_two_runs_of_a_seed_the_first_that_ended_counts(paper, tmp_path):
    """Who does not like a run cannot roll again, and an unfinished one hides no finished one."""
    runs = tmp_path / "runs"
    record_plan(paper, runs / "a", scores={"random_mutation": NEAR}, at=1.0)
    for folder, at in (("before", 0.5), ("after", 2.0)):
        again = {"random_mutation": (0.99,)}
        record_plan(paper, runs / folder, scores=again, at=at, complete=False)
    verdict = verdicts(paper, runs)["chance"]
    assert (verdict.word, verdict.measured.mean) == (HOLDS, pytest.approx(0.93))
    record_plan(paper, runs / "rolled", scores={"random_mutation": (0.99,)}, at=3.0)
    verdict = verdicts(paper, runs)["chance"]
    assert (verdict.word, verdict.measured.mean) == (HOLDS, pytest.approx(0.93))
    reproduction = read_reproduction(paper, [f"runs_dir={runs}"])
    told = "mine, left out: random_mutation, seed 3: ran again, the first run counts."
    assert told in published_text(reproduction, "markdown")
    records = reproduction.evidence["mine"]
    with pytest.raises(KeyError, match="one of random_mutation, seed_only, got full"):
        records.arm("full")


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("arms", "seeds: [3, 5, 8]", "seed: [3]", "comparisons.mine: expected arms, seeds, overrides, data, takes, got seed"),
        ("arms", "seeds: [3, 5, 8]", "seeds: []", "comparisons.mine.seeds: expected at least one seed"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [3, 3]", "each once"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [-3]", "none below 0"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [x]", "comparisons.mine.seeds[0]: Value 'x' of type 'str'"),
        ("arms", "arms: [full]", "arms: [full, full]", "comparisons.dear.arms: expected at least one arm"),
        ("arms", "[budget.evaluations=2, ", "[seed=7, ", "none of ablation, compare, seed, which"),
        ("arms", "[budget.evaluations=2, ", "[{a: 1}, ", "comparisons.mine.overrides"),
        ("arms", "device: gpu", "device: tpu", "expected one of cpu, gpu, got tpu"),
        ("arms", "llm: true", "llm: true, hours: -1", "expected hours, or null, got -1"),
        ("arms", "  mine:", "  a mine:", "expected a name of letters, digits, - and _"),
        ("arms", "comparisons:", "comparisons: [", "expected YAML"),
        ("arms", ARMS, "\ncomparisons: {}\n", "comparisons: expected at least one"),
        ("arms", ARMS, "\n", "expected comparisons, it is missing"),
        ("claims", "measure: best_accuracy", "measure: beauty", "claim chance: measure: expected"),
        ("claims", "name: nothing", "name: chance", "claim chance: expected claims of different names"),
        ("claims", "name: nothing", "name: a/b", "claim a/b: expected a name of letters"),
        ("claims", "arm: seed_only,", "arm: full,", "expected an arm of mine, one of random_mutation"),
        ("claims", "comparison: mine", "comparison: yours", "expected the one to draw, one of mine"),
        ("claims", "{name: chance,", "{name: chance, comparison: yours,", "expected a comparison of arms.yaml"),
        ("claims", "figure: generations", "figure: pie", "expected one of generations, fronts, sizes"),
        ("claims", "figure: generations", "figure: sizes", "expected claims that sizes shows, there are none"),
        ("claims", "figure: generations", "figure: fronts\n    generation: -1", "expected one from 0 on"),
        ("claims", "figure: generations", "figure: generations\n    generation: 1", "with figure: fronts, got 1"),
        ("claims", "  best:", "  ../best:", "its figure is such a file"),
        ("claims", "published: 0.93", "published: much", "published: expected a number, got 'much'"),
        ("claims", "published: 0.93", "published: {}", "expected a number, or one for each generation"),
        ("claims", "published: 0.93", "published: {1.5: 0.9}", "whole numbers from 0 on, got 1.5"),
        ("claims", "published: 0.93", "published: 93", "claim chance: published: expected a share of 1"),
        ("claims", "published: 0.93", "within: {size: 3}, published: 1", "got size"),
        ("claims", "published: {1: 0.9,", "within: {generation: 2}, published: {1: 0.9,", "if published has none"),
        ("claims", "says: chance,", "", "sections.best.claims[0].says, it is missing"),
        ("claims", "says: chance,", "sayz: chance,", "in a claim: expected name, says, comparison,"),
        ("claims", CLAIMS, "title: x\nsections: {}\n", "expected at least one section with a claim"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_one_sentence(paper, file, old, new, told):
    path = paper / f"{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: ") as caught:
        read_reproduction(paper)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_that_does_not_compose_is_laid_to_whose_it_is(paper):
    assert read_reproduction(paper, ["device=cpu"]).changed == ()
    reproduction = read_reproduction(paper, ["recipe.epoch=3"])
    with pytest.raises(InputError, match=r"^Could not override 'recipe.epoch'"):
        reproduction.verdict(reproduction.claims[0])
    with pytest.raises(InputError, match="seed=5: expected none of ablation, compare, seed"):
        read_reproduction(paper, ["seed=5"])
    write_paper(paper, arms=ARMS.replace("budget.evaluations", "budget.evaluation"))
    reproduction = read_reproduction(paper)
    with pytest.raises(InputError, match=r"arms.yaml: comparisons.mine: Could not override"):
        reproduction.verdict(reproduction.claims[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no_such", "plan"], "one of ge2024, quickstart, or a folder with arms.yaml, got no_such"),
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


def test_the_example_of_the_documentation_is_one(tmp_path):
    text = (ROOT / "docs" / "reproductions.md").read_text()
    arms, claims = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    reproduction = read_reproduction(write_paper(tmp_path, arms=arms, claims=claims))
    assert [c.name for c in reproduction.claims] == [
        "ours", "by_generation_g1", "by_generation_g3", "gain",
    ]  # fmt: skip
    assert {reproduction.verdict(claim).word for claim in reproduction.claims} == {NOT_RUN}
    (test,) = re.findall(r"```python\n(def test_claim.*?)```", text, re.DOTALL)
    assert test.splitlines()[-1] in (OURS / "ge2024" / "test_claims.py").read_text()
