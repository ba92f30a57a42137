"""Processes as the kernel shows them."""

from pathlib import Path


def alive(pid):
    """Say whether a process runs; what only waits to be reaped does not."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
