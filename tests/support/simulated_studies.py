"""Distributions of simulated studies, and the rates that docstrings give."""

import math

import numpy as np
import pytest

STUDIES = 40_000
"""So many that a rate of 5 % shows a bound of 5.3 %; with 5,000 it would show 5.7 %."""


IMAGES = 359


DISTRIBUTIONS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "uniform": (lambda rng, shape: rng.uniform(-1, 1, shape), 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0),
    "lognormal": (lambda rng, shape: rng.lognormal(size=shape), math.exp(0.5)),
    "scores": (lambda rng, shape: rng.binomial(IMAGES, 0.98, shape) / IMAGES, 0.98),
    "one in ten fails": (
        lambda rng, shape: np.where(rng.random(shape) < 0.1, 0.1, rng.normal(0.98, 0.005, shape)),
        0.1 * 0.1 + 0.9 * 0.98,
    ),
}


def documented(function, name, *, within=0.01):
    """Return the rates in a row of the table in a docstring."""
    (row,) = [
        line.strip().removeprefix(name).split()
        for line in function.__doc__.splitlines()
        if line.strip().startswith(f"{name}  ")
    ]
    return pytest.approx([float(share) / 100 for share in row], abs=within)
