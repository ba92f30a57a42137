"""From configurations to finished runs; a complete run is not run again."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from harness.analysis.loading import read_run
from harness.analysis.metrics import comparable_metric
from harness.analysis.run_result import RunResult
from harness.config.identity import hash_of, table_hash
from harness.config.plugins import require_extra
from harness.config.schema import Config
from harness.config.strategies import TARGET, build, strategy_class
from harness.errors import InputError
from harness.evaluation.backend import Backend
from harness.evaluation.executor import Executor, Executors
from harness.evolution.genome import read_network
from harness.files import file_lock
from harness.llm.model import Model
from harness.record.consistency import MOST_PROPOSALS
from harness.record.event import plain
from harness.record.journal import LOCK, RunHeldError, holder_of, is_complete, wait_for_one
from harness.reporting.console import loaded
from harness.reporting.tracking.wandb_mirror import mirrored
from harness.runs.display.shared_panel import SharedPanel
from harness.runs.preflight import preflight
from harness.runs.single_run import complete_run, model_of, write_front
from harness.runs.spec import RunSpec, by_folder, specify
from harness.runs.sweeps.progress import Progress
from harness.tasks.base import Dataset, wording_of
from harness.terminal import say

_BACKEND = (
    "executor", "task", "network", "recipe", "limits", "sandbox", "device", "deterministic",
    "workers", "runs_dir", "save_every_s",
)  # fmt: skip
"""Settings that decide which backend a run needs."""


def complete_runs(
    configs: Sequence[Config],
    executor: Executor | None = None,
    *,
    wait: bool = True,
    overall: Progress | None = None,
) -> list[RunResult]:
    """Run each configuration that has no complete run yet; return all results, in order.

    A run that another process works on comes last: several processes with the same configurations
    share the runs between them.

    Args:
        configs: Arms of one comparison: they share task, network, recipe, limits and device.
        executor: Opens the backend; by default the one that the configurations name.
        wait: Whether to wait for runs of other processes; else they are no part of the results.
        overall: Progress of a command with more runs than these, all of which it has tried by
            ``preflight``; by default that of these, which are tried here.

    Raises:
        InputError: The configurations differ in more than arms of a comparison may.
        RunHeldError: Another process kept a run for ``wait_s``.
    """
    with contextlib.ExitStack() as stack:
        executor = executor or stack.enter_context(contextlib.closing(Executors()))
        specs = specify_all(configs)
        if overall is None:
            overall = Progress({spec.folder: spec.expected for spec in specs})
            preflight(specs)
            done = [spec.title for spec in specs if spec.folder in overall.at_start]
            if done:
                say(f"complete already: {'; '.join(done)}")
        return complete(specs, executor, wait=wait, overall=overall)


def specify_all(configs: Sequence[Config], dataset: Dataset | None = None) -> list[RunSpec]:
    """Return the specifications of the arms of one comparison; see ``complete_runs``.

    Args:
        configs: The arms.
        dataset: Their data, where it has been loaded.
    """
    first = configs[0]
    if first.tracking["mode"] != "off":
        require_extra(first.tracking["mode"], "tracking")
    dataset = dataset or loaded(build(first.task))
    comparable_metric(first.final.measure, wording_of(dataset.kind), setting="final.measure")
    network = read_network(Path(first.network.path))
    specs = [specify(config, dataset, network) for config in configs]
    if len({table_hash(spec.identity) for spec in specs}) > 1:
        raise InputError(
            f"{', '.join(c.arm for c in configs)}: expected arms that differ in proposer, "
            f"selection, fidelity, sizes, rates, search or budget alone, these differ in more. Use "
            f"compare=[]."
        )
    for spec in specs:
        _require_fitting(spec)
        if not is_complete(spec.folder):
            _require_readable(spec)
        if spec.folder.is_symlink():  # its target may be anybody's folder
            raise InputError(
                f"{spec.folder}: expected a run's folder or none, found a link. Replace it by what "
                f"it leads to, or use another runs_dir."
            )
    return specs


def complete(
    specs: Sequence[RunSpec], executor: Executor, *, wait: bool, overall: Progress
) -> list[RunResult]:
    """Complete the runs of one comparison; see ``complete_runs``."""
    before = {spec.folder for spec in specs if is_complete(spec.folder)}
    told = set[Path]()
    while True:
        (failure,) = complete_jobs([specs], executor, overall=overall)
        if failure:
            raise failure
        left = [spec.folder for spec in specs if not is_complete(spec.folder)]
        if not (left and wait):
            break
        wait_for_one(left, wait_s=specs[0].config.wait_s, told=told)
    found = [(spec, read_run(spec.folder)) for spec in specs if is_complete(spec.folder)]
    for spec, result in found:
        with file_lock(spec.folder / LOCK):  # another process may end at the same time
            write_front(result)
        if spec.folder in before:  # perhaps without a mirror
            with mirrored(spec.config.tracking, spec.folder):
                pass
    return [result for _, result in found]


def complete_jobs(
    jobs: Sequence[Sequence[RunSpec]], executor: Executor, *, overall: Progress
) -> list[Exception | None]:
    """Complete the runs of several jobs that no other process works on, ``runs_at_once`` at once.

    All that need the same backend share it. After a failure no other run of the same job begins.

    Args:
        jobs: The runs of each job; one may belong to several.
        executor: Opens the backends, one after the other.
        overall: Progress of the command.

    Returns:
        What ended each job, None where nothing did.
    """
    failures = _Failures(jobs)
    runs = by_folder(spec for specs in jobs for spec in specs)
    todo = {folder: spec for folder, spec in runs.items() if not is_complete(folder)}
    models: dict[Path, Model | None] = {}
    for spec in todo.values():
        with failures.kept(spec):
            models[spec.folder] = model_of(spec)  # a missing key is found before any work
    groups: dict[str, list[RunSpec]] = {}
    for spec in todo.values():
        groups.setdefault(_needed_of(spec.config), []).append(spec)
    for specs in groups.values():
        _complete_group(specs, executor, models, failures, overall)
    return failures.of_jobs


def _complete_group(
    specs: Sequence[RunSpec],
    executor: Executor,
    models: dict[Path, Model | None],
    failures: "_Failures",
    overall: Progress,
) -> None:
    """Complete runs that need the same backend."""
    free = [s for s in specs if failures.wants(s) and holder_of(s.folder) is None]
    if not free:
        return
    first = free[0]
    with failures.kept(*free):
        backend = executor.open(first.config, first.dataset, first.network)
    free = [spec for spec in free if failures.wants(spec)]
    if not free:
        return
    at_once = min(first.config.runs_at_once, len(free))
    panel = SharedPanel(overall, mode=first.config.display) if at_once > 1 else None

    def work(spec: RunSpec) -> None:
        if failures.wants(spec):
            with failures.kept(spec), contextlib.suppress(RunHeldError):
                complete_run(spec, backend, models[spec.folder], overall, panel)

    with panel or contextlib.nullcontext():
        _each(free, work, at_once, backend)


def _each(
    specs: Sequence[RunSpec], work: Callable[[RunSpec], None], at_once: int, backend: Backend
) -> None:
    if at_once <= 1:
        for spec in specs:
            work(spec)
        return
    with ThreadPoolExecutor(at_once) as threads:
        begun = [threads.submit(work, spec) for spec in specs]
        try:
            for one in as_completed(begun):
                one.result()
        finally:
            if not all(one.done() for one in begun):  # interrupted: no run begins another child
                backend.stop()
                threads.shutdown(wait=False, cancel_futures=True)


class _Failures:
    """What ended which jobs.

    Args:
        jobs: The runs of each job.
    """

    def __init__(self, jobs: Sequence[Sequence[RunSpec]]) -> None:
        self.of_jobs: list[Exception | None] = [None] * len(jobs)
        self._jobs_of: dict[Path, list[int]] = {}
        for number, specs in enumerate(jobs):
            for spec in specs:
                self._jobs_of.setdefault(spec.folder, []).append(number)

    def wants(self, spec: RunSpec) -> bool:
        """Return whether a job of the run has not failed."""
        return any(self.of_jobs[number] is None for number in self._jobs_of[spec.folder])

    @contextlib.contextmanager
    def kept(self, *specs: RunSpec) -> Iterator[None]:
        """Keep the error of the block as what ended the jobs of these runs."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised, or told, by who asked for the jobs
            for number in (n for spec in specs for n in self._jobs_of[spec.folder]):
                self.of_jobs[number] = self.of_jobs[number] or error


def _needed_of(config: Config) -> str:
    return hash_of({name: plain(getattr(config, name)) for name in _BACKEND})


def _require_fitting(spec: RunSpec) -> None:
    """Raise InputError if the arm's proposer cannot vary the seed network, before any work."""
    node = spec.config.proposer
    # One that asks no LLM is complete without a model, and may know more than its class.
    proposer = (
        strategy_class(node[TARGET])
        if spec.asks_llm
        else build(node, wording=wording_of(spec.dataset.kind))
    )
    check = getattr(proposer, "require", None)
    try:
        if check is not None:
            check(spec.network)
    except InputError as error:
        raise InputError(
            f"{error} Or leave the arm {spec.config.ablation} out (ablation=NAME compare=[NAMES])."
        ) from None


def _require_readable(spec: RunSpec) -> None:
    """Raise InputError if the run may become longer than what tables read, before any work."""
    if (most := spec.config.budget.proposals) > MOST_PROPOSALS:
        raise InputError(
            f"budget.proposals: expected at most {MOST_PROPOSALS:,}, which tables read, got "
            f"{most:,}. It is five times budget.evaluations unless you set it."
        )
