"""Removal of keys in every supported notation."""

import base64
from urllib.parse import quote

from harness.llm.secrets import without_secrets
from tests.support.llm_client import KEY


def test_a_key_is_found_in_other_notations(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    again = [
        KEY.upper(), quote(KEY, safe=""), "".join(f"%{ord(c):02X}" for c in KEY),
        "".join(f"\\u{ord(c):04x}" for c in KEY), "".join(f"&#x{ord(c):x};" for c in KEY),
        f"{KEY[:7]}\n  {KEY[7:]}", f'{KEY[:7]}" + "{KEY[7:]}'.replace(" + ", "+"),
        "\u200b".join(KEY), KEY.encode().hex(),
        *(base64.b64encode(f"{'u' * n}:{KEY}:x".encode()).decode() for n in range(4)),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
    ]  # fmt: skip
    for text in again:
        assert "***" in without_secrets(f"a {text} b"), text
        assert len(without_secrets(text)) < 20, text
    assert without_secrets({"n": [f"{KEY}1", 5, None]}) == {"n": ["***1", 5, None]}


def test_a_short_key_is_removed_as_a_word_unless_it_may_be_one(monkeypatch):
    monkeypatch.setenv("A_KEY", "token-abc123")
    monkeypatch.setenv("B_KEY", "ollama")
    monkeypatch.setenv("C_KEY", "lm-studio")
    text = "token-abc123 (token-abc123) xtoken-abc123 token-abc1234 ollama lm-studio"
    freed = "*** (***) xtoken-abc123 token-abc1234 ollama lm-studio"
    assert without_secrets(text) == freed
