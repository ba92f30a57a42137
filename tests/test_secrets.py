"""Removal of keys in every supported spelling."""

import base64
import json
import time
from urllib.parse import quote

import pytest

from harness.evolution.candidate import Rejection
from harness.llm.answers.extraction import extract
from harness.llm.replies import ReplyReader
from harness.llm.transport import MAX_BODY_BYTES, Reply
from harness.sandbox.job import JobFailed
from harness.secrets import beginning_without_secrets, without_secrets
from harness.terminal import say
from harness.text import one_line, reason_of
from tests.support.llm_client import KEY

RANDOM = "sk-Zq83hfT0aLmN4pXw9Rv2Kc7Yb"


def split(key, gap, size=9):
    return gap.join(key[i : i + size] for i in range(0, len(key), size))


SPELLINGS = {
    "upper case": str.upper,
    "URL": lambda k: quote(k, safe=""),
    "percent": lambda k: "".join(f"%{ord(c):02X}" for c in k),
    "percent twice": lambda k: "".join(f"%25{ord(c):02x}" for c in k),
    "u": lambda k: "".join(f"\\u{ord(c):04x}" for c in k),
    "U": lambda k: "".join(f"\\U{ord(c):08x}" for c in k),
    "braces": lambda k: "".join(f"\\u{{{ord(c):x}}}" for c in k),
    "x": lambda k: "".join(f"\\x{ord(c):02x}" for c in k),
    "octal": lambda k: "".join(f"\\{ord(c):03o}" for c in k),
    "HTML": lambda k: "".join(f"&#x{ord(c):x};" for c in k),
    "HTML with zeros": lambda k: "".join(f"&#{ord(c):04d};" for c in k),
    "HTML in upper case": lambda k: "".join(f"&#X{ord(c):X};" for c in k),
    "quoted-printable": lambda k: "".join(f"={ord(c):02X}" for c in k),
    "wrapped": lambda k: split(k, "\n  "),
    "wrapped deeply": lambda k: split(k, f"\n{' ' * 40}"),
    "strings in a row": lambda k: split(k, '" "'),
    "strings below each other": lambda k: split(k, '"\n    "'),
    "strings added": lambda k: split(k, '" + "'),
    "strings added below each other": lambda k: split(k, "'\n    + '"),
    "strings in a list": lambda k: split(k, '", "'),
    "f-strings": lambda k: split(k, "' f'"),
    "raw strings in a list": lambda k: split(k, '",\n    r"'),
    "a comment": lambda k: split(k, "\n    # "),
    "a quotation": lambda k: split(k, "\n> "),
    "JSON": lambda k: json.dumps(split(k, "\n\t "))[1:-1],
    "zero width": "\u200b".join, "invisible plus": "\u2064".join, "no-break space": "\u00a0".join,
    "accents": "\u0301".join, "tags": "\U000e0001".join,
    "full width": lambda k: "".join(chr(ord(c) + 0xFEE0) for c in k),
    "backwards": lambda k: k[::-1],
    "hexadecimal": lambda k: k.encode().hex(),
    "spaced hexadecimal": lambda k: k.encode().hex(" ").upper(),
    "bytes": lambda k: ", ".join(map(hex, k.encode())),
    "a list of bytes": lambda k: ", ".join(map(str, k.encode())),
    "base32": lambda k: base64.b32encode(k.encode()).decode(),
    "urlsafe base64": lambda k: base64.urlsafe_b64encode(k.encode()).decode(),
    "wrapped base64": lambda k: split(base64.b64encode(k.encode()).decode(), "\n", 20),
    **{
        f"base64 after {n}": lambda k, n=n: base64.b64encode(f"{'u' * n}:{k}:x".encode()).decode()
        for n in range(4)
    },
    **{
        f"base32 after {n}": lambda k, n=n: base64.b32encode(f"{'u' * n}{k}".encode()).decode()
        for n in range(5)
    },
}  # fmt: skip


@pytest.mark.parametrize("key", [KEY, RANDOM])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_found_in_other_spellings(monkeypatch, spelling, key):
    monkeypatch.setenv("A_KEY", key)
    text = SPELLINGS[spelling](key)
    for before in ("a ", "\\", "%", '"'):
        found = without_secrets(f"{before}{text} b")
        assert "***" in found
        assert len(found) < 24
        assert not found.endswith("*")


