"""Each claim of ``claims.yaml`` against the runs on record."""

from collections.abc import Mapping

from harness.claims import Claim
from harness.measures import Arm


def test_claim(claim: Claim, arms: Mapping[str, Arm]) -> None:
    """The runs on record bear the claim out."""
    claim.check(arms)
