"""What a candidate, a stranger on the network and another user of a node reach of a Ray cluster."""

import ast
import os
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from pprint import pformat

import pytest

from harness.config.compose import compose
from harness.config.schema import LEVELS
from harness.config.strategies import build
from harness.evaluation.executor import Executors
from harness.evolution.genome import read_network
from tests.support.backends import open_backend
from tests.support.ray_nodes import HOST, Nodes, token

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        not find_spec("ray"), reason="Ray is not installed: pip install -e '.[ray]'"
    ),
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("default"),  # Ray has warnings of its own
]
NOBODY = 65534
TRIES = """
def tcp(at):
    socket.create_connection(at, timeout=5).close()

def file(path):
    with open(path, "rb") as opened:
        opened.read(1)

def unix(path):
    with socket.socket(socket.AF_UNIX) as connected:
        connected.connect(path)

def variable(name):
    os.environ[name]

attempts = {"tcp": tcp, "file": file, "unix": unix, "list": os.listdir, "variable": variable}

def reached(targets):
    found = []
    for kind, at in targets:
        try:
            attempts[kind](at)
            found.append((kind, at))
        except Exception:
            pass
    return found
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with token(tmp_path_factory.mktemp("token")), closing(Nodes()) as started:
        yield started.complete()


@pytest.fixture(scope="module")
def ports(nodes):
    """Where the head and the two raylets listen."""
    code = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); print(ray.nodes())"
    told = subprocess.run(
        [sys.executable, "-c", code, nodes.address], capture_output=True, text=True, check=True
    )
    known = ast.literal_eval(told.stdout.splitlines()[-1])
    assert len(known) == 2
    host, _, port = nodes.address.partition(":")
    found = [n[k] for n in known for k in ("NodeManagerPort", "ObjectManagerPort")]
    return [("tcp", (host, int(port))), *(("tcp", (host, port)) for port in found)]


@pytest.fixture(scope="module")
def files(nodes, ports):
    """Sockets, logs and processes of Ray on this machine, and the token, with what reaches them."""
    session = next(Path(nodes.folder).glob("ray/session_2*"))
    sockets = list((session / "sockets").iterdir())
    logs = list((session / "logs").glob("raylet*.out"))
    assert min(len(sockets), len(logs)) >= 2
    return [
        *(("unix", str(path)) for path in sockets),
        *(("file", path) for path in (os.environ["RAY_AUTH_TOKEN_PATH"], *map(str, logs))),
        *(("file", f"/proc/{pid}/{name}") for pid in raylets(nodes) for name in ("environ", "maps")),
        *(("list", f"/proc/{pid}/fd") for pid in raylets(nodes)),
        ("list", str(session)),
    ]  # fmt: skip


def raylets(nodes):
    """Return the numbers of the processes of two raylets and the head."""
    found = [
        entry.parent.name
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if nodes.folder in (text := entry.read_text(errors="replace"))
        and Path(text.partition("\0")[0]).name in {"raylet", "gcs_server"}
    ]
    assert len(found) == 3
    return found


def attacking(network, targets):
    """Return the network with a constructor that tries to reach all targets, and tells which."""
    names = ("os", "socket")
    modules = "\n".join(f"{name} = torch.sys.modules[{name!r}]" for name in names)
    tell = (
        f"targets = {pformat(targets)}\nfound = reached(targets)\n"
        "raise RuntimeError(f'reached {len(found)} of {len(targets)}: {found}')"
    )
    body = textwrap.indent(f"{modules}\n{TRIES}\n{tell}", " " * 8)
    signature = "    def __init__(self, class_num, img_channels):"
    assert signature in network["Net"]
    return network.replace("Net", network["Net"].replace(signature, f"{signature}\n{body}"))


def test_a_candidate_reaches_nothing_of_the_cluster_that_trains_it(nodes, quick, ports, files):
    everything = [
        *ports, *files, ("list", "/dev/shm"), ("list", "/tmp"),
        *(("variable", name) for name in os.environ if name.startswith("RAY_")),
    ]  # fmt: skip
    config = compose([*quick, "executor=ray", f"executor.address={nodes.address}"])
    dataset, network = build(config.task).load(), read_network(Path(config.network.path))
    hostile = attacking(network, everything)
    with closing(Executors()) as executors:
        refusal = executors.open(config, dataset, network).validate(hostile, seed=0).refusal
    assert refusal.gate == "build"
    assert f"reached 0 of {len(everything)}: []" in refusal.reason
    written = [path.read_bytes() for path in Path(nodes.folder).rglob("*") if path.is_file()]
    for secret in (Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text(), "torch.sys.modules"):
        assert not any(secret.encode() in text for text in written)


@pytest.mark.parametrize("level", LEVELS)
def test_at_limits_it_would_and_from_contained_on_it_does_not(level, quick, ports, files):
    config = compose([*quick, "sandbox.level=limits"])
    dataset, network = build(config.task).load(), read_network(Path(config.network.path))
    targets = [*ports, *files]
    if level == "limits":  # without capabilities, root does not read other processes of root
        targets = [one for one in targets if "/proc/" not in str(one)]
    with open_backend(config, dataset, network, confinement=level) as backend:
        reason = backend.validate(attacking(network, targets), seed=0).refusal.reason
    reached = len(targets) if level == "limits" else 0
    assert f"RuntimeError: reached {reached} of {len(targets)}: [" in reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_a_node_reaches_no_file_and_no_process(files):
    become = f"os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})"
    tell = f"print(os.getuid(), reached({files}))"
    for first, told in ((become, f"{NOBODY} []\n"), ("", f"0 {files}\n")):
        code = f"import os, socket\n{TRIES}\n{first}\n{tell}"
        command = [sys.executable, "-I", "-S", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == told


def test_a_stranger_cannot_have_an_environment_made(nodes):
    """Ray's agents on each node listen for HTTP, and start processes on demand."""
    (session,) = Path(nodes.folder).glob("ray/session_2*")
    agents = [path.read_text() for path in session.glob("runtime_env_agent_port_*")]
    assert len(agents) == 2
    for port in agents:
        for headers in ({}, {"Authorization": f"Bearer {'0' * 64}"}):
            asked = urllib.request.Request(
                f"http://{HOST}:{port}/get_or_create_runtime_env", b"", headers, method="POST"
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=60)
            assert refused.value.code == (403 if headers else 401)
            refused.value.close()
