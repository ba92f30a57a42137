"""Arms: runs of one configuration that differ in their seed alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.run_result import HALVED, SAW_TEST_DATA, RunResult, arm_settings
from harness.config.identity import digest_of, variant_digest


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Runs that differ in their seed alone.

    Attributes:
        name: Distinguishes it from the other arms of its comparison.
        runs: Its runs, finished or not.
        planned: Number of seeds of its comparison.
    """

    name: str
    runs: tuple[RunResult, ...]
    planned: int

    @cached_property
    def finished(self) -> tuple[RunResult, ...]:
        """Its completed runs; only these count."""
        return tuple(run for run in self.runs if run.complete)

    @cached_property
    def identity(self) -> str:
        """Digest of the settings that make it, equal for the same arm on another task."""
        return digest_of(arm_settings(self.runs[0]))

    @property
    def saw_test_data(self) -> bool:
        """Whether its search was scored on the test split."""
        return self.runs[0].saw_test_data

    @property
    def models(self) -> tuple[str, ...]:
        """The LLMs that answered, by their own account, revision included."""
        return tuple(sorted({model for run in self.runs for model in run.models.values()}))


def arms_of(runs: Sequence[RunResult]) -> list[Arm]:
    """Group runs by arm, in their order; arms of one name are distinguished by their settings."""
    variants: dict[tuple[str, str], list[RunResult]] = {}
    for run in runs:
        settings = variant_digest(run.manifest.settings)  # a record may state another digest
        variants.setdefault((run.manifest.variant, settings), []).append(run)
    stated = Counter(variant for variant, _ in variants)
    names = Counter(_marked(group[0]) for group in variants.values())
    asking = Counter((_marked(group[0]), _asked(group[0])) for group in variants.values())

    def name(variant: str, settings: str, run: RunResult) -> str:
        marked = _marked(run)
        if names[marked] == 1:
            return marked
        alone = _asked(run) and asking[marked, _asked(run)] == 1
        tag = variant if stated[variant] == 1 else settings
        return f"{marked} ({_asked(run) if alone else tag[:4]})"

    planned = len({run.seed for run in runs})
    return [
        Arm(name=name(*variant, group[0]), runs=tuple(group), planned=planned)
        for variant, group in variants.items()
    ]


def _marked(run: RunResult) -> str:
    """Return an arm's name with the marks that restrict what its numbers say."""
    return run.arm + (HALVED if run.halved else "") + (SAW_TEST_DATA if run.saw_test_data else "")


def _asked(run: RunResult) -> str:
    """Return the LLM that a run was configured to ask, empty where its configuration has none."""
    return str(run.manifest.settings.get("proposer", {}).get("model", {}).get("name", ""))
