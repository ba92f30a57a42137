"""The workers' memory and environment hold no validation label, no test image, no key.

The search reads the processes' memory from outside, so a find cannot be the needle itself; the
training data and the validation images, which do belong there, show that the search finds.
"""

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.sandbox.messages import Audit
from tests.conftest import children_of, server_of
from tests.support.backends import open_backend
from tests.support.jobs import SIZES, finish_training, outline_job, train_job

PAGE = os.sysconf("SC_PAGESIZE")
SECRET = "sk-" + "secret-of-the-person-who-runs-it"


def memory(pid):
    """Yield the bytes of every writable region of a process, pages of zeros left out."""
    process = Path(f"/proc/{pid}")
    with (process / "maps").open() as maps, (process / "mem").open("rb", buffering=0) as mem:
        for line in maps:
            span, permissions = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if permissions.startswith("rw"):
                with contextlib.suppress(OSError, ValueError):  # a region that cannot be read
                    mem.seek(start)
                    pages = np.frombuffer(mem.read(end - start), "u1").reshape(-1, PAGE)
                    yield pages[pages.any(axis=1)].tobytes()


def holds(pid, needles):
    found = set()
    for region in memory(pid):
        found |= {name for name, needle in needles.items() if needle in region}
    return found


@pytest.fixture
def needles(digits):
    def images(split):
        return split.inputs[0, 0].tobytes().strip(b"\0")[:96]

    def labels(split):
        return {
            f"{width} bytes": split.labels[:48].astype(f"<i{width}").tobytes() for width in (1, 8)
        }

    return {
        "training images": images(digits.train),
        "training labels 8 bytes": labels(digits.train)["8 bytes"],
        "validation images": images(digits.validation),
        **{f"validation labels {k}": v for k, v in labels(digits.validation).items()},
        "test images": images(digits.test),
        **{f"test labels {k}": v for k, v in labels(digits.test).items()},
        "key": SECRET.encode(),
    }


@pytest.mark.slow
def test_no_process_holds_more_than_it_may(config, digits, network, needles, monkeypatch):
    """The one that runs a candidate never sees what is scored; no one but us sees a label of it."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    training = {"training images", "training labels 8 bytes"}
    with open_backend(config, digits, network) as backend:
        sandbox, signature = backend.evaluate._sandbox, backend.evaluate._signature
        server = server_of(sandbox)
        job = train_job(network, signature, config.recipe)
        source = "mark = 'the candidate is here'\nimport time\ntime.sleep(600)"
        outline = outline_job(network, signature, config.recipe)
        waits = replace(outline, candidate=replace(outline.candidate, source=source))
        with sandbox.run(waits, time_limit_s=60):
            (child,) = children_of(server)
            here = {"candidate": b"the candidate is here"}
            while not holds(child, here):
                time.sleep(0.05)
            assert not holds(child, needles)  # what is wired before training knows no image
            check_environment_and_files(child)
        with sandbox.run(job, time_limit_s=60) as session:
            finish_training(session)
            header = session.receive()  # it has trained, and waits to send all its weights
            (child,) = children_of(server)
            assert holds(child, needles) == training
            check_environment_and_files(child)
            payload = session.receive()
        audit = Audit(signature=signature, recipe=config.recipe, batch_sizes=SIZES)
        with sandbox.run(audit, time_limit_s=60) as session:
            session.send(np.empty(0, "u1"), header, payload)
            session.receive(), session.receive()  # counts, and answers to training images
            (child,) = children_of(server)
            session.send(0, digits.validation.inputs)
            session.receive(), session.receive()  # operations, and answers to the images
            assert training <= holds(child, needles) <= training | {"validation images"}
            check_environment_and_files(child)
        check_environment_and_files(server)  # its memory is what its children began with


def check_environment_and_files(pid):
    names = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert {name.split(b"=")[0] for name in names if name} <= {
        b"OMP_NUM_THREADS", b"GOMP_SPINCOUNT", b"TORCHDYNAMO_DISABLE", b"MALLOC_MMAP_THRESHOLD_",
        b"MALLOC_TRIM_THRESHOLD_", b"GLIBC_TUNABLES", b"CUDA_VISIBLE_DEVICES",
        b"LD_LIBRARY_PATH", b"TORCHINDUCTOR_CACHE_DIR",
    }  # fmt: skip
    files = [str(p.readlink()) for p in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [f for f in files if "sqlite" in f or "sklearn" in f]
