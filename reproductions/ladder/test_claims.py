"""Each claim of ``claims.yaml`` against the runs on record."""

from collections.abc import Mapping

from harness.analysis.arm import Arm
from harness.claims.claim import Claim


def test_claim(claim: Claim, arms: Mapping[str, Arm]) -> None:
    """The runs on record bear the claim out."""
    claim.check(arms)
