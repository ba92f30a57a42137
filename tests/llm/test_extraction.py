"""Code out of answers, whatever stands around it."""

import ast
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.llm.answers.extraction import extract

CODE = "class A(nn.Module):\n    def forward(self, x):\n        return x"
fences = st.sampled_from(["```", "```python", "```py", "~~~", "````python", "``` {.python}"])
prose = st.text(st.characters(codec="ascii", exclude_characters="`~\r"), max_size=60)
names = st.sampled_from(["B", "Block", "helper_2"])
strings = st.sampled_from(
    ['"""\n```\n"""', "'''\n```python\nx = 1\n```\n'''", '"```"', '"""\n~~~\n"""']
)


def code(answer, **more):
    found = extract(answer, segment="A", **more)
    return found and found.code


def closing(fence):
    return fence[: len(fence) - len(fence.lstrip(fence[0]))]


@given(prose, fences, prose)
def test_code_survives_prose_around_it(before, fence, after):
    assert code(f"{before}\n{fence}\n{CODE}\n{closing(fence)}\n{after}") == CODE


@given(fences, strings, prose)
def test_code_survives_fences_within_its_strings(fence, string, after):
    body = f"{CODE}\n\n\nnote = {string}\nlast = 1"
    assert code(f"Here:\n{fence}\n{body}\n{closing(fence)}\n{after}") == body


@given(st.lists(st.tuples(fences, names), min_size=1, max_size=4), st.integers(0, 4), fences)
def test_of_several_blocks_the_one_that_defines_the_name_is_taken(others, place, fence):
    blocks = [f"{f}\nclass {n}:\n    pass\n{closing(f)}" for f, n in others]
    blocks.insert(place, f"{fence}\n{CODE}\n{closing(fence)}")
    assert code("\nand\n".join(blocks)) == CODE


@given(fences, st.text(st.characters(codec="ascii", categories=["L"]), min_size=3, max_size=40))
def test_a_fence_that_is_never_closed_ends_where_the_code_does(fence, words):
    assert code(f"{fence}\n{CODE}") == CODE
    assert code(f"{fence}\n{CODE}\n\nThis {words} is, I think, better.") == CODE


@given(fences, st.lists(names, unique=True, max_size=3), st.booleans())
def test_of_a_whole_module_the_segment_alone_is_taken(fence, others, script):
    module = "import torch\nfrom torch import nn\n\n\n" + "\n\n\n".join(
        [*(f"class {n}(nn.Module):\n    pass" for n in others), "def mine(x):\n    return x", CODE]
    )
    if script:
        module += '\n\n\nif __name__ == "__main__":\n    print(A())'
    found = extract(f"{fence}\n{module}\n{closing(fence)}", segment="A", others=["A", *others])
    defined = {n.name for n in ast.parse(found.code).body if hasattr(n, "name")}
    assert defined == {"mine", "A"}
    assert CODE in found.code
    assert found.note == (f"left out {', '.join(sorted(others))}" if others else "")


@given(fences, st.sampled_from(["ImprovedA", "A2", "BetterA", "Network"]))
def test_a_class_that_was_renamed_gets_its_name_back(fence, name):
    renamed = textwrap.dedent(
        f"""\
        class {name}(nn.Module):
            text = "{name} stays in a string"

            def __init__(self):
                super({name}, self).__init__()"""
    )
    found = extract(f"{fence}\n{renamed}\n{closing(fence)}", segment="A")
    assert found.code == renamed.replace(name, "A").replace('"A stays', f'"{name} stays')
    assert found.note == f"{name} is called A again"


@pytest.mark.parametrize(
    "body",
    [
        "class One:\n    pass\n\n\nclass Two:\n    pass",  # which of them?
        "class Mine(A):\n    pass",  # it builds on the one that it would replace
    ],
)
def test_what_could_mean_two_things_is_left_to_the_gates(body):
    assert extract(f"```\n{body}\n```", segment="A").code == body
    assert extract(f"```\n{body}\n```", segment="A").note == ""


def test_helpers_beside_a_renamed_class_do_not_hide_it():
    body = "def helper(x):\n    return x\n\n\nclass ImprovedA:\n    pass"
    assert "class A:" in extract(f"```\n{body}\n```", segment="A").code


