"""A process that writes into a lake until it is killed, and says what is on the disk: run by test_store_crash.py.

Arguments: the lake, and a number that numbers the rows. Each line on stdout is a promise: what it names
was stored before it was printed.
"""

import sys

import polars as pl

from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake

HOUR_MS = 3_600_000
START_MS = 1_640_995_200_000 - 40 * HOUR_MS
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")


def rows(first: int, count: int) -> pl.DataFrame:
    """Rows whose every value follows from their number."""
    numbers = pl.int_range(first, first + count, eager=True).cast(pl.Float64)
    stamps = pl.int_range(first, first + count, eager=True) * HOUR_MS + START_MS
    return pl.DataFrame({"open_ms": stamps, **dict.fromkeys(("open", "high", "low", "close", "volume"), numbers)})


def merge_all(lake: Lake, first: int) -> None:
    told = rows(first, 7)
    span = Span(told["open_ms"][0], told["open_ms"][-1] + HOUR_MS)
    with lake.batch():
        for symbol in SYMBOLS:
            key = SeriesKey("binance", "bars", "1h", symbol)
            lake.merge(key, told, covered=span, source=Source("download", "binance", first), replace=True)


def main() -> None:
    lake = Lake.open(sys.argv[1], create=True)
    with lake.writing():
        for first in range(int(sys.argv[2]), 1_000_000, 7):
            merge_all(lake, first)
            print(first + 7, flush=True)


if __name__ == "__main__":
    main()
