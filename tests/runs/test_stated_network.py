"""The seed network that a record states is the one that it holds."""

from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.config.identity import comparison_digest, variant_digest
from harness.errors import RecordError
from harness.evolution.genome import Genome
from harness.record.events import Manifest
from harness.record.journal import Journal
from harness.runs.recorded_run import load_recorded, require_one_network
from tests.conftest import SEED_NETWORK, SMALL
from tests.support.backends import ImaginedTrainings, complete_folders


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two arms, each with a seed network of its own."""
    folder = tmp_path_factory.mktemp("networks")
    other = folder / "other.py"
    other.write_text(SEED_NETWORK.read_text().replace("momentum=0.9", "momentum=0.8"))
    configs = [
        compose([*SMALL, f"runs_dir={folder}", *more])
        for more in (["ablation=random_mutation"], ["ablation=width", f"network.path={other}"])
    ]
    folders = [complete_folders([config], ImaginedTrainings()) for config in configs]
    one, two = (run for found in folders for run in load_recorded(found))
    assert one.network.sha256 != two.network.sha256
    return one, two


def restated(run, folder, *, hashes, **settings):
    """Record a run again, with another manifest that agrees with itself."""
    target = folder / run.name
    target.mkdir(parents=True)
    with Journal(target, wait_s=0) as journal:
        for entry in run.entries:
            event = entry.event
            if isinstance(event, Manifest):
                known = {**event.settings, **settings}
                event = replace(
                    event, settings=known, hashes=hashes,
                    comparison=comparison_digest(known), variant=variant_digest(known),
                )  # fmt: skip
            journal.record(event, at=entry.at)
    return target


@pytest.mark.parametrize("states_hashes", [True, False])
def test_a_record_that_states_the_seed_network_of_another_is_refused(runs, tmp_path, states_hashes):
    """It would stand in a table with runs of that network, as a worse or better baseline."""
    one, two = runs
    hashes = one.manifest.hashes if states_hashes else {}
    forged = restated(two, tmp_path, hashes=hashes, network=one.manifest.settings["network"])
    with pytest.raises(RecordError, match=r"is not the one that the manifest states"):
        load_recorded([forged])


def test_a_record_that_states_another_full_hash_is_refused(runs, tmp_path):
    one, _ = runs
    other = one.network.digest + "0" * 48
    hashes = {**one.manifest.hashes, "network": other}
    with pytest.raises(RecordError, match=r"is not the one that the manifest states"):
        load_recorded([restated(one, tmp_path, hashes=hashes)])


def test_an_earlier_record_states_no_full_hash(runs, tmp_path):
    one, _ = runs
    (read,) = load_recorded([restated(one, tmp_path, hashes={})])
    assert read.network == one.network


class Short(Genome):
    """A network whose digest has so few digits that others have it, too."""

    @property
    def digest(self):
        """No digit at all."""
        return self.sha256[:0]


def test_two_seed_networks_of_one_digest_are_told_apart_by_their_full_hashes(runs):
    require_one_network(runs)
    for run in (short := [replace(run) for run in runs]):
        vars(run)["network"] = Short.parse(run.network.source)
    with pytest.raises(RecordError, match=r"expected that one digest stands for one seed network"):
        require_one_network(short)
    require_one_network([short[0], short[0]])