@given(st.text())
def test_extraction_never_fails_and_bare_answers_define_the_name(text):
    found = code(text)
    if found is not None and "```" not in text and "~~~" not in text:
        kinds = (ast.ClassDef, ast.FunctionDef)
        assert "A" in {node.name for node in ast.parse(found).body if isinstance(node, kinds)}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CODE, CODE),
        (f"Sure, here it is:\n\n{CODE}\n\nHope that helps!", CODE),
        (f"```python\nx = 1\n```\nand\n```python\n{CODE}\n```", CODE),
        (f"```python\nclass B:\n    long = 'enough to be the longest of the blocks here, yes'\n"
         f"```\n```\n{CODE}\n```", CODE),
        (f'```python\n{CODE}\ns = """\n    ```\n    """\n```', f'{CODE}\ns = """\n    ```\n    """'),
        (f"```python\n{CODE}\n```\nThat is all.".replace("\n", "\r\n"), CODE),
        ("I cannot do that.", None),
        ("", None),
        ("```python\nclass A(:\n```", "class A(:"),
        ("```python\nclass A:\n    def f(self):\n        return (1 +", "class A:\n    def f(self):\n        return (1 +"),
        ("```python\nclass A:\n    x = 1\n\n    def f(self):\n        return (1 +", "class A:\n    x = 1\n\n    def f(self):\n        return (1 +"),
    ],
    ids=["bare", "bare in prose", "two", "other name", "fence in string", "CRLF", "prose", "empty",
         "broken", "cut off", "cut off after a whole part"],
)  # fmt: skip
def test_extraction(answer, expected):
    assert code(answer) == expected


CURRENT = "class A(nn.Module):\n    def forward(self, x):\n        return x + 1"


def test_the_original_repeated_is_not_taken_for_the_answer():
    long = CURRENT + "\n" + "\n".join(f"    # line {k}" for k in range(40))
    for answer in (f"Original:\n```\n{long}\n```\nSmaller:\n```\n{CODE}\n```",
                   f"```\n{CODE}\n```\nThe original was:\n```\n{long}\n```"):  # fmt: skip
        assert code(answer, current=CURRENT) == CODE
    assert code(f"```\n{CURRENT}\n```", current=CURRENT) == CURRENT


def test_what_was_only_thought_is_no_answer():
    draft = CODE.replace("return x", "return x * 2  # a much longer draft than the answer is")
    assert code(f"<think>\n```\n{draft}\n```\n</think>\n```\n{CODE}\n```") == CODE


@pytest.mark.parametrize("indent", [1, 3, 4, 7])
def test_code_in_a_list_is_outdented(indent):
    block = textwrap.indent(f"```python\n{CODE}\n```", " " * indent)
    assert code(f"1. The code:\n\n{block}\n\n2. That is all.") == CODE


@pytest.mark.parametrize(
    ("body", "current", "expected"),
    [
        ("class Linear(nn.Module):\n    def f(self):\n        return nn.Linear(3, 3)", CURRENT,
         "class A(nn.Module):\n    def f(self):\n        return nn.Linear(3, 3)"),
        ("def momentum(p):\n    return SGD(p, momentum=0.9)", "def A(p):\n    pass",
         "def A(p):\n    return SGD(p, momentum=0.9)"),
        ("def forward(self, x):\n    return x", CURRENT, "def forward(self, x):\n    return x"),
    ],
    ids=["an attribute", "a keyword", "another kind"],
)  # fmt: skip
def test_a_rename_touches_what_is_meant_alone(body, current, expected):
    assert code(f"```\n{body}\n```", current=current) == expected


def test_two_statements_on_a_line_are_kept_once():
    body = f"class B:\n    pass\n\n\na = 1; b = 2\n{CODE}"
    assert code(f"```\n{body}\n```", others=["A", "B"]).count("a = 1; b = 2") == 1


@given(
    st.lists(
        st.sampled_from(["```", "~~~", "    ```", "class A:", "  x = 1", "", "<think>"]),
        max_size=400,
    )
)
def test_it_ends_soon_whatever_comes(lines):
    began = time.process_time()
    extract("\n".join(lines), segment="A", current=CURRENT, others=["A", "B"])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 200_000,
        "    ```\n" * 100_000,
        "(" * 10**6,
        "`" * 10**6,
        "\r" * 10**6,
        "```\n" + "\\'" * 10**5 + "\n```",
        f"```\nclass B:\n    x ={' ' * 60_000}\u2118\n```",
        "\n".join(["import a"] * 32 + [f"x = [{'a,' * 27_000}]", "y = ("] + ["", "or so"] * 33),
    ],
    ids=["thoughts", "deep fences", "brackets", "ticks", "returns", "quotes", "letter", "no fence"],
)
def test_extraction_takes_bounded_time(text):
    began = time.process_time()
    extract(text, segment="A", current="class A: pass", others=("B",))
    assert time.process_time() - began < 10


def test_a_name_with_a_letter_that_the_tokenizer_lacks_is_not_renamed():
    block = "class Net2:\n    size\u2118 = 1"
    assert (
        extract(f"```\n{block}\n```", segment="Net", current="class Net:\n    pass").code == block
    )


def test_thoughts_are_removed_and_what_is_left_open_stays():
    text = (
        "<think>```\nclass A: x = 1\n```</think>```\nclass A: x = 2\n```<thinking>a</think> <think>"
    )
    assert extract(text, segment="A").code.startswith("class A: x = 2")


def test_a_broken_answer_is_not_replaced_by_a_demonstration():
    broken = "class A(:\n    some = more + code + than + the + demonstration + has"
    assert code(f"```\n{broken}\n```\n```\ndef demo():\n    pass\n```") == broken
