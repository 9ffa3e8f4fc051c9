"""Requests for stops, their answers, and the orders that stand in where a position takes no stop of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from xsmom.domain.book import Book
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder, SetPositionStop, Severity
from xsmom.domain.events import VenueReplied
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style
from xsmom.domain.protection import Protection
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    NoChange,
    OrderRequest,
    Refusal,
    Rejected,
    Trigger,
    VenueFill,
)
from xsmom.engine import reading
from xsmom.engine.rules import ProtectRules
from xsmom.engine.sentinel.holdings import Holding, holdings
from xsmom.engine.sentinel.ladder import LADDER_LEG, is_rung, send_rung
from xsmom.engine.sentinel.sight import Sight
from xsmom.engine.turn import Turn

EXIT_LEG = 200_000
PROTECT_LEG = 300_000
"""Numbers of legs beyond those of plans and of exits at bars."""
_RETRY_MS = 1_000
_QUICK_TRIES = 3
"""After a refusal the next kind of stop is tried at once; when all kinds were, there is a pause between tries."""
_STAND_INS_MAX = 3
"""Conditional orders of one symbol on their way at once; exchanges take ten."""
_PASSING = frozenset({Refusal.RATE, Refusal.CLOCK, Refusal.NO_POSITION})
"""Refusals of the moment: the same request may be taken a little later."""


def is_asked(kept: Protection, now_ms: int, rules: ProtectRules) -> bool:
    """A request is on its way. One that nobody answers for a while counts as lost: asking twice does no harm."""
    return kept.asked_ticks is not None and now_ms - kept.asked_ms < rules.confirm_ms


def ask(turn: Turn, holding: Holding, kept: Protection, sight: Sight, ticks: int) -> None:
    """Ask for a stop of the whole position; the other leg goes along, because one without the other is unbound."""
    turn.send(SetPositionStop(holding.symbol, ticks, sight.target_ticks, turn.rules.protect.trigger))
    # A level that only moves is no try of a repair.
    tries = kept.tries if kept.verified_ms is not None else kept.tries + 1
    after = replace(kept, asked_ms=turn.now_ms, asked_ticks=ticks, tries=tries)
    turn.set_item("protection", holding.symbol, after)
    turn.note("stop.asked", symbol=holding.symbol, ticks=ticks, tries=tries)


def move(turn: Turn, holding: Holding, kept: Protection, sight: Sight, ticks: int) -> None:
    """Tighten what stands: the position's own stop, or the order that stands in for it."""
    live = turn.book.orders.get(sight.standing_id)
    if live is None:
        ask(turn, holding, kept, sight, ticks)
        return
    turn.send(AmendOrder(AmendRequest(live.client_order_id, holding.symbol, trigger_ticks=ticks)))
    turn.set_item("orders", live.client_order_id, replace(live, amend_asked_ms=turn.now_ms))
    turn.set_item("protection", holding.symbol, replace(kept, asked_ms=turn.now_ms))
    turn.note("stop.asked", symbol=holding.symbol, ticks=ticks, tries=0)
    reading.want(turn, f"stop of {holding.symbol}")


def on_stop_reply(turn: Turn, event: VenueReplied) -> None:
    """The venue's answer to a request for a stop. It is no proof: the views are."""
    kept = turn.book.protection.get(event.symbol)
    if kept is None:
        return
    now_ms, rules, answer = turn.now_ms, turn.rules.protect, event.answer
    after = replace(kept, asked_ticks=None, answered_ms=now_ms)
    if isinstance(answer, Rejected):
        after = _refused(turn, event, after, answer)
    elif isinstance(answer, Ack | NoChange):
        after = replace(after, why="", next_ms=now_ms + rules.confirm_ms)
    else:
        why = answer.why if answer is not None else "no answer"
        after = replace(after, why=f"unknown: {why}", next_ms=now_ms + _RETRY_MS)
    turn.set_item("protection", event.symbol, after)
    reading.want(turn, f"stop of {event.symbol}")


def _refused(turn: Turn, event: VenueReplied, kept: Protection, answer: Rejected) -> Protection:
    rules = turn.rules.protect
    turn.note(
        "stop.refused",
        Severity.CRITICAL if answer.refusal is Refusal.AUTH else Severity.WARNING,
        symbol=event.symbol,
        refusal=answer.refusal.value,
        code=answer.code,
        text=answer.text,
    )
    kept = replace(kept, why=f"refused: {answer.refusal.value} {answer.text}".strip(), next_ms=turn.now_ms)
    if kept.verified_ms is not None:
        # One stands, only not this one: tried again as rarely as a repair.
        return replace(kept, next_ms=turn.now_ms + rules.repair_ms)
    kept = replace(kept, sighted_ms=turn.now_ms if kept.sighted_ms is None else kept.sighted_ms)
    if answer.refusal is Refusal.AUTH:
        # Nothing that is sent will be taken, and sending on prolongs a ban.
        return replace(kept, next_ms=turn.now_ms + rules.repair_ms)
    if answer.refusal in _PASSING:
        return replace(kept, tries=max(0, kept.tries - 1), next_ms=turn.now_ms + _RETRY_MS)
    return kept if kept.tries < _QUICK_TRIES else replace(kept, next_ms=turn.now_ms + _RETRY_MS)


