"""Target of the attacks: what the harness lays out on this host for them."""

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Target:
    """What attacks aim at.

    Attributes:
        folder: A folder with a symbolic ``link``, and a file ``secret`` that this user can read and
            write.
        pid: Number of the harness's process.
        tcp: Port on loopback where the harness listens.
        udp: Port on loopback where the harness receives.
        abstract: Name of a listening Unix socket in the abstract namespace.
        socket: Path of a listening Unix socket; empty where the path would be too long for one.
    """

    folder: str
    pid: int
    tcp: int
    udp: int
    abstract: str
    socket: str = ""


@contextlib.contextmanager
def lay_out() -> Iterator[Target]:
    """Lay out files and listening sockets, outside the confined process."""
    name = f"guided-evolution-{os.getpid()}-{time.monotonic_ns()}"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for file in ("secret", "doomed"):
            (folder / file).write_text("secret", encoding="ascii")
        (folder / "link").symlink_to("secret")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        if sys.platform == "linux":
            abstract.bind(f"\0{name}")
            abstract.listen()
        with_path = stack.enter_context(socket.socket(socket.AF_UNIX))
        path = str(folder / "socket")
        try:
            with_path.bind(path)
            with_path.listen()
        except OSError:
            path = ""
        yield Target(
            folder=str(folder),
            pid=os.getpid(),
            tcp=tcp.getsockname()[1],
            udp=udp.getsockname()[1],
            abstract=name,
            socket=path,
        )
