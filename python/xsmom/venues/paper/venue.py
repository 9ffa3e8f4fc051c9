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
from typing import Any

from xsmom.domain.exchange_core import to_e8
from xsmom.domain.market_data import Candles, FundingPrints, Instrument, PriceKind, Quote
from xsmom.domain.trading import (
    AccountView,
    Ack,
    AmendRequest,
    Answer,
    Capabilities,
    KeyFacts,
    ModeReport,
    Modes,
    NoChange,
    OrderRequest,
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    Snapshot,
    TriggerBy,
    VenueEvent,
    VenueFill,
)
from xsmom.errors import Unavailable, VenueError
from xsmom.venues.paper import core_rows, core_words, paper_state
from xsmom.venues.paper.bar_views import fixed_modes
from xsmom.venues.paper.core_words import ACCOUNT
from xsmom.venues.paper.feed import Clock, Feed
from xsmom.venues.paper.panel_market import NAME
from xsmom.venues.paper.stage import Stage

MAKER_FRAC, TAKER_FRAC = Decimal("0.0002"), Decimal("0.00055")
CLIENT_ID_MAX = 36
POLL_S = 1.0
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_HISTORY_MAX = 20_000


class PaperVenue:
    """The whole `Venue` port over the exchange core."""

    def __init__(
        self,
        feed: Feed,
        instruments: Mapping[str, Instrument],
        *,
        cash_usdt: Decimal,
        now_ms: Clock | None = None,
        fees: tuple[Decimal, Decimal] = (MAKER_FRAC, TAKER_FRAC),
        name: str = NAME,
        poll_s: float = POLL_S,
    ) -> None:
        self.feed = feed
        self.stage = Stage(instruments, fees)
        self.at_ms = 0
        self._clock = now_ms or (lambda: self.at_ms)
        self._poll_s = poll_s
        self._pump: asyncio.Task[None] | None = None
        feed.begin(self.stage, self._clock)
        self.stage.open_account(name, cash_usdt, self._catch_up())

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

    async def close(self) -> None:
        """Stop asking for prices, and give connections back."""
        await self._stop_pump()
        await self.feed.close()

    # --- the account ----------------------------------------------------------------------------

    async def account(self) -> AccountView:
        """Money and margin."""
        at_ms = self._catch_up()
        return core_rows.account(self.stage.ask("wallet"), at_ms)

    async def positions(self) -> Snapshot[PositionView]:
        """Every position that is not flat."""
        at_ms = self._catch_up()
        rows = self.stage.ask("positions")
        return Snapshot(tuple(core_rows.position(row, self.stage.contracts) for row in rows), at_ms)

    async def open_orders(self) -> Snapshot[OrderView]:
        """Every order that is not final, stops of positions among them."""
        at_ms = self._catch_up()
        rows = self.stage.ask("open_orders")
        return Snapshot(tuple(core_rows.order(row, self.stage.contracts) for row in rows), at_ms)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderView | None:
        """Look one order up."""
        self._catch_up()
        row = self._find(symbol, client_order_id)
        return None if row is None else core_rows.order(row, self.stage.contracts)

    async def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising, of every kind."""
        self._catch_up()
        rows = self.stage.ask("executions", since_ms=since_ms)
        if len(rows) >= _HISTORY_MAX:
            raise Unavailable(f"paper: only the last {_HISTORY_MAX:,} executions are remembered: ask for later ones")
        return [core_rows.fill(row, self.stage.contracts) for row in reversed(rows)]

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
            return self._unknown(request.symbol)
        if not _CLIENT_ID.fullmatch(request.client_order_id):
            return _refused(
                Refusal.OTHER, f"client id {request.client_order_id!r}: 1 to {CLIENT_ID_MAX} letters, digits, - and _"
            )
        if request.lots == 0:
            return _refused(Refusal.SIZE, "an order of 0 lots")
        try:
            await self._freshen()
        except VenueError as error:
            return _refused(Refusal.NOT_TRADING, f"not placed, there is no fresh price: {error}")
        self._catch_up()
        missing = self.feed.freshen(symbol)
        if missing:
            return _refused(Refusal.NOT_TRADING, f"{request.symbol}: {missing}")
        return self._answered(core_words.place(request, symbol), request.client_order_id)

    async def amend(self, request: AmendRequest) -> Answer:
        """Change a working order in its place."""
        self._catch_up()
        found = self._open(request.symbol, request.client_order_id)
        if isinstance(found, Rejected):
            return found
        changes = {"lots": request.lots, "ticks": request.price_ticks, "trigger_ticks": request.trigger_ticks}
        given = {name: value for name, value in changes.items() if value is not None}
        command = {"do": "amend", "account": ACCOUNT, "order": found["id"], **given}
        return self._answered(command, request.client_order_id)

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        self._catch_up()
        found = self._open(symbol, client_order_id)
        if isinstance(found, Rejected):
            return found
        return self._answered({"do": "cancel", "account": ACCOUNT, "order": found["id"]}, client_order_id)

    async def set_position_stop(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy
    ) -> Answer:
        """Set both legs that protect the whole position; `None` removes a leg."""
        number = self.stage.number.get(symbol)
        if number is None:
            return self._unknown(symbol)
        at_ms = self._catch_up()
        asked = core_words.set_stops(number, stop_loss_ticks, take_profit_ticks, by)
        for event in self.stage.apply(asked, at_ms):
            if event["event"] == "refused":
                return core_words.refused(event["refusal"])
        return Ack("", "", at_ms)

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Cross margin and one-way mode are all there is; leverage is set where it differs."""
        at_ms, fixed = self._catch_up(), fixed_modes(modes)
        changed: list[str] = []
        unchanged, failed = list(fixed.unchanged), list(fixed.failed)
        for symbol in modes.symbols:
            what, answer = f"leverage {symbol}", self._set_leverage(symbol, modes.leverage_x, at_ms)
            if isinstance(answer, Rejected):
                failed.append((what, answer.text))
            else:
                (unchanged if isinstance(answer, NoChange) else changed).append(what)
        return ModeReport(tuple(changed), tuple(unchanged), tuple(failed))

    async def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to the account, as it comes. Whoever listens to a live market keeps it moving."""
        if self.feed.polls and self._pump is None:
            self._pump = asyncio.create_task(self._keep_polling())
        try:
            async with contextlib.aclosing(self.stage.outlet.listen(self._clock())) as told:
                async for event in told:
                    yield event
        finally:
            if not self.stage.outlet.heard:
                await self._stop_pump()

    # --- restart --------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """All of the account and of the market so far; `restore` goes on with the same future."""
        return paper_state.write(self)

    def restore(self, snapshot: bytes) -> None:
        """Take over what `snapshot` wrote, on the same kind of feed."""
        paper_state.read(self, snapshot)

    # --- inside ---------------------------------------------------------------------------------

    async def _freshen(self) -> None:
        if self.feed.stale():
            await self.feed.refresh()

    async def _keep_polling(self) -> None:
        """Ask for prices again and again. While that fails nothing moves, and orders are refused."""
        while True:
            with contextlib.suppress(VenueError):
                await self.refresh()
            await asyncio.sleep(self._poll_s)

    async def _stop_pump(self) -> None:
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.wait([pump])

    def _answered(self, command: Mapping[str, Any], client_order_id: str) -> Answer:
        """Carry out a command; an order that it concerns is the first that is told."""
        at_ms = max(self._clock(), self.stage.core.now_ms)
        for event in self.stage.apply(command, at_ms):
            if event["event"] == "refused":
                return core_words.refused(event["refusal"])
            if event["event"] == "order":
                return Ack(str(event["order"]["id"]), client_order_id, at_ms)
        raise AssertionError(f"{command['do']} told nothing")

    def _set_leverage(self, symbol: str, leverage_x: Decimal, at_ms: int) -> Answer:
        number = self.stage.number.get(symbol)
        if number is None:
            return self._unknown(symbol)
        wanted = to_e8(leverage_x)
        if self.stage.ask("position", symbol=number)["leverage_e8"] == wanted:
            return NoChange()
        command = {"do": "set_leverage", "account": ACCOUNT, "symbol": number, "leverage_e8": wanted}
        for event in self.stage.apply(command, at_ms):
            if event["event"] == "refused":
                return core_words.refused(event["refusal"])
        return Ack("", "", at_ms)

    def _find(self, symbol: str, client_order_id: str) -> dict[str, Any] | None:
        row: dict[str, Any] | None = self.stage.ask("order", client_id=client_order_id) if client_order_id else None
        return row if row is not None and row["symbol"] == self.stage.number.get(symbol) else None

    def _open(self, symbol: str, client_order_id: str) -> dict[str, Any] | Rejected:
        row = self._find(symbol, client_order_id)
        if row is None:
            return _refused(Refusal.NOT_FOUND, f"no order {client_order_id!r} in {symbol}")
        if row["state"] in ("filled", "cancelled"):
            return _refused(Refusal.ALREADY_DONE, "the order is filled or taken back already")
        return row

    def _unknown(self, symbol: str) -> Rejected:
        if symbol in self.stage.too_fine:
            return _refused(Refusal.NOT_TRADING, f"{symbol}: its tick and step are too fine to be matched exactly here")
        return _refused(Refusal.NOT_TRADING, f"{symbol} is none of the contracts that we know")


def _refused(refusal: Refusal, text: str) -> Rejected:
    return Rejected(refusal, "local", text)
