"""Published claims as tests, in any repository: fixtures ``claim`` and ``arms``, and their markers.

A test that takes ``claim`` runs once for each claim of the ``claims.yaml`` in its folder, and
passes, fails with the measured interval, or is skipped as not run::

    def test_claim(claim, arms):
        claim.check(arms)

The door to pytest, which loads this with every start: what is heavy is imported when asked for.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.claims import Claim
    from harness.measures import Arm
    from harness.reproduction import Reproduction

_OPTION = "harness_override"
_CLAIM = "guided-evolution claim"
_NOT_RUN = "not run: "
MARKERS = (
    "reproduction(folder=None, comparison=None): where arms.yaml and claims.yaml lie, from the "
    "test's folder, and which of its comparisons the fixture arms holds",
    "takes_gpu: the runs that decide this claim need a GPU",
    "takes_llm: the runs that decide this claim need an LLM that answers",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the user say which runs are meant, as for ``python -m reproductions``."""
    parser.getgroup("guided-evolution").addoption(
        "--harness-override", action="append", default=[], metavar="KEY=VALUE", dest=_OPTION,
        help="a setting of the runs that decide claims, such as runs_dir=FOLDER",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each claim, marked with what it takes."""
    if "claim" not in metafunc.fixturenames:
        return
    markers = list(metafunc.definition.iter_markers("reproduction"))
    reproduction = _reproduction(metafunc.config, metafunc.definition.path, markers)
    wanted = _marked(markers).get("comparison")
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
    """Let a claim that fails say so and no more, and tell the summary what became of it."""
    report = yield
    if "claim" not in getattr(item, "fixturenames", ()) or "claim" not in _parameters(item):
        return report
    if call.when == "call" or report.skipped:
        word = {"passed": "holds", "skipped": "not run"}.get(report.outcome, "failed")
        verdict = getattr(call.excinfo.value, "verdict", None) if call.excinfo else None
        if verdict is not None:
            word, report.longrepr = verdict.word, verdict.told
        report.user_properties.append((_CLAIM, word))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many claims hold, and with which commands those run that were not."""
    reports = [
        (word, report)
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.stats.get(outcome, ())
        for name, word in getattr(report, "user_properties", ())
        if name == _CLAIM
    ]
    if not reports:
        return
    words = Counter(word for word, _ in reports)
    terminalreporter.section("published claims")
    terminalreporter.line(", ".join(f"{word} {n}" for word, n in sorted(words.items())))
    skipped = (r.longrepr[2] for _, r in reports if isinstance(r.longrepr, tuple))
    commands = {reason.rpartition("; ")[2]: None for reason in skipped if _NOT_RUN in reason}
    for command in commands:
        terminalreporter.line(f"to run: {command}")


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.fixture
def arms(request: pytest.FixtureRequest) -> "Mapping[str, Arm]":
    """The runs on record, by arm: of the comparison that decides ``claim``, or the one marked.

    To ask for an arm of which a run is missing skips the test, with the command that runs it.
    """
    markers = list(request.node.iter_markers("reproduction"))
    reproduction = _reproduction(request.config, request.path, markers)
    claim = _parameters(request.node).get("claim")
    name = claim.comparison if claim else _marked(markers).get("comparison")
    if name is None and len(reproduction.plans) == 1:
        (name,) = reproduction.plans
    if name is None or name not in reproduction.plans:
        raise pytest.UsageError(
            f"{request.node.nodeid}: expected the marker reproduction(comparison=...) with one of "
            f"{', '.join(reproduction.plans)}, got {name}."
        )
    return OnRecord(reproduction.records[name])


class OnRecord(Mapping[str, "Arm"]):
    """Arms by name; one that was not run as planned skips the test that asks for it."""

    def __init__(self, records: "Mapping[str, Arm]") -> None:
        self._records = records

    def __getitem__(self, name: str) -> "Arm":
        from harness.errors import NotRun

        try:
            return self._records[name]
        except NotRun as missing:
            pytest.skip(f"{_NOT_RUN}{missing}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


def _reproduction(config: pytest.Config, test: Path, markers: list[pytest.Mark]) -> "Reproduction":
    folder = test.parent / (_marked(markers).get("folder") or ".")
    return _read(folder.resolve(), tuple(config.getoption(_OPTION)))


@cache
def _read(folder: Path, overrides: tuple[str, ...]) -> "Reproduction":
    from harness.errors import HarnessError
    from harness.reproduction import read_reproduction

    try:
        return read_reproduction(folder, overrides)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None


def _marked(markers: list[pytest.Mark]) -> dict[str, Any]:
    """Return the settings of the nearest marker."""
    return dict(markers[0].kwargs) if markers else {}


def _takes(reproduction: "Reproduction", claim: "Claim") -> list[pytest.MarkDecorator]:
    takes = reproduction.plans[claim.comparison].takes
    marks = {"takes_gpu": takes.device == "gpu", "takes_llm": takes.llm}
    return [getattr(pytest.mark, name) for name, needed in marks.items() if needed]
