"""The steps of a bar on an account whose orders are filled whole: fills, funding, exits, marks, ruin."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin
from xsmom.domain.market_data import Instrument
from xsmom.domain.panel import Panel
from xsmom.domain.trading import (
    Ack,
    Answer,
    FillKind,
    OrderRequest,
    OrderView,
    Refusal,
    Rejected,
    VenueEvent,
    VenueFill,
)
from xsmom.errors import DataError
from xsmom.venues.paper import bar_views
from xsmom.venues.paper.bar_account import BarAccount, Booked
from xsmom.venues.paper.bar_orders import ABSENT, LEFT, NOTHING_TO_REDUCE, BarOrder, BarOrders
from xsmom.venues.paper.outlet import Outlet
from xsmom.venues.paper.panel_market import PanelMarket

Floats = NDArray[np.float64]
CLIENT_ID_MAX = 36
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
OPEN, MARK, CLOSE, DONE = range(4)
_STAGES = ("open_bar", "mark_bar", "close_bar", "survive")
_LEVERAGE_X = Decimal(10)


class TimingLike(Protocol):
    """When and at which price a decision is filled."""

    @property
    def fill_at(self) -> str:
        """Say `open`, `close` or `vwap`."""
        ...

    @property
    def delay_bars(self) -> int:
        """Bars beyond the first possible one."""
        ...


class BarStages:
    """An account and the steps of a bar. `BarVenue` is the port before it."""

    def __init__(
        self,
        panel: Panel,
        instruments: Mapping[str, Instrument],
        costs: Costs,
        timing: TimingLike,
        *,
        cash_usdt: float,
        margin: Margin | None = None,
        depth: tuple[Floats, Floats] | None = None,
        now_ms: Callable[[], int] | None = None,
        start_bar: int = 0,
    ) -> None:
        if timing.fill_at not in ("open", "close", "vwap") or timing.delay_bars < 0:
            raise DataError(
                f"fill_at {timing.fill_at!r} with a delay of {timing.delay_bars}: open, close or vwap, from 0"
            )
        if costs.impact_y > 0 and depth is None:
            raise DataError("costs with impact want the depth of the market: give it, or costs with impact_y=0")
        self.panel, self.costs, self.timing = panel, costs, timing
        self.margin = margin or Margin()
        self.lag_bars = timing.delay_bars + (timing.fill_at != "close")
        self.market = PanelMarket(panel, instruments, now_ms or (lambda: self.at_ms))
        self._contracts = dict(instruments)
        steps = [float(instruments[symbol].qty_step) for symbol in panel.symbols]
        self.book = BarAccount(steps, costs, cash_usdt=cash_usdt, waits=self.lag_bars > 0)
        self.orders = BarOrders()
        self.stops: dict[str, tuple[int | None, int | None]] = {}
        self.leverage_x = dict.fromkeys(panel.symbols, _LEVERAGE_X)
        self.over = ""
        self.bar, self.stage = start_bar - 1, DONE
        self.at_ms = int(panel.close_ms[0]) + (start_bar - 1) * panel.bar_ms
        self._depth, self.tiers = depth, self.margin.rows(panel.symbols)
        self._outlet = Outlet()
        self._fresh: list[VenueFill] = []

    def step(self, symbol: str) -> Decimal:
        """Units of one lot."""
        return self._contracts[symbol].qty_step

    # --- a bar ----------------------------------------------------------------------------------

    def open_bar(self, t: int) -> list[VenueFill]:
        """Fill what waits for the open of bar `t` (or its mean price), then pay the bar's funding."""
        if t != self.bar + 1 or self.stage != DONE:
            raise AssertionError(f"bar {t} cannot begin: bar {self.bar} has come to {_STAGES[self.stage]}")
        close_ms = int(self.panel.close_ms[t])
        self.bar, self.stage, self.at_ms = t, OPEN, close_ms - self.panel.bar_ms
        told: list[VenueFill] = []
        if not self.over and self.timing.fill_at != "close":
            # The mean price of a bar is spread over it: what it opens did not see the open.
            inside = self.timing.fill_at == "vwap"
            told += self._fill_due(t, close_ms - 1 if inside else self.at_ms)
        if not self.over and self.costs.funding:
            told += self._pay_funding(t, close_ms)
        return self._tell(told)

    def touch(self, request: OrderRequest, price: float, t: int) -> Answer:
        """Carry out an exit inside bar `t` at the price where it lies; what waits for the name is dropped."""
        if t != self.bar or self.stage != OPEN:
            raise AssertionError(f"bar {t} is not open: bar {self.bar} has come to {_STAGES[self.stage]}")
        refused = self._refuse(request)
        if refused is not None:
            return refused
        at_ms = int(self.panel.close_ms[t]) - 1
        order = self.orders.take_in(request, t, at_ms, waits=False)
        self._fresh += self._tell(self._fill(order, price, at_ms))
        self.orders.drop(request.symbol, LEFT, at_ms)
        return Ack(str(order.number), request.client_order_id, at_ms)

    def drop_waiting(self, symbol: str) -> None:
        """Take back whatever waits for a name."""
        self.orders.drop(symbol, LEFT, self.at_ms)

    def mark_bar(self, t: int) -> list[VenueFill]:
        """Take over the closes of bar `t`, let go what is delisted, and note how deep the market is."""
        self._go_on(MARK, t)
        if self.over:
            return []
        close_ms = int(self.panel.close_ms[t])
        self.book.mark_to(self.panel.close[t])
        gone = [number for number in self.book.held() if int(self.panel.delisted_ms[number]) <= close_ms]
        told: list[VenueFill] = []
        for number in gone:
            told += self._written(None, self.book.leave(number), FillKind.DELIVERY, close_ms - 1)
            self.orders.drop(self.panel.symbols[number], LEFT, close_ms - 1)
        if gone:
            self.book.revalue()
        if self._depth is not None and self.costs.impact_y > 0:
            self.book.note_depth(self._depth[0][t], self._depth[1][t])
        return self._tell(told)

    def close_bar(self, t: int) -> list[VenueFill]:
        """Fill what waits for the close of bar `t`."""
        self._go_on(CLOSE, t)
        if self.over or self.timing.fill_at != "close" or not self.orders.waiting:
            return []
        told = self._fill_due(t, int(self.panel.close_ms[t]))
        self.book.revalue()
        return self._tell(told)

    def survive(self, t: int) -> list[VenueFill]:
        """End the account if equity is gone, or if maintenance margin has reached it."""
        self._go_on(DONE, t)
        self.at_ms = int(self.panel.close_ms[t])
        if self.over:
            return []
        if self.book.equity_usdt <= 0.0:
            self.over, left = "bankrupt", self.book.wind_up()
        elif self.book.margin_gone(self.margin, self.tiers):
            self.over, left = "liquidated", self.book.close_all(self.costs.taker_fee_frac)
        else:
            return []
        for order in list(self.orders.waiting):
            self.orders.cancel(order, self.over, self.at_ms)
        return self._tell(self._written(None, left, FillKind.LIQUIDATION, self.at_ms))

    def advance_to(self, at_ms: int) -> list[VenueEvent]:
        """Walk every whole bar that has closed by then; give what happened."""
        before = len(self.orders.fills)
        while self.bar + 1 < self.panel.bars and int(self.panel.close_ms[self.bar + 1]) <= at_ms:
            t = self.bar + 1
            for step in (self.open_bar, self.mark_bar, self.close_bar, self.survive):
                step(t)
        return [*self.take_orders(), *self.orders.fills[before:]]

    def take_fills(self) -> list[VenueFill]:
        """Fills of orders that were filled as they came, since this was last asked."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def take_orders(self) -> list[OrderView]:
        """Orders that have changed since this was last asked."""
        return self.orders.take_changed()

    def _go_on(self, stage: int, t: int) -> None:
        if t != self.bar or self.stage != stage - 1:
            raise AssertionError(f"{_STAGES[stage]} of bar {t}: bar {self.bar} has come to {_STAGES[self.stage]}")
        self.stage = stage

    # --- fills ----------------------------------------------------------------------------------

    def _fill_due(self, t: int, at_ms: int) -> list[VenueFill]:
        told: list[VenueFill] = []
        for order in self.orders.due(t):
            told += self._fill(order, self._price(t, self.market.column[order.request.symbol]), at_ms)
        return told

    def _price(self, t: int, column: int) -> float:
        """Price before costs at which a name is filled in bar `t`."""
        start, high, low, close = (
            float(cells[t, column]) for cells in (self.panel.open, self.panel.high, self.panel.low, self.panel.close)
        )
        if self.timing.fill_at == "vwap":
            return 0.25 * ((start + close) + (high + low))
        return start if self.timing.fill_at == "open" else close

    def _fill(self, order: BarOrder, price: float, at_ms: int) -> list[VenueFill]:
        """Fill an order whole; nothing on an absent bar, and no more than is held if it only reduces."""
        column = self.market.column[order.request.symbol]
        held, lots = self.book.lots[column], order.lots
        if order.request.reduce_only:
            lots = min(max(lots, -held), 0) if held > 0 else max(min(lots, -held), 0)
        if lots == 0 or math.isnan(price):
            self.orders.cancel(order, ABSENT if lots else NOTHING_TO_REDUCE, at_ms)
            return []
        told = self._written(order, self.book.fill(column, lots, price), FillKind.TRADE, at_ms)
        if lots == order.lots:
            self.orders.finish(order)
        else:
            self.orders.cancel(order, NOTHING_TO_REDUCE, at_ms)
        if not self.book.lots[column]:
            self.stops.pop(order.request.symbol, None)
        return told

    def _written(self, order: BarOrder | None, done: Iterable[Booked], kind: FillKind, at_ms: int) -> list[VenueFill]:
        return [self.orders.execution(order, self.panel.symbols[one.symbol], kind, one, at_ms) for one in done]

    def _pay_funding(self, t: int, close_ms: int) -> list[VenueFill]:
        paid = self.book.settle(self.panel.close[t], self.panel.funding_frac[t])
        return [
            self.orders.execution(
                None,
                self.panel.symbols[one.symbol],
                FillKind.FUNDING,
                Booked(one.symbol, 0, one.mark, one.usdt, one.mark),
                close_ms,
            )
            for one in paid
        ]

    def _tell(self, fills: list[VenueFill]) -> list[VenueFill]:
        """Let listeners know what has changed with these fills; give them on."""
        heard = self._outlet.heard
        changed = self.orders.take_untold(show=heard)
        if heard and (changed or fills):
            symbols = dict.fromkeys(fill.symbol for fill in fills)
            positions = [bar_views.position(self, symbol) for symbol in symbols]
            self._outlet.tell([*changed, *fills, *positions, bar_views.account(self)], self.at_ms)
        return fills

    def _refuse(self, request: OrderRequest) -> Rejected | None:
        if request.symbol not in self.market.column:
            return Rejected(Refusal.NOT_TRADING, "local", f"{request.symbol} is none of the contracts that we know")
        if not CLIENT_ID.fullmatch(request.client_order_id):
            text = f"client id {request.client_order_id!r}: 1 to 36 letters, digits, - and _"
            return Rejected(Refusal.OTHER, "local", text)
        if request.client_order_id in self.orders.known:
            return Rejected(Refusal.DUPLICATE_ID, "local", f"client id {request.client_order_id!r} was used before")
        if request.lots == 0:
            return Rejected(Refusal.SIZE, "local", "an order of 0 lots")
        if request.trigger is not None:
            return Rejected(Refusal.OTHER, "local", "bars have no conditional orders: exits come with their price")
        if self.over:
            return Rejected(Refusal.MARGIN, "local", f"the account is {self.over}")
        return None
