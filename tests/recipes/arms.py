"""Two arms: one with a proposer of its own, the other with a selection and a fidelity of its own."""

PROPOSER = '''"""Coin flips: every child drops out another share of the last features."""

import re

from harness.evolution.candidate import Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context


class CoinFlips:
    """Draws the dropout rate of a segment.

    Args:
        segment: Name of the segment.
    """

    def __init__(self, *, segment: str) -> None:
        self._segment = segment

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome, Variation]:
        """Replace the rate by a random one."""
        rate = f"nn.Dropout({context.rng('coin').random():.6f})"
        source = re.sub(r"nn\\.Dropout\\([\\d.]+\\)", rate, genome[self._segment])
        variation = Variation(operator="flip", segment=self._segment)
        return genome.replace(self._segment, source), variation

    def mate(self, genome: Genome, mate: Genome, context: Context) -> tuple[Genome, Variation]:
        """Take the mate's rate."""
        del context
        variation = Variation(operator="mating", segment=self._segment)
        return genome.replace(self._segment, mate[self._segment]), variation
'''
PROPOSER_YAML = """# @package _global_
# Baseline without an LLM: coin flips.
defaults:
  - override /proposer: none

ablation: coin_flips
arm: coin_flips
proposer:
  _target_: harness.baselines.coin_flips.CoinFlips
  segment: ExquisiteNetV2
"""
PROPOSER_TEST = """

class TestCoinFlips(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return built("coin_flips")
"""
SELECTION = '''

class Youngest(FromTheSeed):
    """The last child is the parent of all."""

    def survivors(
        self, elites: Sequence[Individual], offspring: Sequence[Individual]
    ) -> list[Individual]:
        """Return the youngest individual."""
        return [*elites, *offspring][-1:]
'''
SELECTION_YAML = """# The last child is the parent of all.
_target_: harness.baselines.selection.Youngest
"""
SELECTION_ARM = """# @package _global_
# GE in which the youngest individual is the parent of all.
defaults:
  - override /selection: youngest
  - override /fidelity: shortlist

ablation: youngest
"""
SELECTION_TEST = """

@given(individuals, histories)
def test_the_youngest_lives(reference, history):
    from harness.baselines.selection import Youngest

    assert list(lived(Youngest(), reference, history)) == [[child] for child in history]
"""
FIDELITY = '''

class Shortlist:
    """Promotes the best candidate of each generation after one epoch."""

    def rungs(self, epochs: int) -> list[int]:
        """Return the first epoch."""
        return [1] if epochs > 1 else []

    def promoted(self, rung: int, objectives: Sequence[pareto.Objectives]) -> list[bool]:
        """Promote the best."""
        del rung
        best = max((o.score for o in objectives), default=0)
        return [o.score == best for o in objectives]
'''
FIDELITY_YAML = """# The best of each generation is trained for all epochs.
_target_: harness.evolution.fidelity.Shortlist
"""
FIDELITY_TEST = """

def test_the_best_is_on_the_shortlist():
    from harness.evolution.fidelity import Shortlist

    assert shape_of(Shortlist().promoted(1, points((0.5, 100), (0.6, 100), (0.1, 1)))) == ".x."
"""


def arm(copy):
    """A proposer for one arm."""
    copy.add(
        {
            "baselines/coin_flips.py": PROPOSER,
            "conf/ablation/coin_flips.yaml": PROPOSER_YAML,
            "tests/baselines/test_proposers.py": PROPOSER_TEST,
        }
    )


def arm_with_a_selection(copy):
    copy.add(
        {
            "baselines/selection.py": SELECTION,
            "conf/selection/youngest.yaml": SELECTION_YAML,
            "conf/ablation/youngest.yaml": SELECTION_ARM,
            "tests/baselines/test_selection.py": SELECTION_TEST,
        }
    )


def fidelity(copy):
    copy.add(
        {
            "harness/evolution/fidelity.py": FIDELITY,
            "conf/fidelity/shortlist.yaml": FIDELITY_YAML,
            "tests/evolution/test_fidelity.py": FIDELITY_TEST,
        }
    )


def also_for_an_arm(copy):
    """Their descriptions, and how many arms there are now."""
    rows = "| `coin_flips` | coin flips |\n| `youngest` | the youngest is the parent |\n"
    copy.insert("docs/arms.md", rows, before="| `nas` |")
    readme = copy.folder / "README.md"
    before, count, after = readme.read_text().partition(" arms](docs/arms.md)")
    before, _, n = before.rpartition("[")
    readme.write_text(f"{before}[{int(n) + 2}{count}{after}")
    copy.edited.add("README.md")
