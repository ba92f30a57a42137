"""The site of the documentation: built strictly, and what its pages say of the code."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from harness.__main__ import COMMANDS
from harness.evaluation.gates import ALLOWED_IMPORTS
from tests.conftest import ROOT

DOCS = ROOT / "docs"
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "path", "source", "wbr"}


def first_column(page, heading):
    """The code in the first column of the first table below a heading."""
    text = (DOCS / page).read_text().split(f"{heading}\n", 1)[1]
    rows = re.search(r"^\|.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)[1]
    return [name for row in rows.splitlines() for name in re.findall("`(.*?)`", row.split("|")[1])]


def test_the_table_of_imports_is_what_the_gate_allows():
    assert sorted(first_column("own_network.md", "may import")) == sorted(ALLOWED_IMPORTS)


def test_every_command_is_described():
    named = first_column("commands.md", "# Commands")
    assert named[0] == "harness"
    assert sorted(named[1:]) == sorted(f"harness.{name}" for name in COMMANDS)


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    assert {path.name for path in DOCS.glob("*.md")} <= set(
        re.findall(r": (\w+\.md)$", nav, re.MULTILINE)
    )


class Page(HTMLParser):
    """Texts of paragraphs, and addresses that a browser loads by itself."""

    def __init__(self):
        super().__init__()
        self.paragraphs, self.loaded, self._open = [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in {"script", "img"} or (tag == "link" and attributes.get("rel") != "canonical"):
            self.loaded += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "p" in self._open and "code" not in self._open:
            self.paragraphs[-1] += data


@pytest.mark.slow
def test_the_site_is_built_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    program = shutil.which("mkdocs")
    if program is None:
        pytest.skip("mkdocs is not installed: pip install -e '.[docs]', or nox -s docs")
    done = subprocess.run(
        [program, "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    for path in pages:
        page = Page()
        page.feed(path.read_text())
        assert not [address for address in page.loaded if re.match(r"(\w+:)?//", address)], path
        for text in page.paragraphs:
            assert not re.search(r"^(- |\d\. |\| )", text, re.MULTILINE), (path, text)
