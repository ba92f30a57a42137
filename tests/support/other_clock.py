"""Completes runs by a shifted clock: ``python -m tests.support.other_clock``.

Arguments: address of the server, folder, then settings. Prints the time whenever a candidate is
trained, so that a test knows which times there were.
"""

import sys
import time

from harness.record import database
from harness.runs.runner import complete_runs
from tests.support.backends import ImaginedTrainings
from tests.support.drivers import in_folder
from tests.support.killed_runs import composed


class Tells(ImaginedTrainings):
    """Tells the time before each training."""

    def search(self, genome, **how):
        print(f"now {time.time()}", flush=True)
        time.sleep(0.02)
        return super().search(genome, **how)


def main():
    url, folder, *tiny = sys.argv[1:]
    database.SYNCHRONOUS = "OFF"
    complete_runs(in_folder(composed("full", tiny, url), folder), Tells())


if __name__ == "__main__":
    main()
