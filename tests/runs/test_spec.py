"""What is known of a run before it starts."""

from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.errors import InputError
from harness.record.journal import Journal
from harness.runs.manifest import manifest_of, require_same_run
from harness.runs.spec import RunSpec, by_folder, specify


def test_the_folder_of_a_run_has_a_portable_name_and_one_named_before_is_used(
    digits, network, tmp_path
):
    spec = specify(compose(["model=pool", f"runs_dir={tmp_path}"]), digits, network)
    assert spec.folder.name.startswith("guided-pool-full-s0-")
    assert not set(':~<>"|?*\\') & set(spec.folder.name)
    before = tmp_path / spec.folder.name.replace("guided-pool-full", "guided~pool:full")
    before.mkdir()
    assert spec.folder == before


@pytest.mark.parametrize(
    ("settings", "hashes", "differs"),
    [
        ({}, {}, None),
        ({"seed": 7}, {}, "seed"),
        ({"network": "0" * 16}, {}, "network"),
        ({"third_party": {"another": "1.0"}}, {}, "third_party, third_party.another"),
        ({}, {"data": "0" * 64}, "the hash of the data"),
        ({}, {"network": "0" * 64}, "the hash of the network"),
        ({}, {"study": "0" * 64}, None),
    ],
)
def test_a_folder_that_holds_another_run_is_not_continued(
    digits, network, tmp_path, settings, hashes, differs
):
    """Its name has 12 digits of a hash: two runs of one name can be searched for."""
    config = compose(["+ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"])
    spec = specify(config, digits, network)
    sound = manifest_of(spec, {"device": "cpu", "torch": "2", "sandbox": "none"})
    with Journal(spec.folder, wait_s=0) as journal:
        was = journal.record(
            replace(sound, settings={**sound.settings, **settings}, hashes=sound.hashes | hashes)
        )
    if differs is None:
        require_same_run(spec)
        return
    for events in (None, [was]):
        with pytest.raises(InputError, match=f"found one that differs in {differs}\\. Use another"):
            require_same_run(spec, events)


def test_the_price_of_training_is_on_record_and_no_part_of_the_identity(digits, network, tmp_path):
    settings = ["ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"]
    plain, priced = (
        specify(compose([*settings, *more]), digits, network)
        for more in ((), ("training_price=0.4",))
    )
    assert plain.folder == priced.folder
    machine = {"device": "cpu", "torch": "2", "sandbox": "none"}
    assert manifest_of(plain, machine).training_price is None
    assert manifest_of(priced, machine).training_price == 0.4


def test_two_runs_of_one_folder_that_differ_are_not_taken_for_one(digits, network, tmp_path):
    config = compose(["+ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}"])
    spec = specify(config, digits, network)
    assert list(by_folder([spec, spec]).values()) == [spec]

    class OneName(RunSpec):
        """A run whose folder has the name of any other."""

        @property
        def folder(self):
            return spec.folder

    longer = {**spec.identity, "recipe": {**spec.identity["recipe"], "epochs": 99}}
    other = OneName(**{**vars(spec), "identity": longer})
    with pytest.raises(InputError, match="expected one run of this name, found random_mutation"):
        by_folder([spec, other])
