"""Measures of one run: functions from a run to a number, None where it has none."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from harness.analysis.proposals import Candidate
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import mean, share_interval
from harness.analysis.statistics.noise import Noise, pooled_noise
from harness.config.identity import unrecorded_settings
from harness.config.schema import Final
from harness.evolution import pareto
from harness.record.events import Data

DECADES = 2
"""Decades of parameters in the unit of ``retrained_hypervolume``."""
RELEVANT_SAVING = 0.15
"""Least difference in ``saved`` that matters by default: 29 % fewer parameters, which is half of a
halving, or layers 16 % narrower."""
_UNRECORDED = unrecorded_settings(Final)


def best_score(run: RunResult, most_params: int | None = None) -> float | None:
    """Return the best validation score; a search that saw the test split has none of its own."""
    return None if run.saw_test_data else run.best_score(most_params)


def selected_search_score(run: RunResult) -> float | None:
    """Return the score of the selected network in the search, without what confirmed it."""
    if run.saw_test_data or run.selected is None or run.selected.objectives is None:
        return None
    return run.selected.objectives.score


def selected_retrained_score(run: RunResult) -> float | None:
    """Return the mean validation score of the selected network over its re-trainings."""
    return mean(run.retrained.get(run.selected.step, ())) if run.selected else None


def selected_parameters(run: RunResult) -> float | None:
    """Return the number of parameters of the selected network."""
    return run.selected.objectives.n_params if run.selected and run.selected.objectives else None


def flops_ratio(run: RunResult) -> float | None:
    """Return the FLOPs of the selected network in multiples of the seed network's."""
    if run.selected is None or run.selected.flops is None or not run.seed_flops:
        return None
    return run.selected.flops / run.seed_flops


def time_ratio(run: RunResult) -> float | None:
    """Return the mean seconds of the selected network's re-trainings in multiples of the seed's."""
    seconds = mean(run.retrained_s.get(run.selected.step, ())) if run.selected else None
    seed = mean(run.retrained_s.get("seed", ()))
    return seconds / seed if seconds is not None and seed else None


def size_changes(runs: Sequence[RunResult]) -> tuple[int, int, int]:
    """Return how many evaluated children are smaller than their first parent, as large, larger."""
    changes: list[int] = []
    for run in runs:
        sizes = {c.step: c.objectives.n_params for c in run.evaluated if c.objectives}
        sizes["seed"] = run.seed_objectives.n_params
        changes += [
            sizes[child.step] - sizes[child.parents[0]]
            for child in run.evaluated
            if child.parents[0] in sizes
        ]
    smaller, larger = sum(c < 0 for c in changes), sum(c > 0 for c in changes)
    return smaller, len(changes) - smaller - larger, larger


def selected_test_score(run: RunResult) -> float | None:
    """Return the mean test score of the selected network over its re-trainings."""
    return mean(run.finals.get(run.selected.step, ())) if run.selected else None


def seed_test_score(run: RunResult) -> float | None:
    """Return the mean test score of the seed network over its re-trainings."""
    return mean(run.finals.get("seed", ()))


def small_test_score(run: RunResult, most_params: int) -> float | None:
    """Return the test score of the network of at most this size that the search scores best.

    None where there is no such network, or all of its re-trainings failed.

    Args:
        run: The run.
        most_params: Largest size of that network.
    """
    chosen = _best_within(run, most_params)
    return mean(run.finals.get(chosen.step, ())) if chosen else None


def best_small_test_score(run: RunResult) -> float | None:
    """Return the test score of the best network of at most the seed network's size."""
    return small_test_score(run, run.seed_objectives.n_params)


def lacks_small_retrainings(run: RunResult) -> bool:
    """Return whether a re-training of the best network of at most the seed's size failed."""
    chosen = _best_within(run, run.seed_objectives.n_params)
    return chosen is not None and not _retrained_fully(run, chosen)


def _best_within(run: RunResult, most_params: int) -> Candidate | None:
    """Return the network of at most this size that the search scores best, if that is known."""
    if _lacks_some_of_its_front(run):
        return None
    chosen = [one for one in _chosen_by_size(run) if _size(one) <= most_params]
    return chosen[-1] if chosen else None


