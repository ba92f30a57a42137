"""Rank correlation of scores after few epochs and after all, for ``python -m harness.fidelity``.

Trains networks of a run for few epochs and for all of the recipe's, and prints how well the two
rankings by score agree. ``fidelity=halving`` relies on that agreement; it also weighs sizes,
which do not depend on epochs. Networks are gated here, whatever the run's record says of them.
Trainings are cached in a folder of the user's, so none is done twice.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from harness.analysis.loading import read_run
from harness.analysis.run_result import RunResult
from harness.analysis.statistics.intervals import rank_correlation
from harness.config.foreign import restored
from harness.config.schema import Config
from harness.errors import InputError
from harness.evaluation.assessor import training_seed
from harness.evaluation.backend import Backend
from harness.evaluation.cache import FOLDER
from harness.evaluation.executor import Executors, require_room
from harness.evolution.candidate import Evaluation, Outcome
from harness.evolution.fidelity import Halving
from harness.evolution.genome import Genome
from harness.files import check_writable
from harness.record.journal import find_runs
from harness.reporting.console import show_table
from harness.runs.recorded_run import load_dataset, load_recorded
from harness.seeding import stream
from harness.tasks.base import wording_of

HEADER = ["epochs", "networks", "rank correlation", "95 % interval", "of the best quarter, kept"]
_NOTE = (
    "Rank correlation: Spearman's, of networks drawn from those that the run trained, all with the "
    "run's training seed. 1: few epochs give the same order; 0: they tell nothing; unknown: fewer "
    "than five networks, or equal scores."
)
OUT = Path("runs")
"""Folder of a user's runs, as ``conf/config.yaml`` names it."""
_SHARES = (0.11,)
"""Shares of ``conf/fidelity/halving.yaml``, for a run without halving."""


def kept(few: Sequence[float], whole: Sequence[float]) -> float:
    """Return which share of the best quarter after all epochs is in the best quarter after few."""
    n = max(1, round(len(few) / 4))
    best = [set(sorted(range(len(v)), key=lambda i: (-v[i], i))[:n]) for v in (few, whole)]
    return len(best[0] & best[1]) / n


def scores(
    backend: Backend, networks: Sequence[Genome], *, seed: int, epochs: int | None
) -> dict[str, float]:
    """Train each network for a number of epochs; return the validation scores by its hash.

    Networks that fail are left out. ``epochs=None`` means all epochs of the recipe.
    """

    def search(network: Genome) -> tuple[str, Outcome]:
        return network.sha256, backend.evaluate.search(network, seed=seed, epochs=epochs)

    outcomes = backend.map(search, networks)
    return {digest: o.score for digest, o in outcomes if isinstance(o, Evaluation)}


def rows(
    measured: Mapping[int, Mapping[str, float]], whole: Mapping[str, float]
) -> list[list[str]]:
    """Return a header and a row for each number of epochs below the whole."""
    table = [HEADER]
    for epochs, few in measured.items():
        both = sorted(few.keys() & whole.keys())
        pair = [few[d] for d in both], [whole[d] for d in both]
        rho, low, high = rank_correlation(*pair)
        table.append([
            str(epochs), str(len(both)),
            "unknown" if math.isnan(rho) else f"{rho:.2f}",
            "–" if math.isnan(low) else f"{low:.2f} to {high:.2f}",
            f"{kept(*pair):.0%}" if both else "–",
        ])  # fmt: skip
    return table


def _networks(run: RunResult, n: int) -> list[Genome]:
    """Draw networks that the run proposed and trained, without replacement."""
    sources = {c.source: None for c in run.candidates if c.valid}
    genomes = {g.sha256: g for g in map(Genome.parse, sources)}
    hashes = sorted(genomes)
    chosen = stream(run.seed, "fidelity").sample(hashes, min(n, len(hashes)))
    return [genomes[one] for one in chosen]


def _epochs(config: Config, asked: Sequence[int]) -> list[int]:
    whole = config.recipe.epochs
    shares = config.fidelity.get("shares", _SHARES)
    epochs = list(asked) or Halving(shares=shares, keep=1, chance=0).rungs(whole)
    if wrong := [e for e in epochs if not 0 < e < whole]:
        raise InputError(
            f"--epochs: expected numbers from 1 to {whole - 1}, below the recipe's {whole}, got "
            f"{wrong[0]}."
        )
    if not epochs:
        raise InputError("expected a run whose recipe has more than one epoch, this one has not.")
    return sorted(set(epochs))


def _accepted(backend: Backend, networks: Sequence[Genome], seed: int) -> list[Genome]:
    """Return the networks that the gates of this machine accept."""
    gated = backend.map(lambda one: (one, backend.validate(one, seed=seed).refusal), networks)
    return [network for network, refusal in gated if refusal is None]


def _on_refused(n: int, of: int) -> list[str]:
    return (
        [f"{n} of {of} networks are left out: the gates of this machine refuse them."] if n else []
    )


def _require_own(out: Path) -> None:
    """Raise InputError where the folder of cached trainings is a link, which leads anywhere."""
    for folder in (out, out / FOLDER):
        if folder.is_symlink():
            raise InputError(
                f"{folder}: expected a folder of your own for cached trainings, found a link. "
                f"Name with --out the folder that you mean."
            )


def correlate(
    run_dir: Path,
    *,
    n_networks: int,
    epochs: Sequence[int],
    overrides: Sequence[str],
    out: Path = OUT,
) -> None:
    """Train networks of a run for few and for all epochs, and print how their ranks agree.

    Args:
        run_dir: Folder of one run.
        n_networks: How many of its networks to draw.
        epochs: Numbers of epochs to try; empty for those of ``fidelity=halving``.
        overrides: Settings of this machine.
        out: Folder whose cache of trainings is used, a ``runs_dir`` of the user's. A cache beside
            the run may be a stranger's.
    """
    folders = find_runs(run_dir)
    if len(folders) != 1:
        raise InputError(f"{run_dir}: expected the folder of one run, got {len(folders)}.")
    (folder,) = folders
    (recorded,) = load_recorded([folder])
    manifest = recorded.manifest
    config = restored(manifest.settings, overrides, kind=manifest.data.kind)
    _require_own(out)
    config.runs_dir = str(out)  # not as an override, in which a name could hold ${...}
    require_room(config.limits)
    epochs = _epochs(config, epochs)
    drawn = _networks(read_run(folder), n_networks)
    check_writable(out)
    seed = training_seed(config.seed)
    with closing(Executors()) as executors:
        backend = executors.open(config, load_dataset(recorded, config), recorded.network)
        networks = _accepted(backend, drawn, seed)
        whole = scores(backend, networks, seed=seed, epochs=None)
        measured = {e: scores(backend, networks, seed=seed, epochs=e) for e in epochs}
    score = wording_of(recorded.manifest.data.kind).validation_score
    show_table(
        rows(measured, whole),
        title=f"{folder.name}: {score} after few epochs against {config.recipe.epochs}",
        notes=[_NOTE, *_on_refused(len(drawn) - len(networks), len(drawn))],
    )
