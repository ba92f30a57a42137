"""Run a command whose network is cut half-way: ``unshare -rn python tests/support/network_cut.py ARGS``.

In a network namespace of its own, with a server in it that answers from the prompt alone. When the
server has answered often enough, the one interface goes down, and comes up again when the command
has said that it pauses. Prints what the command printed, and how long the network was away.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

from tests.support.llm_server import serving, thinks

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
ANSWERS_BEFORE = 2


def loopback(*, up):
    """Take the interface up or down; within the namespace we may."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))[1]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


def main():
    loopback(up=True)
    with serving() as server:
        server.always = cut_after(ANSWERS_BEFORE)
        command = [
            sys.executable, "-m", "harness", *sys.argv[1:], f"model.base_url={server.url}",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OPENAI_API_KEY": "any"},
        ) as process:  # fmt: skip
            for line in process.stdout:
                print(line, end="", flush=True)
                if "paused" in line:
                    time.sleep(0.5)
                    loopback(up=True)
        raise SystemExit(process.returncode)


def cut_after(n):
    answered = []

    def act(handler):
        thinks(handler)
        with handler.server.mutex:
            answered.append(handler)
            if len(answered) == n:
                loopback(up=False)
                print("the network is gone", flush=True)

    return act


if __name__ == "__main__":
    main()
