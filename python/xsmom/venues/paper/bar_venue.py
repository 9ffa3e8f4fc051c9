"""An account whose orders are filled whole at prices of bars, with the arithmetic of the simulation.

The order's style is ignored: a limit, a time in force and an attached stop change nothing, and the venue
watches no stop. Exits inside a bar are found by the core's own stops; whoever drives the bars hands them
over with the price at which they lie (`touch`). So a book that is replayed here holds the same bits as
the simulation does. What is honest about such fills, and what is not: docs/explanation/paper.md.

A bar passes in this order, each step once: `open_bar`, any `touch`, `mark_bar`, `close_bar`, `survive`;
then orders come in for later bars. `advance_to` walks whole bars at once, for callers without stops.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal

from xsmom.domain.market_data import Candles, ClockSight, DepthSight, FundingPrints, Instrument, PriceKind, Quote
from xsmom.domain.trading import (
    AccountView,
    Ack,
    AmendRequest,
    Answer,
    Capabilities,
    KeyFacts,
    ModeReport,
    Modes,
    MoneyMove,
    NoChange,
    OrderRequest,
    OrderState,
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    Snapshot,
    TriggerBy,
    VenueEvent,
    VenueFill,
)
from xsmom.venues.paper import bar_state, bar_views
from xsmom.venues.paper.bar_stages import CLIENT_ID_MAX, DONE, BarStages
from xsmom.venues.paper.panel_market import CANDLES_PAGE_MAX, NAME


class BarVenue(BarStages):
    """The whole `Venue` port over the bars of a panel."""

    # --- the port: public data ------------------------------------------------------------------

    @property
    def venue(self) -> str:
        """Name of the exchange."""
        return NAME

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        return CANDLES_PAGE_MAX

    @property
    def capabilities(self) -> Capabilities:
        """What can be done here; stops are noted, and watched by whoever drives the bars."""
        return Capabilities(
            attach_stop=True,
            position_stop=True,
            amend=True,
            lookup_by_client_id=True,
            client_id_length_max=CLIENT_ID_MAX,
            candles_page_max=CANDLES_PAGE_MAX,
        )

    async def now_ms(self) -> int:
        """Market time."""
        return self.market.now_ms()

    async def measure_clock(self) -> ClockSight:
        """The same clock: nobody else's is asked."""
        return ClockSight(self.market.now_ms(), 0.0)

    async def interruption(self) -> str:
        """None: it runs as long as this process."""
        return ""

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
        """The newest close of every name, with half the spread of the costs on either side."""
        t = max(0, self.bar)
        return {
            symbol: self._quote(symbol, Decimal(float(self.panel.close[t, number])), t)
            for number, symbol in enumerate(self.panel.symbols)
            if not math.isnan(self.panel.close[t, number])
        }

    async def depth(self, symbol: str, levels: int) -> DepthSight:  # noqa: ARG002  a bar has no order book
        """Nothing stands anywhere: what is filled at bars meets no order book."""
        return DepthSight(symbol, self.at_ms, Decimal(0), Decimal(0))

    def _quote(self, symbol: str, price: Decimal, t: int) -> Quote:
        half = price * Decimal(self.costs.half_spread_frac)
        return Quote(
            symbol=symbol,
            at_ms=self.at_ms,
            last=price,
            mark=price,
            index=price,
            bid=price - half,
            ask=price + half,
            turnover_usdt_day=Decimal(self.market.turnover_usdt_day(symbol, t)),
            funding_frac=self.market.last_funding(symbol),
            next_funding_ms=self.market.next_funding_ms(symbol, self.at_ms),
        )

    async def close(self) -> None:
        """Nothing is held."""

    # --- the port: the account ------------------------------------------------------------------

    async def account(self) -> AccountView:
        """Money and margin at the last marks."""
        return bar_views.account(self)

    async def positions(self) -> Snapshot[PositionView]:
        """Every position that is not flat."""
        rows = tuple(bar_views.position(self, self.panel.symbols[number]) for number in self.book.held())
        return Snapshot(rows, self.at_ms)

    async def open_orders(self) -> Snapshot[OrderView]:
        """What waits for its bar, and the stops that were noted."""
        waiting = [order.view() for order in self.orders.waiting]
        return Snapshot((*waiting, *bar_views.stop_orders(self)), self.at_ms)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderView | None:
        """Look one order up."""
        order = self.orders.known.get(client_order_id)
        return order.view() if order is not None and order.request.symbol == symbol else None

    async def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising."""
        return sorted(
            (fill for fill in self.orders.fills if fill.at_ms >= since_ms), key=lambda one: (one.at_ms, one.seq)
        )

    async def transfers(self, since_ms: int) -> Sequence[MoneyMove]:  # noqa: ARG002  the port's own
        """Nobody moves money in or out of a replay."""
        return ()

    async def fees(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Maker and taker fee of each symbol."""
        each = Decimal(str(self.costs.maker_fee_frac)), Decimal(str(self.costs.taker_fee_frac))
        return dict.fromkeys(self.panel.symbols, each)

    async def key(self) -> KeyFacts:
        """There is no key: everything may be done, and nothing leaves."""
        return KeyFacts(True, False, False, True, None, NAME)

    async def submit(self, request: OrderRequest) -> Answer:
        """Take an order: it waits for its bar, or is filled at the close it was decided on."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        at_once = self.lag_bars == 0 and self.stage == DONE and self.bar >= 0
        due_bar, at_ms = self.bar + self.lag_bars, self.at_ms
        order = self.orders.take_in(request, due_bar, at_ms, waits=not at_once)
        if at_once:
            column = self.market.column[request.symbol]
            fills = self._fill(order, float(self.panel.close[self.bar, column]), at_ms)
            self.book.revalue()
            self._fresh += self._tell(fills)
        return Ack(str(order.number), request.client_order_id, at_ms)

    async def amend(self, request: AmendRequest) -> Answer:
        """Change the size of an order that waits; a limit is taken note of by nobody."""
        order = self.orders.known.get(request.client_order_id)
        if order is None or order.request.symbol != request.symbol:
            return Rejected(Refusal.NOT_FOUND, "local", f"no order {request.client_order_id!r}")
        if order.state is not OrderState.WORKING:
            return Rejected(Refusal.ALREADY_DONE, "local", "the order is filled or taken back already")
        if request.lots is None or request.lots == order.lots:
            return NoChange()
        if request.lots == 0 or (request.lots > 0) != (order.lots > 0):
            return Rejected(Refusal.SIZE, "local", f"{request.lots} lots for an order of {order.lots}")
        order.lots, order.at_ms = request.lots, self.at_ms
        self.orders.note(order)
        return Ack(str(order.number), request.client_order_id, self.at_ms)

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        order = self.orders.known.get(client_order_id)
        if order is None or order.request.symbol != symbol:
            return Rejected(Refusal.NOT_FOUND, "local", f"no order {client_order_id!r}")
        if order.state is not OrderState.WORKING:
            return Rejected(Refusal.ALREADY_DONE, "local", "the order is filled or taken back already")
        self.orders.cancel(order, "user", self.at_ms)
        return Ack(str(order.number), client_order_id, self.at_ms)

    async def set_position_stop(
        self,
        symbol: str,
        stop_loss_ticks: int | None,
        take_profit_ticks: int | None,
        by: TriggerBy,  # noqa: ARG002  the port's own; nothing is watched here
    ) -> Answer:
        """Note both legs, so that they can be read back; whoever drives the bars watches them."""
        column = self.market.column.get(symbol)
        if column is None:
            return Rejected(Refusal.NOT_TRADING, "local", f"{symbol} is none of the contracts that we know")
        if not self.book.lots[column]:
            return Rejected(Refusal.NO_POSITION, "local", f"no position in {symbol}")
        wanted = (stop_loss_ticks, take_profit_ticks)
        if self.stops.get(symbol, (None, None)) == wanted:
            return NoChange()
        self.stops[symbol] = wanted
        return Ack("", "", self.at_ms)

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Cross margin and one-way mode are all there is; leverage is taken over."""
        report = bar_views.fixed_modes(modes)
        changed = [symbol for symbol in modes.symbols if self.leverage_x.get(symbol) not in (None, modes.leverage_x)]
        unknown = tuple((f"leverage {one}", "no such contract") for one in modes.symbols if one not in self.leverage_x)
        self.leverage_x.update(dict.fromkeys(changed, modes.leverage_x))
        same = [f"leverage {one}" for one in modes.symbols if one in self.leverage_x and one not in changed]
        return ModeReport(
            tuple(f"leverage {symbol}" for symbol in changed), (*report.unchanged, *same), (*report.failed, *unknown)
        )

    def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to the account, as it comes."""
        return self._outlet.listen(self.at_ms)

    def snapshot(self) -> bytes:
        """All of the account; `restore` goes on from there with the same future."""
        return bar_state.write(self)

    def restore(self, snapshot: bytes) -> None:
        """Take over the account that `snapshot` wrote, on the same panel, costs and timing."""
        bar_state.read(self, snapshot)
