"""A configuration that is changed under a running process: told once, loudly, and obeyed by the next start alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from xsmom.config.listing import differences
from xsmom.config.resolved import Resolved
from xsmom.domain.effects import Note, Severity
from xsmom.errors import XsmomError

_SHOWN_MAX = 20

Stamp = tuple[tuple[str, int, int], ...]


class ConfigWatch:
    """Compares what the files say now with what this process began with; nothing of it is taken over."""

    def __init__(self, begun: Resolved, files: Sequence[Path], read: Callable[[], Resolved]) -> None:
        self._begun, self._files, self._read = begun, tuple(files), read
        #: None before the first look: what was written between reading and starting is seen by it.
        self._stamp: Stamp | None = None
        self._told: object = None

    def notes(self) -> list[Note]:
        """What is to be said now: of each state of the files once, and once when they are as they were."""
        stamp = _stamp(self._files)
        if stamp == self._stamp:
            return []
        self._stamp = stamp
        try:
            changed = differences(self._begun, self._read())
        except XsmomError as error:
            why = f"this process keeps what it was started with, but could not be started again so: {error}"
            return self._once(str(error), Note("config.unreadable", Severity.ERROR, {"why": why}))
        except OSError:
            return []  # it is being replaced: next look
        rows = [f"{one.name}: {json.dumps(one.before)} -> {json.dumps(one.after)}" for one in changed]
        if not rows:
            before, self._told = self._told, None
            why = "the files say again what this process was started with"
            return [Note("config.restored", Severity.INFO, {"why": why})] if before is not None else []
        why = "this process keeps what it was started with: xsmom stop --keep and start it again to take them up"
        shown = rows[:_SHOWN_MAX] + ([f"and {len(rows) - _SHOWN_MAX} more"] if len(rows) > _SHOWN_MAX else [])
        return self._once(tuple(rows), Note("config.changed", Severity.WARNING, {"changed": shown, "why": why}))

    def _once(self, what: object, note: Note) -> list[Note]:
        if what == self._told:
            return []
        self._told = what
        return [note]


def watched_files(path: Path) -> list[Path]:
    """The file, overlays beside it and `.env`: whatever a start would read."""
    beside = sorted(path.parent.glob(f"{path.stem}.*{path.suffix}")) if path.suffix else []
    return [path, *beside, path.parent / ".env"]


def _stamp(files: Sequence[Path]) -> Stamp:
    """Enough to see that a file was written, for the price of looking at its entry."""
    found = []
    for file in files:
        try:
            seen = file.stat()
        except OSError:
            continue
        found.append((str(file), seen.st_mtime_ns, seen.st_size))
    return tuple(found)
