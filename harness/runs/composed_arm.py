"""The strategies of one arm, constructed from its configuration and wired to its journal."""

from dataclasses import dataclass
from functools import partial

from harness.config.schema import Config
from harness.config.strategies import build
from harness.evolution.budget import Ledger
from harness.evolution.fidelity import Fidelity
from harness.evolution.loop import evolve
from harness.evolution.search import Search
from harness.llm.metering import MeteredModel
from harness.llm.model import Model
from harness.record.journal import Journal
from harness.record.study import Decisions


@dataclass(frozen=True, kw_only=True)
class ComposedArm:
    """What a run is given for one arm."""

    search: Search
    fidelity: Fidelity
    decisions: Decisions
    """Decisions of the recorded study that the run follows, if any."""


def compose_arm(
    config: Config, journal: Journal, *, model: Model | None, chance: float, decisions: Decisions
) -> ComposedArm:
    """Construct the strategies of one arm.

    Args:
        config: Settings of the run.
        journal: Records and remembers the calls to the model.
        model: The model of an arm that asks one.
        chance: Score of guessing.
        decisions: Recorded decisions to follow.
    """
    ledger = Ledger(budget=config.budget, prices=config.prices)
    parts = {"model": MeteredModel(model, journal, ledger)} if model else {}
    search = partial(
        evolve,
        proposer=build(config.proposer, **parts),
        selection=build(config.selection),
        sizes=config.sizes,
        rates=config.rates,
        ledger=ledger,
        seed=config.seed,
        llm_workers=config.llm_workers,
    )
    measured = {"chance": chance} if "chance" in config.fidelity else {}
    fidelity = build(config.fidelity, **measured)
    return ComposedArm(search=search, fidelity=fidelity, decisions=decisions)
