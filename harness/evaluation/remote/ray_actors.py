"""Gates and trainings on a Ray cluster. The door to Ray.

Whoever reaches the ports of a cluster can run code on its nodes, so a cluster without a token is
refused, and so are candidates that could reach these ports.
"""

import logging
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.config.plugins import require_extra
from harness.config.schema import LEVELS, Config, Limits
from harness.errors import InputError, MachineError
from harness.evaluation.backend import Backend
from harness.evaluation.cache import FOLDER
from harness.evaluation.evaluator import OnEpoch
from harness.evaluation.remote.node import Node, genome_as_json
from harness.evaluation.remote.pool import NodeLostError, Pool, answer_in, require_same
from harness.evolution.genome import Genome
from harness.record.code.digests import code_of_training
from harness.tasks.base import Dataset
from harness.text import reason_of

_MODE = "RAY_AUTH_MODE"
_ADDRESS = re.compile(r"[\w.-]+:\d{1,5}")
_CONNECTS_S = 10.0
_PAUSE_S = 1.0
"""Seconds between calls to an actor that is being restarted."""


class RayActors:
    """Works on the nodes of a Ray cluster, each with data, worker and cache of its own.

    Args:
        address: HOST:PORT of the cluster; this process must run on one of its nodes.
        cache: Whether to reuse outcomes of trainings, on nodes that see ``runs_dir``.
        room_s: Seconds to wait for actors to start.
        restarts: How often Ray starts an actor again that died.
    """

    def __init__(
        self, *, address: str = "", cache: bool = True, room_s: float = 300.0, restarts: int = 2
    ) -> None:
        require_extra("ray", "executor")
        self._address, self._cache = address, cache
        self._room_s, self._restarts = room_s, restarts
        self._actors: list[_Actor] = []
        self._pools: list[Pool] = []
        self._device = ""

    def open(
        self, config: Config, dataset: Dataset, network: Genome, *, on_epoch: OnEpoch | None = None
    ) -> Backend:
        """Return a backend; see ``Executor.open``. Epochs are not told."""
        del on_epoch
        _require_guarded(config, self._address)
        self._start(config)
        if self._cache:
            (Path(config.runs_dir) / FOLDER).mkdir(parents=True, exist_ok=True)
        # What asks a model stays here.
        sent = replace(
            config, device=self._device, model={}, proposer={}, prompts={}, tracking={"mode": "off"}
        )
        for actor in self._actors:
            actor.settings = (sent, genome_as_json(network), str(Path.cwd()), self._cache)
        expected = {"data": dataset.sha256, "code": code_of_training()}
        found = _opened(self._actors, expected)
        nodes, first = [actor for actor, _ in found], found[0][1]
        places = [node.places(config.limits) for node in nodes]
        total = sum(places)
        if not total:
            raise InputError(
                f"executor: expected a node with limits.threads={config.limits.threads} cores and "
                f"limits.memory_mib={config.limits.memory_mib}, Ray offers at most "
                f"{max(node.cores for node in nodes)} cores and "
                f"{max(node.memory_mib for node in nodes)} MiB."
            )
        pool = Pool(nodes, places, expected | {"decisive": first["decisive"]})
        self._pools.append(pool)
        machine = {"cpu": first["decisive"].get("processor", ""), "actors": len(nodes)}
        return Backend(
            validate=pool.validate,
            evaluate=pool,
            workers=min(total, config.workers or total),
            machine={**first["machine"], **machine},
            decisive=first["decisive"],
        )

    def close(self) -> None:
        """End the actors and leave the cluster."""
        if self._device:
            import ray

            for actor in self._actors:
                actor.ended.set()
                ray.kill(actor.handle)
            for pool in self._pools:  # a call to Ray after its shutdown would join a cluster again
                pool.wait()
            ray.shutdown()
        self._actors, self._pools, self._device = [], [], ""

    def _start(self, config: Config) -> None:
        """Start an actor for each GPU or node, unless they are there; wait until some are."""
        import ray

        if self._actors and config.device in {"auto", self._device}:
            return
        self.close()
        _connect(self._address)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        gpus = any(node["Resources"].get("GPU", 0) >= 1 for node in nodes)
        self._device = "cuda" if gpus and config.device == "auto" else config.device
        self._device = "cpu" if self._device == "auto" else self._device
        calls = {
            actor.handle.ready.remote(): actor for node in nodes for actor in self._actors_on(node)
        }
        ready, late = [], list(calls)
        if calls:
            ready, late = ray.wait(late, num_returns=len(calls), timeout=self._room_s)
        for call in late:
            ray.kill(calls[call].handle)
        reason = f"none of its {len(nodes)} had room within {self._room_s:g} s (executor.room_s)"
        for call in ready:
            try:
                mode = calls[call].answer(call)
            except NodeLostError as lost:  # Ray lists a lost node for some seconds yet
                reason = reason_of(str(lost))
                continue
            if mode != "token":
                raise InputError(
                    f"executor: expected a cluster that asks for a token, {calls[call].name} was "
                    f"started without {_MODE}=token. Stop Ray there, and start it with the token."
                )
            self._actors.append(calls[call])
        if not self._actors:
            wanted = "a free GPU" if self._device == "cuda" else "free cores"
            raise MachineError(
                f"executor: expected a node with {wanted} in the cluster at {self._address}, but: "
                f"{reason}. Start Ray on more nodes, or wait for those who use it."
            )

    def _actors_on(self, node: Mapping[str, Any]) -> Iterator["_Actor"]:
        """Yield an actor for each GPU of a node, or one with all its cores."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        has = node["Resources"]
        cpus, gpus = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        n = gpus if self._device == "cuda" else min(1, cpus)
        for number in range(n):
            kind = ray.remote(_Guarded).options(
                num_cpus=cpus // n,
                num_gpus=int(self._device == "cuda"),
                max_restarts=self._restarts,
                max_task_retries=0,  # the pool asks another node
                max_concurrency=cpus + 1,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            )
            yield _Actor(
                name=f"{node['NodeManagerAddress']} ({node['NodeID'][:6]}, actor {number})",
                handle=kind.remote(),
                cores=cpus // n,
                memory_mib=int(has.get("memory", 0)) // n // 2**20,
                one_at_a_time=self._device == "cuda",
            )


class _Guarded(Node):
    """A node in an actor."""

    def ready(self) -> str:
        """Return how the cluster recognises who may use it."""
        return os.environ.get(_MODE, "")


@dataclass(kw_only=True)
class _Actor:
    """An actor as ``pool.RemoteNode``."""

    name: str
    handle: Any
    cores: int
    memory_mib: int
    one_at_a_time: bool
    settings: tuple[Any, ...] = ()
    """Arguments of ``Node.open``."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the executor closes."""

    def places(self, limits: Limits) -> int:
        """Return how many candidates it works on at once."""
        most = min(self.cores // limits.threads, self.memory_mib // limits.memory_mib)
        return min(1, most) if self.one_at_a_time else most

    def ask(self, request: str) -> str:
        """Return the answer to a request; NodeLostError where the actor died."""
        return self.answer(self.handle.ask.remote(request))

    def open(self) -> str:
        """Open it, once Ray has restarted it where it died."""
        from ray.exceptions import ActorUnavailableError

        while True:
            try:
                return self.answer(self.handle.open.remote(*self.settings))
            except NodeLostError as lost:
                restarts = isinstance(lost.__cause__, ActorUnavailableError)
                if not restarts or self.ended.wait(_PAUSE_S):
                    raise

    def answer(self, reference: Any) -> str:
        """Return the answer to a call; NodeLostError where the actor died."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return str(ray.get(reference))
        except RayTaskError:  # a defect of this package
            raise
        except RayError as error:
            raise NodeLostError(f"{self.name} was lost: {str(error).splitlines()[0]}") from error


def _require_guarded(config: Config, address: str) -> None:
    """Raise InputError where a stranger, or a candidate, could use the cluster."""
    if config.sandbox.level == LEVELS[0]:
        raise InputError(
            f"sandbox.level: expected {' or '.join(LEVELS[1:])} with executor=ray, got "
            f"{LEVELS[0]}, at which a candidate can reach Ray's ports and so run code on all nodes."
        )
    if not _ADDRESS.fullmatch(address):
        raise InputError(
            f"executor.address: expected HOST:PORT of a Ray cluster, got {address!r}. Set it, or "
            f"RAY_ADDRESS; without one Ray would join whatever cluster it finds."
        )
    if os.environ.get(_MODE) != "token":
        raise InputError(
            f"executor: expected {_MODE}=token in the environment, and a token in RAY_AUTH_TOKEN "
            f"or in the file RAY_AUTH_TOKEN_PATH, here and where Ray is started. Without it, who "
            f"reaches Ray's ports runs code on every node."
        )


def _connect(address: str) -> None:
    """Join a cluster; an address without one is found at once, where Ray would try for minutes."""
    import ray
    from ray.exceptions import RayError

    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTS_S).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, OverflowError, RuntimeError, ValueError, RayError) as error:
        raise InputError(
            f"executor.address: expected a Ray cluster at {address} which admits this process, and "
            f"a node of it here ({reason_of(str(error))})."
        ) from None


def _opened(
    actors: Sequence[_Actor], expected: Mapping[str, Any]
) -> list[tuple[_Actor, Mapping[str, Any]]]:
    """Open all actors; return those that are there, with what each found: the same for all."""

    def found_by(actor: _Actor) -> Any:
        try:
            return answer_in(actor.open(), actor.name)
        except NodeLostError as lost:
            return lost

    with ThreadPoolExecutor(len(actors)) as threads:
        answers = list(zip(actors, threads.map(found_by, actors), strict=True))
    found = [(actor, one) for actor, one in answers if not isinstance(one, NodeLostError)]
    if not found:
        raise MachineError(f"executor: expected a node to work on. {answers[0][1]}")
    for actor, one in found:
        require_same(actor.name, one, expected)
        require_same(actor.name, one, {"decisive": found[0][1]["decisive"]})
    return found
