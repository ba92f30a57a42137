"""The values of a JSON text are counted before it is parsed, whatever its strings hold."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.bounded_json import MOST_DEPTH, parse_counted, parse_json

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
        ('"', "nested deeper"),
        ('\\"', "Unterminated string"),
        ('\\\\"', "nested deeper"),
        ('\\\\\\"', "Unterminated string"),
        ('"\\', "nested deeper"),
    ],
)
def test_what_follows_a_string_is_counted_where_it_ends(ending, why):
    with pytest.raises(ValueError, match=why):
        parse_json(f'["a{ending}, {"[" * (MOST_DEPTH + 1)}')
