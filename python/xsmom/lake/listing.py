"""What a lake holds, one row a series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xsmom.errors import DataError
from xsmom.lake.series import Kind, SeriesInfo, SeriesKey
from xsmom.lake.store import Lake


class Listed(NamedTuple):
    """A series as `xsmom data ls` shows it; `fault` is why it cannot be read."""

    key: SeriesKey
    info: SeriesInfo | None
    coverage_frac: float | None = None
    fault: str = ""


def list_series(lake: Lake, venue: str | None, kind: Kind | None, timeframe: str | None) -> Iterator[Listed]:
    """Each series from its footers; one that is broken is listed with what is wrong."""
    for key in lake.keys(venue, kind, timeframe):
        try:
            info = lake.info(key)
        except DataError as error:
            yield Listed(key, None, fault=str(error))
        else:
            yield Listed(key, info, _coverage(info))


def _coverage(info: SeriesInfo) -> float | None:
    """Rows over the bars from the first to the last; None for funding, which has no grid.

    A stamp that is told twice differently counts twice: to know better, rows must be read (`data check`).
    """
    if info.first_ms is None or info.last_ms is None or not info.key.bar_ms:
        return None
    return min(1.0, info.rows / ((info.last_ms - info.first_ms) // info.key.bar_ms + 1))
