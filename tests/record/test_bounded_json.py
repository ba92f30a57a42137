"""The values of a JSON text are counted, before it is parsed where it is long."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.bounded_json import MOST_DEPTH, MOST_VALUES, parse_counted, parse_json

STRING = re.compile(r'"(?:[^"\\]+|\\.)*"?', re.DOTALL)
plain = st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('"\\[]{},:a'))
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(value=values)
def test_what_is_counted_is_what_is_outside_the_strings(value):
    text = json.dumps(value)
    found, n = parse_counted(text)
    assert found == value
    assert n == sum(STRING.sub("", text).count(mark) for mark in "[{,:") + 1


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ('"', "more than"),
        ('\\"', "Unterminated string"),
        ('\\\\"', "more than"),
        ('\\\\\\"', "Unterminated string"),
        ('"\\', "more than"),
    ],
)
def test_what_follows_a_string_is_counted_where_it_ends(ending, why):
    with pytest.raises(ValueError, match=why):
        parse_json(f'["a{ending}, {"0," * MOST_VALUES}')


@pytest.mark.parametrize("blank", ["", " " * MOST_VALUES], ids=["short", "long"])
def test_a_text_has_the_same_limits_whatever_its_length(blank):
    nested = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert parse_counted(nested + blank)[1] == MOST_DEPTH + 1
    for text, why in [
        (f"[{nested}]", "nested deeper"),
        ("[" * 10_000 + "]" * 10_000, "nested deeper"),
        ("1" * 41, "more than 40"),
        ("1." + "1" * 39, "more than 40"),
    ]:
        with pytest.raises(ValueError, match=why):
            parse_json(text + blank)


def test_as_many_values_are_parsed_as_the_limit_says():
    most = f"[{'0,' * (MOST_VALUES - 2)}0]"
    assert parse_counted(most)[1] == MOST_VALUES
    with pytest.raises(ValueError, match="more than"):
        parse_json(f"[0,{most[1:]}")
