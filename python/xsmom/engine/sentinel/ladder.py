"""The take-profit ladder on the exchange: beside its stop, each rung of a position is a conditional order of its own.

A rung that stands reduces, closes its share at market, and wakes at the price that stops watch, so that it is taken
while nobody is here. Levels and lots are the kernel's, asked for by a bar that would reach everything. Each rung is
looked after by itself: what is missing is placed, what differs is changed in its place, what is no longer wanted is
taken back.

A rung that the kernel has called while its order stands is left to the exchange for a while; then the order is taken
back, and what it had not filled once it is final is closed at market: never both at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder, Severity
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style
from xsmom.domain.protection import Protection, Rung
from xsmom.domain.tape import Ticked
from xsmom.domain.trading import AmendRequest, OrderRequest, OrderState, OrderView, Trigger, VenueFill
from xsmom.engine import reading
from xsmom.engine.sentinel.holdings import Holding
from xsmom.engine.sentinel.levels import ticks_away
from xsmom.engine.turn import Turn

LADDER_LEG = 400_000
"""Numbers of legs of rungs, beyond those of stops."""
_FAR_X = 1e6
_SNAP = 1e-9


def is_rung(order: LiveOrder) -> bool:
    """Whether an order stands as a rung; what else waits for a price stands as a stop."""
    return order.protective and order.carries is not None


def keep_ladder(turn: Turn, holding: Holding) -> list[Intent]:
    """See to the rungs of one position; rungs to be placed, and exits where one was called and not carried out."""
    kept = turn.book.protection.get(holding.symbol)
    if kept is None or not turn.rules.fields["ladder"] or not holding.known:
        return []
    kept = _follow_kernel(turn, holding, kept)
    intents: list[Intent] = []
    rungs: list[Rung] = []
    for rung in kept.rungs:
        after, asked = _see_to(turn, holding, kept, rung)
        rungs += [] if after is None else [after]
        intents += asked
    if tuple(rungs) != kept.rungs or kept != turn.book.protection[holding.symbol]:
        turn.set_item("protection", holding.symbol, replace(kept, rungs=tuple(rungs)))
    return intents


def standing_rungs(turn: Turn, symbol: str) -> frozenset[int]:
    """Rungs whose orders may still fill: what is touched of them is the exchange's to carry out."""
    kept = turn.book.protection.get(symbol)
    if kept is None:
        return frozenset()
    live = {rung.number: turn.book.orders.get(rung.order_id) for rung in kept.rungs}
    return frozenset(number for number, order in live.items() if order is not None and not order.phase.final)


def call_rung(turn: Turn, fill: VenueFill) -> None:
    """The exchange has taken a rung that no price of ours had touched: the kernel hears of it before the fill does."""
    order, at = turn.book.orders.get(fill.client_order_id), turn.book.roster.index(fill.symbol)
    kept = turn.book.protection.get(fill.symbol)
    if order is None or not is_rung(order) or at is None or kept is None:
        return
    rung = next((one for one in kept.rungs if one.order_id == fill.client_order_id), None)
    positions, side = turn.book.positions, 1.0 if turn.book.lots[at] > 0 else -1.0
    if rung is None or rung.number <= int(positions["rungs_hit"][at]) or not turn.book.lots[at]:
        return
    stop = float(positions["stop_price"][at])
    if side * rung.level <= side * stop:
        return  # that price would touch the stop as well; the order is done, and is not placed again
    tick = {"kind": "tick", "symbol": at, "price": rung.level, "at_ms": fill.at_ms}
    after, _ = kernel.advance_stops(dict(positions), tick, turn.rules.params)
    turn.put(positions=after)
    turn.record(Ticked(at, rung.level, fill.at_ms))


def send_rung(turn: Turn, approved: Approved) -> None:
    """Send a rung that was approved."""
    intent = approved.intent
    kept = turn.book.protection.get(intent.symbol)
    number = intent.leg - LADDER_LEG
    rung = next((one for one in kept.rungs if one.number == number), None) if kept is not None else None
    if kept is None or rung is None:
        return
    by = turn.rules.protect.trigger
    request = OrderRequest(
        client_order_id=approved.client_order_id,
        symbol=intent.symbol,
        lots=approved.lots,
        reduce_only=True,
        trigger=Trigger(rung.ticks, by, rising=approved.lots < 0),
    )
    turn.send(SendOrder(request, approved))
    live = LiveOrder(request, approved.client_order_id, Phase.SENT, turn.now_ms, carries=approved)
    turn.set_item("orders", approved.client_order_id, live)
    sent = replace(rung, order_id=approved.client_order_id, seen_ms=None)
    rungs = tuple(sent if one.number == number else one for one in kept.rungs)
    turn.set_item("protection", intent.symbol, replace(kept, rungs=rungs))
    turn.note("rung.asked", symbol=intent.symbol, rung=number, ticks=rung.ticks, lots=approved.lots)
    reading.want(turn, f"ladder of {intent.symbol}")


