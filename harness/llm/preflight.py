"""Preflight of a server: key and name of a model are tried before a run, at the least cost.

The list of models costs nothing. It decides where it has the name, and where the server refuses it
without a key, since a public list says nothing of the key. Else one request for one token decides.
"""

import json
import re
import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from harness.errors import InputError, MachineError
from harness.llm.model import Completion, Failure, Request, Settings
from harness.llm.transport import Reply
from harness.terminal import say
from harness.text import reason_of

ONE_TOKEN = Request(
    step="preflight",
    segment="",
    prompt="Hi",
    settings=Settings(temperature=1, top_p=1, max_tokens=1),
    seed=0,
)
_OK = 200
_WAITS_S = (1.0, 1.0)
"""Waits after failures that may pass at once, such as a connection that was reset."""
_MAY_PASS = frozenset({"unreachable", "cut", "server"})
_BUSY = frozenset({"rate", "quota"})
"""The server is there and the run waits for it, as it does later."""
_TOO_FEW = re.compile(
    r"(?i)output limit was reached|(?:tokens|budget).{0,60}(?:at least|minimum|>=)"
)
"""Matches the complaint that one token is too few, of models that think first."""
_NAMES_SHOWN = 3
_ASKED = "one token of {}"

T = TypeVar("T")


def try_model(
    name: str,
    endpoint: str,
    *,
    lists: Callable[[], Reply | Failure],
    lists_without_key: Callable[[], Reply | Failure] | None,
    asks: Callable[[], Completion | Failure],
) -> None:
    """Try whether a server answers, accepts the key and knows the model.

    Args:
        name: Name of the model in requests.
        endpoint: Name of the server in messages.
        lists: Asks for the list of models.
        lists_without_key: Asks for it without the key; None where there is no key.
        asks: Sends ``ONE_TOKEN``.

    Raises:
        InputError: The server refuses key, name or settings.
        MachineError: It does not answer.
    """
    listed = _tried(lists)
    if isinstance(listed, Failure) and listed.kind == "unreachable":
        raise _no_answer(endpoint, listed, asked="its list of models")
    names = _names(listed)
    known = any(_same(name, one) for one in names)
    if known and not (lists_without_key and _names(lists_without_key())):
        return
    answer = _tried(asks)
    if isinstance(answer, Failure) and not _judge(answer, name, endpoint, names):
        return
    why = "needs no key" if known else f"does not have {name}" if names else "cannot be read"
    say(
        f"{endpoint}: its list of models {why}, so {name} was asked for one token, which no table "
        f"or budget counts (preflight=false asks nothing)."
    )


def refused_key(endpoint: str, told: str) -> InputError:
    """Return the error of a key that the server refuses."""
    return InputError(
        f"model: expected a key that {endpoint} accepts, it says '{told}'. Set it in the "
        f"environment (model.key_env names the variable) and run the same command to continue."
    )


def refused_request(endpoint: str, told: str) -> InputError:
    """Return the error of a server that refuses every request."""
    return InputError(
        f"model: expected a request that {endpoint} accepts, found '{told}'. Correct model.name, "
        f"model.base_url, model.omit or model.tokens_field, and run the same command to continue."
    )


def would_answer(failure: Failure) -> bool:
    """Return whether a server that fails ``ONE_TOKEN`` so would answer other requests."""
    return failure.kind == "refused" and bool(_TOO_FEW.search(failure.told))


def _judge(answer: Failure, name: str, endpoint: str, names: list[str]) -> bool:
    """Raise the error of a failure, unless it says that the server would answer a longer request.

    Returns:
        Whether the server has answered; else it is busy, which is told.

    Args:
        answer: The failure of ``ONE_TOKEN``.
        name: Name of the model.
        endpoint: Name of the server.
        names: Names in the server's list of models.
    """
    if answer.kind == "key":
        raise refused_key(endpoint, answer.told)
    if would_answer(answer):
        return True
    if answer.kind == "refused":
        known = any(_same(name, one) for one in names)
        near = [] if known else get_close_matches(name, names, _NAMES_SHOWN)
        near = [reason_of(one, 100) for one in near]
        hint = f" Did you mean model.name={' or '.join(near)}?" if near else ""
        refused = refused_request(endpoint, answer.told)
        raise InputError(f"{refused}{hint} (It refused a request for {_ASKED.format(name)}.)")
    if answer.kind in _BUSY:
        say(
            f"{endpoint}: key and name could not be tried, by a request for {_ASKED.format(name)} "
            f"({answer.kind}: {answer.told})."
        )
        return False
    raise _no_answer(endpoint, answer, asked=_ASKED.format(name))


def _no_answer(endpoint: str, failure: Failure, *, asked: str) -> MachineError:
    return MachineError(
        f"model: expected {endpoint} to answer a request for {asked}, it does not "
        f"({failure.kind}: {failure.told}). Nothing was trained. Start the server, correct "
        f"model.base_url or wait longer (model.timeout_s), and run the same command; "
        f"preflight=false starts without this test."
    )


def _tried(send: Callable[[], T | Failure]) -> T | Failure:
    """Send, again after a failure that may pass at once; return the last outcome."""
    outcome = send()
    for wait_s in _WAITS_S:
        if not isinstance(outcome, Failure) or outcome.kind not in _MAY_PASS:
            break
        time.sleep(wait_s)
        outcome = send()
    return outcome


def _names(listed: Reply | Failure) -> list[str]:
    """Return the names in a list of models, which is untrusted; none where there is no list."""
    if isinstance(listed, Failure) or listed.status != _OK:
        return []
    try:
        models = json.loads(listed.body)["data"]
        return [one["id"] for one in models if isinstance(one["id"], str)]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


def _same(name: str, listed: str) -> bool:
    """Return whether a name means a listed model; Gemini has a prefix, Ollama a default tag."""
    return name in {listed, listed.removeprefix("models/"), listed.removesuffix(":latest")}
