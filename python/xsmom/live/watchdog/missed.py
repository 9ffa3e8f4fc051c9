"""The trader's eye on its watchdog: that none is alive is told, at first after a while and then every hour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xsmom.domain.effects import Note, Severity
from xsmom.live.watchdog.sign import SILENT_MS, read_sign

_AGAIN_MS = 3_600_000


@dataclass(slots=True)
class MissedWatchdog:
    """What was told of it."""

    begun_ms: int
    told_ms: int | None = None
    absent: bool = False

    def notes(self, state_dir: Path, now_ms: int) -> list[Note]:
        """What is to be said now: an error where one has been there, a warning where there never was one."""
        sign = read_sign(state_dir)
        if sign is not None and sign.is_alive(now_ms):
            was, self.absent, self.told_ms = self.absent, False, None
            return [Note("watchdog.present", Severity.INFO, {"pid": sign.pid})] if was else []
        # Both may have been started together: each gets the time that it takes.
        if now_ms - self.begun_ms < SILENT_MS or (self.told_ms is not None and now_ms - self.told_ms < _AGAIN_MS):
            return []
        self.absent, self.told_ms = True, now_ms
        if sign is None:
            why = "no watchdog has ever watched this trader: see xsmom watchdog --help"
            return [Note("watchdog.absent", Severity.WARNING, {"why": why})]
        silent_s = (now_ms - sign.at_ms) // 1_000
        why = f"the watchdog (process {sign.pid}) has been silent for {silent_s} s: start it again"
        return [Note("watchdog.absent", Severity.ERROR, {"why": why})]