# --- what is wanted ------------------------------------------------------------------------------


def _follow_kernel(turn: Turn, holding: Holding, kept: Protection) -> Protection:
    """Take over levels and lots where the position has changed since they were asked for."""
    positions, at = turn.book.positions, holding.at
    names = ("lots", "lots_initial", "entry_price", "r_usdt", "rungs_hit", "closing", "hold")
    key = tuple(float(np.nan_to_num(positions[name][at], nan=-1.0)) for name in names)
    if key == kept.rungs_key:
        return kept
    _take_back_strays(turn, holding.symbol, kept)
    wanted = {one.number: one for one in _wanted(turn, holding)}
    hit = int(positions["rungs_hit"][at])
    rungs: list[Rung] = []
    for old in kept.rungs:
        new = wanted.pop(old.number, None)
        if new is not None:
            rungs.append(replace(old, lots=new.lots, level=new.level, ticks=new.ticks, exit_by=new.exit_by))
        elif old.order_id:
            live = turn.book.orders.get(old.order_id)
            stands = live is not None and not live.phase.final  # else it was called, and carried out, here
            called = old.number <= hit and old.due_ms is None and stands
            rungs.append(replace(old, due_ms=turn.now_ms if called else old.due_ms, wanted=False))
    rungs += wanted.values()
    return replace(kept, rungs=tuple(sorted(rungs, key=lambda one: one.number)), rungs_key=key)


def _take_back_strays(turn: Turn, symbol: str, kept: Protection) -> None:
    """Rungs of a position that is no more: it was turned, and another one stands in its place."""
    tracked = {one.order_id for one in kept.rungs}
    for name, live in list(turn.book.orders.items()):
        stray = live.symbol == symbol and is_rung(live) and name not in tracked
        if stray and not live.phase.final and live.cancel_asked_ms is None:
            turn.send(CancelOrder(symbol, name))
            turn.set_item("orders", name, replace(live, cancel_asked_ms=turn.now_ms))