def test_a_key_is_removed_alone(monkeypatch):
    monkeypatch.setenv("A_KEY", RANDOM)
    text = f"x{RANDOM}1, {split(RANDOM, ' ')}. A\u0308rger {RANDOM}\n"
    assert without_secrets(text) == "x***1, ***. A\u0308rger ***\n"


@pytest.mark.parametrize("depth", [1, 5, 40])
def test_keys_around_keys_are_removed(monkeypatch, depth):
    monkeypatch.setenv("A_KEY", RANDOM)
    assert without_secrets(f"{RANDOM[:9] * depth}{RANDOM}{RANDOM[9:] * depth}") == "***"


def test_a_short_key_is_removed_as_a_word_unless_it_may_be_one(monkeypatch):
    monkeypatch.setenv("A_KEY", "token-abc123")
    monkeypatch.setenv("B_KEY", "ollama")
    monkeypatch.setenv("C_KEY", "lm-studio")
    text = "token-abc123 (token-abc123) xtoken-abc123 token-abc1234 ollama lm-studio"
    freed = "*** (***) xtoken-abc123 token-abc1234 ollama lm-studio"
    assert without_secrets(text) == freed


@pytest.mark.parametrize("key", ["sk-no-key-required", "my-local-server-key", "xxxxxxxxxxxxxxxxx"])
def test_a_placeholder_is_removed_as_written_only(monkeypatch, key):
    monkeypatch.setenv("A_KEY", key)
    text = "(sk, no, key, required) my_local.server key x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x"
    assert without_secrets(f"{text} {key}") == f"{text} ***"


def test_text_that_is_shown_recorded_or_extracted_holds_no_key(monkeypatch, capsys):
    monkeypatch.setenv("A_KEY", RANDOM)
    far = f"{'x' * 290}{RANDOM}"  # across the end of a reason
    for reason in (Rejection(gate="build", kind="import", reason=far).reason,
                   JobFailed("build", "import", far).reason, reason_of(far)):  # fmt: skip
        assert reason == f"{'x' * 290}***"
    assert one_line(split(RANDOM, "\n")) == "***"
    say(RANDOM)
    say(split(RANDOM, "\u202e"), error=True)
    assert capsys.readouterr() == ("***\n", "***\n")
    answer = f'```python\nA = "{RANDOM[:9]}<think>a</think>{RANDOM[9:]}"\ndef f(): pass\n```'
    assert extract(answer, segment="f").code == 'A = "***"\ndef f(): pass'


@pytest.mark.parametrize(
    "piece", ["\\x41", "%25", '" ', "'", "&#0", "\u00e9", "s", " ", "x = f(1)\n"]
)
def test_a_long_text_takes_little_time(monkeypatch, piece):
    monkeypatch.setenv("A_KEY", RANDOM)
    text = piece * (65_536 // len(piece))
    began = time.process_time()
    assert without_secrets(text) == text
    assert time.process_time() - began < 2


@pytest.mark.parametrize("before", [*range(270, 302), *range(270 + 4096, 302 + 4096)])
def test_the_beginning_of_a_text_holds_no_part_of_a_key(monkeypatch, before):
    """Wherever the text is cut, once to be read and once to be shown."""
    monkeypatch.setenv("A_KEY", RANDOM)
    shown = beginning_without_secrets("x" * before + RANDOM + "y" * 10_000, 300)
    assert RANDOM[:4] not in shown
    assert len(shown) <= 300


@pytest.mark.parametrize("answers", [True, False])
def test_the_longest_reply_with_keys_within_keys_is_read_in_little_time(monkeypatch, answers):
    """As an answer, and as the message of a failure; keys in eight rounds took half a minute."""
    monkeypatch.setenv("A_KEY", RANDOM)
    text = f"{RANDOM[:9] * 20}{RANDOM}{RANDOM[9:] * 20}" + "%41" * (MAX_BODY_BYTES // 3 - 500)
    body = json.dumps({"choices": [{"message": {"content": text}}]} if answers else [text])
    began = time.process_time()
    read = ReplyReader(name="m", endpoint="e").read(
        Reply(status=200, headers={}, body=body.encode()), prompt="", applied={}, started=0.0
    )
    assert time.process_time() - began < 12
    assert RANDOM[9:] not in (read.text if answers else read.told)
