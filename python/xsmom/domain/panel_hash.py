"""The content hash of a panel, over a form that memory layout and machine do not touch.

hash = sha256( one JSON line of size, clock and symbols, then the sha256 of each block ), a block
being an array as little-endian bytes, row by row. Two panels that mean the same have the same hash:
every NaN is written as one bit pattern, and so is zero. The label is not content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from xsmom._core import PanelLike

BLOCKS = (
    "listed_ms",
    "delisted_ms",
    "open",
    "high",
    "low",
    "close",
    "volume_usdt",
    "funding_frac",
)
"""The order of the blocks, in the hash and in the panel file."""

_ROWS_BYTES = 4 << 20  # rows are made canonical this many bytes at a time: the copy stays in cache


def hash_panel(panel: PanelLike) -> str:
    """Hash the content of a panel."""
    digests = []
    for name in BLOCKS:
        block = hashlib.sha256()
        for rows in canonical_rows(getattr(panel, name)):
            block.update(rows)
        digests.append(block.hexdigest())
    return join_digests(panel.symbols, panel.bar_ms, int(panel.close_ms[0]), len(panel.close_ms), digests)


def join_digests(symbols: Sequence[str], bar_ms: int, first_close_ms: int, bars: int, digests: Sequence[str]) -> str:
    """Join the digests of the blocks, in their order, to the hash of the panel."""
    head = {
        "content": "xsmom panel 1",
        "bars": bars,
        "bar_ms": bar_ms,
        "first_close_ms": first_close_ms,
        "symbols": list(symbols),
    }
    line = json.dumps(head, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256("\n".join([line, *digests]).encode()).hexdigest()


def canonical_rows(array: NDArray[Any]) -> Iterator[memoryview]:
    """Give the bytes of an array as they are hashed and stored, some rows at a time."""
    row_bytes = max(1, array[:1].nbytes)
    step = max(1, _ROWS_BYTES // row_bytes)
    for start in range(0, len(array), step):
        rows = array[start : start + step]
        if rows.dtype.kind == "f":
            rows = rows + 0.0  # -0.0 becomes 0.0
            rows[np.isnan(rows)] = np.nan
        little = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))
        yield raw_bytes(little)


def raw_bytes(array: NDArray[Any]) -> memoryview:
    """Give the bytes of a contiguous array, as they lie in memory."""
    return array.reshape(-1).view(np.uint8).data
