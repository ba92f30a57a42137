"""What runs need, tried before anything is trained: their code, model, W&B, room on the disk."""

from collections.abc import Iterable
from pathlib import Path

from harness.config.identity import hash_of
from harness.config.strategies import TARGET, build, strategy_class
from harness.files import check_writable
from harness.llm.model import needs_preflight
from harness.record.journal import is_complete
from harness.reporting.tracking.wandb_mirror import require_login
from harness.runs.manifest import require_same_run
from harness.runs.spec import RunSpec
from harness.runs.sweeps.resumption import search_is_over


def preflight(specs: Iterable[RunSpec]) -> None:
    """Try what these runs need, each server once; complete runs need no more than their code.

    Args:
        specs: All runs of a command.

    Raises:
        InputError: A run was recorded with other code, a key, name or login is refused or missing,
            or a folder cannot be written.
        MachineError: A server does not answer.
    """
    specs = list(specs)
    for spec in specs:
        require_same_run(spec)
    todo = [spec for spec in specs if not is_complete(spec.folder)]
    for runs_dir in dict.fromkeys(spec.config.runs_dir for spec in todo):
        check_writable(Path(runs_dir))
    todo = [spec for spec in todo if spec.config.preflight]
    for config in {hash_of(s.config.tracking): s.config for s in todo}.values():
        require_login(config.tracking)
    asking = [
        spec
        for spec in todo
        if spec.asks_llm and not search_is_over(spec.folder, spec.config.budget)
    ]
    for node in {hash_of(spec.config.model): spec.config.model for spec in asking}.values():
        if needs_preflight(strategy_class(node[TARGET])):
            build(node).preflight()