def is_chance(score: float, data: Data, split: str) -> bool:
    """Return whether a score may be that of a network that guesses.

    Args:
        score: Share of the examples of a split that is answered correctly.
        data: The data.
        split: ``validation`` or ``test``. Where its number of examples is not recorded, only a
            score that is no better than chance is one.
    """
    n = data.details.get(f"n_{split}")
    if score <= data.chance or type(n) is not int or n < 1 or not 0 <= score <= 1:
        return score <= data.chance
    return share_interval(round(score * n), n).low <= data.chance


def learnt_nothing(run: RunResult) -> bool:
    """Return whether the seed network is at chance, so that no network can be worse.

    Its mean test score decides, or before there is one its score in the search.
    """
    data = run.manifest.data
    if (score := seed_test_score(run)) is not None:
        return is_chance(score, data, "test")
    return is_chance(run.seed_objectives.score, data, "test" if run.saw_test_data else "validation")


def less_seed_network(score: float | None, run: RunResult) -> float | None:
    """Return a test score less the seed network's."""
    seed = seed_test_score(run)
    return None if score is None or seed is None else score - seed


def saved(run: RunResult, margin: float | None = None) -> float | None:
    """Return the decades of parameters that the selected network saves, 0 where it fails.

    It saves log10 of the seed network's parameters over its own, if its mean test score is at most
    ``final.margin`` below the seed network's. It saves nothing if it is larger, if one of its
    re-trainings failed, or if the search evaluated no network. None where the seed network has no
    test score or is at chance, or where a cut run selected a network that was not re-trained.

    Args:
        run: The run.
        margin: Another margin than ``final.margin``.
    """
    margin = margin_of(run) if margin is None else margin
    seed = seed_test_score(run)
    if seed is None or learnt_nothing(run):
        return None
    selected = run.selected
    if not run.knows_selected or (selected and not run.plans_retrainings(selected)):
        return None
    if selected is None or selected.objectives is None or not _retrained_fully(run, selected):
        return 0.0
    score = mean(run.finals[selected.step])
    if score is None or not pareto.as_good(score, seed, tolerance=margin):
        return 0.0
    return max(0.0, math.log10(run.seed_objectives.n_params / selected.objectives.n_params))


def saves(run: RunResult) -> float | None:
    """Return 1 where the selected network saves as much as matters, else 0, see ``saved``."""
    decades = saved(run)
    return None if decades is None else float(decades > 0 and decades >= relevant_saving(run))


def relevant_saving(run: RunResult) -> float:
    """Return the decades of parameters that matter; a run may declare its primary measure's."""
    final = run.manifest.settings["final"]
    declared: float | None = final.get("relevant") if final.get("measure") == "saved" else None
    return RELEVANT_SAVING if declared is None else declared


def retrained_hypervolume(run: RunResult, useful: float | None = None) -> float | None:
    """Return the area below the test scores of the networks that the search chooses, by size.

    At each size, it is the network of at most that size that the search scores best; there is no
    area where a re-training of it failed. The area lies above the reference point: ``final.useful``
    below the seed network's mean test score, at the seed network's size. The unit is
    ``final.useful`` times two decades: 1 is a network with the seed network's score and a hundredth
    of its parameters. None where the seed network has no test score.

    No score of a re-training chooses a network, since the best of several is lucky. Mean area in %
    of ten equally good networks, of which the smallest alone has 40.0, in simulated runs with
    deviations of 0.65 points, by what chooses and by the correlation of validation and test score
    of one training, 0.36 in recorded runs (``nox -s simulation``)::

                                         0   0.4   0.8
        best test score               42.7  42.7  42.7
        best re-trained validation    40.0  41.1  42.3
        the search                    40.0  40.0  40.0

    Args:
        run: The run.
        useful: Another distance of the reference point than ``final.useful``.
    """
    useful = useful_of(run) if useful is None else useful
    seed = seed_test_score(run)
    if seed is None or _lacks_some_of_its_front(run):
        return None
    most = run.seed_objectives.n_params
    networks = [network for network in _chosen_by_size(run) if _size(network) <= most]
    ends = [*map(_size, networks[1:]), most]
    area = sum(
        max(0.0, statistics.fmean(run.finals[network.step]) - (seed - useful))
        * math.log10(end / max(1, _size(network)))
        for network, end in zip(networks, ends, strict=False)
        if _retrained_fully(run, network)
    )
    return area / (useful * DECADES)