def _wanted(turn: Turn, holding: Holding) -> list[Rung]:
    """Rungs not taken yet. A bar that begins beside the stop and reaches far on the other side tells each level."""
    book, params, side = turn.book, turn.rules.params, holding.side
    bar_ms = turn.rules.pace.bar_ms
    near, far = holding.entry_price / _FAR_X, holding.entry_price * _FAR_X
    if side < 0:
        near, far = far, near
    start = holding.stop_price * (1.0 + side * _SNAP) if holding.stop_price > 0.0 else near
    bar: dict[str, Any] = {"kind": "range", "close_ms": (turn.now_ms // bar_ms + 3) * bar_ms}
    for name in ("open", "high", "low", "close"):
        bar[name] = np.full(len(book.roster), np.nan)
        bar[name][holding.at] = far if name == ("high" if side > 0 else "low") else start
    _, exits = kernel.advance_stops(dict(book.positions), bar, params)
    return [
        Rung(
            number=one.rung,
            lots=one.lots,
            level=one.price,
            # Away from the position: never earlier than its level.
            ticks=ticks_away(one.price, holding.tick, -side),
            exit_by=one.reason,
        )
        for one in exits
        if one.rung and one.lots and side * one.price > side * start
    ]


# --- what is done --------------------------------------------------------------------------------


def _see_to(turn: Turn, holding: Holding, kept: Protection, rung: Rung) -> tuple[Rung | None, list[Intent]]:
    """One rung: itself after this step (None: nothing is left of it), and what it asks for."""
    live = turn.book.orders.get(rung.order_id)
    if live is not None and not live.phase.final:
        if rung.wanted:
            return _match(turn, holding, rung, live), []
        return _withdraw(turn, rung, live), []
    if not rung.wanted:
        return None, _rest(turn, holding, rung, live)
    if live is not None and live.traded_lots:
        return rung, []  # it is done; the kernel hears of it by the fill
    return _place(turn, holding, kept, rung, live)


def _match(turn: Turn, holding: Holding, rung: Rung, live: LiveOrder) -> Rung:
    """Hold what stands against what is wanted: lots at once, a level where it has moved far enough."""
    rules, request = turn.rules.protect, live.request
    assert request.trigger is not None
    shown = _shown(turn, holding.symbol, live)
    if shown is not None and shown.trigger is not None and turn.book.venue.orders_ms > rung.next_ms - rules.move_ms:
        # What the list shows is what stands, whatever was asked for.
        request = replace(request, lots=shown.lots, trigger=shown.trigger)
    now = request.trigger
    assert now is not None
    same = now.price_ticks == rung.ticks and request.lots == rung.lots
    if same and shown is not None and rung.seen_ms is None:
        turn.note("rung.placed", symbol=holding.symbol, rung=rung.number, ticks=rung.ticks, lots=rung.lots)
        return replace(rung, seen_ms=turn.now_ms, tries=0)
    moved = abs(rung.ticks / now.price_ticks - 1.0) >= rules.move_min_frac
    if not (moved or request.lots != rung.lots) or live.amend_asked_ms is not None or turn.now_ms < rung.next_ms:
        return rung
    if live.phase is not Phase.UNTRIGGERED or live.cancel_asked_ms is not None:
        return rung  # not known to stand yet, or being carried out, or being taken back
    change = AmendRequest(live.client_order_id, holding.symbol, lots=rung.lots, trigger_ticks=rung.ticks)
    turn.send(AmendOrder(change))
    asked = replace(live.request, lots=rung.lots, trigger=replace(now, price_ticks=rung.ticks))
    turn.set_item("orders", live.client_order_id, replace(live, request=asked, amend_asked_ms=turn.now_ms))
    turn.note("rung.asked", symbol=holding.symbol, rung=rung.number, ticks=rung.ticks, lots=rung.lots)
    reading.want(turn, f"ladder of {holding.symbol}")
    return replace(rung, next_ms=turn.now_ms + rules.move_ms, seen_ms=None)


def _shown(turn: Turn, symbol: str, live: LiveOrder) -> OrderView | None:
    rows = turn.book.venue.stops.get(symbol, ())
    found = next((one for one in rows if one.client_order_id == live.client_order_id), None)
    return found if found is not None and found.state is OrderState.UNTRIGGERED else None


def _withdraw(turn: Turn, rung: Rung, live: LiveOrder) -> Rung:
    """Take back what is no longer wanted; what was called has a while to be carried out where it stands."""
    waits = rung.due_ms is not None and turn.now_ms - rung.due_ms < turn.rules.protect.confirm_ms
    if not waits and live.cancel_asked_ms is None:
        turn.send(CancelOrder(live.symbol, live.client_order_id))
        turn.set_item("orders", live.client_order_id, replace(live, cancel_asked_ms=turn.now_ms))
    if waits:
        reading.want(turn, f"ladder of {live.symbol}")
    return rung


def _rest(turn: Turn, holding: Holding, rung: Rung, live: LiveOrder | None) -> list[Intent]:
    """What an order that was called has not filled before it ended; an order that nobody called owes nothing."""
    if rung.due_ms is None or live is None:
        return []
    left = min(abs(rung.lots) - abs(live.filled_lots), abs(holding.lots))
    if left <= 0:
        return []
    turn.note("rung.left", Severity.WARNING, symbol=holding.symbol, rung=rung.number, lots=left, why=live.why)
    return [_intent(turn, holding, rung, -holding.side * left, Purpose.EXIT)]


def _place(
    turn: Turn, holding: Holding, kept: Protection, rung: Rung, live: LiveOrder | None
) -> tuple[Rung, list[Intent]]:
    """Place what is missing, behind the stop, once the position is confirmed, and not too often."""
    rules, now_ms = turn.rules.protect, turn.now_ms
    contract = turn.book.roster.instruments[holding.at]
    most = contract.lots_max_market or abs(rung.lots)
    if live is not None and rung.next_ms < (live.final_ms or 0) + rules.repair_ms:
        severity = Severity.WARNING
        turn.note("rung.missing", severity, symbol=holding.symbol, rung=rung.number, why=live.why or live.phase.value)
        return replace(rung, next_ms=(live.final_ms or now_ms) + rules.repair_ms), []
    if kept.verified_ms is None or now_ms < rung.next_ms or not contract.lots_min <= abs(rung.lots) <= most:
        return rung, []
    newest = sum(is_rung(one) and now_ms - one.sent_ms < 1_000 for one in turn.book.orders.values())
    if newest >= rules.moves_max:
        reading.want(turn, f"ladder of {holding.symbol}")
        return rung, []
    after = replace(rung, tries=rung.tries + 1, next_ms=now_ms + rules.move_ms)
    return after, [_intent(turn, holding, after, rung.lots, Purpose.PROTECT)]


def _intent(turn: Turn, holding: Holding, rung: Rung, lots: int, purpose: Purpose) -> Intent:
    return Intent(
        symbol=holding.symbol,
        lots=lots,
        reduce_only=True,
        purpose=purpose,
        style=Style.MARKET,
        reference_price=rung.level,
        atr=float("nan"),
        decided_ms=turn.now_ms,
        leg=LADDER_LEG + rung.number,
        revision=rung.tries,
        touch_price=rung.level,
        exit_by=rung.exit_by,
    )
