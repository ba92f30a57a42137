"""Two nodes of a Ray cluster on the loopback interface, guarded by a token."""

import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

# Ray replaces 127.0.0.1 by an address that others can reach.
HOST = "127.0.0.2"
TOKEN = secrets.token_hex(32)
"""One for all clusters of this process, in which Ray reads it once."""
_NODE = {"num_cpus": 1, "memory": 5 * 2**30, "object_store_memory": 80_000_000}


class Nodes:
    """A cluster whose processes can be found, and killed by their number."""

    def __init__(self):
        from ray._common.utils import get_default_ray_temp_dir
        from ray.cluster_utils import Cluster

        # Ray opens its own folder to everybody, and writes an address into that of all clusters.
        self.folder = tempfile.mkdtemp(prefix="ray")
        Path(get_default_ray_temp_dir()).mkdir(exist_ok=True)
        own = {"include_dashboard": False, "temp_dir": f"{self.folder}/ray"}
        head = {"node_ip_address": HOST, **own, **_NODE}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._second = None
        self.address = self._cluster.address

    def complete(self):
        """Start a second node, unless it is there."""
        if self._second is None:
            self._second = self._cluster.add_node(node_ip_address=HOST, **_NODE)
        return self

    def kill_second(self):
        """Kill the second node's raylet; its processes see that only once it has been waited for."""
        (raylet,) = self._second.all_processes["raylet"]
        self._second = None
        raylet.process.kill()
        raylet.process.wait()

    def close(self):
        self._cluster.shutdown()
        shutil.rmtree(self.folder)


@contextmanager
def token(folder):
    """Set a token in the environment, before nodes start and drivers join them."""
    path = Path(folder) / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    ours = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(path),
        "RAY_worker_niceness": "0",  # 15 by default, so that actors starve on a busy machine
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def actors(address):
    """Return the numbers and titles of the harness's actors in the cluster at an address."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes().decode(errors="replace").strip("\0 ")
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                raylet = Path(f"/proc/{parent}/cmdline").read_text(errors="replace")
            except OSError:
                continue
            if title.startswith("ray::_Guarded") and address in raylet:
                found[int(entry.name)] = title
    return found


def until(found, seconds=180):
    """Wait until a function returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)
    return value
