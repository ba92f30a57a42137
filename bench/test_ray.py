"""What an evaluation costs more on a node of a Ray cluster than in the process of the command."""

import statistics
import time
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec

import pytest

from harness.evaluation.executor import Executors
from tests.support.ray_nodes import Nodes, token

pytestmark = [
    pytest.mark.skipif(not find_spec("ray"), reason="needs Ray, which the extra ray installs"),
    pytest.mark.filterwarnings("default"),  # Ray has warnings of its own
    pytest.mark.timeout(1800),
]
N, MOST_MS = 200, 15


def duration_ms(work):
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def differences(here, there, n=N):
    """Milliseconds that ``there`` takes longer, measured in turns, and those that ``here`` takes."""
    pairs = [(duration_ms(here), duration_ms(there)) for _ in range(n)]
    return [b - a for a, b in pairs], [a for a, _ in pairs]


def test_evaluation_on_ray(benchmark, config, digits, network, tmp_path):
    """A training that the cache of both answers, so that what is left is the way there and back;
    and all gates, in the full sandbox of both."""
    config = replace(
        config,
        runs_dir=str(tmp_path),
        recipe=replace(config.recipe, epochs=1),
        limits=replace(config.limits, memory_mib=4096),
    )

    def compared():
        with token(tmp_path), closing(Nodes()) as nodes, closing(Executors()) as executors:
            local = executors.open(config, digits, network)
            target = "harness.evaluation.remote.ray_actors.RayActors"
            on_ray = replace(config, executor={"_target_": target, "address": nodes.address})
            ray = executors.open(on_ray, digits, network)
            assert local.evaluate.search(network, seed=1) == ray.evaluate.search(network, seed=1)
            local.validate(network, seed=0), ray.validate(network, seed=0)
            for what, here, there, n in (
                ("evaluation from the cache", local.evaluate.search, ray.evaluate.search, N),
                ("all gates", local.validate, ray.validate, N // 4),
            ):
                arguments = {"seed": 1}
                more, alone = differences(
                    lambda here=here, a=arguments: here(network, **a),
                    lambda there=there, a=arguments: there(network, **a),
                    n,
                )
                quartiles = statistics.quantiles(more, n=4)
                benchmark.extra_info |= {
                    f"{what}: longer on Ray, median of {n} pairs": f"{quartiles[1]:.1f} ms",
                    f"{what}: quartiles": f"{quartiles[0]:.1f} to {quartiles[2]:.1f} ms",
                    f"{what}: without Ray, median": f"{statistics.median(alone):.1f} ms",
                }
                if n == N:
                    assert quartiles[1] <= MOST_MS

    benchmark.pedantic(compared, rounds=1)
