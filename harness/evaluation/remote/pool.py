"""The driver's side of several nodes: who is asked next, what is believed, what is repeated."""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.errors import HarnessError, InputError, MachineError
from harness.evaluation.remote.node import genome_as_json
from harness.evolution.candidate import Gated, Outcome, gated_of, outcome_of
from harness.evolution.genome import Genome
from harness.record.bounded_json import parse_json
from harness.record.events import MALFORMED
from harness.record.values import require

_TRIES = 3
"""Nodes that a candidate may lose before the command ends, as for a lost worker."""
_ENDS_S = 10.0
"""Most seconds that a call to a node takes to return once the node has ended."""


class NodeLostError(MachineError):
    """The node ended before it answered; what was asked may be asked of another one."""


class RemoteNode(Protocol):
    """A ``node.Node`` in another process, as its driver sees it."""

    name: str

    def ask(self, request: str) -> str:
        """Return the node's answer; NodeLostError where none comes."""
        ...

    def open(self) -> str:
        """Open the node once it is there, and return what it finds; NodeLostError if it is gone."""
        ...


class Pool:
    """Gates and trains on nodes: a ``Trainer``, called from as many threads as there are places.

    The place of a lost node is given to nobody before that node has opened again: calls to a node
    that restarts fail at once, so that one candidate would spend all its tries on it.

    Args:
        nodes: The nodes, open.
        places: Candidates that each works on at once.
        expected: What a node that comes back must find; see ``require_same``.
    """

    def __init__(
        self, nodes: Sequence[RemoteNode], places: Sequence[int], expected: Mapping[str, Any]
    ) -> None:
        self._nodes, self._expected = nodes, expected
        rounds = range(max(places))
        self._free = deque(n for k in rounds for n in range(len(nodes)) if k < places[n])
        self._lost: set[int] = set()
        self._gone: dict[int, str] = {}
        self._reopening: list[threading.Thread] = []
        self._changed = threading.Condition()

    def validate(self, genome: Genome, *, seed: int) -> Gated:
        """Pass a network through the gates of a node; see ``backend.Gatekeeper``."""
        return self._asked("validate", genome, gated_of, Gated, seed=seed)  # type: ignore[no-any-return]

    def search(
        self, genome: Genome, *, seed: int, split: str = "validation", epochs: int | None = None
    ) -> Outcome:
        """Train and score on a node; see ``backend.Trainer``."""
        arguments = {"seed": seed, "split": split, "epochs": epochs}
        return self._asked("search", genome, outcome_of, Outcome, **arguments)  # type: ignore[no-any-return]

    def final(self, genome: Genome, *, seed: int) -> Outcome:
        """Train on a node and score on the test split."""
        return self._asked("final", genome, outcome_of, Outcome, seed=seed)  # type: ignore[no-any-return]

    def wait(self) -> None:
        """Wait until no lost node is being opened, after the nodes have ended."""
        for thread in self._reopening:
            thread.join(_ENDS_S)

    def _asked(self, method: str, genome: Genome, parse: Any, hint: Any, **arguments: Any) -> Any:
        network = json.loads(genome_as_json(genome))
        request = {"method": method, "genome": network, "arguments": arguments}
        name, text = self._answer(json.dumps(request))
        try:
            value = parse(answer_in(text, name))
            require(value, hint, "outcome")
        except MALFORMED as error:
            raise MachineError(f"{name}: expected an outcome of {method}, found {error}.") from None
        return value

    def _answer(self, request: str) -> tuple[str, str]:
        """Return a node's answer with the node's name; another node is asked if one is lost."""
        names = []
        for _ in range(_TRIES):
            number = self._taken()
            names.append(self._nodes[number].name)
            try:
                return names[-1], self._nodes[number].ask(request)
            except NodeLostError:
                self._lose(number)
            finally:
                self._give_back(number)
        raise MachineError(
            f"expected a node that answers, each of {', '.join(names)} was lost while it worked on "
            f"the same network. The same command continues the run."
        )

    def _taken(self) -> int:
        with self._changed:
            self._changed.wait_for(
                lambda: self._next() is not None or len(self._gone) == len(self._nodes)
            )
            number = self._next()
            if number is None:
                reasons = "; ".join(dict.fromkeys(self._gone.values()))
                raise MachineError(f"expected a node to work on, all were lost: {reasons}")
            self._free.remove(number)
            return number

    def _next(self) -> int | None:
        absent = self._lost | self._gone.keys()
        return next((number for number in self._free if number not in absent), None)

    def _give_back(self, number: int) -> None:
        with self._changed:
            self._free.append(number)
            self._changed.notify_all()

    def _lose(self, number: int) -> None:
        with self._changed:
            if number not in self._lost and number not in self._gone:
                self._lost.add(number)
                thread = threading.Thread(target=self._reopen, args=[number], daemon=True)
                self._reopening.append(thread)
                thread.start()

    def _reopen(self, number: int) -> None:
        node, gone = self._nodes[number], f"{self._nodes[number].name} did not come back"
        try:
            require_same(node.name, answer_in(node.open(), node.name), self._expected)
            gone = ""
        except HarnessError as error:
            gone = str(error)
        finally:
            with self._changed:
                self._lost.discard(number)
                if gone:
                    self._gone[number] = gone
                self._changed.notify_all()


def answer_in(text: str, name: str) -> Any:
    """Return the answer in a node's text; raise the error that it tells of.

    Args:
        text: The text, which the node may have written in any way.
        name: The node, for messages.
    """
    try:
        content = parse_json(text)
        if "answer" in content:
            return content["answer"]
        status, told = content["status"], str(content["told"])
    except MALFORMED as error:
        raise MachineError(f"{name}: expected an answer in JSON, found {error}.") from None
    kind = InputError if status == InputError.exit_status else MachineError
    raise kind(f"{told} (on {name})")


def require_same(name: str, found: Any, expected: Mapping[str, Any]) -> None:
    """Check what a node found when it was opened.

    Args:
        name: The node, for messages.
        found: Its answer.
        expected: The digests of data and code that the driver has, and the decisive machine.

    Raises:
        InputError: One of them is another one there.
    """
    for what, wanted in expected.items():
        here = found.get(what) if isinstance(found, Mapping) else None
        if here != wanted:
            kind, remedy = _WORDS[what]
            raise InputError(
                f"executor: expected {kind} {_told(wanted)} on every node, found {_told(here)} on "
                f"{name}. Outcomes depend on it: {remedy}."
            )


_WORDS = {
    "data": ("data with digest", "copy the same data there, or name a folder that all share"),
    "code": ("code with digest", "install the same version of this package there"),
    "decisive": ("a machine with", "use nodes of one kind, with the same packages"),
}


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in sorted(value.items()))
    return str(value)
