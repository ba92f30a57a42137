"""Recombination of a recorded study keeps the contract of a proposer."""

from dataclasses import replace

import pytest

from harness.baselines.recombination import Recombination
from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import InputError, RecordError
from harness.evolution.genome import MARKER, Genome, normalised
from harness.record.archive import _archive, read_archive
from harness.record.events import ChildDecided
from harness.record.study import load_study
from harness.runs.runner import complete_runs
from harness.runs.spec import specify
from harness.testing.proposers import ProposerContract
from tests.conftest import OWN_NETWORK, ROOT
from tests.support.proposers import (
    built,
)

STUDIES = ROOT / "reproductions" / "quickstart"


def changed_study(change):
    """The archive of a recorded study whose networks, but for the seed network, are changed."""
    name, entries = read_archive(STUDIES / "full-s0.zip")
    changed = [
        replace(entry, event=replace(entry.event, source=change(entry.event.source)))
        if isinstance(entry.event, ChildDecided) and entry.event.source
        else entry
        for entry in entries
    ]
    return _archive(name, changed)


class TestRecombination(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("recombination")

    def test_each_segment_is_a_version_of_the_study_or_of_the_seed_network(
        self, proposer, network, context
    ):
        versions = proposer.versions(network)
        recorded = {name: {normalised(one) for one in texts} for name, texts in versions.items()}
        assert all(texts[0] == network[name] for name, texts in versions.items())
        children = [
            proposer.mutate(network, replace(context, step=f"g0.c{k}"))[0] for k in range(40)
        ]
        for child in children:
            assert all(normalised(child[name]) in recorded[name] for name in child.names)
        drawn = {(name, child[name]) for child in children for name in child.names}
        assert len(drawn) > sum(map(len, versions.values())) / 2

    def test_a_recorded_network_is_unlikely_and_how_unlikely_is_known(self, proposer, network):
        sizes = [len(texts) for texts in proposer.versions(network).values()]
        assert max(sizes) > 1
        assert proposer.chance_of_a_recorded_network(network) < 0.01

    def test_two_networks_make_every_combination_of_their_segments(self, network, context):
        a = network.replace("DW", f"{network['DW']}\n\n\nNEW = 1")
        b = network.replace("SE", f"{network['SE']}\n\n\nNEW = 1")
        proposer = built("recombination")
        proposer._networks = [a, b, a]
        drawn = {
            proposer.mutate(network, replace(context, step=f"g0.c{k}"))[0].digest for k in range(40)
        }
        both = a.replace("SE", b["SE"])
        assert drawn == {a.digest, b.digest, both.digest}
        assert proposer.chance_of_a_recorded_network(network) == 3 / 4

    def test_a_study_of_another_seed_network_is_refused(self, proposer, context):
        mine = Genome.parse("# segment: Mine\nclass Mine:\n    pass\n")
        seed = replace(context, reference=replace(context.reference, genome=mine))
        with pytest.raises(InputError, match="expected a study of this run's seed network"):
            proposer.mutate(mine, seed)

    def test_a_study_of_another_seed_network_is_refused_before_the_run(self, tmp_path):
        own, runs = tmp_path / "own.py", tmp_path / "runs"
        own.write_text(OWN_NETWORK)
        settings = ["network=own", f"network.path={own}", f"runs_dir={runs}"]
        config = compose(["+ablation=recombination", "compare=[]", *settings])
        refusal = (
            r"proposer.study: expected a study of this run's .* Or leave the arm recombination"
        )
        with pytest.raises(InputError, match=refusal):
            complete_runs([config], None)  # nothing is opened
        assert not runs.exists()

    def test_the_same_seed_network_with_other_segments_is_another(self, proposer, network):
        other = Genome.parse(network.source.replace(f"{MARKER}SE\n", ""))
        assert other.digest == network.digest
        with pytest.raises(InputError, match="expected a study of this run's seed network"):
            proposer.require(other)

    def test_a_study_whose_networks_have_other_segments_is_refused(self, tmp_path):
        study = tmp_path / "full-s0.zip"
        study.write_bytes(changed_study(lambda source: source.replace(f"{MARKER}SE\n", "")))
        with pytest.raises(RecordError, match=r"full-s0.zip: expected networks with the segments"):
            Recombination(study=str(study))

    def test_a_study_is_parsed_once(self, proposer, network, context, monkeypatch):
        proposer.mutate(network, context)
        parsed = []
        monkeypatch.setattr("harness.baselines.recombination.normalised", parsed.append)
        proposer.mutate(network, replace(context, step="g0.c7"))
        assert parsed == []

    def test_the_study_is_part_of_the_identity_by_its_content_and_a_replay_finds_it(
        self, digits, network, context, tmp_path
    ):
        def identity(study):
            config = compose(["+ablation=recombination", f"proposer.study={study}"])
            return specify(config, digits, network).identity["proposer"]

        copy = tmp_path / "copy.zip"
        copy.write_bytes((STUDIES / "no_crp-s0.zip").read_bytes())
        assert identity(copy) == identity(STUDIES / "no_crp-s0.zip")
        assert identity(copy) != identity(STUDIES / "full-s0.zip")
        restored = Recombination(digest=identity(copy)["digest"])
        proposed = Recombination(study=str(copy)).mutate(network, context)
        assert restored.mutate(network, context) == proposed
        with pytest.raises(RecordError, match="expected the recorded study with the digest 12ab"):
            Recombination(digest="12ab")
        with pytest.raises(RecordError, match=r"proposer.study: expected the recorded study"):
            identity(tmp_path / "none.zip")

    def test_a_study_with_other_code_is_another_study(self, digits, network, tmp_path):
        """Answers and outcomes are equal; the networks, which the proposer takes, are not."""
        study = tmp_path / "full-s0.zip"
        study.write_bytes(changed_study(lambda source: f"{source}OTHER = 1\n"))
        digests = {
            specify(
                compose(["+ablation=recombination", f"proposer.study={path}"]), digits, network
            ).identity["proposer"]["digest"]
            for path in (study, STUDIES / "full-s0.zip")
        }
        assert len(digests) == 2
        with pytest.raises(RecordError, match="expected the recorded study with the digest"):
            Recombination(
                study=str(study), digest=max(digests - {load_study(study).content_digest})
            )

    def test_a_run_without_a_study_is_refused(self):
        with pytest.raises(InputError, match="expected the archive of a recorded study"):
            build(compose(["+ablation=recombination", "proposer.study=null"]).proposer)
