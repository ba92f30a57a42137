"""Optuna's samplers over the typed space of ``nsga_net`` (Akiba 2019): a search of a known library.

A door to Optuna, an optional extra.
"""

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from harness.baselines.nsga_net import (
    CHOICES,
    Architecture,
    architecture_of,
    decoded,
    encoded,
    variation_of,
)
from harness.errors import InputError
from harness.evolution.candidate import Evaluation, Outcome, Rejection, Variation
from harness.evolution.genome import Genome
from harness.evolution.proposer import Context

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

SAMPLERS = ("nsga2", "tpe")
_MOST_ASKS = 50
"""Points asked for until one is new."""


class OptunaSearch:
    """Asks a multi-objective sampler of Optuna for each child.

    The objectives are the score and the logarithm of the number of parameters. The study is built
    anew for each child, from the seed network and every proposal of the earlier generations; a
    refused one is a failed trial. So the record of a run decides its course, and children of one
    generation do not know of each other. Parents and mates of the loop have no influence.

    Args:
        sampler: ``nsga2``, or ``tpe`` for the tree-structured Parzen estimator (Ozaki 2022).
        startup: Size of NSGA-II's population, or points before TPE's first model.
    """

    max_calls = 0
    packages: ClassVar[Sequence[str]] = ("optuna",)

    def __init__(self, *, sampler: str, startup: int) -> None:
        if sampler not in SAMPLERS:
            raise InputError(f"sampler: expected one of {', '.join(SAMPLERS)}, got {sampler}.")
        if startup < 2:  # noqa: PLR2004 - NSGA-II crosses two
            raise InputError(f"startup: expected a number of at least 2, got {startup}.")
        self._name, self._startup = sampler, startup

    @staticmethod
    def require(seed: Genome) -> None:
        """Raise InputError for a seed network without the places that are varied."""
        encoded(Architecture(), seed)

    def mutate(self, genome: Genome, context: Context) -> tuple[Genome | Rejection, Variation]:
        """Return a point that no earlier generation proposed; a rejection where none comes."""
        seed, old = context.reference.genome, decoded(genome)
        observed = _observed(context)
        known = {genome.sha256, *(child.sha256 for child, _ in observed)}
        space = _space()
        study = self._study(observed, space)
        study.sampler = self._sampler(context.rng("sampler").getrandbits(32))
        for _ in range(_MOST_ASKS):
            new = _point(study.ask(space).params)
            child = encoded(new, seed)
            if child.sha256 not in known:
                return child, variation_of("mutation", old, new)
        reason = f"all of {_MOST_ASKS} points were proposed before"
        same = Rejection(gate="extract", kind="duplicate", reason=reason)
        return same, variation_of("mutation", old, old)

    def mate(
        self, genome: Genome, mate: Genome, context: Context
    ) -> tuple[Genome | Rejection, Variation]:
        """Ask as for a mutation: NSGA-II crosses points of its own choice."""
        del mate
        child, variation = self.mutate(genome, context)
        return child, Variation(
            operator="mating", segment=variation.segment, detail=variation.detail
        )

    def _study(
        self, observed: Sequence[tuple[Genome, Outcome]], space: dict[str, "BaseDistribution"]
    ) -> "Study":
        """Return a study that knows these outcomes; NSGA-II counts its generations on the way."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        counting = self._sampler(0) if self._name == "nsga2" else optuna.samplers.RandomSampler()
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=counting)
        for child, outcome in observed:
            study.enqueue_trial(_params(decoded(child)))
            trial = study.ask(space)
            _ = trial.relative_params  # evaluated late; NSGA-II assigns the generation there
            if isinstance(outcome, Evaluation):
                study.tell(trial, [outcome.score, math.log10(outcome.n_params)])
            else:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return study

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import NSGAIISampler, TPESampler

        if self._name == "nsga2":
            return NSGAIISampler(population_size=self._startup, seed=seed)
        # Gene by gene, the best of 24 candidates from few choices is always the same point.
        warnings.filterwarnings("ignore", category=ExperimentalWarning)
        return TPESampler(n_startup_trials=self._startup, multivariate=True, seed=seed)


def _observed(context: Context) -> list[tuple[Genome, Outcome]]:
    """Return the seed network, then every network proposed earlier, each with its outcome."""
    first: tuple[Genome, Outcome] = (context.reference.genome, context.reference.evaluation)
    rest = ((decided.proposal.child, decided.outcome) for decided in context.history)
    return [first, *((child, outcome) for child, outcome in rest if isinstance(child, Genome))]


def _space() -> dict[str, "BaseDistribution"]:
    """Return the genes; numbers as their place among the choices, since they are ordered."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    return {
        f"{name}.{i}": IntDistribution(0, len(CHOICES[name]) - 1)
        if _ordered(name)
        else CategoricalDistribution(CHOICES[name])
        for name, i in Architecture().genes()
    }


def _params(architecture: Architecture) -> dict[str, Any]:
    values = {(name, i): getattr(architecture, name)[i] for name, i in architecture.genes()}
    return {
        f"{name}.{i}": CHOICES[name].index(value) if _ordered(name) else value
        for (name, i), value in values.items()
    }


def _point(params: dict[str, Any]) -> Architecture:
    values: dict[str, list[Any]] = {name: [] for name in CHOICES}
    for name, i in Architecture().genes():
        value = params[f"{name}.{i}"]
        values[name].append(CHOICES[name][value] if _ordered(name) else value)
    return architecture_of(values)


def _ordered(name: str) -> bool:
    return type(CHOICES[name][0]) in {int, float}
