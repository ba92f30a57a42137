"""The strategies of one arm, constructed from its configuration and wired to its journal."""

from dataclasses import dataclass
from functools import partial

from harness.config.schema import Config
from harness.config.strategies import build
from harness.evolution.budget import Ledger
from harness.evolution.fidelity import Fidelity
from harness.evolution.search import Method, Schedule, Search
from harness.llm.metering import MeteredModel
from harness.llm.model import Model
from harness.record.events import Data
from harness.record.journal import Journal
from harness.record.study import Decisions
from harness.tasks.base import wording_of


@dataclass(frozen=True, kw_only=True)
class ComposedArm:
    """What a run is given for one arm."""

    search: Search
    fidelity: Fidelity
    decisions: Decisions
    """Decisions of the recorded study that the run follows, if any."""


def compose_arm(
    config: Config, journal: Journal, *, model: Model | None, data: Data, decisions: Decisions
) -> ComposedArm:
    """Construct the strategies of one arm.

    Args:
        config: Settings of the run.
        journal: Records and remembers the calls to the model.
        model: The model of an arm that asks one.
        data: The data set, as the manifest describes it.
        decisions: Recorded decisions to follow.
    """
    ledger = Ledger(
        budget=config.budget, prices=config.prices, training_price=config.training_price
    )
    asked = {"model": MeteredModel(model, journal, ledger)} if model else {}
    method = Method(
        proposer=build(config.proposer, wording=wording_of(data.kind), **asked),
        selection=build(config.selection),
        sizes=config.sizes,
        rates=config.rates,
        ledger=ledger,
        seed=config.seed,
        llm_workers=config.llm_workers,
    )
    schedule: Schedule = build(config.schedule)
    fidelity = build(config.fidelity, chance=data.chance)
    return ComposedArm(
        search=partial(schedule, method=method), fidelity=fidelity, decisions=decisions
    )
