"""A small market for paper accounts, bar by bar, with prices that a test chooses."""

import asyncio
import functools
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom.domain.contracts import make_instruments
from xsmom.domain.panel import Panel
from xsmom.domain.trading import OrderRequest, VenueFill
from xsmom.lake.sample import SampleMarket
from xsmom.venues.paper.panel_feed import PanelFeed
from xsmom.venues.paper.paper_venue import PaperVenue

HOUR_MS = 3_600_000
START_MS = 1_700_006_400_000 // HOUR_MS * HOUR_MS
NAME = "AAAUSDT"


@functools.cache
def sample():
    return SampleMarket(symbols=4, bars=240, seed=7, churn=False).build()


def panel_of(*bars, funding=None, **more):
    """Bars (open, high, low, close) of one contract."""
    cells: dict[str, Any] = {
        name: np.array([[bar[at]] for bar in bars], dtype=float)
        for at, name in enumerate(("open", "high", "low", "close"))
    }
    funding = [np.nan] * len(bars) if funding is None else funding
    return Panel.from_arrays(
        close_ms=np.array([START_MS + (at + 1) * HOUR_MS for at in range(len(bars))]),
        symbols=(NAME,),
        **cells,
        volume_usdt=np.where(np.isnan(cells["close"]), np.nan, 1e8),
        funding_frac=np.array(funding, dtype=float)[:, None],
        bar_ms=HOUR_MS,
        **more,
    )


def make(panel, cash=10_000, **more):
    """A paper account on a panel; time moves by `advance_to`."""
    feed = PanelFeed(panel, make_instruments(panel), **more)
    return PaperVenue(feed, make_instruments(panel), cash_usdt=Decimal(cash))


def at_close(venue, bars):
    """Let so many bars pass; what happened."""
    return venue.advance_to(int(venue.feed.panel.close_ms[bars - 1]))


def order(venue, name="a", lots=100, price=None, **more):
    """An order, its price in USDT."""
    return OrderRequest(name, NAME, lots, price_ticks=None if price is None else ticks(venue, price), **more)


def ticks(venue, price):
    return round(price / float(venue.stage.contracts[0].price_tick))


def fills_of(events):
    return [event for event in events if isinstance(event, VenueFill)]


def do(work):
    return asyncio.run(work)
