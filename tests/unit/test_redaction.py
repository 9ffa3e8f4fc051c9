"""Nothing that was remembered as a secret, or is named like one, survives redaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom.errors import ConfigError
from xsmom.redaction import (
    BLOT,
    SECRET_CHARS_MIN,
    forget_secrets,
    is_secret_name,
    redact_text,
    redact_value,
    remember_secret,
)


class Loud:
    def __repr__(self) -> str:
        return "Loud(password=hunter22)"


SECRET = 'pl4nted"s3cr3t\\/+ü=&'


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    forget_secrets()
    yield
    forget_secrets()


@pytest.mark.parametrize(
    "spell",
    [str, json.dumps, repr, quote, quote_plus, lambda text: json.dumps(text, ensure_ascii=False)],
    ids=["plain", "json", "repr", "url", "form", "json with umlauts"],
)
def test_a_remembered_value_vanishes_however_it_is_spelled(spell) -> None:
    remember_secret(SECRET)
    text = f"sent {spell(SECRET)} to the venue"
    assert redact_text(text).replace('"', "").replace("'", "") == f"sent {BLOT} to the venue"


def test_what_was_never_remembered_stays() -> None:
    text = "BTC/USDT:USDT closed at 65000.5, 12 names, weight_frac 0.05"
    assert redact_text(text) == text


def test_a_secret_inside_a_longer_one_leaves_no_tail() -> None:
    remember_secret("abcdefgh")
    remember_secret("abcdefgh-and-more")
    assert redact_text("x abcdefgh-and-more y") == f"x {BLOT} y"


def test_too_short_a_secret_is_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigError, match=f"at least {SECRET_CHARS_MIN}") as raised:
        remember_secret("qz9")
    assert "qz9" not in str(raised.value)


def test_forgetting() -> None:
    remember_secret("temporary-secret")
    forget_secrets()
    assert redact_text("temporary-secret") == "temporary-secret"


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "apiKey", "API-KEY", "secret", "apiSecret", "SECRET_KEY", "password", "passwd",
        "passphrase", "token", "access_token", "botToken", "telegram_bot_token", "Authorization",
        "private_key", "privateKey", "signature", "X-MBX-APIKEY", "X-BAPI-API-KEY", "cookie",
        "XSMOM__EXCHANGE__API_SECRET", "webhook_url", "credentials",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "symbol", "key", "close_ms", "tokens_seen", "keyboard", "secretary", "passed", "url",
        "signature_count", "client_order_id", "author", "monkey",
    ],
)  # fmt: skip
def test_innocent_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("apiKey=hunter22&timestamp=5", f"apiKey={BLOT}&timestamp=5"),
        ('{"secret": "hunter22", "x": 1}', f'{{"secret": "{BLOT}", "x": 1}}'),
        ("{'password': 'hunter22', 'x': 1}", f"{{'password': '{BLOT}', 'x': 1}}"),
        ("Authorization: Bearer hunter22", f"Authorization: {BLOT}"),
        ("X-MBX-APIKEY: hunter22", f"X-MBX-APIKEY: {BLOT}"),
        ("signature=deadbeef)", f"signature={BLOT})"),
        ("postgresql://ann:hunter22@db/x", f"postgresql://ann:{BLOT}@db/x"),
        ('{"secret": "two words"}', f'{{"secret": "{BLOT}"}}'),
    ],
)
def test_pairs_in_free_text(text: str, left: str) -> None:
    assert redact_text(text) == left


def test_nested_structures() -> None:
    remember_secret("planted-value")
    seen = redact_value(
        {
            "exchange": {"apiKey": "short", "name": "x", "headers": [("a", "planted-value")]},
            "raw": b"planted-value",
            "count": 3,
            "none": None,
            "object": Loud(),
        }
    )
    assert seen == {
        "exchange": {"apiKey": BLOT, "name": "x", "headers": [["a", BLOT]]},
        "raw": BLOT,
        "count": 3,
        "none": None,
        "object": f"Loud(password={BLOT})",
    }


@given(
    secret=st.text(min_size=SECRET_CHARS_MIN, max_size=60).filter(lambda s: s.strip() == s),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_text_carries_a_remembered_secret_out(secret: str, before: str, after: str) -> None:
    forget_secrets()
    # A text that spells our own mark proves nothing about the secret.
    if secret in BLOT or BLOT in secret:
        return
    remember_secret(secret)
    left = redact_text(before + secret + after)
    assert BLOT in left
    assert secret not in left.replace(BLOT, "\0")
