"""One run in this process, with a real worker and seconds of training."""

import csv
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from harness.analysis.comparison import comparisons
from harness.analysis.loading import read_run, read_runs
from harness.analysis.metrics import TIME_COLUMNS
from harness.baselines.syntax_edits import mutated
from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import GenomeError, InputError, MachineError, RecordError
from harness.evaluation.assessor import Assessor
from harness.evaluation.executor import LocalThreads
from harness.evaluation.memo import Memo
from harness.evolution.candidate import Evaluation, Proposal, Rejection
from harness.evolution.fidelity import Full
from harness.evolution.genome import Genome, read_network
from harness.record.journal import Journal, find_runs, is_complete, read_events
from harness.record.study import Decisions
from harness.reporting.comparison_tables import describe_comparison
from harness.reporting.tables import render
from harness.runs.manifest import manifest_of
from harness.runs.runner import complete_runs
from harness.runs.spec import specify
from tests.conftest import OWN_FUNCTIONS, SEED_NETWORK, told
from tests.support.backends import complete_folders
from tests.support.commands import run as command

NETWORK = Genome.parse(SEED_NETWORK.read_text())


def answer(seed):
    """An LLM's answer with a changed version of every segment, one fenced block each."""
    edited = (mutated({name: NETWORK[name]}, rng=Random(seed)) for name in NETWORK.names)
    return "Think.\n" + "\n".join(f"```python\n{source}\n```" for _, source, _ in edited)


ANSWERS = [*map(answer, range(6)), "```python\nclass SE(nn.Module):\n    pass (\n```", "no code"]


@pytest.fixture(scope="module")
def composed(tiny):
    def compose_for(folder, *overrides):
        config = compose([*tiny, "budget.evaluations=3", f"runs_dir={folder}", *overrides])
        if "model" in config.proposer:
            config.model = {"_target_": "harness.llm.offline.Scripted", "answers": ANSWERS}
            config.proposer["model"], config.study = config.model, None
        return config

    return compose_for


@pytest.fixture(scope="module")
def runs(tmp_path_factory, composed, executor):
    """Both arms at one seed, run twice: with one worker, then with two."""
    found = []
    for workers in (1, 2):
        folder = tmp_path_factory.mktemp("runs")
        common = (f"workers={workers}", f"llm_workers={workers}")
        arms = [
            composed(folder, f"+ablation={arm}", *common) for arm in ("full", "random_mutation")
        ]
        found.append(complete_folders(arms, executor))
    return found


def test_same_seed_and_answers_same_events_for_any_number_of_workers(runs):
    for first, second in zip(*runs, strict=True):
        assert told(first) == told(second)
        assert first.name == second.name


