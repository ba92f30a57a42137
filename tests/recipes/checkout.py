"""A copy of the repository that a contributor edits, and what CONTRIBUTING says to edit."""

import os
import re
import shutil
import subprocess
import sys

from tests.conftest import ROOT

COPIED = (
    "baselines", "bench", "conf", "docs", "harness", "reproductions", "tests",
    "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "THREAT_MODEL.md", "noxfile.py", "pyproject.toml",
)  # fmt: skip


class Checkout:
    """The copy; remembers which files were edited."""

    def __init__(self, folder):
        self.folder, self.edited = folder, set()
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
            else:
                shutil.copy(ROOT / name, folder)

    def add(self, texts):
        """Add each text at the end of its file, or as a new file."""
        for name, text in texts.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            with (self.folder / name).open("a") as file:
                file.write(text)
        self.edited |= texts.keys()

    def insert(self, name, text, *, before):
        """Insert a text into a file, before another."""
        kept = (self.folder / name).read_text()
        assert kept.count(before) == 1, before
        (self.folder / name).write_text(kept.replace(before, text + before))
        self.edited.add(name)

    def follow(self, recipe):
        """Follow a recipe; return the files edited."""
        self.edited = set()
        recipe(self)
        return self.edited

    def run(self, *command, module="harness"):
        """Run a command there."""
        return self.start(sys.executable, "-m", module, *map(str, command))

    def start(self, *command):
        """Run a program there."""
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
        )  # fmt: skip


class Guide:
    """CONTRIBUTING: its recipes and tables."""

    def __init__(self):
        self._text = (ROOT / "CONTRIBUTING.md").read_text()

    def section(self, heading):
        """Return the text below a heading."""
        (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## )", self._text, re.MULTILINE | re.DOTALL)
        return text

    def row(self, heading):
        """Return the row of a recipe: what to write, and where to test it."""
        anchor = heading.lower().replace(" ", "-")
        ((write, test),) = re.findall(
            rf"^\| \[.*\]\(#{anchor}\) \| (.*) \| (.*) \|$", self._text, re.MULTILINE
        )
        return f"{write} {test}"

    def also(self, change):
        """Return what else a change touches."""
        table = self._text.partition("### What a change touches")[2].partition("\n## ")[0]
        (text,) = re.findall(rf"^\| {change} \| (.*) \|$", table, re.MULTILINE)
        return text


def paths(text):
    """Patterns of the paths that a text names: NAME is any name, a folder has any file."""
    named = re.findall(r"`([\w./]+[./][\w./]*)`|\]\(([\w./]+)\)", text)
    patterns = (re.escape(one or other) for one, other in named)
    return [
        re.compile(
            rf"(.*/)?{p.replace('NAME', '[a-z_]+').replace('what', '[a-z_]+')}{'.*' * p.endswith('/')}"
        )
        for p in patterns
    ]


def is_named(file, patterns):
    return any(pattern.fullmatch(file) for pattern in patterns)
