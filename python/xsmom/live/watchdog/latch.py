"""The kill switch, set from outside by the door that every command takes: a file that the trader takes in first.

The journal has one writer, the trader; a watchdog that wrote there would be a second. The letter is on disk when
`set` returns, and waits for a trader that is dead, that hangs, or that lives.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from xsmom.domain.events import Command
from xsmom.errors import OutputError
from xsmom.live.control import INBOX, write_command

BY = "watchdog"
_TAKEN_MS = 60_000
"""A letter that was written a moment ago and is gone has been taken: the heartbeat that says so is on its way."""


@dataclass(slots=True)
class KillLatch:
    """The switch of one trader."""

    state_dir: Path
    stop_file: Path
    written_ms: int = 0

    def stands(self, since_ms: int, now_ms: int) -> bool:
        """Whether a letter of ours has waited since that time, or the stop file is there."""
        lately = self.written_ms >= since_ms and 0 <= now_ms - self.written_ms < _TAKEN_MS
        if self.stop_file.exists() or lately:
            return True
        return any(_is_ours(path, since_ms) for path in (self.state_dir / INBOX).glob("*.json"))

    def set(self, reason: str, now_ms: int) -> str:
        """Set it; says how. Positions stay, with their stops: to close them is another decision."""
        try:
            path = write_command(self.state_dir, Command.KILL, by=BY, reason=reason, args={"flatten": "no"})
            _sync(path.parent)
        except OutputError as error:
            return self._set_file(reason, str(error))
        self.written_ms = now_ms
        return str(path)

    def probe(self) -> None:
        """Whether it could be set now: written, and taken back, under a name that no trader reads."""
        path = self.state_dir / INBOX / f".probe-{os.getpid()}.draft"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("probe", "utf-8")
            path.unlink()
        except OSError as error:
            raise OutputError(
                f"{path.parent} cannot be written ({error.strerror}): give the watchdog's user the right to write there"
            ) from error

    def _set_file(self, reason: str, failed: str) -> str:
        """The second door, where the first is shut."""
        try:
            self.stop_file.parent.mkdir(parents=True, exist_ok=True)
            self.stop_file.write_text(f"{BY}: {reason}\n", "utf-8")
        except OSError as error:
            raise OutputError(
                f"the kill switch could not be set: {failed}; nor could {self.stop_file} be written ({error.strerror})"
            ) from error
        return str(self.stop_file)


def _is_ours(path: Path, since_ms: int) -> bool:
    try:
        told = json.loads(path.read_text("utf-8"))
        mine = told["by"] == BY and told["command"] == Command.KILL.value
        return bool(mine and int(told["at_ms"]) >= since_ms)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sync(folder: Path) -> None:
    """The name of a file is of its folder: without this a power cut may lose it."""
    try:
        file = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(file)
    finally:
        os.close(file)