def stand_in(turn: Turn, holding: Holding, kept: Protection) -> list[Intent]:
    """A conditional order that closes all of it, with an id of its own; not while enough of them are on their way."""
    rules, book = turn.rules.protect, turn.book
    tries = kept.tries if rules.position_stop else kept.tries + 1
    after = replace(kept, tries=tries, next_ms=turn.now_ms + rules.confirm_ms)
    turn.set_item("protection", holding.symbol, after)
    waiting = sum(
        live.protective and not is_rung(live) and live.symbol == holding.symbol and not live.phase.final
        for live in book.orders.values()
    )
    if waiting >= _STAND_INS_MAX:
        return []
    return [_against(turn, holding, Purpose.PROTECT, PROTECT_LEG, tries)]


def exit_intent(turn: Turn, holding: Holding, revision: int) -> Intent:
    """The emergency exit."""
    return _against(turn, holding, Purpose.EXIT, EXIT_LEG, revision)


def _against(turn: Turn, holding: Holding, purpose: Purpose, leg: int, revision: int) -> Intent:
    return Intent(
        symbol=holding.symbol,
        lots=-holding.lots,
        reduce_only=True,
        purpose=purpose,
        style=Style.MARKET,
        reference_price=holding.price if holding.price > 0.0 else holding.entry_price,
        atr=float("nan"),
        decided_ms=turn.now_ms,
        leg=leg,
        revision=revision,
    )


def send_stop(turn: Turn, approved: Approved) -> None:
    """Send a conditional order that was approved."""
    if approved.intent.leg >= LADDER_LEG:
        send_rung(turn, approved)
        return
    symbol, rules = approved.intent.symbol, turn.rules.protect
    kept = turn.book.protection.get(symbol)
    holding = next((one for one in holdings(turn.book, rules.trigger) if one.symbol == symbol), None)
    if kept is None or holding is None or kept.goal_ticks is None:
        return
    request = OrderRequest(
        client_order_id=approved.client_order_id,
        symbol=symbol,
        lots=-holding.lots,
        reduce_only=True,
        trigger=Trigger(kept.goal_ticks, rules.trigger, rising=holding.side < 0),
        close_on_trigger=True,
    )
    turn.send(SendOrder(request, approved))
    live = LiveOrder(request, approved.client_order_id, Phase.SENT, turn.now_ms)
    turn.set_item("orders", approved.client_order_id, live)
    turn.set_item("protection", symbol, replace(kept, order_id=approved.client_order_id))
    turn.note("stop.stood_in", Severity.WARNING, symbol=symbol, ticks=kept.goal_ticks, lots=request.lots)
    reading.want(turn, f"stop of {symbol}")


StandIns: TypeAlias = Mapping[str, Sequence[str]]
"""By symbol, the orders of ours that protect it and may still stand."""


def stand_ins(book: Book) -> StandIns:
    """All of them; looked for once a step, since there are many orders and many positions."""
    found: dict[str, list[str]] = {}
    for name, live in book.orders.items():
        if live.protective and not live.phase.final:
            found.setdefault(live.symbol, []).append(name)
    return found


def tidy(turn: Turn, symbol: str, ours: StandIns, standing_id: str, *, rungs: bool = False) -> None:
    """Take back, once, each order that stood in and is not what stands now; `rungs`: those of the ladder too."""
    for name in ours.get(symbol, ()):
        live = turn.book.orders[name]
        if name == standing_id or (is_rung(live) and not rungs):
            continue
        if not live.phase.final and live.cancel_asked_ms is None:
            turn.send(CancelOrder(symbol, name))
            turn.set_item("orders", name, replace(live, cancel_asked_ms=turn.now_ms))


def on_fill(turn: Turn, fill: VenueFill) -> None:
    """A fill of this position: views that are older than it prove nothing."""
    kept = turn.book.protection.get(fill.symbol)
    if kept is not None and fill.lots:
        after = replace(kept, fill_ms=max(kept.fill_ms, turn.now_ms), fill_seq=max(kept.fill_seq, fill.seq))
        turn.set_item("protection", fill.symbol, after)
    if turn.rules.protect.enabled:
        reading.want(turn, f"fill of {fill.symbol}")
