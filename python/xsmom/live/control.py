"""Commands from outside: a folder of small files, which a command writes and the process takes in.

Files work without a running process, without a network and without a key: what was asked for while the trader was
down is the first thing that it takes in when it starts. A file is removed after its command is in the journal, so a
crash in between takes it in twice; every command may come twice.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsmom.domain.events import Command, CommandGiven
from xsmom.errors import OutputError, StateError

INBOX = "inbox"
STOP_FILE = "EMERGENCY_STOP"


@dataclass(frozen=True, slots=True)
class Letter:
    """A command in its file."""

    path: Path
    given: CommandGiven


def write_command(
    state_dir: Path, command: Command, *, by: str, reason: str = "", args: Mapping[str, str] | None = None
) -> Path:
    """Leave a command for the process; whole or not at all."""
    folder = state_dir / INBOX
    at_ms = time.time_ns() // 1_000_000
    path = folder / f"{time.time_ns():020d}-{os.getpid()}.json"
    letter = {"command": command.value, "by": by, "at_ms": at_ms, "reason": reason, "args": dict(args or {})}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(letter, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): the command was not given") from error
    return path


def read_commands(state_dir: Path) -> list[Letter]:
    """Commands that wait, oldest first. One that cannot be read is set aside, and said."""
    folder = state_dir / INBOX
    if not folder.is_dir():
        return []
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def waiting_commands(state_dir: Path) -> int:
    """How many wait; none is touched."""
    return sum(1 for _ in (state_dir / INBOX).glob("*.json"))


def remove_command(letter: Letter) -> None:
    """It is in the journal."""
    letter.path.unlink(missing_ok=True)


def stop_file_command(path: Path, at_ms: int, *, flatten: bool) -> CommandGiven | None:
    """The kill switch as a file: whatever it holds is the reason."""
    try:
        reason = path.read_text("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"{path} is there and cannot be read ({error.strerror})"
    args = {"flatten": "yes" if flatten else "no"}
    return CommandGiven(Command.KILL, f"file {path.name}", at_ms, reason or f"{path.name} is there", args)


def _read(path: Path) -> Letter:
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        given = CommandGiven(
            Command(told["command"]),
            str(told["by"]),
            int(told["at_ms"]),
            str(told.get("reason", "")),
            {**{str(name): str(value) for name, value in told.get("args", {}).items()}, "id": path.stem},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        aside = path.with_suffix(".unreadable")
        path.replace(aside)
        raise StateError(
            f"{aside.name} in the inbox is no command ({type(error).__name__}): it was set aside"
        ) from error
    return Letter(path, given)
