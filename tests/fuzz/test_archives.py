"""Archives changed at random, as bytes and as values under sound hashes: refused, or replayed.

What a replay does beyond that is watched by an audit hook: it writes below its own folder alone,
starts no process but the one that parses sources, and opens no connection.
"""

import contextlib
import hashlib
import io
import json
import resource
import shutil
import sys
import time
import zipfile

import pytest

from harness.errors import HarnessError
from harness.runs.replay import replay_all
from tests.conftest import ROOT
from tests.support.fuzzing import fuzz, mutated

_MOST_S = 120.0
_MOST_BYTES = 1 << 30
ARCHIVES = ("tests/golden/format_3_of_0.1.0.zip", "reproductions/quickstart/full-s0.zip")
_NODES = (
    {"_target_": "os.system", "command": "touch {canary}"},
    {"_target_": "pathlib.Path.write_text", "self": "{canary}"},
    {"_target_": "harness.Exchange", "folder": "{canary}", "name": "x", "settle_s": 0},
    {"_target_": "harness.Pool", "folder": "{canary}"},
    {"_target_": "harness.Digits", "size": 8, "split_seed": 0},
    {"_target_": "harness.EliteTournament", "n_elites": 1, "_partial_": True},
)
_VALUES = (
    None, True, False, 0, -1, 1, 2, 3, 7, 1000, 10**9, 2**63, 10**40, 0.0, 0.5, -0.5, 1.5, 1e308, -1e308,
    1e-308, "", "x", "${oc.env:HOME}", "${oc.create:{_target_: os.system}}", "${arm}", "???", "\x00", "\ud800",
    "a\nb", "../../x", "/etc/passwd", "seed", "g0.c0", "g9.c9", "g0.c0.mutation", "x" * 5000, "full", "test",
    "# segment: a\n", "limits", "harness.Halving", "baselines.RandomMutation", [], [[]], {}, {"": None}, [0, 9],
    {"score": 1, "n_params": 1, "train_s": 0}, {"gate": "train", "kind": "x", "reason": "y"}, *_NODES,
)  # fmt: skip
_WRITES = frozenset({
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.chown",
    "os.truncate", "os.utime", "os.mkfifo", "os.mknod", "sqlite3.connect", "shutil.rmtree",
})  # fmt: skip
_NEVER = ("os.exec", "os.posix_spawn", "os.system", "os.fork", "os.spawn", "os.kill", "socket.",
          "ctypes.", "code.__new__", "urllib.", "pty.", "webbrowser.")  # fmt: skip


class Watch:
    """An audit hook that notes what a replay does outside a folder; it cannot be taken off again."""

    def __init__(self):
        self.folder = None
        self.seen = []
        sys.addaudithook(self.note)

    def note(self, event, arguments):
        if self.folder is None:
            return
        if event == "open":
            odd = self._writes(*arguments[1:]) and not self._inside(arguments[0])
        elif event == "subprocess.Popen":
            odd = "harness.sandbox.parser" not in str(arguments[1])
        else:
            odd = event.startswith(_NEVER) or (event in _WRITES and not self._inside(arguments[0]))
        if odd:
            self.seen.append((event, arguments))

    def _writes(self, mode, flags):
        return any(letter in (mode or "") for letter in "wax+") or bool((flags or 0) & 0o3)

    def _inside(self, path):
        path = path.decode() if isinstance(path, bytes) else str(path)
        return str(self.folder) in path or path in {"/dev/null", ":memory:"}

    @contextlib.contextmanager
    def on(self, folder):
        self.folder, self.seen = folder, []
        try:
            yield
        finally:
            self.folder = None


@pytest.fixture(scope="module")
def watch():
    return Watch()


class Loaded:
    """A sound archive, and what it is made of."""

    def __init__(self, file):
        self.content = file.read_bytes()
        with zipfile.ZipFile(file) as archive:
            self.parts = {name: archive.read(name) for name in archive.namelist()}
        self.contents = json.loads(self.parts.pop("archive.json"))
        self.events = [json.loads(line) for line in self.parts["events.jsonl"].splitlines()]


def chosen(rng, items):
    return items[int(rng.integers(0, len(items)))]


