"""Prompts in, code out."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compose import compose
from harness.prompts import Example, Prompts, change_in_accuracy, change_in_params, extract_code

CODE = "class A(nn.Module):\n    def forward(self, x):\n        return x"
HEADER = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F"
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def prompts():
    return Prompts(**compose([]).prompts)


def rendered(prompts):
    example = Example(
        segment="B", before="class B:\n    old = 1", after="class B:\n    new = $2",
        accuracy_change=change_in_accuracy(0.9, 0.925), params_change=change_in_params(2000, 1500),
    )  # fmt: skip
    yield from (
        (f"{category}/{character}",
         prompts.mutation_text(category=category, character=character, segment="A", code=CODE, header=HEADER))
        for category in prompts.categories for character in ("neutral", *prompts.characters)
    )  # fmt: skip
    yield (
        "eot/neutral",
        prompts.eot_text(
            character="neutral", segment="A", code=CODE, header=HEADER, example=example
        ),
    )
    progress = prompts.progress_text(
        accuracy_change=example.accuracy_change, params_change=example.params_change
    )
    yield (
        "sequential sampling",
        prompts.mutation_text(
            category="complex",
            character="neutral",
            segment="A",
            code=CODE,
            header=HEADER,
            progress=progress,
        ),
    )
    yield (
        "review",
        prompts.review_text(segment="A", before="class A:\n    old = 1", code=CODE, header=HEADER),
    )
    for favour in prompts.matings:
        yield (
            f"mating/{favour}",
            prompts.mating_text(
                favour=favour, segment="A", code=CODE, header=HEADER, mate="class A:\n    pass"
            ),
        )


def test_all_prompts_read_as_they_are_kept(prompts):
    """A changed prompt changes published numbers: say so in the changelog, record studies anew."""
    text = "".join(f"===== {name}\n{prompt}" for name, prompt in rendered(prompts))
    assert text == (GOLDEN / "prompts.txt").read_text()


def test_all_prompts_differ(prompts):
    """Six categories by the neutral opening, three characters and the placebo; and five more."""
    texts = dict(rendered(prompts))
    assert len(set(texts.values())) == len(texts) == 6 * (1 + 3 + 1) + 5


def test_the_placebo_is_as_long_as_the_characters_whose_place_it_takes(prompts):
    *others, plain = (len(text) for text in prompts.characters.values())
    assert list(prompts.characters)[-1] == "plain"
    assert min(others) <= plain <= max(others)


def test_nothing_is_left_to_fill_in_and_code_is_shown_as_it_is(prompts):
    for name, text in rendered(prompts):
        assert CODE in text
        assert "$" not in text.replace("new = $2", ""), name


fences = st.sampled_from(["```", "```python", "```py", "~~~", "````python"])
prose = st.text(st.characters(codec="ascii", exclude_characters="`~\r"), max_size=60)


@given(prose, fences, prose)
def test_code_survives_prose_around_it(before, fence, after):
    close = fence[: fence.rindex(fence[0]) + 1]
    answer = f"{before}\n{fence}\n{CODE}\n{close}\n{after}"
    assert extract_code(answer, segment="A") == CODE


@given(st.text())
def test_extraction_never_fails_and_bare_answers_must_define_the_name(text):
    found = extract_code(text, segment="A")
    if found is not None and "```" not in text and "~~~" not in text:
        assert any(isinstance(n, (ast.ClassDef, ast.FunctionDef)) for n in ast.parse(found).body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CODE, CODE),
        (f"```python\nx = 1\n```\nand\n```python\n{CODE}\n```", CODE),
        (f"```python\n{CODE}", CODE),
        (f"```python\nclass B:\n    long = 'enough to be the longest of the blocks here, yes'\n"
         f"```\n```\n{CODE}\n```", CODE),
        (f'```python\n{CODE}\ns = """\n    ```\n    """\n```', f'{CODE}\ns = """\n    ```\n    """'),
        (f"```python\n{CODE}\n```\nThat is all.".replace("\n", "\r\n"), CODE),
        ("I cannot do that.", None),
        ("", None),
        ("```python\nclass A(:\n```", "class A(:"),
    ],
    ids=["bare", "two", "unclosed", "other name", "fence in string", "CRLF", "prose", "empty", "broken"],
)  # fmt: skip
def test_extraction(answer, expected):
    assert extract_code(answer, segment="A") == expected
