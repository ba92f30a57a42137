"""Commands, settings and paths in README and docs exist; CI runs the README's two commands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.config.moved import MOVED
from tests.conftest import ROOT

LAUNCHER = "hydra"
"""Start of the settings of launchers, which are not installed everywhere."""
README = (ROOT / "README.md").read_text()
PAGES = {
    path.relative_to(ROOT): path.read_text()
    for path in (
        ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "THREAT_MODEL.md", ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "reproductions").glob("*/README.md")),
        *sorted((ROOT / "examples").rglob("*.md")), ROOT / "bench" / "INTRODUCTION.md", ROOT / "tests" / "candidates" / "README.md",
    )
}  # fmt: skip
GUIDE = {path: text for path, text in PAGES.items() if path.name != "CHANGELOG.md"}
"""Pages that describe this version; the changelog also names what is gone."""
CODE = {
    code: path
    for path, text in GUIDE.items()
    for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)|^    (\w.*)$", text, re.MULTILINE)
    for code in code
    if code
}
TYPED = [c for c in CODE if re.match(r"python -m harness(\.estimate)? \S", c)]
OTHERS = [c for c in CODE if re.match(r"python -m harness\.(?!estimate )", c)]
SETTINGS = [
    setting
    for code in CODE
    if re.fullmatch(r"(\+?[a-z_.]+=\S+ ?)+", code)
    for setting in shlex.split(code)
    if not re.match(r"\+?[a-z]+=\[?[A-Z]", setting)  # an option's name is a placeholder
    and not setting.startswith(LAUNCHER)
]
NEEDED = {
    "task.": "task=image_folder", "model.": "model=openai", "search.i_": "search.split=test",
    "proposer.study": "ablation=recombination", "budget.cost": "training_price=1",
    "tracking.": "tracking=wandb",
}  # fmt: skip
"""What must be composed before a setting of one of its options exists."""


@pytest.fixture(autouse=True)
def _named_model(monkeypatch):
    """The name of the model that the text says to set."""
    for server in ("ANTHROPIC", "GROQ", "MISTRAL", "OLLAMA", "OPENAI"):
        monkeypatch.setenv(f"{server}_MODEL", "some-model")


@pytest.mark.parametrize("command", TYPED)
def test_commands_compose(command):
    typed = [
        o
        for o in shlex.split(command)[3:]
        if o not in {"-m", "--help"} and not o.startswith(LAUNCHER)
    ]
    assert compose([o if "[" in o else o.split(",")[0] for o in typed])  # one job of a sweep


@pytest.mark.parametrize("setting", sorted(set(SETTINGS)))
def test_settings_compose(setting):
    needed = [option for start, option in NEEDED.items() if setting.startswith(start)]
    assert compose([*needed, setting.replace("NAMES", "full")])


@pytest.mark.parametrize("command", sorted({c.split()[2] for c in OTHERS}))
def test_options_exist(command):
    """Every option, and every choice of one, is in the command's own help."""
    shown = subprocess.run(
        [sys.executable, "-m", command, "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    for code in (c for c in OTHERS if c.split()[2] == command):
        words = shlex.split(code)
        for word, value in zip(words, [*words[1:], ""], strict=True):
            if word.startswith("--"):
                assert word in shown, code
                if choices := re.search(rf"{word} {{([^}}]+)}}", shown):
                    assert value in choices[1].split(","), code


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        path = ROOT / page.parent / file if file else ROOT / page
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", GUIDE, ids=str)
def test_paths_exist(page):
    for path in re.findall(
        r"`((?:harness|baselines|reproductions|conf|tests|bench|docs)/[\w./*{},]*)`", GUIDE[page]
    ):
        head, *rest = re.split(r"[{}]", path)
        names = [head + part + rest[1] for part in rest[0].split(",")] if rest else [path]
        for name in names:
            if "NAME" not in name:
                assert next(ROOT.glob(name.rstrip("/")), None), name


@pytest.mark.parametrize("page", GUIDE, ids=str)
def test_modules_exist(page):
    for module in re.findall(r"python -m (harness[\w.]*|reproductions)", GUIDE[page]):
        path = ROOT.joinpath(*module.rstrip(".").split("."))
        assert path.with_suffix(".py").exists() or path.is_dir(), module


def test_every_arm_is_described():
    arms = (ROOT / "docs" / "arms.md").read_text()
    for path in (ROOT / "conf" / "ablation").glob("*.yaml"):
        assert f"`{path.stem}`" in arms, path.stem
    assert f"[{len(list((ROOT / 'conf' / 'ablation').glob('*.yaml')))} arms]" in README


def test_every_model_is_described():
    models = (ROOT / "docs" / "models.md").read_text()
    for path in (ROOT / "conf" / "model").glob("*.yaml"):
        assert f"`{path.stem}`" in models, path.stem


def test_the_map_of_the_code_names_every_module():
    block = re.search(
        r"^```\nharness/\n(.*?)^```$", PAGES[Path("CONTRIBUTING.md")], re.MULTILINE | re.DOTALL
    )
    named, inner, package, folder = set(), {}, "", ""
    for indent, entry in re.findall(r"^( +)([\w/()]+)", block[1], re.MULTILINE):
        if len(indent) == 2:
            package = "" if entry.startswith("(") else entry
        elif len(indent) == 4 and package:
            named.add(package + entry)
            folder = package + entry
        elif package:
            inner.setdefault(folder, set()).add(entry)
    there = {
        f"{path.parent.name}/{path.stem}{'/' * path.is_dir()}"
        for path in (ROOT / "harness").glob("*/*")
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
        if not path.parent.is_symlink()
    }
    for folder, modules in inner.items():
        files = (ROOT / "harness" / folder).glob("*.py")
        assert modules == {path.stem for path in files} - {"__init__"}, folder
    assert named == there, "keep CONTRIBUTING.md's map of the code"


def test_moved_modules_are_where_the_changelog_says():
    told = re.findall(r"^  \| `([\w.]+)` \| `([\w.]+)`", PAGES[Path("CHANGELOG.md")], re.MULTILINE)
    assert len(told) > 10
    assert dict(told).items() <= MOVED.items()
    for new in MOVED.values():
        path = ROOT.joinpath(*new.split("."))
        assert path.with_suffix(".py").exists() or path.is_dir(), new


def test_there_is_something_to_test():
    assert len(TYPED) >= 10
    assert len(OTHERS) >= 10
    assert len(set(SETTINGS)) >= 15


def test_the_two_commands_stand_where_ci_reads_them():
    first, second = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert first.endswith("python -m harness")
    assert second.endswith("&& pytest")
