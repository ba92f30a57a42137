"""Untrusted YAML has one reading: what was checked is what is used."""

import pytest
from omegaconf import OmegaConf

from harness.claims.schemas.claims_file import read_paper
from harness.config.bounded_yaml import load_yaml
from harness.config.paths import CONF, ROOT
from harness.config.yaml_files import literal
from harness.errors import InputError
from tests.support.paper import ARMS, CLAIMS, write_paper

MARK = "\ufeff#"
"""A comment to libyaml, text to PyYAML."""
FILES = sorted([*CONF.rglob("*.yaml"), *(ROOT / "reproductions").rglob("*.yaml")])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_our_files_are_read_as_hydra_reads_them(file):
    loaded = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    assert (load_yaml(file.read_text(), interpolates=True) or {}) == loaded


def test_values_are_those_of_omegaconf():
    text = "[1e-3, 2.5, 1_000, 0x1F, 1_0e2, -.5, .inf, 2026-01-01, yes, ~, 'a', 1:30, 1e, +1E+5, "
    text += "5e7a9c21, 3e2.zip, 12e5-run, .5e3]"
    values = load_yaml(text)
    assert values == OmegaConf.to_container(OmegaConf.create(f"a: {text}"))["a"]
    assert [type(value) for value in values[:3]] == [float, float, int]


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        (f"title: [a,\n{MARK}, '${{oc.env:SECRET}}'\n]\n", "line 2: expected no tab, byte-order"),
        (f"title: [a,\n{MARK}, {'[' * 3000}\n]\n", "line 2: expected no tab, byte-order mark"),
        (f"title: a\n{MARK}b: ${{oc.env:SECRET}}\n", "line 2: expected no tab, byte-order mark"),
        ("title: a #\tb\n", "line 1: expected no tab"),
        ("title: a #\x85b: c\n", "line 1: expected no tab"),
        ("title: a #\u2028b: c\n", "line 1: expected no tab"),
        ("title: a #\rb: c\n", "line 1: expected no tab"),
        ('title: "\\x24{oc.env:SECRET}"\n', "expected values without ${...}"),
        ("title: {? {a: '$'} : b}\n", "unhashable key"),
        ("title: a\ntitle: b\n", "found the key 'title' twice"),
        # A text in a text: OmegaConf parses it as YAML, where the escape becomes ${...}.
        ('\'"title": "\\x24{oc.env:SECRET}"\'\n', "expected settings by name"),
        ('title: a\n"b\\nc": d\n', "expected title, given, sections, got b c"),
        ("[title]\n", "expected settings by name"),
        ("title: a\n---\ntitle: b\n", "expected a single document"),
        ("title: '???'\n", "title: expected a plain value, found '???'"),
    ],
)
def test_a_text_that_two_parsers_read_differently_is_one_sentence(
    tmp_path, monkeypatch, claims, told
):
    monkeypatch.setenv("SECRET", "0x5ec2e7")
    with pytest.raises(InputError) as caught:
        read_paper(write_paper(tmp_path / "paper", claims=claims))
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
    assert "5ec2e7" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seeds: [3, 5, 8]", "seeds: [3, {a: 1}]", "comparisons.mine.seeds: expected list[int], got"),
        ("seeds: [3, 5, 8]", "seeds: [3, [1]]", "comparisons.mine.seeds: expected list[int], got"),
        ("seeds: [3, 5, 8]", "seeds: 0", "comparisons.mine.seeds: expected a list, such as [0, 1], got"),
        ("arms: [full]", "arms: [{a: b}]", "comparisons.dear.arms: expected list[str], got"),
        ("published: 0.93", "published: 1, within: {parameters: [1]}", "within: expected dict[str, int]"),
        ("title: Best", "notes: [{a: b}]\n    title: Best", "sections.best.notes: expected list[str]"),
    ],
)  # fmt: skip
def test_items_of_a_wrong_type_are_one_sentence(tmp_path, old, new, told):
    assert old in ARMS + CLAIMS
    with pytest.raises(InputError) as caught:
        read_paper(
            write_paper(
                tmp_path / "paper",
                arms=ARMS.replace(old, new, 1),
                claims=CLAIMS.replace(old, new, 1),
            )
        )
    assert told in str(caught.value)


def test_lines_may_end_as_on_windows(tmp_path):
    windows = (text.replace("\n", "\r\n") for text in (ARMS, CLAIMS))
    read_paper(
        write_paper(tmp_path / "paper", **dict(zip(("arms", "claims"), windows, strict=True)))
    )


def test_values_are_plain_however_deep():
    with pytest.raises(ValueError, match=r"a\.b: expected a plain value"):
        literal({"a": {"b": ["x", {"c": "${oc.env:HOME}"}]}} | {"a": {"b": ["${x}"]}})
    with pytest.raises(ValueError, match=r"a\.b\.c: expected a plain value"):
        literal({"a": {"b": ["x", {"c": "${oc.env:HOME}"}]}})


def test_no_file_of_ours_has_a_character_that_is_refused():
    for file in (*FILES, *(ROOT / "tests").rglob("*.yaml")):
        load_yaml(file.read_text(encoding="utf-8"), interpolates=True)
