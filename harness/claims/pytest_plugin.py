"""Published claims as tests, in any repository: fixtures ``claim`` and ``arms``, and their markers.

A test that takes ``claim`` runs once for each claim of the ``claims.yaml`` in its folder, and
passes, fails with the measured interval, or is skipped as not run::

    def test_claim(claim, arms):
        claim.check(arms)

The door to pytest, which loads this module at every start: heavy modules are imported on demand.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.analysis.arm import Arm
    from harness.claims.claim import Claim
    from harness.claims.evidence import Evidence
    from harness.claims.reproduction import Reproduction

_OPTION = "harness_override"
_CLAIM, _TO_RUN = "guided-evolution claim", "guided-evolution command"
_HELD = pytest.StashKey["Reproduction"]()
"""The reproduction that a test takes its runs from."""
_IS_MISSING = pytest.StashKey[bool]()
"""Whether a test accessed an arm of which a run is missing."""
MARKERS = (
    "reproduction(folder=None, comparison=None): where arms.yaml and claims.yaml lie, from the "
    "test's folder, and which of its comparisons the fixture arms holds",
    "takes_gpu: the runs that decide this claim need a GPU",
    "takes_llm: the runs that decide this claim need an LLM that answers",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for settings, as ``python -m harness.reproductions`` takes them."""
    parser.getgroup("guided-evolution").addoption(
        "--harness-override", action="append", default=[], metavar="KEY=VALUE", dest=_OPTION,
        help="a setting of the runs that decide claims, such as runs_dir=FOLDER",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a test by the claims of its folder, marked with the resources that they need."""
    given = [str(mark.args[:1]) for mark in metafunc.definition.iter_markers("parametrize")]
    if "claim" not in metafunc.fixturenames or any("claim" in names for names in given):
        return
    marked = _marked(metafunc.definition)
    folder = _folder(metafunc.definition.path, marked)
    if not (marked or (folder / "claims.yaml").is_file()):
        return
    from harness.errors import HarnessError

    try:
        reproduction = _reproduction(metafunc.config, folder)
    except HarnessError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    wanted = marked.get("comparison")
    if wanted not in (None, *reproduction.plans):
        raise pytest.Collector.CollectError(
            f"{metafunc.definition.nodeid}: expected reproduction(comparison=...) with one of "
            f"{', '.join(reproduction.plans)}, got {wanted}."
        )
    metafunc.parametrize(
        "claim",
        [
            pytest.param(claim, id=claim.name, marks=_takes(reproduction, claim))
            for claim in reproduction.claims
            if wanted in {None, claim.comparison}
        ],
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a failing claim without traceback, and keep its verdict for the summary."""
    report = yield
    if report.skipped and item.stash.get(_IS_MISSING, False):
        path, line, _ = item.reportinfo()  # the test is skipped, not this file
        assert isinstance(report.longrepr, tuple)
        report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
    if call.excinfo and type(call.excinfo.value).__module__ == "harness.claims.claim":
        report.longrepr = str(call.excinfo.value)
    claim = _claim_of(item)
    if claim is not None and _HELD in item.stash and call.when == "call":
        reproduction = item.stash[_HELD]
        report.user_properties.append((_CLAIM, reproduction.verdict(claim).word))
        evidence = reproduction.evidence[claim.comparison]
        if any(evidence.missing(name) for name in claim.arms):
            report.user_properties.append((_TO_RUN, evidence.command))
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the verdicts on the claims, and the commands for those that were not run."""
    properties = [
        pair
        for reports in terminalreporter.stats.values()
        for report in reports
        for pair in getattr(report, "user_properties", ())
    ]
    words = Counter(word for name, word in properties if name == _CLAIM)
    if not words:
        return
    terminalreporter.section("published claims")
    terminalreporter.line(", ".join(f"{word} {n}" for word, n in sorted(words.items())))
    if overrides := config.getoption(_OPTION):
        terminalreporter.line(f"with the settings {', '.join(overrides)}")
    for command in dict.fromkeys(command for name, command in properties if name == _TO_RUN):
        terminalreporter.line(f"to run: {command}")


@pytest.fixture
def arms(request: pytest.FixtureRequest) -> "Mapping[str, Arm]":
    """The runs on record, by arm: of the comparison that decides ``claim``, or the one marked.

    Accessing an arm of which a run is missing skips the test, with the command that runs it.
    """
    from harness.errors import HarnessError

    marked, claim = _marked(request.node), _claim_of(request.node)
    try:
        reproduction = _reproduction(request.config, _folder(request.path, marked))
        name = claim.comparison if claim else marked.get("comparison")
        if name is None and len(reproduction.plans) == 1:
            (name,) = reproduction.plans
        if name is None or name not in reproduction.plans:
            pytest.fail(
                f"expected the marker reproduction(comparison=...) with one of "
                f"{', '.join(reproduction.plans)}, got {name}.",
                pytrace=False,
            )
        request.node.stash[_HELD] = reproduction
        return ArmsOnRecord(reproduction.evidence[name], request.node)
    except HarnessError as error:
        pytest.fail(str(error), pytrace=False)


class ArmsOnRecord(Mapping[str, "Arm"]):
    """Arms by name; accessing one of which a planned run is missing skips the test."""

    def __init__(self, evidence: "Evidence", test: pytest.Item) -> None:
        self._evidence, self._test = evidence, test

    def __getitem__(self, name: str) -> "Arm":
        from harness.errors import NotRun

        try:
            return self._evidence.arm(name)
        except NotRun as missing:
            self._test.stash[_IS_MISSING] = True
            pytest.skip(f"not run: {missing}")
        except KeyError as unknown:
            pytest.fail(unknown.args[0], pytrace=False)

    def __contains__(self, name: object) -> bool:
        return name in self._evidence.planned

    def __iter__(self) -> Iterator[str]:
        return iter(self._evidence.planned)

    def __len__(self) -> int:
        return len(self._evidence.planned)


def _reproduction(config: pytest.Config, folder: Path) -> "Reproduction":
    return _read(folder, tuple(config.getoption(_OPTION)))


@cache
def _read(folder: Path, overrides: tuple[str, ...]) -> "Reproduction":
    from harness.claims.reproduction import ANOTHER_LLM, read_reproduction
    from harness.errors import InputError

    reproduction = read_reproduction(folder, overrides)
    if others := [o for o in reproduction.changed if not o.startswith(ANOTHER_LLM)]:
        raise InputError(
            f"--harness-override {others[0]}: expected where runs lie, or another LLM; these are "
            f"other runs than {folder}/arms.yaml plans. Change the plan there."
        )
    return reproduction


def _folder(test: Path, marked: Mapping[str, Any]) -> Path:
    return (test.parent / (marked.get("folder") or ".")).resolve()


def _marked(node: pytest.Item) -> dict[str, Any]:
    """Return the arguments of a test's markers; the nearest marker decides."""

    def given(folder: str | None = None, comparison: str | None = None) -> dict[str, str]:
        values = {"folder": folder, "comparison": comparison}
        return {key: value for key, value in values.items() if value is not None}

    known: dict[str, str] = {}
    for mark in reversed(list(node.iter_markers("reproduction"))):
        try:
            values = given(*mark.args, **mark.kwargs)
        except TypeError:
            values = {"": ""}
        if not all(key and isinstance(value, str) for key, value in values.items()):
            raise pytest.Collector.CollectError(
                f"{node.nodeid}: expected reproduction(folder=..., comparison=...), names both, "
                f"got {mark.args} {mark.kwargs}."
            )
        known |= values
    return known


def _claim_of(node: pytest.Item) -> "Claim | None":
    """Return the claim that a test is parametrized by, None for other uses of that name."""
    parameters = node.callspec.params if hasattr(node, "callspec") else {}
    found = parameters.get("claim")
    return found if type(found).__module__ == "harness.claims.claim" else None


def _takes(reproduction: "Reproduction", claim: "Claim") -> list[pytest.MarkDecorator]:
    takes = reproduction.plans[claim.comparison].takes
    marks = {"takes_gpu": takes.device == "gpu", "takes_llm": takes.llm}
    return [getattr(pytest.mark, name) for name, needed in marks.items() if needed]
