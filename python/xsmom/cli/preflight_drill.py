"""`xsmom preflight --drill`: the smallest order and a stop, sent for real, far from the market, and taken back.

What no looking can show: that this key may place, change and take back orders in this account, and that both views of
the exchange, the lookup by our own name and the list of open orders, show what was sent. Nothing here fills: the order
rests a tenth below the market and may only make; the stop would, if the price fell by a third within these seconds,
become a sale that rests above today's price. Their names are those of a trader's orders, so that the next start takes
back what a broken line left behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from time import monotonic

from xsmom.cli.finding import Finding, Status
from xsmom.cli.preflight_case import Case
from xsmom.domain.market_data import Instrument, Quote, Trading
from xsmom.domain.orders import ID_PREFIX
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    Answer,
    NoChange,
    OrderRequest,
    OrderView,
    Rejected,
    TimeInForce,
    Trigger,
)
from xsmom.errors import VenueError
from xsmom.ports import Venue

_BELOW, _BELOW_STOP, _ABOVE = Decimal("0.9"), Decimal("0.67"), Decimal("1.02")
_MOVE = Decimal("0.99")
_SEEN_S = 10.0
_POLL_S = 0.2
#: Beyond its receive window a request that nobody heard of may still be on its way for so long.
_LATE_S = 1.0
_BY_HAND = "look at the account at the exchange, and cancel {} by hand; the next start of the trader takes it back too"
_LOOK = "see what the exchange says of the key, of the contract and of the account"


class _StepError(Exception):
    """A step of the drill that went wrong. `unclear`: nobody knows yet whether it took effect."""

    def __init__(self, what: str, *, unclear: bool = False) -> None:
        super().__init__(what)
        self.unclear = unclear


@dataclass(frozen=True, slots=True)
class _Target:
    """The contract that is used, and its price."""

    contract: Instrument
    quote: Quote

    def ticks(self, share: Decimal) -> int:
        """So much of the price, in whole ticks below it."""
        return max(1, int(self.quote.mark * share / self.contract.price_tick))

    def lots(self, ticks: int) -> int:
        """The smallest order at that price."""
        worth = ticks * self.contract.price_tick * self.contract.qty_step
        return max(self.contract.lots_min, math.ceil(self.contract.notional_usdt_min / worth))

    def usdt(self, ticks: int) -> Decimal:
        """What the smallest order is worth there."""
        return self.lots(ticks) * ticks * self.contract.price_tick * self.contract.qty_step


async def run_drill(case: Case, venue: Venue) -> list[Finding]:
    """Send, look, change, look, take back, look: first an order, then a stop. The first step that fails ends it."""
    why = _why_not(case)
    if why is not None:
        return [why]
    target = _choose(case)
    if target is None:
        free = "a name without position or order of anybody, and with prices"
        return [Finding("drill", Status.FAIL, f"there is no {free}", "close something, or trade more names")]
    found = []
    for make in (_plain_order, _stop_order):
        name, request, change = make(case, target)
        finding = await _walk(venue, name, request, change, case.rules.work.recv_window_ms / 1_000 + _LATE_S)
        found.append(finding)
        if finding.status is Status.FAIL:
            break
    return found


def _why_not(case: Case) -> Finding | None:
    """An order that its trader does not know would be somebody else's to it."""
    look = case.journal
    if look is not None and look.writer:
        mend = "`xsmom stop --keep` ends it; the drill is for before a start"
        return Finding("drill", Status.FAIL, f"a trader runs on this account ({look.writer})", mend)
    if case.facts.interruption:
        return Finding("drill", Status.FAIL, f"the exchange is interrupted: {case.facts.interruption}", "wait")
    return None


def _choose(case: Case) -> _Target | None:
    """The name whose smallest order is worth least, of those that nothing of anybody stands in."""
    facts = case.facts
    if facts.positions is None or facts.orders is None or facts.quotes is None:
        return None
    busy = {row.symbol for row in facts.positions.rows} | {row.symbol for row in facts.orders.rows}
    targets = [
        _Target(one, facts.quotes[one.symbol])
        for one in case.names
        if one.symbol in facts.quotes and one.symbol not in busy and one.trading is Trading.OPEN
    ]
    priced = [one for one in targets if one.quote.bid is not None and one.quote.mark > 0]
    return min(priced, key=lambda one: (one.usdt(one.ticks(_BELOW)), one.contract.symbol), default=None)


def _name(case: Case, what: str) -> str:
    """A name of ours, another one each time."""
    text = f"drill {what} {case.now_ms} {case.asked.now.isoformat()}"
    return f"{ID_PREFIX}d{hashlib.sha256(text.encode()).hexdigest()[:22]}"


def _plain_order(case: Case, target: _Target) -> tuple[str, OrderRequest, AmendRequest]:
    ticks = target.ticks(_BELOW)
    symbol, client_id = target.contract.symbol, _name(case, "order")
    request = OrderRequest(
        client_id, symbol, target.lots(ticks), price_ticks=ticks, time_in_force=TimeInForce.POST_ONLY
    )
    return "drill order", request, AmendRequest(client_id, symbol, price_ticks=_moved(ticks))


