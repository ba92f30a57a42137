"""The README's settings and commands exist; CI runs its two commands themselves."""

import re
import shlex

import pytest

from harness.config.compose import compose
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
TYPED = re.findall(r"^    (python -m harness(?!\.report).*)$", README, re.MULTILINE)
SETTINGS = [
    setting
    for row in re.findall(r"^\| .* \| (.*) \|$", README, re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", row)
    for setting in shlex.split(code)
    if re.fullmatch(r"\+?[a-z_.]+=\S+", setting)
]


@pytest.mark.parametrize("command", TYPED)
def test_commands_compose(command):
    overrides = [o.split(",")[0] for o in shlex.split(command)[3:] if o != "-m"]
    assert compose(overrides)


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_compose(setting):
    assert compose(["task=image_folder", setting] if setting.startswith("task.") else [setting])


def test_what_it_names_is_there():
    for path in re.findall(
        r"\]\(([^)]+)\)|`((?:harness|baselines|reproductions|conf)/[\w./]*)`", README
    ):
        assert (ROOT / "".join(path)).exists()
    for module in re.findall(r"python -m (harness[\w.]*|reproductions)", README):
        parts = module.split(".")
        assert (ROOT.joinpath(*parts).with_suffix(".py")).exists() or ROOT.joinpath(*parts).is_dir()
    assert len(TYPED) >= 4
    assert len(SETTINGS) >= 8


def test_the_two_commands_stand_where_ci_reads_them():
    first, second = re.findall(r"^```sh\n(.*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert first.endswith("python -m harness")
    assert second.endswith("&& pytest")
