"""Indicators on one series or on a table of bars by symbols, with the seeding of TA-Lib.

`x` is one-dimensional (one series) or two-dimensional (bars by symbols); the result has its shape. A value
that is not defined yet is NaN; a NaN inside a window makes that window's value NaN, and leading NaN (a
late listing) delay the seed of that column alone.

    >>> import numpy as np
    >>> from xsmom import indicators
    >>> indicators.sma(np.arange(5.0), 3)
    array([nan, nan,  1.,  2.,  3.])

Where a function takes `out`, it writes there: an array of the result's shape that is used again and again
spares the system fresh memory, which costs more than most of the arithmetic here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom import _core
from xsmom.errors import DataError

Floats = NDArray[np.float64]

__all__ = [
    "adx",
    "atr",
    "dx",
    "ema",
    "minus_di",
    "minus_dm",
    "plus_di",
    "plus_dm",
    "ranks",
    "robust_zscores",
    "rolling_beta",
    "rolling_correlation",
    "rolling_mad",
    "rolling_mean",
    "rolling_median",
    "rolling_std",
    "rolling_zscore",
    "sma",
    "true_range",
    "wilder",
    "zscores",
]

_SERIES, _TABLE = 1, 2


def _run(work: Callable[..., Floats], *tables: ArrayLike, out: Floats | None = None, **options: int) -> Floats:
    """Give every table the core's layout, and the result the shape of the first."""
    arrays = [np.ascontiguousarray(table, dtype=np.float64) for table in tables]
    first = arrays[0]
    for array in arrays:
        if array.ndim not in (_SERIES, _TABLE):
            raise DataError(
                f"an array of {array.ndim} dimensions came in, one (a series) or two (bars by symbols) are wanted"
            )
        if array.shape != first.shape:
            raise DataError(f"arrays of shapes {first.shape} and {array.shape} came in, one shape is wanted")
    columns = [array.reshape(len(array), -1) for array in arrays]
    if out is None:
        return work(*columns, **options).reshape(first.shape)
    if out.shape != first.shape or out.dtype != np.float64 or not out.flags.carray:
        raise DataError(f"out wants a writeable, contiguous float64 array of shape {first.shape}")
    if any(np.may_share_memory(out, array) for array in arrays):
        raise DataError("out is one of the inputs, and those are still read while it is written")
    work(*columns, out=out.reshape(columns[0].shape), **options)
    return out


def ema(x: ArrayLike, period: int, *, out: Floats | None = None) -> Floats:
    """Exponential moving average, factor 2/(period+1), seeded with the plain mean of the first `period`."""
    return _run(_core.ema, x, period=period, out=out)


def wilder(x: ArrayLike, period: int, *, out: Floats | None = None) -> Floats:
    """Wilder's average, factor 1/period, seeded like `ema`."""
    return _run(_core.wilder, x, period=period, out=out)


def sma(x: ArrayLike, period: int, *, out: Floats | None = None) -> Floats:
    """Simple moving average."""
    return _run(_core.sma, x, period=period, out=out)


def rolling_mean(x: ArrayLike, period: int, *, out: Floats | None = None) -> Floats:
    """Mean of a window; the same as `sma`."""
    return _run(_core.rolling_mean, x, period=period, out=out)


def rolling_median(x: ArrayLike, period: int) -> Floats:
    """Median of a window."""
    return _run(_core.rolling_median, x, period=period)


def rolling_mad(x: ArrayLike, period: int) -> Floats:
    """Median absolute deviation from the median of a window."""
    return _run(_core.rolling_mad, x, period=period)


def rolling_std(x: ArrayLike, period: int, ddof: int = 1, *, out: Floats | None = None) -> Floats:
    """Standard deviation of a window; exact also where the level is large and the spread small."""
    return _run(_core.rolling_std, x, period=period, ddof=ddof, out=out)


def rolling_zscore(x: ArrayLike, period: int, ddof: int = 1, *, out: Floats | None = None) -> Floats:
    """Newest value less the window's mean, over its standard deviation."""
    return _run(_core.rolling_zscore, x, period=period, ddof=ddof, out=out)


def rolling_correlation(x: ArrayLike, y: ArrayLike, period: int) -> Floats:
    """Correlation of two tables, column by column."""
    return _run(_core.rolling_correlation, x, y, period=period)


def rolling_beta(y: ArrayLike, x: ArrayLike, period: int) -> Floats:
    """Slope of `y` on `x`, column by column."""
    return _run(_core.rolling_beta, y, x, period=period)


def true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike, *, out: Floats | None = None) -> Floats:
    """Range of a bar together with the close before it; first value at the second bar."""
    return _run(_core.true_range, high, low, close, out=out)


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None) -> Floats:
    """Average true range (Wilder); first value at bar `period`."""
    return _run(_core.atr, high, low, close, period=period, out=out)


def plus_dm(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None
) -> Floats:
    """Smoothed upward movement."""
    return _run(_core.plus_dm, high, low, close, period=period, out=out)


def minus_dm(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None
) -> Floats:
    """Smoothed downward movement."""
    return _run(_core.minus_dm, high, low, close, period=period, out=out)


def plus_di(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None
) -> Floats:
    """Upward movement over the range, percent."""
    return _run(_core.plus_di, high, low, close, period=period, out=out)


def minus_di(
    high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None
) -> Floats:
    """Downward movement over the range, percent."""
    return _run(_core.minus_di, high, low, close, period=period, out=out)


def dx(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None) -> Floats:
    """Directional index."""
    return _run(_core.dx, high, low, close, period=period, out=out)


def adx(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14, *, out: Floats | None = None) -> Floats:
    """Average directional index; first value at bar 2·period less one."""
    return _run(_core.adx, high, low, close, period=period, out=out)


def ranks(x: ArrayLike) -> Floats:
    """Rank of each symbol in its bar, 1 the smallest, ties averaged, NaN left out (a table)."""
    return _run(_core.ranks, x)


def zscores(x: ArrayLike, ddof: int = 0) -> Floats:
    """Each symbol's z-score in its bar, NaN left out (a table)."""
    return _run(_core.zscores, x, ddof=ddof)


def robust_zscores(x: ArrayLike) -> Floats:
    """The same from median and 1.4826 times the median absolute deviation (a table)."""
    return _run(_core.robust_zscores, x)
