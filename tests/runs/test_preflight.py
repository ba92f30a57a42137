"""What a command needs from outside is tried before anything is trained."""

import resource
from dataclasses import replace

import pytest

from harness.config.compose import compose
from harness.errors import InputError
from harness.files import check_writable
from harness.record.journal import Journal, find_runs
from harness.runs.preflight import preflight
from harness.runs.runner import complete_runs, specify_all
from tests.support.commands import run
from tests.support.llm_server import error, serving
from tests.support.records import LINT, child


@pytest.fixture
def asking(quick, tmp_path):
    """Settings of a run that asks a server whose address follows."""
    return (
        *quick, "ablation=full", "compare=[]", "model=vllm", "model.name=thinker",
        f"runs_dir={tmp_path}/runs",
    )  # fmt: skip


def test_a_sweep_with_a_name_that_the_server_does_not_know_asks_once_and_trains_nothing(
    asking, tmp_path
):
    with serving() as server:
        server.always = error(404, "no such model")
        done = run("-m", *asking, "model.name=thinkr", f"model.base_url={server.url}", "seed=0,1,2")
        assert len(server.seen) == len(server.listed) == 1
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert "no such model" in done.stderr
    assert "Did you mean" not in done.stderr  # the list is refused without a key
    assert find_runs(tmp_path) == []


def test_preflight_false_contacts_nothing_beforehand(asking):
    with serving() as server:
        config = compose([*asking, f"model.base_url={server.url}", "preflight=false"])
        preflight(specify_all([config]))
        preflight(specify_all([replace(config, preflight=True, seed=1)]))
        assert len(server.listed) == 1


def test_a_run_that_has_only_retrainings_left_needs_no_server(asking):
    config = compose([*asking, "model.base_url=http://127.0.0.1:9/v1", "budget.proposals=1"])
    (spec,) = specify_all([config])
    with Journal(spec.folder, wait_s=0) as journal:
        journal.record(child("g0.c0", LINT))
    preflight([spec])


def test_an_exchange_that_cannot_be_written_is_refused_before_anything_is_trained(
    asking, tmp_path, executor
):
    (tmp_path / "file").touch()
    settings = [*asking[:-3], asking[-1], "model=exchange", f"model.folder={tmp_path}/file/x"]
    with pytest.raises(InputError, match=r"model\.folder=FOLDER"):
        complete_runs([compose(settings)], executor)
    assert find_runs(tmp_path) == []


def test_a_missing_login_of_wandb_is_told_before_anything_is_trained(quick, tmp_path):
    home = {"HOME": str(tmp_path), "NETRC": "", "WANDB_API_KEY": "", "WANDB_MODE": "online"}
    command = (*quick, "ablation=random_mutation", "compare=[]", f"runs_dir={tmp_path}/runs")
    done = run(*command, "tracking=wandb", env=home)
    assert (done.returncode, done.stderr.count("error:")) == (2, 1)
    assert "`wandb login`" in done.stderr
    assert find_runs(tmp_path) == []


def test_a_folder_without_room_is_refused(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(InputError, match="Make room there or choose another: runs_dir="):
            check_writable(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []
