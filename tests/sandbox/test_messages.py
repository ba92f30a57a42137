"""Jobs and answers come back from JSON as they were; no other answer is read."""

import json
import resource
import socket
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sandbox.attack_target import Target
from harness.sandbox.frames import Channel, FrameError
from harness.sandbox.messages import (
    _ANSWERS,
    _JOBS,
    Answer,
    Attack,
    Attacked,
    Audit,
    Audited,
    Build,
    Built,
    Candidate,
    Conditions,
    Epoch,
    Failure,
    Machine,
    MessageError,
    Outline,
    Probe,
    Ready,
    Restored,
    Signature,
    Train,
    Trained,
    answer,
    read_answer,
    read_request,
    request,
)
from harness.tasks.image_classification.recipe import ImageRecipe

SIGNATURE = Signature(
    kind="image_classification", class_name="Net", input_shape=(1, 8), n_outputs=3
)
RECIPE = ImageRecipe(epochs=2, batch_size=8, lr=0.1, weight_decay=0.0, flip=False, shift_px=1.0)
CANDIDATE = Candidate(source="class Net: ...", signature=SIGNATURE, recipe=RECIPE, seed=2**63)
JOBS = [
    Probe(),
    Attack(target=Target(folder="/tmp", pid=1, tcp=2, udp=3, abstract="x"), attacks=("TCP", "UDP")),
    Build(candidate=CANDIDATE),
    Outline(candidate=CANDIDATE, batch_size=64),
    Train(candidate=CANDIDATE, batch_sizes=(64, 48), resumes=True),
    Audit(signature=SIGNATURE, recipe=RECIPE, batch_sizes=(64, 48)),
]
ANSWERS = [
    Failure(kind="import", reason="ValueError"),
    Machine(torch="2.6", cuda=None, gpu_mib=None, missing=("no Landlock",)),
    Machine(torch="2.6", cuda="H200", gpu_mib=143_771, missing=()),
    Attacked(stopped={"TCP": "PermissionError", "UDP": ""}),
    Built(),
    Ready(),
    Restored(complete=True),
    Epoch(number=3),
    Trained(gpu_mib=0),
    Trained(gpu_mib=1.5),
    Audited(n_params=1, n_state=2, n_params_with_state=3, flops=4, dtypes=("float32",)),
]


def sent(value):
    """The value as the other process gets it."""
    return json.loads(json.dumps(value))


def test_every_kind_of_message_is_tried():
    assert {type(job) for job in JOBS} == set(_JOBS.values())
    assert {type(message) for message in ANSWERS} == set(_ANSWERS.values())
    assert set(_ANSWERS.values()) == set(Answer.__subclasses__())


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_comes_back_as_it_was(job):
    conditions = Conditions(
        device="cpu", deterministic=False, memory_mib=512, threads=1, time_limit_s=0.5
    )
    assert read_request(sent(request(job, conditions))) == (job, conditions)


@pytest.mark.parametrize("message", ANSWERS, ids=lambda m: type(m).__name__)
def test_an_answer_comes_back_as_it_was(message):
    assert read_answer(sent(answer(message))) == message


@pytest.mark.parametrize("message", ANSWERS, ids=lambda m: type(m).__name__)
def test_an_answer_with_another_field_or_one_of_another_type_is_refused(message):
    frame = sent(answer(message))
    with pytest.raises(MessageError, match="expected the fields"):
        read_answer(frame | {"more": 1})
    for field in fields(message):
        less = {name: value for name, value in frame.items() if name != field.name}
        with pytest.raises(MessageError, match="expected the fields"):
            read_answer(less)
        for wrong in ([[1]], {"a": 1}, True if field.name != "complete" else 1):
            with pytest.raises(MessageError, match=f"another type in the field {field.name}"):
                read_answer(frame | {field.name: wrong})


@pytest.mark.parametrize(
    "number", [2**63, -(2**63), 10**400, float("inf"), float("nan")],
    ids=["large", "negative", "endless", "infinite", "none"],
)  # fmt: skip
def test_a_number_that_counts_nothing_is_refused(number):
    for message, field in ((Trained(gpu_mib=0), "gpu_mib"), (Epoch(number=1), "number")):
        with pytest.raises(MessageError, match=f"another type in the field {field}"):
            read_answer(sent(answer(message)) | {field: number})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_taken_as_bytes_come_and_not_as_they_are_announced():
    resident = []

    class Watched(socket.socket):
        """A socket that notes the memory of this process whenever something is read from it."""

        def recv_into(self, *arguments):
            pages = Path("/proc/self/statm").read_text().split()[1]
            resident.append(int(pages) * resource.getpagesize())
            return super().recv_into(*arguments)

    near, far = socket.socketpair()
    watched = Watched(fileno=near.detach())
    with watched, far:
        far.sendall(b"a" + (1 << 28).to_bytes(8, "big"))
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(FrameError, match="closed the channel"):
            Channel(watched, max_bytes=1 << 29).receive()
    assert resident[-1] - resident[0] < 1 << 26


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["message", "number"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_other_value_is_an_error_of_the_message(frame):
    try:
        message = read_answer(frame)
    except MessageError:
        return
    assert answer(message) == frame
