"""A window as bytes, and back to the bit: one line of JSON, then the cells as they lie in memory."""

from __future__ import annotations

import json

import numpy as np

from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.window import Window
from xsmom.errors import DataError, JournalCorrupt

_KIND = "xsmom window 1"


def pack(window: Window) -> bytes:
    """Roster, bars and hash of a window."""
    head = {
        "kind": _KIND,
        "symbols": window.symbols,
        "listed_ms": window.listed_ms.tolist(),
        "delisted_ms": window.delisted_ms.tolist(),
        "bar_ms": window.bar_ms,
        "bars_max": window.bars_max,
        "bars": window.bars,
        "last_ms": window.last_ms,
        "hash": window.hash,
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + window.cells.astype("<f8").tobytes()


def unpack(data: bytes) -> Window:
    """The window of some bytes: it goes on with the same hash and the same bits."""
    line, _, body = data.partition(b"\n")
    try:
        head = json.loads(line)
        if head["kind"] != _KIND:
            raise JournalCorrupt(f"a stored window is of the kind {head['kind']!r}, and this version reads {_KIND!r}")
        cells = np.frombuffer(body, dtype="<f8").reshape(len(CELL_FIELDS), head["bars"], len(head["symbols"]))
        listed_ms, delisted_ms = (np.array(head[name], dtype=np.int64) for name in ("listed_ms", "delisted_ms"))
        window = Window(
            tuple(head["symbols"]), listed_ms, delisted_ms, bar_ms=head["bar_ms"], bars_max=head["bars_max"]
        )
        return window.restored(cells, head["last_ms"], head["hash"])
    except (ValueError, KeyError, TypeError, DataError) as error:
        raise JournalCorrupt(f"a stored window cannot be read ({error}): it was damaged or cut") from error
