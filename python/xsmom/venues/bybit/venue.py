"""An account at Bybit: what `ports.Venue` promises, over the same wire as the public data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

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
from xsmom.errors import ConfigError, Unavailable, VenueError
from xsmom.venues.bybit import account_rows, requests, rows
from xsmom.venues.bybit.account_rows import Scales
from xsmom.venues.bybit.codes import NO_CHANGE, refusal_of
from xsmom.venues.bybit.market import BybitMarket
from xsmom.venues.bybit.modes import compare_modes, ensure_modes
from xsmom.venues.bybit.stream import AccountStream
from xsmom.venues.faults import Fault, WireFault
from xsmom.venues.limiter import Lane
from xsmom.venues.wire import Wire

_READ = Lane.ENTRY  # an account's state is wanted before market data, and after what protects it
_ORDERS_PAGE = 50
_POSITIONS_PAGE = 200
_FILLS_PAGE = 100
_MONEY_PAGE = 50
_STRETCH_MS = 7 * 86_400_000  # the longest range that one call answers for
_PAGES_MAX = 2_000


class BybitVenue(BybitMarket):
    """Reads that are complete or raise; mutations that answer and never raise."""

    def __init__(self, wire: Wire, quote: str = "USDT") -> None:
        super().__init__(wire, quote)
        if wire.access.keys is None:
            raise ConfigError(
                "exchange.api_key is not set: set XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET in the "
                "environment, or in an .env file of mode 0600"
            )
        self._scales = Scales({})

    @property
    def capabilities(self) -> Capabilities:
        """What this exchange can do."""
        return self.wire.table.capabilities

    async def instruments(self) -> Mapping[str, Any]:
        """Every contract; also what sizes and prices of the account are read by from now on."""
        contracts = await super().instruments()
        self._scales = Scales(contracts)
        return contracts

    async def account(self) -> AccountView:
        """Money and margin."""

        def parse(answer: dict[str, Any]) -> AccountView:
            (row,) = rows.listed(answer)
            return account_rows.account(row, int(answer["time"]))

        return await self.wire.read("wallet", {"accountType": "UNIFIED"}, "the wallet", parse, _READ)

    async def positions(self) -> Snapshot[PositionView]:
        """Every position that is not flat."""
        asked = {"category": "linear", "settleCoin": self.quote, "limit": _POSITIONS_PAGE}
        found, as_of_ms = await self._every("positions", asked, "positions", account_rows.position)
        return Snapshot(tuple(one for one in found if one.lots), as_of_ms)

    async def open_orders(self) -> Snapshot[OrderView]:
        """Every order that is not final, all pages, conditional ones and stops of positions among them."""
        asked = {"category": "linear", "settleCoin": self.quote, "limit": _ORDERS_PAGE, "openOnly": 0}
        found, as_of_ms = await self._every("open_orders", asked, "open orders", account_rows.order)
        # While pages are turned an order may move from one to the next: its newest state counts.
        newest: dict[str, OrderView] = {}
        for one in sorted(found, key=lambda one: one.at_ms):
            newest[one.order_id] = one
        return Snapshot(tuple(one for one in newest.values() if not one.state.final), as_of_ms)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> OrderView | None:
        """Look one order up among the open and lately closed, then in the history."""
        scales = await self._known()

        def parse(answer: dict[str, Any]) -> list[OrderView]:
            found = [account_rows.order(row, scales) for row in rows.listed(answer)]
            return [one for one in found if one.client_order_id == client_order_id]

        # No order id beside it, not even an empty one: that would be looked for in its place.
        asked = {"category": "linear", "symbol": symbol, "orderLinkId": client_order_id}
        for endpoint in ("open_orders", "closed_orders"):
            found = await self.wire.read(endpoint, asked, f"order {client_order_id}", parse, _READ)
            if found:
                return max(found, key=lambda one: (one.filled_lots * one.lots, one.state.final, one.at_ms))
        return None

    async def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising, of every kind."""
        asked = {"category": "linear", "limit": _FILLS_PAGE}
        some = await self._since("fills", since_ms, asked, "executions", account_rows.fill, self._settles_here)
        found = {one.exec_id: one for one in some if one.at_ms >= since_ms}
        return sorted(found.values(), key=lambda one: (one.at_ms, one.symbol, one.seq, one.exec_id))

    async def transfers(self, since_ms: int) -> Sequence[MoneyMove]:
        """Every movement of our coin from `since_ms` on that no execution tells of, rising."""
        # No category beside it: transfers have none, and would be left out.
        asked = {"accountType": "UNIFIED", "currency": account_rows.SETTLED_IN, "limit": _MONEY_PAGE}
        some = await self._since(
            "transactions", since_ms, asked, "movements of money", account_rows.money_move, self._is_untold
        )
        found = {one.move_id: one for one in some if one.at_ms >= since_ms}
        return sorted(found.values(), key=lambda one: (one.at_ms, one.move_id))

    async def fees(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Maker and taker fee of each symbol, as shares."""

        def parse(answer: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
            return {
                row["symbol"]: (Decimal(row["makerFeeRate"]), Decimal(row["takerFeeRate"]))
                for row in rows.listed(answer)
            }

        return await self.wire.read("fees", {"category": "linear"}, "fees", parse, _READ)

    async def key(self) -> KeyFacts:
        """Permissions of the key in use."""
        return await self.wire.read(
            "key", {}, "the key", lambda answer: account_rows.key_facts(answer["result"]), _READ
        )

    async def submit(self, request: OrderRequest) -> Answer:
        """Send an order, once."""
        scales = await self._known_or_none()
        if isinstance(scales, Rejected):
            return scales
        refused = requests.refuse_here(request, scales)
        if refused is not None:
            return refused
        lane = Lane.ENTRY
        if request.reduce_only or request.close_on_trigger:
            lane = Lane.STOP if request.trigger is not None else Lane.REDUCE
        return await self._mutate("create", requests.create(request, scales), lane, request.client_order_id)

    async def amend(self, request: AmendRequest) -> Answer:
        """Change a working order in its place."""
        scales = await self._known_or_none()
        if isinstance(scales, Rejected):
            return scales
        if request.symbol not in scales.contracts:
            return Rejected(Refusal.NOT_TRADING, "local", f"{request.symbol} is none of the contracts that we know")
        lane = Lane.STOP if request.trigger_ticks is not None else Lane.ENTRY
        return await self._mutate("amend", requests.amend(request, scales), lane, request.client_order_id)

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        return await self._mutate("cancel", requests.cancel(symbol, client_order_id), Lane.CANCEL, client_order_id)

    async def set_position_stop(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy
    ) -> Answer:
        """Set both legs that protect the whole position, in one request; `None` removes a leg."""
        scales = await self._known_or_none()
        if isinstance(scales, Rejected):
            return scales
        if symbol not in scales.contracts:
            return Rejected(Refusal.NOT_TRADING, "local", f"{symbol} is none of the contracts that we know")
        asked = requests.position_stop(symbol, stop_loss_ticks, take_profit_ticks, by, scales)
        return await self._mutate("position_stop", asked, Lane.STOP, None)

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Bring margin mode, position mode and leverage to what is asked for; already so is success."""
        return await ensure_modes(self.wire, modes, self.quote, self._mutate)

    async def compare_modes(self, modes: Modes) -> ModeReport:
        """What `ensure_modes` would change; nothing is sent that changes anything."""
        return await compare_modes(self.wire, modes)

    async def events(self) -> AsyncIterator[VenueEvent]:
        """What happens to the account, as it comes; a `Gap` wherever something may be missing."""
        stream = AccountStream(self.wire, await self._known())
        async for event in stream.events():
            yield event

    def _settles_here(self, row: dict[str, Any]) -> bool:
        """Whether an execution is of one of our contracts: the list has those of other currencies too."""
        return row["symbol"] in self._scales.contracts

    def _is_untold(self, row: dict[str, Any]) -> bool:
        return not account_rows.is_told_elsewhere(row, self._scales)

    async def _since(
        self,
        endpoint: str,
        since_ms: int,
        asked: dict[str, Any],
        what: str,
        read: Callable[[dict[str, Any], Scales], Any],
        wanted: Callable[[dict[str, Any]], bool],
    ) -> list[Any]:
        """All pages from a time until now, stretch by stretch; what lies at a seam or moved a page may come twice."""
        now_ms = await self.now_ms()
        found: list[Any] = []
        start_ms = since_ms
        while start_ms <= now_ms:
            end_ms = start_ms + _STRETCH_MS - 1
            some, _ = await self._every(
                endpoint, {**asked, "startTime": start_ms, "endTime": end_ms}, what, read, wanted
            )
            found += some
            start_ms = end_ms + 1
        return found

    async def _known(self) -> Scales:
        if not self._scales.contracts:
            await self.instruments()
        return self._scales

    async def _known_or_none(self) -> Scales | Rejected:
        """Mutations never raise: without the contracts nothing is sent, which is a refusal."""
        try:
            return await self._known()
        except VenueError as error:
            return Rejected(Refusal.OTHER, "local", f"not sent, the contracts are not known: {error}")

    async def _every(
        self,
        endpoint: str,
        asked: dict[str, Any],
        what: str,
        read: Callable[[dict[str, Any], Scales], Any],
        wanted: Callable[[dict[str, Any]], bool] = lambda _row: True,
    ) -> tuple[list[Any], int]:
        """All pages, and the time at which the first was told."""
        scales = await self._known()

        def parse(answer: dict[str, Any]) -> tuple[list[Any], str, int, int]:
            told = rows.listed(answer)
            found = [read(row, scales) for row in told if wanted(row)]
            return found, str(answer["result"]["nextPageCursor"] or ""), len(told), int(answer["time"])

        found: list[Any] = []
        cursor, as_of_ms = "", 0
        for _ in range(_PAGES_MAX):
            page = {**asked, "cursor": cursor} if cursor else asked
            some, next_cursor, told, at_ms = await self.wire.read(endpoint, page, what, parse, _READ)
            found += some
            as_of_ms = as_of_ms or at_ms
            if not next_cursor or not told:
                return found, as_of_ms
            if next_cursor == cursor:
                break
            cursor = next_cursor
        raise Unavailable(f"{self.venue}: {what}: the pages have no end")

    async def _mutate(self, endpoint: str, asked: dict[str, Any], lane: Lane, client_order_id: str | None) -> Answer:
        """Send once; whatever happens, say what is known of it."""
        try:
            answer = await self.wire.send(endpoint, asked, lane)
        except WireFault as fault:
            return _of_fault(fault)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  it may have been sent: that is all that counts here
            return Unknown(f"{type(error).__name__}: {error}")
        return _of_answer(answer, client_order_id)


def _of_answer(answer: dict[str, Any], client_order_id: str | None) -> Answer:
    """An acknowledgement names the order; one that does not is none."""
    try:
        result, at_ms = answer["result"], int(answer["time"])
        if client_order_id is None:
            return Ack("", "", at_ms)
        order_id, told = result["orderId"], result["orderLinkId"]
    except (LookupError, TypeError, ValueError):
        return Unknown("an acknowledgement without its fields")
    if not order_id or told != client_order_id:
        return Unknown(f"an acknowledgement for {told!r} with order id {order_id!r}")
    return Ack(order_id, client_order_id, at_ms)


def _of_fault(fault: WireFault) -> Answer:
    if fault.fault is not Fault.CODE:
        return Unknown(fault.text)
    if fault.code in NO_CHANGE:
        return NoChange()
    refusal = refusal_of(fault.code, fault.text)
    if refusal is None:
        return Unknown(fault.text)
    return Rejected(refusal, fault.code, fault.text)


Mutate = Callable[[str, dict[str, Any], Lane, str | None], Awaitable[Answer]]
