"""Signs of life: `heartbeat.json` for whoever watches, and systemd's own socket where there is one."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

SignT = TypeVar("SignT")

FILE = "heartbeat.json"
_FAR = 1 << 53


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What the file says."""

    at_ms: int
    pid: int
    seq: int
    mode: str
    mode_why: str
    equity_usdt: float
    positions: int
    coverage_frac: float
    closed_ms: int
    decided_ms: int
    kill: bool
    #: Why it cannot see to what it holds, though it runs; empty while it can.
    unwell: str = ""


def put_sign(place: Path, told: dict[str, Any]) -> None:
    """Replace the file of a sign, whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_text(json.dumps(told), "utf-8")
    draft.replace(place)


def get_sign(place: Path, kind: Callable[..., SignT]) -> tuple[SignT, dict[str, Any]] | None:
    """A sign and the fields that it was made of; None when there is none, or none that can be read."""
    try:
        told: dict[str, Any] = json.loads(place.read_text("utf-8"))
        return kind(**told), told
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def write_heartbeat(state_dir: Path, beat: Heartbeat) -> None:
    """Say how it stands."""
    put_sign(state_dir / FILE, asdict(beat))


def read_heartbeat(state_dir: Path) -> Heartbeat | None:
    """What was said last; None when nothing was, or nothing that can be read."""
    found = get_sign(state_dir / FILE, Heartbeat)
    if found is None:
        return None
    beat, told = found
    whole = (told["at_ms"], told["pid"], told["seq"])
    sound = all(isinstance(one, int) and abs(one) < _FAR for one in whole) and isinstance(beat.unwell, str)
    return beat if sound else None


def notify_systemd(text: str) -> bool:
    """Tell the service manager, such as READY=1 or WATCHDOG=1; False where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        try:
            line.connect(address)
            line.sendall(text.encode())
        except OSError:
            return False
    return True