def test_same_seed_and_answers_same_table_but_for_the_columns_of_time(runs):
    tables = []
    for folders in runs:
        (comparison,) = comparisons(read_runs(folders))
        rows = csv.DictReader(render(describe_comparison(comparison), "csv").splitlines())
        tables.append([{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in rows])
    assert tables[0] == tables[1]
    arms = [row["arm"] for row in tables[0] if row["row"] != "known pairs"]
    assert arms == ["seed network", "full", "random_mutation"]


def test_a_run_records_everything_from_manifest_to_complete(runs):
    for folder in runs[0]:
        events = {e.key: e.content for e in read_events(folder)}
        keys = list(events)
        assert keys[0] == "manifest"
        assert keys[-1] == "complete"
        assert events["manifest"]["packages"]["torch"]
        assert events["manifest"]["machine"]["device"] == "cpu"
        assert (folder / "config.json").exists()
        result = read_run(folder)
        assert result.evaluations == 3
        assert result.evaluations == len(result.evaluated) + result.gates["train"]
        assert len(result.finals["seed"]) == 1
        assert set(result.finals) == {"seed", *(c.step for c in result.front)}
        for candidate in result.front:
            assert len(result.finals[candidate.step]) == 1


def test_fates_calls_and_parents_are_kept(runs):
    events = {e.key: e.content for e in read_events(runs[0][0])}
    proposals = {k.split("/")[1]: v for k, v in events.items() if k.startswith("proposal/")}
    for step, proposal in proposals.items():
        assert set(proposal["parents"]) <= {"seed", *proposals}
        for variation in proposal["variations"]:
            assert all(f"call/{call}" in events for call in variation["calls"])
            assert all(call.startswith(f"{step}.") for call in variation["calls"])
    assert {"score", "gate"} <= {key for p in proposals.values() for key in p["outcome"]}


def test_a_complete_run_is_reused(runs, composed, monkeypatch):
    folder = runs[0][0]
    before = (folder / "journal.sqlite").stat().st_mtime_ns
    config = composed(folder.parent, "+ablation=full")
    monkeypatch.setattr("harness.evaluation.executor.Sandbox", None)  # nothing could be trained
    assert complete_folders([config]) == [folder]
    assert (folder / "journal.sqlite").stat().st_mtime_ns == before


def test_an_interrupted_run_goes_on_and_ends_the_same(runs, composed, tmp_path, executor):
    """Half of the events are there, as after a kill; nothing paid for is asked or trained again."""
    whole = runs[0][0]
    events = read_events(whole)
    half = events[: len(events) // 2]
    with Journal(tmp_path / whole.name, wait_s=0) as journal:
        for event in half:
            journal.record(event)
    (resumed,) = complete_folders([composed(tmp_path, "+ablation=full")], executor)
    assert resumed.name == whole.name
    sendings = {"sent"}  # what was under way when it ended is sent again

    def course(folder):
        return {k: v for k, v in told(folder).items() if k.split("/")[0] not in sendings}

    assert course(resumed) == course(whole)
    times = {e.key: e.content.get("train_s") for e in read_events(resumed)}
    for event in half:
        assert times[event.key] == event.content.get("train_s")
    assert is_complete(resumed)


def test_a_seed_network_that_fails_a_gate_ends_the_command(composed, tmp_path, executor):
    bad = tmp_path / "bad.py"
    bad.write_text(SEED_NETWORK.read_text().replace("nn.Dropout(0.5)", "nn.Dropout(undefined)"))
    config = composed(tmp_path / "runs", "+ablation=random_mutation", f"network.path={bad}")
    with pytest.raises(InputError, match=r"passes every gate, but lint refused it: F821"):
        complete_folders([config], executor)


def test_the_seed_alone_is_trained_again_and_again_each_time_on_another_seed(
    quick, tmp_path, executor
):
    config = compose(
        [*quick, "+ablation=seed_only", f"runs_dir={tmp_path}", "budget.evaluations=3"]
    )
    (folder,) = complete_folders([config], executor)
    run = read_run(folder)
    assert run.evaluations == 3
    assert len({candidate.source for candidate in run.candidates}) == 1
    trained = [e.key for e in read_events(folder) if e.key.startswith("training/search/")]
    assert len(set(trained)) == 4  # the reference, and three on seeds of their own
    assert {candidate.objectives.n_params for candidate in run.evaluated} == {
        run.seed_objectives.n_params
    }


def test_backends_share_a_worker_while_it_fits_and_only_the_last_is_open(quick, digits, network):
    """The jobs of a multirun go on after one that failed, on their own images."""
    with closing(LocalThreads()) as executor:
        check_sharing(executor, compose([*quick]), digits, network)


def check_sharing(executor, config, digits, network):
    bad = Genome.parse("# segment: f\ndef f():\n    pass\n")
    first = executor.open(config, digits, network)
    second = executor.open(replace(config, save_every_s=1), digits, network)
    assert second.evaluate._sandbox is first.evaluate._sandbox
    with pytest.raises(MachineError, match="expected an open backend"):
        first.evaluate.search(network, seed=0)
    with pytest.raises(GenomeError, match="expected a segment with the network's class"):
        executor.open(config, digits, bad)
    own = executor.open(config, build(config.task).load(), network)
    assert isinstance(own.evaluate.search(network, seed=0), Evaluation)
    other = replace(config, limits=replace(config.limits, build_s=31))
    assert executor.open(other, digits, network).evaluate._sandbox is not own.evaluate._sandbox


def test_a_users_own_network_evolves(composed, tmp_path, executor):
    own = tmp_path / "own.py"
    own.write_text(OWN_FUNCTIONS)
    config = composed(tmp_path / "runs", "+ablation=random_mutation", f"network.path={own}")
    (folder,) = complete_folders([config], executor)
    assert read_run(folder).evaluations == 3


def test_a_run_held_by_another_process_is_not_run_twice(runs, composed, tmp_path, executor):
    config = composed(tmp_path, "+ablation=random_mutation", "wait_s=0")
    name = runs[0][1].name
    with (
        Journal(tmp_path / name, wait_s=0),
        pytest.raises(RecordError, match="no other process works on"),
    ):
        complete_folders([config], executor)


def test_training_that_the_machine_cut_short_is_marked(composed, tmp_path):
    config = composed(tmp_path, "+ablation=random_mutation")
    config = replace(config, limits=replace(config.limits, train_s=0.01))
    with pytest.raises(InputError, match=r"took longer than 0\.01 s"):
        complete_folders([config])
    (folder,) = find_runs(tmp_path)
    training = [e.content for e in read_events(folder) if e.KIND == "training"]
    assert [t["kind"] for t in training] == ["timeout"]


def test_answers_recorded_on_other_data_are_refused(tiny, tmp_path):
    with pytest.raises(
        RecordError, match=r"expected a study searched on tiny.*this one was on digits"
    ):
        complete_folders([compose([*tiny, f"runs_dir={tmp_path}"])])


def test_an_ablation_that_changes_more_than_its_arm_is_not_trained_beside_the_others(
    composed, tmp_path
):
    first, second = composed(tmp_path, "+ablation=random_mutation"), composed(tmp_path)
    second = replace(second, recipe=replace(second.recipe, epochs=2))
    with pytest.raises(InputError, match=r"random_mutation, full: .* these differ in more"):
        complete_folders([first, second])


SMALL_NET = """class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.mix = nn.Conv2d(img_channels, 8, 5, stride=2)
        self.head = nn.Linear(8, class_num)
        self.spare = nn.Linear(32, 500)

    def forward(self, x):
        pass
        return self.head(F.relu(self.mix(x)).mean(dim=(2, 3)))
"""


class TestDuplicates:
    """Assessed with a real worker; equal up to comments is the same network."""

    @pytest.fixture
    def assessed(self, backend, config, tmp_path):
        def assess(*generations, workers=1):
            with Journal(tmp_path / str(workers), wait_s=0) as journal:
                recorded = Memo(replace(backend, workers=workers), journal, seed=0)
                judge = Assessor(recorded, NETWORK, config, Decisions(), Full())
                proposals = [
                    [
                        Proposal(step=f"g{g}.c{c}", parents=("seed",), variations=(), child=child)
                        for c, child in enumerate(children)
                    ]
                    for g, children in enumerate(generations)
                ]
                return [[told_of(one.outcome) for one in judge(p)] for p in proposals]

        return assess

    def test_of_the_seed_within_a_generation_and_of_an_earlier_one(self, assessed):
        new = NETWORK.replace("DW", NETWORK["DW"].replace("Hardswish", "ReLU"))
        same = new.replace("DW", new["DW"] + "\n# a comment")
        assert assessed([NETWORK, new, same], [same]) == [
            ["the same network as the seed", "evaluated", "the same network as g0.c1"],
            ["the same network as g0.c1"],
        ]

    def test_a_network_with_dead_weights_does_not_keep_the_same_without_them(self, assessed):
        small = NETWORK.replace("ExquisiteNetV2", SMALL_NET)
        large = small.replace("ExquisiteNetV2", SMALL_NET.replace("pass", "self.spare(x)"))
        assert assessed([large, small]) == [["evaluated", "evaluated"]]

    def test_a_twin_that_training_or_audit_refuses_condemns_only_itself(self, assessed):
        drawn = SMALL_NET.replace("pass", "torch.rand_like(x)")
        first = NETWORK.replace("ExquisiteNetV2", drawn)
        twin = first.replace("SE", first["SE"] + "\n\n\nMORE = 1")
        unequal = assessed([first, twin], [twin.replace("SE", first["SE"] + "\n\n\nMORE = 2")])
        assert all("computes what" not in told for told in unequal[0] + unequal[1])
        assert "evaluated" not in unequal[0] + unequal[1]

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_twin_that_intake_refuses_condemns_only_itself(self, assessed, first):
        clean = NETWORK.replace("DW", NETWORK["DW"].replace("Hardswish", "ReLU"))
        dirty = clean.replace("DW", clean["DW"] + "  # \u200b")
        children = [clean, dirty] if first else [dirty, clean]
        one, two = assessed(children), assessed(children, workers=2)
        assert one == two
        assert [outcome == "evaluated" for outcome in one[0]] == [
            child is clean for child in children
        ]


def told_of(outcome):
    return outcome.reason if isinstance(outcome, Rejection) else "evaluated"


@pytest.mark.slow
def test_hydra_writes_through_no_link(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".hydra").symlink_to(tmp_path / "mine")
    model = ("model=openai", "model.name=x", "model.key_env=NO_KEY")
    done = command(f"runs_dir={tmp_path}/runs", *model, "compare=[]")
    assert "expected the API key" in done.stderr
    assert any((tmp_path / "runs" / ".hydra").iterdir())
    assert not any((tmp_path / "mine").iterdir())


def test_a_run_that_may_become_too_long_for_tables_does_not_begin(composed, tmp_path):
    config = composed(tmp_path / "runs", "+ablation=seed_only", "budget.proposals=20001")
    with pytest.raises(InputError, match=r"budget.proposals: expected at most 20,000.*got 20,001"):
        complete_runs([config], None)  # nothing is opened
    assert not (tmp_path / "runs").exists()


def test_a_run_that_no_table_could_hold_does_not_begin(composed, tmp_path):
    config = composed(tmp_path / "runs", "+ablation=seed_only")
    spec = specify(config, build(config.task).load(), read_network(Path(config.network.path)))
    machine = {"device": "one\nanother", "torch": "0", "sandbox": "none"}
    with pytest.raises(InputError, match="machine has a text that is not one printable line"):
        manifest_of(spec, machine)


def test_a_run_is_not_written_through_a_link(composed, tmp_path, executor):
    config = composed(tmp_path / "runs", "+ablation=seed_only")
    dataset, network = build(config.task).load(), read_network(Path(config.network.path))
    folder, mine = specify(config, dataset, network).folder, tmp_path / "mine"
    folder.parent.mkdir()
    mine.mkdir()
    folder.symlink_to(mine)
    with pytest.raises(InputError, match="found a link"):
        complete_folders([config], executor)
    assert not any(mine.iterdir())
