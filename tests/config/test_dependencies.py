"""Every dependency has an upper bound, and the tests run with a version below it."""

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("requirement", list(map(Requirement, PROJECT["dependencies"])), ids=str)
def test_a_dependency_has_an_upper_bound_that_is_tested(requirement):
    assert {bound.operator for bound in requirement.specifier} & {"<", "=="}
    assert requirement.specifier.contains(version(requirement.name))
