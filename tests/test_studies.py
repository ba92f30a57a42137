"""The shipped recordings: real, complete, not stale, and replayed by the loop to the letter."""

import pytest

from harness.arms import complete_runs
from harness.compose import build, compose
from harness.evolution import evolve
from harness.genome import Genome
from harness.journal import digest_of
from harness.ledger import Ledger
from harness.population import Individual
from harness.recording import study_of
from harness.results import read_run
from harness.run import fate_of
from harness.studies import load_study
from tests.conftest import ROOT, SMALL

STUDIES = sorted((ROOT / "reproductions" / "quickstart").glob("*.json"))
KEPT = {
    "step", "segment", "prompt", "requested", "answer", "model", "date", "finish_reason",
    "prompt_tokens", "completion_tokens", "applied",
}  # fmt: skip


def test_full_and_no_eot_are_shipped_at_seed_0():
    assert [p.stem for p in STUDIES] == ["full-s0", "no_eot-s0"]


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
class TestShipped:
    def test_it_was_recorded_with_the_prompts_that_are_shipped(self, path):
        """Stale: record it anew (CONTRIBUTING, "Record a study"); answers fit their prompts only."""
        assert load_study(path).prompts_digest == digest_of(compose([]).prompts)

    def test_every_call_keeps_what_was_asked_who_answered_and_when(self, path):
        study = load_study(path)
        for call in study.calls:
            assert set(call) == KEPT
            assert call["answer"]
            assert call["model"] == study.model
            assert call["date"] <= study.date
            assert set(call["requested"]) == {"temperature", "top_p", "max_tokens"}

    def test_the_loop_asks_exactly_the_recorded_prompts_and_ends_with_the_budget(
        self, path, network
    ):
        """No training: recorded scores decide, so any change of loop, draws or prompts shows."""
        study = load_study(path)
        arm = path.stem.removesuffix("-s0")
        config = compose([f"+ablation={arm}"])
        asked = []

        class Listening:
            inner = build(config.model)

            def complete(self, request):
                asked.append(request)
                return self.inner.complete(request)

        class Silent:
            def proposal(self, generation, proposal, fate):
                pass

            def generation(self, number, population):
                pass

        ledger = Ledger(budget=config.budget)
        evolve(
            Individual(step="seed", genome=network, evaluation=fate_of(study.scores["seed"])),
            proposer=build(config.proposer, model=Listening()),
            selection=build(config.selection),
            gates=lambda _: None,
            assess=lambda proposals: [fate_of(study.scores[p.step]) for p in proposals],
            sizes=config.sizes,
            rates=config.rates,
            ledger=ledger,
            record=Silent(),
            seed=0,
            llm_workers=1,
        )
        assert ledger.evaluations == config.budget.evaluations
        assert {(r.step, r.prompt) for r in asked} == {
            (c["step"], c["prompt"]) for c in study.calls
        }
        requested = {c["step"]: c["requested"] for c in study.calls}
        assert all(vars(r.settings) == requested[r.step] for r in asked)


def test_recorded_scores_decide_and_the_table_shows_what_was_measured_here(tmp_path):
    """One epoch learns little, so what is measured here is nothing like what was recorded."""
    config = compose([*SMALL, "sizes.founders=4", f"runs_dir={tmp_path}"])
    (folder,) = complete_runs([config])
    run, recorded = read_run(folder), load_study(STUDIES[0]).scores
    assert run.manifest["study"] == {"model": "Claude (Anthropic)", "date": "2026-11-24"}
    assert run.seed_objectives[0] < 0.6 < recorded["seed"]["accuracy"]
    for candidate in run.evaluated:
        assert candidate.objectives is not None
        assert candidate.objectives[0] < 0.6 < recorded[candidate.step]["accuracy"]
        assert candidate.objectives[1] == recorded[candidate.step]["n_params"]
    again = study_of(folder)
    assert [c["prompt"] for c in again.calls] == [
        c["prompt"] for c in load_study(STUDIES[0]).calls
    ][:2]
    for step in again.scores:
        assert again.scores[step] == recorded[step]
        Genome.parse(run.candidates[0].source)
