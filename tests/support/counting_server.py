"""A server that is killed: ``python -m tests.support.counting_server PORT FILE``.

It answers as ``killed_runs.answers`` does, and adds each prompt that it has read to the file, as JSON,
before it answers. Prints a line when it listens.
"""

import json
import sys
import threading
import time

from tests.support.killed_runs import answers
from tests.support.llm_server import serving

LATENCY_S = 0.05


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    act, mutex = answers("full", LATENCY_S), threading.Lock()

    def counted(handler):
        with mutex, open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(handler.request_seen.prompt) + "\n")
        act(handler)

    with serving(port) as server:
        server.always = counted
        print("listens", flush=True)
        time.sleep(3600)


if __name__ == "__main__":
    main()
