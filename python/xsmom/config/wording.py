"""What a user reads when a setting is wrong: where, which key, what came, what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xsmom.config.tree import Key, tree
from xsmom.errors import ConfigError
from xsmom.redaction import SECRET_CHARS_MIN, is_secret_name

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One value that somebody wrote, and where."""

    name: str
    value: object
    origin: str


def looks_secret(name: str) -> bool:
    """True when the value behind this name must never be repeated in a message."""
    key = tree().keys.get(name)
    return (key is not None and key.extras.secret) or is_secret_name(name.rpartition(".")[2])


def shown(value: object) -> str:
    """A value as the user wrote it, on one line, cut where it gets long."""
    if value is None:
        return "nothing"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a value of type {type(value).__name__}"
    line = printable(text)
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + " …"


def printable(text: str) -> str:
    """The text with nothing in it that would break a line or steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def refuse(lines: Iterable[str]) -> ConfigError:
    """The error that lists all mistakes, one to a line."""
    return ConfigError("\n".join(printable(line) for line in lines))


def got(name: str, value: object) -> str:
    """`got 3`, or a phrase that keeps a secret."""
    return "got a value that is not shown here" if looks_secret(name) else f"got {shown(value)}"


def refusal(entry: Entry, *, in_yaml: bool) -> str | None:
    """Why a name may not be written at all, or None when it may."""
    known, sections = tree().keys, tree().sections
    key = known.get(entry.name)
    if key is not None and key.extras.secret and in_yaml:
        return f"{entry.origin}: {_misplaced_secret(key, 'stand in a YAML file')}"
    if key is not None and key.extras.secret and entry.origin == "--set":
        return f"--set: {_misplaced_secret(key, 'stand on a command line, which others may read')}"
    if key is not None and key.available:
        return None
    if key is not None:
        return (
            f"{entry.origin}: {entry.name} is not available in this version ({got(entry.name, entry.value)}); remove it"
        )
    if entry.name in sections:
        inside = ", ".join(_children(entry.name)[:4])
        return (
            f"{entry.origin}: {entry.name} is a section (got {_brief(entry.value)}), "
            f"expected settings below it such as {inside}"
        )
    return f"{entry.origin}: {_unknown(entry.name, entry.value)}"


def wrong_value(entry: Entry, index: int | None = None) -> str:
    """The value is of the wrong type or out of range."""
    key = tree().keys[entry.name]
    expects, value, place = key.expects, entry.value, entry.name
    if index is not None and isinstance(value, list) and index < len(value):
        value, place = value[index], f"{entry.name}, item {index + 1}:"
        expects = expects.removeprefix("a list, each item ")
    unit = f" ({key.extras.unit})" if key.extras.unit else ""
    return f"{entry.origin}: {place} {got(entry.name, value)}, expected {expects}{unit}"


def nearest(name: str) -> str | None:
    """The setting that was probably meant: same word elsewhere, or a near miss."""
    names = [*tree().keys, *tree().sections]
    section, _, leaf = name.rpartition(".")
    same_leaf = [known for known in names if known.rpartition(".")[2] == leaf]
    if same_leaf:
        return difflib.get_close_matches(name, same_leaf, n=1, cutoff=0.0)[0]
    siblings = {known.rpartition(".")[2]: known for known in names if known.rpartition(".")[0] == section}
    close = difflib.get_close_matches(leaf, siblings, n=1, cutoff=0.6)
    if close:
        return siblings[close[0]]
    if section in tree().sections:
        names = [known for known in names if difflib.get_close_matches(leaf, [known.rpartition(".")[2]], cutoff=0.8)]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return close[0] if close else None


def _misplaced_secret(key: Key, where: str) -> str:
    variable = "XSMOM__" + key.name.upper().replace(".", "__")
    mend = (
        f"give it as environment variable {variable} or in a .env file of mode 0600"
        if key.available
        else "remove it, this version reads no such secret"
    )
    return f"{key.name} is a secret and must not {where}; {mend}"


def _unknown(name: str, value: object) -> str:
    meant = nearest(name)
    hidden = looks_secret(name) or (meant is not None and looks_secret(meant))
    came = "a value that is not shown here" if hidden else _brief(value)
    text = f"{shown(name)[1:-1]} is not a setting (got {came})"
    if meant is None:
        return f"{text}; xsmom config docs lists all settings"
    key = tree().keys.get(meant)
    hint = "" if key is None or key.available else " (not available in this version)"
    return f"{text}; did you mean {meant}{hint}?"


def _brief(value: object) -> str:
    """What stands behind a name that we do not know may be anything, a secret included."""
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str) and len(value) >= SECRET_CHARS_MIN:
        return "a text"
    return shown(value)


def _children(section: str) -> list[str]:
    return [name for name, key in tree().keys.items() if name.startswith(section + ".") and key.available] or [
        name for name in tree().keys if name.startswith(section + ".")
    ]