def changed_value(value, rng):
    """Return plain values after one random change somewhere within."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        copy = value.copy()
        key = chosen(rng, list(copy) if isinstance(copy, dict) else range(len(copy)))
        what = rng.random()
        if what < 0.08:
            del copy[key]
        elif what < 0.16:
            other = chosen(rng, _VALUES)
            if isinstance(copy, list):
                copy.insert(key, other)
            else:
                copy[chosen(rng, ("_args_", "_partial_", "_target_", "path", "model", key))] = other
        elif what < 0.24 and isinstance(copy, list):
            copy.append(copy[key])
        else:
            copy[key] = changed_value(copy[key], rng)
        return copy
    if isinstance(value, str) and value and rng.random() < 0.3:
        return mutated(value.encode(errors="replace"), rng).decode(errors="replace")
    alike = [other for other in _VALUES if type(other) is type(value)]
    return chosen(rng, alike if alike and rng.random() < 0.5 else _VALUES)


def changed_events(events, rng):
    """Return events after a change of one, or of their order; half of the changes are to settings."""
    events = list(events)
    what, place = rng.random(), int(rng.integers(0, len(events)))
    manifest = events[0].get("content") if isinstance(events[0], dict) else None
    if what < 0.45 and isinstance(manifest, dict) and "config" in manifest:
        config = changed_value(manifest["config"], rng)
        events[0] = {**events[0], "content": {**manifest, "config": config}}
    elif what < 0.85:
        events[place] = changed_value(events[place], rng)
    elif what < 0.9:
        del events[place]
    elif what < 0.95:
        events.append(chosen(rng, events))
    else:
        other = int(rng.integers(0, len(events)))
        events[place], events[other] = events[other], events[place]
    return events


def sealed(contents, events, parts, change=lambda contents: contents):
    """Return an archive of these events: parts and hashes fit, so that only the events are odd."""
    sources = {}
    for event in events:
        with contextlib.suppress(AttributeError, KeyError, TypeError, UnicodeError):
            key, source = event["key"], event["content"]["source"]
            step = "seed" if key == "reference" else key.removeprefix("proposal/")
            step.encode()
            sources[f"sources/{step}.py"] = source.encode("utf-8", "surrogateescape")
    lines = "".join(json.dumps(event) + "\n" for event in events)
    kept = {name: part for name, part in parts.items() if not name.startswith("sources/")}
    kept = {**kept, **sources, "events.jsonl": lines.encode()}
    contents = {**contents, "sha256": {n: hashlib.sha256(p).hexdigest() for n, p in kept.items()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive.json", json.dumps(change(contents)))
        for name, part in kept.items():
            archive.writestr(name, part)
    return buffer.getvalue()


@pytest.mark.timeout(0)
def test_an_archive_changed_at_random_is_refused_or_replayed(watch, tmp_path):
    canary, folder = tmp_path / "canary", tmp_path / "attempt"
    told = {"refused": 0, "replayed": 0}
    loaded = [Loaded(ROOT / file) for file in ARCHIVES]
    _replayed(ROOT / ARCHIVES[0], folder)  # what is imported and started once precedes the watch

    def attempt(rng):
        one = chosen(rng, loaded)
        changed, events, contents, parts = one.events, one.events, one.contents, one.parts
        for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
            if changed:
                changed = changed_events(changed, rng)
        if rng.random() < 0.15:
            content = mutated(one.content, rng)
        elif rng.random() < 0.1:
            content = sealed(contents, events, parts, lambda it: changed_value(it, rng))
        else:
            content = sealed(contents, changed, parts)
        content = content.replace(b"{canary}", str(canary).encode())
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "changed.zip").write_bytes(content)
        started, before = time.process_time(), set(tmp_path.iterdir())
        said = "all as recorded"
        with watch.on(folder):
            try:
                _replayed(folder / "changed.zip", folder)
                told["replayed"] += 1
            except HarnessError as error:
                told["refused"] += 1
                said = str(error)
        assert not watch.seen
        assert 0 < len(said) < 1500
        assert said.isprintable()
        assert set(tmp_path.iterdir()) == before
        assert time.process_time() - started < _MOST_S

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    n = fuzz(attempt, least=4)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) * 1024
    print(f"{n} attempts, {told}, {grown >> 20} MiB more")
    assert told["refused"]
    assert grown < _MOST_BYTES


def _replayed(file, folder):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        replay_all([file], folder / "out", retrains=False, overrides=[])


def test_the_watch_sees_what_it_is_for(watch, tmp_path):
    (tmp_path / "inside").mkdir()
    with watch.on(tmp_path / "inside"):
        (tmp_path / "inside" / "file").write_text("x")
        assert not watch.seen
        (tmp_path / "outside").write_text("x")
        (tmp_path / "folder").mkdir()
    assert [event for event, _ in watch.seen] == ["open", "os.mkdir"]
