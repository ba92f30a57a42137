"""A published claim, as tests take it: a statement that can be checked against runs."""

from collections.abc import Mapping

from harness.analysis.arm import Arm
from harness.claims.judge import Verdict, judge
from harness.claims.statement import Statement
from harness.claims.wording import describe_verdict


class ClaimFails(AssertionError):  # noqa: N818 - pytest shows the name
    """The runs on record do not support a claim; the text has the required and measured values."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(describe_verdict(verdict))


class Claim(Statement):
    """A statement that can be checked against runs."""

    def judge(self, arms: Mapping[str, Arm]) -> Verdict:
        """Return the verdict of the finished runs of these arms.

        Raises:
            NotRun: One of the runs is missing.
        """
        return judge(self, arms)

    def check(self, arms: Mapping[str, Arm]) -> None:
        """Assert that the claim holds by the finished runs of these arms, or is not contradicted.

        Raises:
            ClaimFails: It does not hold, or the runs are inconclusive.
            NotRun: One of the runs is missing.
        """
        verdict = self.judge(arms)
        if not verdict.passes:
            raise ClaimFails(verdict)