def _stop_order(case: Case, target: _Target) -> tuple[str, OrderRequest, AmendRequest]:
    """Conditional, as the sentinel's are; its price lies above the market, so that even triggered it would rest."""
    ticks, above = target.ticks(_BELOW_STOP), target.ticks(_ABOVE)
    symbol, client_id = target.contract.symbol, _name(case, "stop")
    trigger = Trigger(ticks, case.rules.protect.trigger, rising=False)
    # The smaller price needs the more lots, and an exchange may reckon the least worth with either.
    request = OrderRequest(client_id, symbol, -target.lots(ticks), price_ticks=above, trigger=trigger)
    return "drill stop", request, AmendRequest(client_id, symbol, trigger_ticks=_moved(ticks))


def _moved(ticks: int) -> int:
    return max(1, min(ticks - 1, int(ticks * _MOVE)))


async def _walk(venue: Venue, name: str, request: OrderRequest, change: AmendRequest, late_s: float) -> Finding:
    """One order from its sending to its end. Whatever happens, it is taken back.

    `late_s`: a request whose outcome is not known cannot arrive after this time any more.
    """
    began = monotonic()
    times: list[str] = []
    trouble: _StepError | None = None
    try:
        times.append(await _timed("taken", _demand(venue.submit(request), "not taken")))
        times.append(await _timed("seen twice", _seen(venue, request)))
        times.append(await _timed("changed", _demand(venue.amend(change), "not changed")))
        times.append(await _timed("seen so", _seen(venue, _changed(request, change))))
    except _StepError as error:
        trouble = error
    unclear = trouble is not None and trouble.unclear
    left = await _take_back(venue, request, late_s if unclear else _POLL_S)
    if left is not None:
        return Finding(name, Status.FAIL, left, _BY_HAND.format(request.client_order_id))
    if trouble is not None:
        return Finding(name, Status.FAIL, f"{_about(request)}: {trouble}; nothing was left behind", _LOOK)
    return Finding(name, Status.OK, f"{_about(request)}: {', '.join(times)}, gone after {monotonic() - began:.1f} s")


def _about(request: OrderRequest) -> str:
    side, kind = ("buy" if request.lots > 0 else "sell"), ("stop" if request.trigger else "order")
    return f"{request.symbol}, {kind} to {side} {abs(request.lots)} lots"


def _changed(request: OrderRequest, change: AmendRequest) -> OrderRequest:
    if change.price_ticks is not None:
        return replace(request, price_ticks=change.price_ticks)
    assert request.trigger is not None
    assert change.trigger_ticks is not None
    return replace(request, trigger=replace(request.trigger, price_ticks=change.trigger_ticks))


async def _timed(what: str, step: Awaitable[None]) -> str:
    began = monotonic()
    await step
    return f"{what} in {(monotonic() - began) * 1_000:,.0f} ms"


async def _demand(asked: Awaitable[Answer], what: str) -> None:
    answer = await asked
    if isinstance(answer, Rejected):
        raise _StepError(f"{what}: {answer.refusal.value}, {answer.code} {answer.text}")
    if not isinstance(answer, Ack | NoChange):
        raise _StepError(f"{what} for certain: {answer.why}", unclear=True)


async def _seen(venue: Venue, request: OrderRequest) -> None:
    """Both views show it as it was asked for."""

    async def by_name() -> bool:
        return _is_as_asked(await venue.order_by_client_id(request.symbol, request.client_order_id), request)

    async def by_list() -> bool:
        rows = (await venue.open_orders()).rows
        return any(_is_as_asked(one, request) for one in rows)

    for view, look in (("the lookup by its name", by_name), ("the list of open orders", by_list)):
        if not await _until(look):
            raise _StepError(f"{view} does not show it as it was asked for, after {_SEEN_S:g} s")


def _is_as_asked(view: OrderView | None, request: OrderRequest) -> bool:
    if view is None or view.client_order_id != request.client_order_id or view.state.final:
        return False
    prices = (view.price_ticks, view.lots) == (request.price_ticks, request.lots)
    if request.trigger is None:
        return prices
    return prices and view.trigger == request.trigger


async def _take_back(venue: Venue, request: OrderRequest, wait_s: float) -> str | None:
    """Cancel until both views agree that it is gone, twice, so much time apart; what is wrong otherwise."""
    symbol, name = request.symbol, request.client_order_id
    filled = 0

    async def gone() -> bool:
        nonlocal filled
        view = await venue.order_by_client_id(symbol, name)
        if view is not None:
            filled = view.filled_lots
            if not view.state.final:
                await venue.cancel(symbol, name)
                return False
        return all(one.client_order_id != name for one in (await venue.open_orders()).rows)

    await venue.cancel(symbol, name)
    try:
        done = await _until(gone)
        await asyncio.sleep(wait_s)
        done = await _until(gone) and done
    except _StepError as error:
        return f"{_about(request)}: whether it is gone is not known, for {error}"
    if not done:
        return f"{_about(request)}: it could not be taken back within {_SEEN_S:g} s"
    return f"{_about(request)}: {abs(filled)} lots of it were FILLED" if filled else None


async def _until(look: Callable[[], Awaitable[bool]]) -> bool:
    """Look again and again for a while; what cannot be read is not there yet."""
    end = monotonic() + _SEEN_S
    while True:
        try:
            if await look():
                return True
        except VenueError as error:
            if monotonic() >= end:
                raise _StepError(f"the account cannot be read: {error}") from error
        if monotonic() >= end:
            return False
        await asyncio.sleep(_POLL_S)
