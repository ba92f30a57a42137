"""Threads that build syntax trees: CPython counts the depth of all of them in one place."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest

from harness.config.strategies import build
from harness.evaluation.checkpoint import CheckpointFile
from harness.evaluation.offers import OfferFile
from harness.evaluation.scoring import Offer
from harness.sandbox.parser import syntax_tree
from harness.tasks.cache import cached_arrays
from harness.text import TREES

SOURCE = "".join(f"a{i} = [b({i}), {{c: d[{i}]}}]\n" for i in range(100))


class Plain:
    """A strategy without a constructor of its own; its signature is a text, which is parsed."""


def parsed(folder):
    return lambda: syntax_tree(SOURCE)


def signed(folder):
    return lambda: build({"_target_": f"{__name__}.Plain"})


def offered(folder):
    offers = OfferFile(folder / "training.offers")
    offers.add(Offer(*(np.zeros((2, 3)) for _ in Offer._fields)))
    return lambda: list(offers)


def checked(folder):
    file = CheckpointFile(folder / "training.npz", every_s=1)
    file.start_over(np.zeros(3, "u1"))
    return file.load


def cached(folder):
    return lambda: cached_arrays("0" * 64, lambda: {"images": np.zeros((2, 3))}, origin=folder)


@pytest.fixture
def collections_that_let_other_threads_run():
    def pause(phase, about):
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(pause)
    gc.set_threshold(5)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(pause)


@pytest.mark.usefixtures("collections_that_let_other_threads_run")
def test_many_threads_parse(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(parsed(tmp_path)) for _ in range(40)]
    assert [one.exception() for one in done] == [None] * 40


@pytest.mark.parametrize("reader", [parsed, signed, offered, checked, cached])
def test_whoever_parses_waits_for_the_others(reader, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    read = reader(tmp_path)
    expected = repr(read())[:20]
    with ThreadPoolExecutor(1) as pool:
        with TREES:
            waits = pool.submit(read)
            assert wait([waits], timeout=1).not_done
        assert repr(waits.result())[:20] == expected
