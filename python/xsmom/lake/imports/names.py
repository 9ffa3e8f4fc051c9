"""What names of files and folders tell: freqtrade's, Binance's bulk archives, and plain `BTCUSDT_1h.csv`."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import NamedTuple

from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.series import Kind

_ENDINGS = re.compile(r"(\.(csv|txt|json|parquet|pq|feather|arrow|ipc|zip|gz|data))+$", re.IGNORECASE)
_FREQTRADE = re.compile(
    r"(?P<pair>[A-Za-z0-9]+(?:_[A-Za-z0-9]+){1,2})-(?P<timeframe>[0-9]+[smhdw])"
    r"(?:-(?P<what>futures|spot|mark|funding_rate|index|premiumIndex))?"
)
_BULK = re.compile(r"(?P<symbol>[A-Z0-9]+)-(?P<timeframe>[0-9]+[smhdw])-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_BULK_OTHER = re.compile(r"(?P<symbol>[A-Z0-9]+)-(?P<what>[A-Za-z]+)-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_PLAIN = re.compile(r"(?P<symbol>[A-Z0-9]+(?:USDT|USDC|USD|FDUSD|BUSD|PERP))(?:[-_](?P<timeframe>[0-9]+[smhdw]))?")
_UNIFIED = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s]+)(?::(?P<settle>[^/:\s-]+))?")
_VENUES = ("binance", "bybit", "kraken", "okx", "bitget", "gate", "kucoin", "hyperliquid", "bitmex", "deribit")
_PERPETUAL_VENUES = {"kraken": "krakenfutures"}
_FOLDERS = 7  # of a path that may tell something: exchanges nest their archives that deep
_NOT_STORED = {"premiumIndexKlines": "premium index", "indexPriceKlines": "index prices"}


class NameTells(NamedTuple):
    """What a name says; None where it says nothing."""

    symbol: str | None = None
    timeframe: str | None = None
    kind: Kind | None = None
    venue: str | None = None
    freqtrade: bool = False
    spot: bool = False


def read_name(path: PurePath, member: str = "") -> NameTells:
    """What the name of a file, or of a member of an archive, and its folders say."""
    stem = _ENDINGS.sub("", PurePath(member or path.name).name)
    near = [word for part in (*path.parts[-_FOLDERS:], member) for word in _words(part)]
    for folder, what in _NOT_STORED.items():
        if folder in near:
            raise DataError(f"{path} holds the {what}, which the lake does not keep")
    small = {word.lower() for word in near}
    venue = next((_PERPETUAL_VENUES.get(name, name) for name in _VENUES if name in small), None)
    kind: Kind | None = "mark" if "markPriceKlines" in near or "mark" in _words(stem) else None
    if venue is not None and "spot" in small:
        venue = f"{venue}-spot"  # the same names are other markets there
    for read in (_read_bulk, _read_freqtrade, _read_plain):
        tells = read(path, stem)
        if tells is not None:
            spot = "-spot" if tells.spot and venue is not None and not venue.endswith("-spot") else ""
            return tells._replace(kind=tells.kind or kind, venue=f"{venue}{spot}" if venue else tells.venue)
    return NameTells(kind=kind, venue=venue)


def plain_symbol(symbol: str) -> str:
    """The exchange's id of a perpetual that ccxt calls `BTC/USDT:USDT`; other names stay as they are."""
    match = _UNIFIED.fullmatch(symbol)
    return f"{match['base']}{match['quote']}" if match else symbol


def usual_timeframe(text: str) -> str:
    """`60m` as `1h`."""
    return format_timeframe(parse_timeframe(text))


def _words(name: str) -> list[str]:
    return re.split(r"[^A-Za-z0-9]+", _ENDINGS.sub("", name))


def _read_bulk(path: PurePath, stem: str) -> NameTells | None:
    match = _BULK.fullmatch(stem)
    if match:
        return NameTells(match["symbol"], usual_timeframe(match["timeframe"]), venue="binance")
    match = _BULK_OTHER.fullmatch(stem)
    if match is None:
        return None
    if match["what"] != "fundingRate":
        raise DataError(f"{path} holds {match['what']}: the lake keeps bars, mark prices and funding")
    return NameTells(match["symbol"], kind="funding", venue="binance")


def _read_freqtrade(path: PurePath, stem: str) -> NameTells | None:
    match = _FREQTRADE.fullmatch(stem)
    if match is None:
        return None
    what = match["what"]
    if what in ("index", "premiumIndex"):
        raise DataError(f"{path} holds the {what}, which the lake does not keep")
    kinds: dict[str | None, Kind] = {"mark": "mark", "funding_rate": "funding"}
    pair = match["pair"].split("_")
    kind, timeframe = kinds.get(what, "bars"), usual_timeframe(match["timeframe"])
    return NameTells("".join(pair[:2]), timeframe, kind, freqtrade=True, spot=len(pair) == 2)


def _read_plain(_path: PurePath, stem: str) -> NameTells | None:
    match = _PLAIN.fullmatch(stem)
    if match is None:
        return None
    return NameTells(match["symbol"], usual_timeframe(match["timeframe"]) if match["timeframe"] else None)
