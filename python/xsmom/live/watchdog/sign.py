"""The watchdog's own sign of life, `watchdog.json`: for whoever watches the watchdog, and for its next start."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xsmom.engine.watchdog import Beat, Watch

FILE = "watchdog.json"
SILENT_MS = 120_000
"""A watchdog whose sign is older than this is none."""


@dataclass(frozen=True, slots=True)
class WatchSign:
    """What the file says."""

    at_ms: int
    pid: int
    state: str
    latched: bool
    #: Of the newest complete look; None before it.
    positions: int | None
    coverage_frac: float | None
    #: Why the exchange cannot be read; empty when it can.
    blind: str
    #: Symbols that were left alone.
    ignored: list[str]
    watch: dict[str, Any]

    def is_alive(self, now_ms: int) -> bool:
        """Whether somebody watches; a stamp of the future is as bad as an old one."""
        return abs(now_ms - self.at_ms) <= SILENT_MS


def write_sign(state_dir: Path, sign: WatchSign) -> None:
    """Replace the file, whole."""
    state_dir.mkdir(parents=True, exist_ok=True)
    draft = state_dir / f".{FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(sign)), "utf-8")
    draft.replace(state_dir / FILE)


def read_sign(state_dir: Path) -> WatchSign | None:
    """What was said last; None when nothing was, or nothing that can be read."""
    try:
        told: dict[str, Any] = json.loads((state_dir / FILE).read_text("utf-8"))
        return WatchSign(**told)
    except (OSError, ValueError, TypeError):
        return None


def pack_watch(watch: Watch) -> dict[str, Any]:
    """What the next start goes on from."""
    return asdict(watch)


def unpack_watch(packed: dict[str, Any]) -> Watch | None:
    """The other way; None where it is of another kind."""
    try:
        beat = packed["beat"]
        return Watch(**{**packed, "beat": None if beat is None else Beat(**beat)})
    except (KeyError, TypeError):
        return None