def _chosen_by_size(run: RunResult) -> list[Candidate]:
    """Return the networks that the search chooses as the size may grow, smallest first.

    Each is scored better by the search than all smaller ones, whatever its re-trainings gave.
    """
    chosen, best = [], -math.inf
    for candidate in run.hall_of_fame:
        score = run.selection_score(candidate)
        if candidate.objectives is not None and score is not None and score > best:
            best = score
            chosen.append(candidate)
    return chosen


def _size(candidate: Candidate) -> int:
    """Return the parameters of a network that was evaluated."""
    assert candidate.objectives is not None
    return candidate.objectives.n_params


def lacks_retrainings(run: RunResult) -> bool:
    """Return whether a re-training of the selected network failed."""
    return run.selected is not None and not _retrained_fully(run, run.selected)


def _retrained_fully(run: RunResult, candidate: Candidate) -> bool:
    """Return whether none of a network's re-trainings failed."""
    return len(run.finals.get(candidate.step, ())) >= max(1, run.plans_retrainings(candidate))


def _lacks_some_of_its_front(run: RunResult) -> bool:
    """Return whether some of a cut run's front was not re-trained, since others came later."""
    return run.shortened and not all(map(run.plans_retrainings, run.hall_of_fame))


def margin_of(run: RunResult) -> float:
    """Return the margin of mean test scores within which a network saves parameters."""
    return _final(run, "margin")


def useful_of(run: RunResult) -> float:
    """Return how far below the seed network's a useful test score may lie."""
    return _final(run, "useful")


def retraining_noise(runs: Sequence[RunResult], *, seed_alone: bool = False) -> Noise | None:
    """Return the noise of the difference of two mean test scores; None where nothing tells it.

    Args:
        runs: The runs.
        seed_alone: Whether to take the noise of the seed network alone, not of all networks.
    """
    seeds: int = runs[0].manifest.settings["final"]["seeds"]
    scores = _by_network(runs, lambda run: run.finals, seed_alone=seed_alone)
    return pooled_noise(scores, variances=2 / seeds)


def selection_noise(runs: Sequence[RunResult], *, seed_alone: bool = False) -> Noise | None:
    """Return the noise of the difference that selects: a validation score less the threshold.

    Args:
        runs: The runs.
        seed_alone: Whether to take the noise of the seed network alone, not of all networks.
    """
    one, other = trainings_compared(runs[0])
    scores = _by_network(runs, lambda run: run.retrained, seed_alone=seed_alone)
    return pooled_noise(scores, variances=1 / one + 1 / other)


def confirming_seeds(run: RunResult) -> int:
    """Return on how many fresh seeds scores are confirmed before one is selected, 0 for none."""
    return int(run.manifest.settings.get("confirm", {}).get("seeds", 0))


def trainings_compared(run: RunResult) -> tuple[int, int]:
    """Return how many trainings the selection compares: of a network, and of the seed network."""
    settings = run.manifest.settings
    if confirming := confirming_seeds(run):
        return confirming, confirming
    return 1, settings["final"]["seeds"] if run.retrainings_select else 1


def _by_network(
    runs: Sequence[RunResult],
    scores_of: Callable[[RunResult], Mapping[str, Sequence[float]]],
    *,
    seed_alone: bool,
) -> list[Sequence[float]]:
    """Return the scores of each network at each seed, of equal networks once.

    Runs of one seed re-train equal networks alike, such as the seed network of each arm.
    """
    distinct: dict[tuple[int, str], Sequence[float]] = {}
    for run in (one.whole for one in runs):
        scores, others = scores_of(run), () if seed_alone else run.candidates
        networks = [("seed", run.seed_source), *((c.step, c.source) for c in others)]
        distinct |= {(run.seed, code): scores[step] for step, code in networks if step in scores}
    return list(distinct.values())


def _final(run: RunResult, name: str) -> float:
    """Return a setting of ``final``, or what stands for it in runs that did not record it."""
    value: float = (_UNRECORDED | run.manifest.settings["final"])[name]
    return value
