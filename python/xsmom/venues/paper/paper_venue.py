"""A paper account for orders: the exchange core behind the port, under any market that a feed brings.

Whoever holds it sees what an exchange shows: orders that wait, fill in parts, are refused; stops that wake;
fees, funding, margin and liquidation. The clock is handed in; before each call the market is brought up to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Self

from xsmom.domain.costs import Costs
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
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    Snapshot,
    TriggerBy,
    Unknown,
    VenueEvent,
    VenueFill,
)
from xsmom.errors import OutputError, Unavailable, VenueError
from xsmom.ports import Clock, MarketData
from xsmom.venues.paper import paper_state
from xsmom.venues.paper.bar_views import fixed_modes
from xsmom.venues.paper.depth import Depth
from xsmom.venues.paper.feed import Clock as ReadClock
from xsmom.venues.paper.feed import Feed
from xsmom.venues.paper.keep import Keep
from xsmom.venues.paper.live_feed import LiveFeed
from xsmom.venues.paper.panel_market import NAME
from xsmom.venues.paper.paper_account import PaperAccount, refused
from xsmom.venues.paper.stage import Stage

MAKER_FRAC, TAKER_FRAC = Decimal("0.0002"), Decimal("0.00055")
CLIENT_ID_MAX = 36
POLL_S = 1.0
MARKET_POLL_S = 2.0
_POLL_S_MIN = 0.02
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")


class PaperVenue:
    """The whole `Venue` port over the exchange core."""

    def __init__(
        self,
        feed: Feed,
        instruments: Mapping[str, Instrument],
        *,
        cash_usdt: Decimal,
        now_ms: ReadClock | None = None,
        fees: tuple[Decimal, Decimal] = (MAKER_FRAC, TAKER_FRAC),
        name: str = NAME,
        poll_s: float = POLL_S,
        latency_ms: int = 0,
        keep: Path | None = None,
    ) -> None:
        self.feed = feed
        self.stage = Stage(instruments, fees)
        self._account = PaperAccount(self.stage)
        self.at_ms = 0
        self._clock = now_ms or (lambda: self.at_ms)
        self._poll_s, self._latency_s = poll_s, latency_ms / 1_000
        self._pump: asyncio.Task[None] | None = None
        self._pumps_alone = False
        self._keep = Keep(keep)
        self._unkept = ""
        feed.begin(self.stage, self._clock)
        self.stage.open_account(name, cash_usdt, self._catch_up())

    @classmethod
    async def over_market(
        cls,
        market: MarketData,
        *,
        cash_usdt: Decimal,
        costs: Costs,
        clock: Clock,
        keep: Path | None = None,
        latency_ms: int = 0,
        partial_fills: bool = True,
    ) -> Self:
        """Open an account on the public data of an exchange, which asks for prices until it is closed.

        With `keep`, the account is written to that file whenever it has changed, and read from it if it is there.
        """
        depth = Depth(half_spread_frac=costs.half_spread_frac, endless=not partial_fills)
        fees = Decimal(str(costs.maker_bps)) / 10_000, Decimal(str(costs.taker_bps)) / 10_000
        venue = cls(
            LiveFeed(market, depth=depth),
            await market.instruments(),
            cash_usdt=cash_usdt,
            now_ms=clock.now_ms,
            fees=fees,
            poll_s=MARKET_POLL_S,
            latency_ms=latency_ms,
            keep=keep,
        )
        kept = venue._keep.read()
        if kept is not None:
            venue.restore(kept)
        await venue.refresh()
        venue._pumps_alone = True
        venue._start_pump()
        return venue

    # --- time -----------------------------------------------------------------------------------

    def advance_to(self, at_ms: int) -> list[VenueEvent]:
        """Let the market go on to a time; give what happened since this was last asked."""
        self.at_ms = max(self.at_ms, at_ms)
        self.feed.play(at_ms)
        return self.stage.take_told()

    def _catch_up(self) -> int:
        """Bring the market up to the clock; give the time."""
        now_ms = self._clock()
        self.feed.play(now_ms)
        return max(now_ms, self.stage.core.now_ms)

    async def refresh(self) -> list[VenueEvent]:
        """Ask a live market for its newest prices; give what happened since this was last asked."""
        self._catch_up()
        await self.feed.refresh()
        self._save()
        return self.stage.take_told()

    @property
    def log_hash(self) -> str:
        """Hash over every command so far."""
        return self.stage.core.log_hash

    # --- public data ----------------------------------------------------------------------------

    @property
    def venue(self) -> str:
        """Name of the exchange."""
        return NAME

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        return self.feed.candles_page_max

    @property
    def capabilities(self) -> Capabilities:
        """What can be done here: all that the port knows."""
        return Capabilities(
            attach_stop=True,
            position_stop=True,
            amend=True,
            lookup_by_client_id=True,
            client_id_length_max=CLIENT_ID_MAX,
            candles_page_max=self.feed.candles_page_max,
            triggers=frozenset(TriggerBy),
        )

    async def now_ms(self) -> int:
        """The clock that was handed in."""
        return self._clock()

    async def measure_clock(self) -> ClockSight:
        """The same clock: nobody else's is asked."""
        return ClockSight(self._clock(), 0.0)

    async def interruption(self) -> str:
        """None: it runs as long as this process."""
        return ""

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every contract, with what may be done with it now."""
        self._catch_up()
        return await self.feed.instruments()

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars of the market."""
        return await self.feed.candles(symbol, bar_ms, since_ms, bars, price)

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Settled prints of the market."""
        return await self.feed.funding(symbol, since_ms, until_ms)

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices of every contract."""
        self._catch_up()
        return await self.feed.quotes()

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """The order book of the market."""
        self._catch_up()
        return await self.feed.depth(symbol, levels)

    async def close(self) -> None:
        """Stop asking for prices, and give connections back."""
        await self._stop_pump()
        self._save()
        await self.feed.close()

    # --- the account ----------------------------------------------------------------------------

    async def account(self) -> AccountView:
        """Money and margin."""
        return self._account.money(self._read())

    async def positions(self) -> Snapshot[PositionView]:
        """Every position that is not flat."""
        at_ms = self._read()
        return Snapshot(self._account.positions(), at_ms)

    async def open_orders(self) -> Snapshot[OrderView]:
        """Every order that is not final, stops of positions among them."""
        at_ms = self._read()
        return Snapshot(self._account.open_orders(), at_ms)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderView | None:
        """Look one order up."""
        self._read()
        return self._account.order(symbol, client_order_id)

    async def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising, of every kind."""
        self._read()
        return self._account.fills(since_ms)

    async def transfers(self, since_ms: int) -> Sequence[MoneyMove]:
        """What was paid in and out: the money that the account was opened with, and whatever a test moved."""
        self._read()
        return self._account.transfers(since_ms)

    async def fees(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Maker and taker fee of each symbol, as shares."""
        return dict.fromkeys(self.stage.number, self.stage.fees)

    async def key(self) -> KeyFacts:
        """There is no key: everything may be done, and nothing leaves."""
        return KeyFacts(
            can_trade=True, can_withdraw=False, read_only=False, ip_bound=True, expires_ms=None, account=NAME
        )

    async def submit(self, request: OrderRequest) -> Answer:
        """Take an order to the book."""
        symbol = self.stage.number.get(request.symbol)
        if symbol is None:
            return self._account.unknown(request.symbol)
        if not _CLIENT_ID.fullmatch(request.client_order_id):
            text = f"client id {request.client_order_id!r}: 1 to {CLIENT_ID_MAX} letters, digits, - and _"
            return refused(Refusal.OTHER, text)
        if request.lots == 0:
            return refused(Refusal.SIZE, "an order of 0 lots")
        await self._travel()
        try:
            if self.feed.stale():
                await self.feed.refresh()
        except VenueError as error:
            return refused(Refusal.NOT_TRADING, f"not placed, there is no fresh price: {error}")
        at_ms = self._catch_up()
        missing = self.feed.freshen(symbol)
        if missing:
            return refused(Refusal.NOT_TRADING, f"{request.symbol}: {missing}")
        return self._kept(self._account.submit(request, symbol, at_ms))

    async def amend(self, request: AmendRequest) -> Answer:
        """Change a working order in its place."""
        await self._travel()
        return self._kept(self._account.amend(request, self._catch_up()))

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        await self._travel()
        return self._kept(self._account.cancel(symbol, client_order_id, self._catch_up()))

    async def set_position_stop(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy
    ) -> Answer:
        """Set both legs that protect the whole position; `None` removes a leg."""
        await self._travel()
        at_ms = self._catch_up()
        return self._kept(self._account.set_stops(symbol, stop_loss_ticks, take_profit_ticks, by, at_ms))

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Cross margin and one-way mode are all there is; leverage is set where it differs."""
        at_ms, fixed = self._catch_up(), fixed_modes(modes)
        changed: list[str] = []
        unchanged, failed = list(fixed.unchanged), list(fixed.failed)
        for symbol in modes.symbols:
            what, answer = f"leverage {symbol}", self._account.set_leverage(symbol, modes.leverage_x, at_ms)
            if isinstance(answer, Rejected):
                failed.append((what, answer.text))
            else:
                (unchanged if isinstance(answer, NoChange) else changed).append(what)
        self._save()
        return ModeReport(tuple(changed), tuple(unchanged), tuple(failed))

    async def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to the account, as it comes. Whoever listens to a live market keeps it moving."""
        if self.feed.polls:
            self._start_pump()
        try:
            async with contextlib.aclosing(self.stage.outlet.listen(self._clock())) as told:
                async for event in told:
                    yield event
        finally:
            if not self.stage.outlet.heard and not self._pumps_alone:
                await self._stop_pump()

    # --- restart --------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """All of the account and of the market so far; `restore` goes on with the same future."""
        return paper_state.write(self)

    def restore(self, snapshot: bytes) -> None:
        """Take over what `snapshot` wrote, on the same kind of feed."""
        paper_state.read(self, snapshot)

    # --- inside ---------------------------------------------------------------------------------

    async def _travel(self) -> None:
        """Take the time that a request takes to the exchange."""
        if self._latency_s:
            await asyncio.sleep(self._latency_s)

    def _read(self) -> int:
        """Bring the market up to the clock before a read; raises while the account cannot be kept."""
        at_ms = self._catch_up()
        if self._unkept:
            raise Unavailable(f"paper: {self._unkept}")
        return at_ms

    def _kept(self, answer: Answer) -> Answer:
        """Write down what a mutation has changed; what could not be written may be forgotten, so nobody knows."""
        self._save()
        return Unknown(self._unkept) if self._unkept and isinstance(answer, Ack) else answer

    def _save(self) -> None:
        """Write the account down if it has changed since it last was."""
        if not self._keep.wanted or not (self.stage.take_changed() or self._unkept):
            return
        try:
            self._keep.write(self.snapshot())
        except OutputError as error:
            self._unkept = str(error)
        else:
            self._unkept = ""

    def _start_pump(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._keep_polling())

    async def _keep_polling(self) -> None:
        """Ask for prices again and again. While that fails nothing moves, and orders are refused."""
        loop = asyncio.get_running_loop()
        while True:
            began_s, began_ms = loop.time(), self._clock()
            with contextlib.suppress(VenueError):
                await self.refresh()
            # A clock that runs faster than ours wants to be asked more often.
            rate = (self._clock() - began_ms) / 1_000 / max(loop.time() - began_s, 1e-3)
            await asyncio.sleep(max(_POLL_S_MIN, self._poll_s / max(1.0, rate)) if self._pumps_alone else self._poll_s)

    async def _stop_pump(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.wait([pump])
