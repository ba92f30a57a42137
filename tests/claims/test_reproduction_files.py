"""Each mistake in arms.yaml or claims.yaml is reported in one sentence."""

import re

import pytest

from harness.claims.judge import NOT_RUN
from harness.claims.reproduction import read_reproduction
from harness.claims.tables import count_written, write_published
from harness.config.paths import REPRODUCTIONS
from harness.errors import InputError
from tests.conftest import ROOT
from tests.support.paper import ARMS, CLAIMS, write_paper


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("arms", "seeds: [3, 5, 8]", "seed: [3]", "comparisons.mine: expected arms, seeds, overrides, data, takes, got seed"),
        ("arms", "seeds: [3, 5, 8]", "seeds: []", "comparisons.mine.seeds: expected at least one seed"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [3, 3]", "without duplicates"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [-3]", "none below 0"),
        ("arms", "seeds: [3, 5, 8]", "seeds: [x]", "comparisons.mine.seeds[0]: Value 'x' of type 'str'"),
        ("arms", "arms: [full]", "arms: [full, full]", "comparisons.dear.arms: expected at least one arm"),
        ("arms", "[budget.evaluations=2, ", "[seed=7, ", "none of ablation, compare, seed, which"),
        ("arms", "[budget.evaluations=2, ", "[{a: 1}, ", "comparisons.mine.overrides"),
        ("arms", "device: gpu", "device: tpu", "expected one of cpu, gpu, got tpu"),
        ("arms", "llm: true", "llm: true, hours: -1", "expected hours, or null, got -1"),
        ("arms", "  mine:", "  a mine:", "expected a name of letters, digits, - and _"),
        ("arms", "comparisons:", "comparisons: [", "expected YAML"),
        ("arms", ARMS, "\ncomparisons: {}\n", "comparisons: expected at least one"),
        ("arms", ARMS, "\n", "expected comparisons, it is missing"),
        ("claims", "measure: best_accuracy", "measure: beauty", "claim chance: measure: expected"),
        ("claims", "name: nothing", "name: chance", "claim chance: expected claims of different names"),
        ("claims", "name: nothing", "name: a/b", "claim a/b: expected a name of letters"),
        ("claims", "arm: seed_only,", "arm: full,", "expected an arm of mine, one of random_mutation"),
        ("claims", "comparison: mine", "comparison: yours", "expected the one to draw, one of mine"),
        ("claims", "{name: chance,", "{name: chance, comparison: yours,", "expected a comparison of arms.yaml"),
        ("claims", "figure: generations", "figure: pie", "expected one of generations, fronts, sizes"),
        ("claims", "figure: generations", "figure: sizes", "expected claims that sizes shows, there are none"),
        ("claims", "figure: generations", "figure: fronts\n    generation: -1", "expected one from 0 on"),
        ("claims", "figure: generations", "figure: generations\n    generation: 1", "with figure: fronts, got 1"),
        ("claims", "  best:", "  ../best:", "its figure is such a file"),
        ("claims", "published: 0.93", "published: much", "published: expected a number, got 'much'"),
        ("claims", "published: 0.93", "published: {}", "expected a number, or one for each generation"),
        ("claims", "published: 0.93", "published: {1.5: 0.9}", "whole numbers from 0 on, got 1.5"),
        ("claims", "published: 0.93", "published: {9999999: 0.9}", "within.generation: expected at most 1,000"),
        ("claims", "published: 0.93", "published: 93", "claim chance: published: expected a share of 1"),
        ("claims", "published: 0.93", "within: {size: 3}, published: 1", "got size"),
        ("claims", "published: {1: 0.9,", "within: {generation: 2}, published: {1: 0.9,", "if published has none"),
        ("claims", "says: chance,", "", "sections.best.claims[0].says, it is missing"),
        ("claims", "says: chance,", "sayz: chance,", "in a claim: expected name, says, comparison,"),
        ("claims", CLAIMS, "title: x\nsections: {}\n", "expected at least one section with a claim"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_one_sentence(paper, file, old, new, told):
    path = paper / f"{file}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: ") as caught:
        read_reproduction(paper)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_that_does_not_compose_is_laid_to_whose_it_is(paper):
    assert read_reproduction(paper, ["device=cpu"]).changed == ()
    reproduction = read_reproduction(paper, ["recipe.epoch=3"])
    with pytest.raises(
        InputError, match=r"^recipe.epoch: there is no such setting. Did you mean recipe.epochs"
    ):
        reproduction.verdict(reproduction.claims[0])
    with pytest.raises(InputError, match="seed=5: expected none of ablation, compare, seed"):
        read_reproduction(paper, ["seed=5"])
    write_paper(paper, arms=ARMS.replace("budget.evaluations", "budget.evaluation"))
    reproduction = read_reproduction(paper)
    with pytest.raises(InputError, match=r"arms.yaml: comparisons.mine: budget.evaluation: there"):
        reproduction.verdict(reproduction.claims[0])


@pytest.mark.parametrize(
    "setting", ["sizes.founders=9000000000", "confirm.seeds=10001", "budget.evaluations=9999999"]
)
def test_a_plan_that_would_fill_the_memory_is_not_estimated(paper, setting):
    write_paper(paper, arms=ARMS.replace("budget.evaluations=2", setting))
    reproduction = read_reproduction(paper)
    with pytest.raises(InputError, match=f"{setting.partition('=')[0]}: expected at most"):
        reproduction.config("mine", "seed_only", 3)


def test_a_plan_does_not_hide_that_it_asks_an_llm(paper):
    hidden = ARMS.replace("takes: {device: gpu, llm: true}", "")
    write_paper(paper, arms=hidden)
    with pytest.raises(
        InputError, match=r"comparisons\.dear\.takes: expected llm: true, since full"
    ):
        read_reproduction(paper).config("dear", "full", 0)
    read_reproduction(paper, ["model=openai", "model.name=x"]).config("dear", "full", 0)


@pytest.mark.parametrize("start", [b"*Of " + b"9" * 5000 + b" claims: not run 1.*", b"\xff\xfe"])
def test_a_table_of_somebody_else_is_read_as_far_as_it_is_one(paper, start):
    (paper / "table.md").write_bytes(start)
    assert count_written(paper) == 0


def test_a_title_of_somebody_else_makes_no_link_no_tag_and_no_escape(paper, tmp_path):
    title = r'"](http://x.org/x.png) <img src=x> \\<b> \e]0;x\a"'
    write_paper(paper, claims=CLAIMS.replace("title: Best accuracy", f"title: {title}"))
    reproduction = read_reproduction(paper, [f"runs_dir={tmp_path}"])
    write_published(reproduction, tmp_path / "out")
    text = (tmp_path / "out" / "table.md").read_text()
    assert "](http" not in text
    assert not re.search(r"(?<!\\)(\\\\)*<[a-z]", text)
    assert "\x1b" not in text


def test_the_example_of_the_documentation_is_one(tmp_path):
    text = (ROOT / "docs" / "reproductions.md").read_text()
    arms, claims = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    reproduction = read_reproduction(write_paper(tmp_path, arms=arms, claims=claims))
    assert [c.name for c in reproduction.claims] == [
        "ours", "by_generation", "gain",
    ]  # fmt: skip
    assert {reproduction.verdict(claim).word for claim in reproduction.claims} == {NOT_RUN}
    (test,) = re.findall(r"```python\n(def test_claim.*?)```", text, re.DOTALL)
    assert test.splitlines()[-1] in (REPRODUCTIONS / "ge2024" / "test_claims.py").read_text()
