"""Which column is what: by name, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xsmom.errors import DataError
from xsmom.lake.imports.names import NameTells
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import Kind

_OPEN_TIMES = (
    "open_ms", "open_time", "opentime", "ts", "timestamp", "time", "datetime", "date", "start_time", "starttime",
    "start", "candle_begin_time", "unix", "unix_timestamp", "t",
)  # fmt: skip
_CLOSE_TIMES = ("close_ms", "close_time", "closetime", "end_time", "endtime")
_PRINT_TIMES = ("at_ms", "funding_time", "fundingtime", "calc_time", "funding_rate_timestamp", "fundingratetimestamp")
_ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "instrument", "instrument_id", "inst_id", "instid", "pair", "market", "tic"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price", "mark_price", "markprice"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
    "volume_usdt": ("volume_usdt", "quote_volume", "quotevolume", "quote_asset_volume", "turnover", "volume_quote"),
    "rate_frac": ("rate_frac", "rate", "funding_rate", "fundingrate", "last_funding_rate", "lastfundingrate"),
}
_TRADE_WORDS = {"trade_id", "tradeid", "agg_trade_id", "buyer_maker", "is_buyer_maker", "isbuyermaker", "side"}
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class ColumnGuess:
    """The kind of a table, and for each of our fields the column that was taken for it."""

    kind: Kind
    time: str
    time_is: str
    taken: dict[str, str]
    ignored: tuple[str, ...]


def guess_columns(label: str, columns: Sequence[str], tells: NameTells, wishes: Wishes) -> ColumnGuess:
    """Tell the columns of a long table apart; what is missing is an error with the mend."""
    by_name = {_plain(name): name for name in reversed(columns)}
    chosen = dict(wishes.columns)
    for field, column in chosen.items():
        if column not in columns:
            raise DataError(f"{label} has no column {column!r} for {field}: it has {_listed(columns)}")
    taken = {field: chosen[field] for field in _ALIASES if field in chosen}
    for field, aliases in _ALIASES.items():
        found = next((by_name[name] for name in aliases if name in by_name), None)
        if field not in taken and found is not None and found not in chosen.values():
            taken[field] = found
    if tells.freqtrade and tells.kind == "funding" and "rate_frac" not in taken and "open" in taken:
        taken["rate_frac"] = taken["open"]  # freqtrade keeps funding as candles, the rate as their open
    kind = wishes.kind or _kind(label, columns, taken, tells)
    _refuse_lacking(label, columns, taken, kind)
    time, time_is = _time(label, columns, by_name, kind, wishes)
    wanted = {"symbol", "rate_frac"} if kind == "funding" else {*_ALIASES} - {"rate_frac"}
    taken = {field: column for field, column in taken.items() if field in wanted and column != time}
    used = {time, *taken.values()}
    return ColumnGuess(kind, time, time_is, taken, tuple(name for name in columns if name not in used))


def find_time(label: str, columns: Sequence[str], kind: Kind, wishes: Wishes) -> tuple[str, str]:
    """The column of time alone, and whether it is of the open or the close of a bar."""
    return _time(label, columns, {_plain(name): name for name in reversed(columns)}, kind, wishes)


def has_prices(columns: Sequence[str]) -> bool:
    """Whether a table has columns of a long one."""
    names = {_plain(name) for name in columns}
    wanted = ("symbol", *_PRICES, "rate_frac")
    return any(names & set(_ALIASES[field]) for field in wanted)


def looks_like_trades(columns: Sequence[str]) -> bool:
    """Whether the columns are of single trades."""
    return bool({_plain(name) for name in columns} & _TRADE_WORDS)


def _kind(label: str, columns: Sequence[str], taken: dict[str, str], tells: NameTells) -> Kind:
    if looks_like_trades(columns) and "open" not in taken:
        raise DataError(f"{label} holds single trades, the lake keeps bars, mark prices and funding: make bars first")
    if tells.kind is not None:
        return tells.kind
    if "rate_frac" in taken and not {"open", "high", "low"} & set(taken):
        return "funding"
    if all(price in taken for price in _PRICES):
        return "bars"
    if "close" in taken:
        lacks = ", ".join(price for price in _PRICES if price not in taken)
        raise DataError(
            f"{label} has a close but no {lacks}, so it holds no bars: give --kind mark if it is a mark price, "
            "or --columns"
        )
    raise DataError(
        f"{label} has neither prices of bars nor funding rates in its columns {_listed(columns)}: "
        "say which they are by --columns, such as --columns open_ms=when,close=last"
    )


def _refuse_lacking(label: str, columns: Sequence[str], taken: dict[str, str], kind: Kind) -> None:
    wanted = {"bars": _PRICES, "mark": ("close",), "funding": ("rate_frac",)}[kind]
    lacks = [field for field in wanted if field not in taken]
    if lacks:
        raise DataError(
            f"{label} has no column for {lacks[0]}, which {kind} want: it has {_listed(columns)}; "
            f"name it by --columns {lacks[0]}=…"
        )


def _time(label: str, columns: Sequence[str], by_name: dict[str, str], kind: Kind, wishes: Wishes) -> tuple[str, str]:
    field = "at_ms" if kind == "funding" else "open_ms"
    said = wishes.columns.get(field) or wishes.columns.get("open_ms") or wishes.columns.get("at_ms")
    opens = (*_PRINT_TIMES, *_OPEN_TIMES) if kind == "funding" else _OPEN_TIMES
    column = said or next((by_name[name] for name in (*opens, *_CLOSE_TIMES) if name in by_name), None)
    if column is None:
        raise DataError(f"{label} has no column of time among {_listed(columns)}: name it by --columns {field}=…")
    if column not in columns:
        raise DataError(f"{label} has no column {column!r} for {field}: it has {_listed(columns)}")
    guess = "close" if _plain(column) in _CLOSE_TIMES and kind != "funding" else "open"
    return column, wishes.time_is or guess


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _listed(columns: Sequence[str]) -> str:
    some = ", ".join(columns[:12])
    return f"{some}, … ({len(columns)} in all)" if len(columns) > 12 else some or "none"
