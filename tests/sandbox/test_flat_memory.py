"""Two thousand candidates leave nothing behind: no memory, no descriptor, no process."""

from pathlib import Path

import pytest

from harness.sandbox.job import JobFailed
from harness.sandbox.messages import Build, Candidate, Signature
from harness.tasks.image_classification.recipe import ImageRecipe
from tests.conftest import OWN_NETWORK, children_of_worker, server_of

N = 2_000
HEAD = "import os, torch\nfrom torch import nn\n"
SOURCES = {
    HEAD + OWN_NETWORK: None,
    HEAD + "raise ValueError('x' * 10_000)": "import",
    HEAD + "os._exit(0)": "protocol",
    HEAD + "os.closerange(3, 64)\nos.abort()": "signal",
    HEAD + "import ctypes\nctypes.string_at(0)": "signal",
    HEAD + "x = torch.empty(25 * 10**9)": "memory",
    HEAD
    + "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    + OWN_NETWORK: None,
}


def standing(sandbox):
    """Resident KiB and open descriptors of the harness and of the worker's server."""
    found = []
    for pid in ("self", server_of(sandbox)):
        status = Path(f"/proc/{pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0])
        found.append((resident, len(list(Path(f"/proc/{pid}/fd").iterdir()))))
    return found


@pytest.mark.hostile
@pytest.mark.timeout(1200)
def test_memory_and_descriptors_stay_flat(backend):
    sandbox = backend.evaluate._sandbox
    signature = Signature(
        kind="image_classification", class_name="Net", input_shape=(3, 32, 32), n_outputs=10
    )
    recipe = ImageRecipe(lr=0.1, weight_decay=0.0)
    measured = []
    for i in range(N):
        source, kind = list(SOURCES.items())[i % len(SOURCES)]
        candidate = Candidate(source=source, signature=signature, recipe=recipe, seed=0)
        found = None
        try:
            with sandbox.run(Build(candidate=candidate), time_limit_s=20) as session:
                session.receive()
        except JobFailed as refused:
            found = refused.kind
        assert found == kind, source
        if i % 200 == 199:
            measured.append(standing(sandbox))
    print(measured)
    for process in (0, 1):
        first, last = measured[0][process], measured[-1][process]
        assert last[1] == first[1]
        assert last[0] < first[0] + 4096  # KiB
    assert children_of_worker(sandbox) == []
