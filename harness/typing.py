"""Types that many packages share."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
"""A numpy array; docstrings say its shape and dtype."""
