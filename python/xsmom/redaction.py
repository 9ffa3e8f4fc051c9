"""Secrets leave no trace: what must never be printed, and how it is blotted out.

Two nets, because each has holes. *Values*: whoever reads a secret calls `remember_secret` at once,
and every text that leaves the process goes through `redact_text`. *Names*: a field called
`api_key`, `password`, ... is blotted out whatever it holds, so a secret that nobody remembered is
still caught where its name stands beside it. Standard library only: `config` and `errors` text
pass here before anything heavy is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from xsmom.errors import ConfigError

BLOT = "[redacted]"

# Below this length a value would also blot out innocent words, and guards nothing anyway.
SECRET_CHARS_MIN = 6

_NAMES = (
    r"api[_-]?key|api[_-]?secret|secret(?:[_-]?key)?|private[_-]?key|access[_-]?key|"
    r"pass(?:word|phrase|wd)|(?:access|refresh|auth|bot|bearer|session)?[_-]?token|signature|"
    r"authorization|cookie|credentials?|webhook[_-]?url|dsn"
)
_SECRET_NAME = re.compile(rf"(?:^|[_\-.\s])(?:x[_-].*)?(?:{_NAMES})$", re.IGNORECASE)
# name=value, "name": "value", Name: value; a quoted value ends at its quote, a bare one at a break.
_SECRET_PAIR = re.compile(
    rf"(?P<name>(?:{_NAMES})[\"']?\s*[:=]\s*)"
    r"(?P<scheme>(?:Bearer|Basic|Token)\s+)?"
    r"(?:(?P<quote>[\"'])(?:(?!(?P=quote)).)*(?P=quote)|[^\s\"',;&})\]]+)",
    re.IGNORECASE,
)
# user:password@host, as in a database URL.
_URL_PASSWORD = re.compile(r"(?P<head>\w+://[^\s:/@]+:)[^\s@]+(?=@)")

_values: dict[str, None] = {}


def remember_secret(value: str) -> None:
    """From now on `value`, and each way in which a log may spell it, is blotted out."""
    if len(value) < SECRET_CHARS_MIN:
        raise ConfigError(
            f"a secret has only {len(value)} characters, which cannot be kept out of logs: "
            f"use one of at least {SECRET_CHARS_MIN}"
        )
    for spelling in _spellings(value):
        _values[spelling] = None
    # The longest first: a secret that contains another one must not leave its tail behind.
    for spelling in sorted(_values, key=len, reverse=True):
        _values[spelling] = _values.pop(spelling)


def forget_secrets() -> None:
    """Empty the list of values (between tests, or after a reload of the configuration)."""
    _values.clear()


def redact_remembered(text: str) -> str:
    """`text` without any remembered value; the net for finished lines, whose syntax must survive."""
    for spelling in _values:
        text = text.replace(spelling, BLOT)
    return text


def redact_text(text: str) -> str:
    """`text` without any remembered value, secret-looking pair or password in a URL."""
    text = _SECRET_PAIR.sub(_blot_pair, redact_remembered(text))
    return _URL_PASSWORD.sub(rf"\g<head>{BLOT}", text)


def redact_value(value: object) -> object:
    """The same for a nested structure: secret names lose their value, strings are searched."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {
            redact_value(key): BLOT if is_secret_name(str(key)) else redact_value(inner) for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # Anything else would be printed by its repr, which nobody has searched yet.
    return redact_text(repr(value))


def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret, by its last words."""
    return _SECRET_NAME.search(_snake(name)) is not None


def _blot_pair(found: re.Match[str]) -> str:
    quote_mark = found["quote"] or ""
    return f"{found['name']}{quote_mark}{BLOT}{quote_mark}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _spellings(value: str) -> set[str]:
    """The value as itself, inside JSON, inside a Python repr, and inside a URL."""
    spelled = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    spelled |= {repr(value)[1:-1], quote(value, safe=""), quote(value), quote_plus(value)}
    return spelled
