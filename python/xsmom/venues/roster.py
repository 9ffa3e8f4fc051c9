"""The exchanges that there is a table for, and how to open one."""

from __future__ import annotations

from xsmom.errors import ConfigError
from xsmom.venues.bybit.market import BybitMarket
from xsmom.venues.bybit.table import BYBIT
from xsmom.venues.bybit.venue import BybitVenue
from xsmom.venues.exchange_table import ExchangeTable
from xsmom.venues.wire import Access, Wire

TABLES: dict[str, ExchangeTable] = {"bybit": BYBIT}
_MARKETS = {"bybit": BybitMarket}
_VENUES = {"bybit": BybitVenue}


def table_of(name: str) -> ExchangeTable:
    """The table of an exchange; without one, nothing about it would be known well enough to rely on."""
    try:
        return TABLES[name]
    except KeyError:
        known = ", ".join(sorted(TABLES))
        raise ConfigError(f"exchange {name!r} is not supported by this version: choose {known}") from None


async def open_market(name: str, access: Access | None = None, quote: str = "USDT") -> BybitMarket:
    """Connect to an exchange's public data; give it back with `close`."""
    table = table_of(name)
    return _MARKETS[name](await Wire.connect(table, access or Access()), quote)


async def open_venue(name: str, access: Access, quote: str = "USDT") -> BybitVenue:
    """Connect to an account at an exchange, whose keys are in `access`; give it back with `close`."""
    table = table_of(name)
    wire = await Wire.connect(table, access)
    try:
        return _VENUES[name](wire, quote)
    except BaseException:
        await wire.close()
        raise
