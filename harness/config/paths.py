"""Where the installed files lie. Standard library alone: confined processes import this."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of ``harness``, sub-packages included, which no candidate may read."""
ROOT = PACKAGE.parent
"""The folder from which ``harness`` is imported."""
SHIPPED = (PACKAGE / "conf").resolve().parent
"""The folder that holds ``baselines``, ``conf`` and ``reproductions``: a checkout's top-level
folder, to which links in ``harness`` lead, or ``harness`` itself where it is installed."""
CONF = SHIPPED / "conf"
REPRODUCTIONS = SHIPPED / "reproductions"
