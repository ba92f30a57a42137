"""Published claims are held against the runs that were planned, and against no others."""

import shutil
from pathlib import Path

import pytest

from harness.claims.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from harness.claims.reproduction import read_reproduction
from harness.claims.tables import published_text, write_published
from harness.record.study import load_study
from harness.runs.spec import planned_settings, specify
from tests.conftest import OWN_NETWORK
from tests.support.configs import composed
from tests.support.paper import ARMS, record_plan, write_paper
from tests.support.records import evaluated

NEAR = (0.929, 0.930, 0.931)


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
    command = f"python -m harness.reproductions {paper} run mine runs_dir={runs}"
    assert found["chance"].reason == f"2 of 3 runs of random_mutation done in {runs}; {command}"
    assert found["nothing"].reason == f"0 of 3 runs of seed_only done in {runs}; {command}"
    shutil.rmtree(runs)
    record_plan(paper, runs, scores={"random_mutation": NEAR})
    found = verdicts(paper, runs)
    assert (found["chance"].word, found["gain"].word) == (HOLDS, NOT_RUN)
    record_plan(paper, runs, scores={"seed_only": (0.91, 0.909, 0.912)})
    found = verdicts(paper, runs)
    assert [found[n].word for n in ("chance", "nothing", "gain")] == [HOLDS, FAILS, HOLDS]
    assert found["asked"].word == NOT_RUN


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
    assert verdicts(paper, runs)["asked"].word != NOT_RUN
    assert verdicts(paper, runs, "model.name=another")["asked"].word == NOT_RUN
    assert verdicts(paper, runs, "model.base_url=http://localhost")["asked"].word != NOT_RUN
    shutil.rmtree(runs)
    record_plan(paper, runs, "dear", scores={"full": (0.9,)}, children=five)
    assert verdicts(paper, runs)["asked"].word == NOT_RUN  # unanswered


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
    told = {"tokens": 9, "study": {"model": "m", "date": "2026-11-30"}}
    for study, word in ((held, INCONCLUSIVE), ("other", NOT_RUN)):  # one run, whose mean is unsure
        record_plan(paper, runs, scores={"full": (0.9,)}, more={"study": study}, **told)
        assert verdicts(paper, runs)["ours"].word == word


def test_a_run_that_follows_a_record_is_none_of_a_plan_that_decides_itself(paper, tmp_path):
    """Somebody else's decisions, trained here, are no evidence of how the arm searches."""
    runs, study = tmp_path / "runs", {"model": "", "date": "2026-11-30"}
    for told, word in ((None, HOLDS), (study, NOT_RUN)):
        more = {"study": told and "0123456789ab"}
        record_plan(paper, runs, scores={"random_mutation": NEAR}, more=more, study=told)
        assert verdicts(paper, runs)["chance"].word == word


@pytest.mark.parametrize("arm", ["recombination", "full", "width", "random_mutation"])
def test_a_run_has_all_settings_that_its_plan_wants(arm, digits, network):
    """Else a plan with the arm would never be complete."""
    config = composed(f"+ablation={arm}")
    known = specify(config, digits, network).identity
    planned = planned_settings(config)
    assert {name: known[name] for name in planned} == planned


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


def test_a_link_in_a_folder_of_somebody_else_is_not_written_through(paper, tmp_path):
    precious, runs = tmp_path / "precious", tmp_path / "runs"
    precious.write_text("mine")
    names = {"table.md", "table.tex", "claims-best.png", "claims-best.pdf"}
    for name in names:
        (paper / name).symlink_to(precious)
    record_plan(paper, runs, scores={"random_mutation": NEAR, "seed_only": NEAR})
    written = write_published(read_reproduction(paper, [f"runs_dir={runs}"]), paper)
    assert precious.read_text() == "mine"
    assert {path.name for path in written} == names
    assert not any(path.is_symlink() for path in written)
