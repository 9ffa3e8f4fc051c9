"""Signs of life: `heartbeat.json` for whoever watches, and systemd's own socket where there is one."""

from __future__ import annotations

import errno
import json
import os
import socket
from dataclasses import Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from xsmom.errors import OutputError


class Sign(Protocol):
    """A dataclass, whichever."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


SignT = TypeVar("SignT", bound=Sign)

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
    #: What the process carries: pieces of work under way, events that wait, timers that run, and orders that it knows.
    working: int = 0
    waiting: int = 0
    timers: int = 0
    orders: int = 0


def put_sign(place: Path, told: dict[str, Any]) -> None:
    """Replace the file of a sign, whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_text(json.dumps(told), "utf-8")
    draft.replace(place)


def get_sign(place: Path, kind: type[SignT]) -> tuple[SignT, dict[str, Any]] | None:
    """A sign and the fields that it was made of; None when there is none, or none that can be read.

    What a newer version says beside that is passed over: a watchdog of yesterday hears a trader of today.
    """
    try:
        told: dict[str, Any] = json.loads(place.read_text("utf-8"))
        known = {one.name: told[one.name] for one in fields(kind) if one.name in told}
        return kind(**known), told
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def write_heartbeat(state_dir: Path, beat: Heartbeat) -> None:
    """Say how it stands. Who cannot say so is taken for dead, and so must not trade."""
    try:
        put_sign(state_dir / FILE, asdict(beat))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else (error.strerror or str(error)).lower()
        mend = "make room" if full else "give this user the right to write there"
        raise OutputError(
            f"{state_dir / FILE}: {why}: {mend}, then start again; the stops on the exchange stand meanwhile"
        ) from error


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
