"""JSON objects in answers: found as models write them, and bounded."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.llm.answers.json_answers import extract_object

plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9)
objects = st.dictionaries(st.text(max_size=9), plain | st.lists(plain, max_size=3), max_size=4)


@given(objects, st.sampled_from(["```json\n{}\n```", "~~~\n{}\n~~~", "{}", "So: {}.", "```\n{}"]))
def test_an_object_is_found_however_it_is_fenced(value, form):
    answer = f"I think.\n{form.replace('{}', json.dumps(value, indent=1))}"
    assert extract_object(answer) == value
    assert extract_object(f"<think>{json.dumps({'no': 1})}</think>\n{answer}") == value


def test_the_last_object_is_the_answer():
    draft, final = ('```json\n{"a": 1}\n```', '```json\n{"a": 2}\n```')
    assert extract_object(f"{draft}\nBetter:\n{final}\nDone.") == {"a": 2}
    assert extract_object(f"{final}\n```python\nx = 1\n```") == {"a": 2}


def test_blocks_are_those_of_code_answers():
    """A fence whose line has backticks behind it opens none, and one in a list item is outdented."""
    final = '```json\n{"a": 2}\n```'
    assert extract_object(f"```{{}}```\n{final}") == {"a": 2}
    item = "\n".join(f"      {line}" for line in final.split("\n"))
    assert extract_object(f"1. The answer:\n\n{item}\n\nA {{draft}}.") == {"a": 2}
    shown = '```json\n{"a":\n      ```\n"": 2}\n```'  # beyond the margin nothing is closed
    with pytest.raises(ValueError, match="does not parse"):
        extract_object(shown)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "found none in the answer"),
        ("No.", "found none in the answer"),
        ("[1, 2]", "found none in the answer"),
        ("```json\n[1]\n```", "found none in the answer"),
        ("```json\n{'a': 1}\n```", "found one that does not parse"),
        ('{"a": NaN}', "expected a finite number, got NaN"),
        ('{"a": ' + "9" * 50 + "}", "a number has more than 40 characters"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested deeper than 32 levels"),
        ("{" + '"":[],' * 60_000, "more than 100,000 values"),
    ],
)
def test_anything_else_is_one_sentence(answer, told):
    with pytest.raises(ValueError, match="expected a JSON object, ") as error:
        extract_object(answer)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        "".join(f"{'~' * k}\n" for k in range(3, 900)),
        "```\n{\n" * 60_000,
        "{" * 400_000,
        '"' * 400_000,
        "```json\n{" + "\\" * 400_000,
    ],
    ids=["growing fences", "many fences", "braces", "quotes", "escapes"],
)
def test_no_answer_takes_long(answer):
    begun = time.process_time()
    with pytest.raises(ValueError, match="expected a JSON object"):
        extract_object(answer)
    assert time.process_time() - begun < 5
