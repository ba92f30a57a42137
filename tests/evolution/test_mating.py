"""Who mates with whom."""

from hypothesis import given
from hypothesis import strategies as st

from harness.config.schema import Rates
from harness.evolution.candidate import Evaluation, Individual
from harness.evolution.loop import pair_up


@given(st.integers(1, 9), st.integers(0, 1000), st.floats(0, 1), st.floats(0.01, 1))
def test_pairs_mate_together_and_nobody_is_left_unchanged(n, seed, p_mate, p_mutate):
    members = [_member(k) for k in range(n)]
    rates = Rates(p_mate=p_mate, p_mutate=p_mutate)
    plans = pair_up(members, members, rates, seed=seed, generation=1)
    assert [c.parent for c in plans] == members
    for i, plan in enumerate(plans):
        assert plan.mutates or plan.mate is not None
        if plan.mate is not None:
            assert plan.mate is members[i ^ 1]
            assert plans[i ^ 1].mate is plan.parent


def test_equal_parents_do_not_mate():
    twin = _member(0)
    plans = pair_up([twin, twin], [twin], Rates(p_mate=1.0, p_mutate=0.1), seed=0, generation=1)
    assert all(c.mate is None and c.mutates for c in plans)
    as_published = Rates(p_mate=1.0, p_mutate=0.0, mate_identical=True)
    plans = pair_up([twin, twin], [twin], as_published, seed=0, generation=1)
    assert all(c.mate is twin and not c.mutates for c in plans)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(0, 100), st.floats(0, 1))
def test_without_mutation_whoever_differs_from_somebody_mates(members, seed, p_mate):
    population = [_member(k) for k in members]
    rates = Rates(p_mate=p_mate, p_mutate=0.0)
    plans = pair_up(population, population, rates, seed=seed, generation=1)
    assert len(plans) == (len(population) if len(set(members)) > 1 else 0)
    for plan in plans:
        assert not plan.mutates
        assert plan.mate in population
        assert plan.parent.genome.differing(plan.mate.genome)


def _member(k):
    from harness.evolution.genome import Genome

    genome = Genome.parse(f"# segment: A\nx = {k}\n")
    evaluation = Evaluation(score=0.5, n_params=k + 1, train_s=1.0)
    return Individual(step=f"i{k}", genome=genome, evaluation=evaluation)
