"""Settings from outside the YAML files: environment variables, `.env`, `--set`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from xsmom.config.document import Reading, plain_value, read_text
from xsmom.config.tree import tree
from xsmom.config.wording import Entry, looks_secret, refuse, shown

PREFIX = "XSMOM__"
WHICH = "XSMOM_ENV"
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_ALMOST = re.compile(r"XSMOM_(?!_)\w*__\w+", re.IGNORECASE)


def read_environment(variables: Mapping[str, str]) -> Reading:
    """Entries from variables such as XSMOM__RISK__MAX_DAILY_LOSS_PCT."""
    reading = Reading()
    for variable in sorted(variables):
        _read_variable(variable, variables[variable], f"environment variable {variable}", reading)
    return reading


def read_dotenv(path: Path) -> tuple[Reading, dict[str, str]]:
    """Entries of a `.env` file, and all its variables; a missing file says nothing."""
    reading, variables = Reading(), dict[str, str]()
    if not path.is_file():
        return reading, variables
    for line, variable, value in _assignments(read_text(path), path, reading):
        variables[variable] = value
        _read_variable(variable, value, f"{path}:{line}", reading)
    _check_mode(path, variables, reading)
    return reading, variables


def read_overrides(given: Mapping[str, object] | Sequence[str]) -> Reading:
    """Entries of `--set key=value` texts, or of a mapping from Python."""
    reading = Reading()
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        for name, value in _flat(given, ""):
            reading.add(Entry(name, value, "set"), in_yaml=False)
        return reading
    for text in given:
        name, equals, value = str(text).partition("=")
        name = name.strip()
        if not equals or not name:
            word = "" if looks_secret(re.split(r"[^\w.]", str(text))[0]) else f" {shown(str(text))}"
            reading.mistakes.append(f"--set{word}: expected key=value, such as strategy.gross_leverage=1.2")
            continue
        _read_text(name, value, "--set", reading)
    return reading


def _read_variable(variable: str, value: str, origin: str, reading: Reading) -> None:
    if _ALMOST.fullmatch(variable):
        fixed = PREFIX + variable[len("XSMOM_") :]
        reading.mistakes.append(f"{origin}: settings start with two underscores; write {fixed}")
    if not variable.upper().startswith(PREFIX):
        return
    name = variable[len(PREFIX) :].lower().replace("__", ".")
    _read_text(name, value, origin, reading)


def _read_text(name: str, text: str, origin: str, reading: Reading) -> None:
    """A text setting takes the text as it is; any other is read as YAML would."""
    key = tree().keys.get(name)
    if not text.strip():
        reading.mistakes.append(f"{origin}: {shown(name)[1:-1]} is empty; give it a value, or leave it out")
        return
    value: object = text
    if (key is None or not key.is_text) and not looks_secret(name):
        try:
            value = plain_value(text)
        except ValueError as error:
            reading.mistakes.append(f"{origin}: {shown(name)[1:-1]} got {shown(text)}, which cannot be read: {error}")
            return
    reading.add(Entry(name, value, origin), in_yaml=False)


def _assignments(text: str, path: Path, reading: Reading) -> Iterator[tuple[int, str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            # The line is not repeated: it may hold a secret.
            reading.mistakes.append(f"{path}:{number}: expected NAME=value")
            continue
        yield number, match[1], _unquoted(match[2].strip())


def _unquoted(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        return quoted[2]
    return value.partition(" #")[0].rstrip()


def _check_mode(path: Path, variables: Mapping[str, str], reading: Reading) -> None:
    """A file that holds a secret is for its owner alone."""
    secret = next((name for name in variables if looks_secret(name.lower().replace("__", "."))), None)
    if secret is None or os.name != "posix":
        return
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        reading.mistakes.append(
            f"{path} holds {secret} and has mode {mode:04o}, so that others may read it; chmod 600 {path}"
        )


def _flat(given: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for part, value in given.items():
        if not isinstance(part, str):
            raise refuse([f"set: expected names of settings as text, got {shown(part)}"])
        name = prefix + part
        if isinstance(value, Mapping) and name in tree().sections:
            yield from _flat(value, name + ".")
        else:
            yield name, _native(value)


def _native(value: object) -> object:
    """Arrays and NumPy scalars as lists and plain numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
