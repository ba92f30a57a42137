"""Where the installed files lie. Standard library alone: confined processes import this."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of ``harness``, sub-packages included, which no candidate may read."""
ROOT = PACKAGE.parent
"""The folder that holds ``harness``, ``baselines``, ``conf`` and ``reproductions``."""
CONF = ROOT / "conf"
