"""The watchdog's own sign of life, `watchdog.json`: for whoever watches the watchdog, and for its next start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xsmom.engine.watchdog import Beat, Watch
from xsmom.live.heartbeat import get_sign, put_sign

FILE = "watchdog.json"
_FAR = 1 << 53
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
    """Say how it stands."""
    put_sign(state_dir / FILE, asdict(sign))


def read_sign(state_dir: Path) -> WatchSign | None:
    """What was said last; None when nothing was, or nothing that can be read."""
    found = get_sign(state_dir / FILE, WatchSign)
    return found[0] if found is not None and _is_sound(found[1]) else None


def _is_sound(told: dict[str, Any]) -> bool:
    """Of the right kinds: a file that holds anything else must harm neither trader nor watchdog."""
    held, covered, ignored = told["positions"], told["coverage_frac"], told["ignored"]
    return (
        _are_whole(told["at_ms"], told["pid"])
        and isinstance(told["state"], str)
        and isinstance(told["blind"], str)
        and (held is None or _are_whole(held))
        and (covered is None or (isinstance(covered, float) and 0.0 <= covered <= 1.0))
        and isinstance(ignored, list)
        and all(isinstance(one, str) for one in ignored)
    )


def pack_watch(watch: Watch) -> dict[str, Any]:
    """What the next start goes on from."""
    return asdict(watch)


def unpack_watch(packed: dict[str, Any]) -> Watch | None:
    """The other way; None where it is of another kind: a file may hold anything, and must not end the watch."""
    try:
        beat = packed["beat"]
        watch = Watch(**{**packed, "beat": None if beat is None else Beat(**beat)})
        told = list(watch.told_ms.values())
    except (AttributeError, KeyError, TypeError):
        return None
    times = (watch.watched_ms, watch.round_ms, watch.heard_ms, watch.looked_ms, watch.looks_failed, *told)
    since = [one for one in (watch.uncovered_ms, watch.flatten_ms) if one is not None]
    return watch if _are_whole(*times, *since) and isinstance(packed["silent"], bool) else None


def _are_whole(*given: object) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and abs(one) < _FAR for one in given)
