"""Files of a reproduction changed at random: each is refused in one sentence, or holds plain data."""

import json
import time
from dataclasses import asdict

import pytest

from harness.claims.schemas.claims_file import read_paper
from harness.config.bounded_yaml import load_yaml
from harness.errors import InputError
from harness.text import one_line
from tests.fuzz.test_journals import changed_value
from tests.support.fuzzing import fuzz, mutated
from tests.support.paper import ARMS, CLAIMS, write_paper

_MOST_S = 30.0
_PIECES = (
    "\ufeff#", "\t", "\r", "\x85", "\u2028", "&a ", "*a", "<<: ", "!!str ", "!", "? ", "- ", "|\n", ">-\n",
    "{", "}", "[", "]", ",", ": ", "#", "'", '"', "\\x24{", "${oc.env:HOME}", "---\n", "...\n", "%YAML 1.2\n",
    "???", "~", ".nan", ".inf", "1e999", "0b_", "0x_", "1:59", "9" * 50, "[" * 40, "\n", " ",
)  # fmt: skip


def changed_text(text, rng):
    """Return a text after pieces of YAML were put into it, its bytes changed, or its values."""
    match int(rng.integers(0, 3)):
        case 0:
            for _ in range(int(rng.integers(1, 4))):
                place = int(rng.integers(0, len(text) + 1))
                text = text[:place] + _PIECES[int(rng.integers(0, len(_PIECES)))] + text[place:]
        case 1:
            text = mutated(text.encode(), rng).decode("utf-8", "replace")
        case _:
            text = json.dumps(changed_value(load_yaml(text), rng))
    return text


def texts(value):
    """Yield every text in nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (t for pair in value.items() for part in pair for t in texts(part))
    elif isinstance(value, list | tuple):
        yield from (t for part in value for t in texts(part))


@pytest.mark.timeout(0)
def test_changed_papers_are_refused_in_one_sentence_or_plain(tmp_path):
    seen = {"refused": 0, "read": 0}

    def attempt(rng):
        arms, claims = ARMS, CLAIMS
        if rng.random() < 0.5:
            arms = changed_text(arms, rng)
        else:
            claims = changed_text(claims, rng)
        folder = write_paper(tmp_path / "paper", arms=arms, claims=claims)
        start = time.process_time()
        try:
            told, paper = "", read_paper(folder)
        except InputError as error:
            told, paper = str(error), None
        seen["read" if paper else "refused"] += 1
        assert told == one_line(told)
        assert len(told) <= 1000
        assert paper is None or not any("${" in text for text in texts(asdict(paper)))
        assert time.process_time() - start < _MOST_S

    n = fuzz(attempt)
    print(f"{n} papers: {seen}")
    assert n
