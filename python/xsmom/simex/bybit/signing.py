"""Who signed a request, and whether they may: headers of REST, `auth` of the sockets."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from xsmom.simex.bybit import codes
from xsmom.simex.bybit.codes import Code
from xsmom.simex.clock import VenueClock

RECV_WINDOW_MS = 5000
_DIGITS_MAX = 18


@dataclass
class Key:
    """An API key of an account, as the exchange knows it."""

    key: str
    secret: str
    account: str
    uid: int
    can_trade: bool = True
    can_withdraw: bool = False
    banned: bool = False
    expires_ms: int = 0
    ips: tuple[str, ...] = ()


def sign(secret: str, text: str) -> str:
    """Give the signature as the exchange computes it."""
    return hmac.digest(secret.encode(), text.encode("utf-8", "surrogateescape"), "sha256").hex()


def is_count(text: str) -> bool:
    """Whether text is a whole number of a sane length, in the digits that everybody knows."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


def _same(expected: str, told: str) -> bool:
    return hmac.compare_digest(expected.encode(), told.encode("utf-8", "replace"))


def check_request(
    headers: Mapping[str, str], payload: str, keys: Mapping[str, Key], clock: VenueClock
) -> tuple[Key | None, Code]:
    """Find the key that signed a REST request, or say what is wrong with it."""
    name = headers.get("X-BAPI-API-KEY", "")
    stamp, window = headers.get("X-BAPI-TIMESTAMP", ""), headers.get("X-BAPI-RECV-WINDOW", str(RECV_WINDOW_MS))
    key = keys.get(name)
    if key is None:
        return None, codes.BAD_KEY
    if not is_count(stamp) or not is_count(window):
        return None, codes.BAD_TIME
    if not clock.is_timely(int(stamp), int(window)):
        told = f"req_timestamp[{stamp}],server_timestamp[{clock.told_ms()}],recv_window[{window}]"
        return None, Code(codes.BAD_TIME.number, f"{codes.BAD_TIME.text}. {told}")
    expected = sign(key.secret, f"{stamp}{name}{window}{payload}")
    if not _same(expected, headers.get("X-BAPI-SIGN", "")):
        return None, codes.BAD_SIGN
    return key, standing(key, clock)


def check_socket(args: list[object], keys: Mapping[str, Key], clock: VenueClock) -> tuple[Key | None, Code]:
    """Find the key that a socket authenticates with: key, expiry, signature."""
    if len(args) != 3 or not isinstance(args[0], str) or not is_count(str(args[1])):
        return None, codes.BAD_PARAMETER
    key = keys.get(args[0])
    if key is None:
        return None, codes.BAD_KEY
    expires_ms = int(str(args[1]))
    # Until then the signature holds; it may lie far ahead.
    if not clock.is_timely(expires_ms, 0) and clock.has_passed(expires_ms):
        return None, codes.BAD_TIME
    if not _same(sign(key.secret, f"GET/realtime{expires_ms}"), str(args[2])):
        return None, codes.BAD_SIGN
    return key, standing(key, clock)


def standing(key: Key, clock: VenueClock) -> Code:
    """Whether the key may be used at all."""
    if key.banned:
        return codes.BANNED
    if key.expires_ms and key.expires_ms <= clock.now_ms():
        return codes.KEY_EXPIRED
    return codes.OK
