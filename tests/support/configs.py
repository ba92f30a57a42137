"""Configurations for tests that only read them."""

import functools

from harness.config.compose import compose


@functools.cache
def composed(*overrides):
    """Compose once for all tests; what is returned must not be changed."""
    return compose(overrides)
