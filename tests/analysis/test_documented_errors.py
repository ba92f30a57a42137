"""Every estimator has its error or coverage beside it, measured by a simulation."""

import importlib
import inspect
import pkgutil

import pytest

from harness.analysis import aggregation, measures, statistics
from harness.analysis.curves import sensitivity, targets

WITHOUT_AN_ERROR = {
    "intervals.mean": "describes the values",
    "intervals.within": "cuts an interval off at bounds",
    "paired.differences": "describes the pairs",
    "paired.least_p": "exact",
    "paired.seeds_needed": "exact",
    "paired.signed_ranks": "signed_rank of many studies",
    "power.power_of": "is a simulation, with its standard error",
    "power.seeds_by_size": "seeds_to_find for several sizes",
}


def functions_of_statistics():
    for info in pkgutil.iter_modules(statistics.__path__):
        module = importlib.import_module(f"{statistics.__name__}.{info.name}")
        for name, one in vars(module).items():
            if not name.startswith("_") and getattr(one, "__module__", "") == module.__name__:
                methods = vars(one).items() if inspect.isclass(one) else {name: one}.items()
                for method, function in methods:
                    if callable(function) and not method.startswith("_"):
                        yield f"{info.name}.{method}", function


ESTIMATORS = {
    **dict(functions_of_statistics()),
    "runs.expected_running_time": aggregation.expected_running_time,
    "runs.reached": targets.reached,
    "runs.by_setting": sensitivity.by_setting,
    "runs.retrained_hypervolume": measures.retrained_hypervolume,
}


def test_the_statistics_are_known():
    assert len(ESTIMATORS) > len(WITHOUT_AN_ERROR) + 20
    assert ESTIMATORS.keys() >= WITHOUT_AN_ERROR.keys()


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - WITHOUT_AN_ERROR.keys()))
def test_every_estimator_names_the_simulation_of_its_error(name):
    assert "nox -s simulation" in " ".join(inspect.getdoc(ESTIMATORS[name]).split())
