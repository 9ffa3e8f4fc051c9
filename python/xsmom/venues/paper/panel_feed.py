"""A market of bars for orders: each bar as a path of prices, the worse extreme first.

A bar's open comes one millisecond after the close before it, with whatever gap there is. From there the
price goes in straight lines to one extreme, to the other, to the close; on the way it stops at every price at
which an order of the account wakes or is gone through, so that none is filled at the price of a coarse step.
Which extreme comes first is settled at the open: of what is held the one that hurts; of what is only ordered
the one that fills first and hurts then; else the nearer one. Funding is paid at the close, then contracts end.

A contract in which nothing is held or ordered is given a price when an order comes for it, not before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.exchange_core import ONE_E8
from xsmom.domain.market_data import Candles, DepthSight, FundingPrints, Instrument, PriceKind, Quote
from xsmom.domain.panel import Panel
from xsmom.errors import DataError
from xsmom.venues.paper.depth import Depth, Levels
from xsmom.venues.paper.feed import Clock
from xsmom.venues.paper.panel_market import CANDLES_PAGE_MAX, PanelMarket
from xsmom.venues.paper.stage import Stage

Floats = NDArray[np.float64]
STEPS_A_BAR = 6
_DELISTED_LOSS_FRAC = 0.05


class PanelFeed:
    """The bars of a panel, walked through."""

    polls = False
    candles_page_max = CANDLES_PAGE_MAX

    def __init__(
        self,
        panel: Panel,
        instruments: Mapping[str, Instrument],
        *,
        depth: Depth | None = None,
        steps: int = STEPS_A_BAR,
        start_ms: int | None = None,
    ) -> None:
        if steps < 3 or steps % 3:
            raise DataError(f"a bar of {steps} steps: its three legs want a multiple of 3")
        self.panel, self.assumed, self.steps = panel, depth or Depth(), steps
        self._instruments = instruments
        first_ms = int(panel.close_ms[0]) - panel.bar_ms
        self.bar = 0 if start_ms is None else max(0, (start_ms - first_ms) // panel.bar_ms)
        #: The next step of the bar; 0 is its open.
        self.step = 0
        self._path: Floats = np.empty((0, 0))
        self._ticks: dict[int, int] = {}
        self._priced: dict[int, tuple[int, int]] = {}

    def begin(self, stage: Stage, clock: Clock) -> None:
        """Take hold of the stage."""
        self._stage = stage
        self.market = PanelMarket(self.panel, self._instruments, clock)

    # --- time -----------------------------------------------------------------------------------

    def play(self, until_ms: int) -> None:
        """Walk every step that is due."""
        while self.bar < self.panel.bars and self._at_ms() <= until_ms:
            self._take_step(self._at_ms())
            self.step += 1
            if self.step > self.steps:
                self.bar, self.step = self.bar + 1, 0

    def _at_ms(self) -> int:
        open_ms = int(self.panel.close_ms[self.bar]) - self.panel.bar_ms
        return open_ms + 1 if self.step == 0 else open_ms + self.panel.bar_ms * self.step // self.steps

    def _take_step(self, at_ms: int) -> None:
        if self.step == 0 or not len(self._path):
            self._path = self._lay_path(self.bar)
        for symbol in self._stage.busy():
            self._go_to(symbol, self.step, at_ms, gap=self.step == 0)
        if self.step == self.steps:
            self._pay_funding(at_ms)
            self._end_contracts(at_ms)

    def _go_to(self, symbol: int, step: int, at_ms: int, *, gap: bool) -> None:
        """Move a contract to its price at a step, by way of every price that an order waits for."""
        price = float(self._path[step, self._column(symbol)])
        if math.isnan(price):
            return
        target, now = self._to_ticks(symbol, price), self._ticks.get(symbol)
        while not gap and now is not None:
            way = 1 if target > now else -1
            beyond = [level for level in self._stage.levels(symbol) if way * (level - now) > 0 < way * (target - level)]
            if not beyond:
                break
            now = min(beyond, key=lambda level: way * level)
            self._set_price(symbol, now, at_ms)
        self._set_price(symbol, target, at_ms)
        self._priced[symbol] = (self.bar, step)

    def _set_price(self, symbol: int, ticks: int, at_ms: int) -> None:
        contract = self._stage.contracts[symbol]
        day_usdt = self.market.turnover_usdt_day(contract.symbol, max(0, self.bar - 1))
        bids, asks = self.assumed.around(ticks, contract, day_usdt)
        prices = {"last": ticks, "mark": ticks, "index": ticks, "bids": bids, "asks": asks}
        self._stage.apply({"do": "prices", "symbol": symbol, **prices}, at_ms)
        self._ticks[symbol] = ticks

    def _to_ticks(self, symbol: int, price: float) -> int:
        tick = self._stage.contracts[symbol].price_tick
        return max(1, int((Decimal(price) / tick).to_integral_value(ROUND_HALF_EVEN)))

    def _lay_path(self, bar: int) -> Floats:
        """Prices of a bar at each step, `steps + 1` rows, the open first."""
        panel = self.panel
        start, high, low, close = (getattr(panel, name)[bar] for name in ("open", "high", "low", "close"))
        falls_first = start - low <= high - start
        for symbol in self._stage.busy():
            side = self._stage.side(symbol)
            if side:
                falls_first[self._column(symbol)] = side > 0
        corners = np.stack([start, np.where(falls_first, low, high), np.where(falls_first, high, low), close])
        place = np.arange(self.steps + 1) * 3 / self.steps
        leg = np.minimum(place.astype(np.int64), 2)
        share = (place - leg)[:, None]
        path: Floats = corners[leg] * (1 - share) + corners[leg + 1] * share
        for corner in range(4):  # the corners themselves, untouched by rounding
            path[self.steps // 3 * corner] = corners[corner]
        return path

    def _pay_funding(self, at_ms: int) -> None:
        for symbol in sorted(self._stage.held_lots):
            rate = float(self.panel.funding_frac[self.bar, self._column(symbol)])
            if rate and not math.isnan(rate):
                self._stage.apply({"do": "funding", "symbol": symbol, "rate_e8": round(rate * ONE_E8)}, at_ms)

    def _end_contracts(self, at_ms: int) -> None:
        """Contracts that end with this bar: out at the last price, less what the last ones out lose."""
        begun_ms = at_ms - self.panel.bar_ms
        for symbol in range(len(self._stage.contracts)):
            if begun_ms < int(self.panel.delisted_ms[self._column(symbol)]) <= at_ms:
                lots, ticks = self._stage.held_lots.get(symbol, 0), self._ticks.get(symbol, 1)
                loss = _DELISTED_LOSS_FRAC if lots < 0 else -_DELISTED_LOSS_FRAC
                self._stage.apply({"do": "delist", "symbol": symbol, "ticks": max(1, int(ticks * (1 + loss)))}, at_ms)

    def _column(self, symbol: int) -> int:
        return self.market.column[self._stage.contracts[symbol].symbol]

    def freshen(self, symbol: int) -> str:
        """Give a contract that nobody looked at the price of the step that was taken last."""
        bar, step = (self.bar, self.step - 1) if self.step else (self.bar - 1, self.steps)
        if bar < 0 or not len(self._path):
            return "the market has not begun"
        if self._priced.get(symbol) != (bar, step):
            price = float(self._path[step, self._column(symbol)])
            if not math.isnan(price):
                self._set_price(symbol, self._to_ticks(symbol, price), self._stage.core.now_ms)
                self._priced[symbol] = (bar, step)
        return ""

    def stale(self) -> bool:
        """Prices come with time."""
        return False

    async def refresh(self) -> None:
        """Time alone moves this market."""

    # --- public data ----------------------------------------------------------------------------

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every contract of the panel that is listed by now."""
        return self.market.contracts()

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:  # noqa: ARG002  a panel has one price
        """Closed bars of the panel."""
        return self.market.candles(symbol, bar_ms, since_ms, bars)

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Settled prints of the panel."""
        return self.market.funding(symbol, since_ms, until_ms)

    async def quotes(self) -> Mapping[str, Quote]:
        """The price of every contract now, and the best of both sides around it."""
        told = {}
        for symbol, contract in enumerate(self._stage.contracts):
            if not self.freshen(symbol):
                row = self._stage.core.ask({"ask": "market", "symbol": symbol})
                if row["last_ticks"] and row["status"] == "open":
                    told[contract.symbol] = self._quote(contract, row)
        return told

    def _quote(self, contract: Instrument, row: Mapping[str, Any]) -> Quote:
        tick, symbol, now_ms = contract.price_tick, contract.symbol, self.market.now_ms()
        return Quote(
            symbol=symbol,
            at_ms=now_ms,
            last=row["last_ticks"] * tick,
            mark=row["mark_ticks"] * tick,
            index=row["index_ticks"] * tick,
            bid=row["bid_ticks"] * tick or None,
            ask=row["ask_ticks"] * tick or None,
            turnover_usdt_day=Decimal(self.market.turnover_usdt_day(symbol, max(0, self.bar - 1))),
            funding_frac=self.market.last_funding(symbol),
            next_funding_ms=self.market.next_funding_ms(symbol, now_ms),
        )

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """The book that is assumed around the price: it leans to no side."""
        number = self._stage.number[symbol]
        contract, ticks = self._stage.contracts[number], self._ticks.get(number)
        sides: tuple[Levels, Levels] = ([], [])
        if not self.freshen(number) and ticks is not None:
            day_usdt = self.market.turnover_usdt_day(symbol, max(0, self.bar - 1))
            sides = self.assumed.around(ticks, contract, day_usdt)
        bid, ask = (contract.qty_step * sum(lots for _, lots in side[:levels]) for side in sides)
        return DepthSight(symbol, self.market.now_ms(), Decimal(bid), Decimal(ask))

    async def close(self) -> None:
        """Nothing is held."""

    # --- restart --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Where the walk stands; the path of a bar that has begun is part of it."""
        return {
            "bar": self.bar,
            "step": self.step,
            "path": self._path.tolist(),
            "ticks": {str(symbol): ticks for symbol, ticks in self._ticks.items()},
            "priced": {str(symbol): place for symbol, place in self._priced.items()},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.bar, self.step = int(state["bar"]), int(state["step"])
        self._path = np.array(state["path"], dtype=np.float64)
        self._ticks = {int(symbol): int(ticks) for symbol, ticks in state["ticks"].items()}
        self._priced = {int(symbol): (int(place[0]), int(place[1])) for symbol, place in state["priced"].items()}
