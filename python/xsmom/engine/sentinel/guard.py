"""The invariant, held at the end of every step.

    |position| > 0  implies  a stop on the exchange: full size, right side, by the configured price,
                             seen in two views, twice, within a bounded time

What is missing is asked for: the planned level, twice; then the emergency level, and beside it a conditional order of
its own. What is still not verified after the bounded time is closed. A stop that stands is only ever tightened.
"""

from __future__ import annotations

from dataclasses import replace

from xsmom.domain.book import Book
from xsmom.domain.effects import Severity
from xsmom.domain.orders import Intent, Purpose
from xsmom.domain.protection import Protection
from xsmom.domain.trading import TriggerBy
from xsmom.engine import reading
from xsmom.engine.rules import ProtectRules, Rules
from xsmom.engine.sentinel import asking
from xsmom.engine.sentinel.holdings import Holding, holdings
from xsmom.engine.sentinel.ladder import keep_ladder
from xsmom.engine.sentinel.levels import emergency_ticks, is_crossed, is_tighter, plan_ticks
from xsmom.engine.sentinel.sight import Sight, look
from xsmom.engine.turn import Turn

_PLAN_TRIES = 2
"""Requests for the planned level, before the emergency level is asked for and an order has to stand in."""
_TOLD_MS = 60_000
_ORDERS_KEPT = 8
"""Orders that stood as stops of a position, remembered so that their fills are known."""


def guard_positions(turn: Turn) -> list[Intent]:
    """See to every position; what has to be closed, or protected by an order of its own."""
    rules = turn.rules.protect
    if not rules.enabled:
        return []
    intents: list[Intent] = []
    held: set[str] = set()
    read_ms = min(turn.book.venue.positions_ms, turn.book.venue.orders_ms)
    ours = asking.stand_ins(turn.book)
    for holding in holdings(turn.book, rules.trigger):
        held.add(holding.symbol)
        if not _is_quiet(turn.book.protection.get(holding.symbol), holding, read_ms):
            intents += _guard(turn, holding, ours)
        if not turn.rules.watches:
            intents += keep_ladder(turn, holding)
    for symbol in sorted(turn.book.protection.keys() - held):
        _let_go(turn, symbol, ours)
    reading.keep_reading(turn)
    return intents


def coverage_frac(book: Book) -> float:
    """Share of positions whose stop is verified; 1 when nothing is held. Of use only where stops are kept."""
    held = [one.symbol for one in holdings(book, TriggerBy.MARK)]
    if not held:
        return 1.0
    return sum(_is_verified(book, symbol) for symbol in held) / len(held)


def covers(book: Book, rules: Rules) -> bool:
    """Whether nothing is held that the sentinel still has to protect."""
    return rules.watches or coverage_frac(book) == 1.0


def _is_verified(book: Book, symbol: str) -> bool:
    kept = book.protection.get(symbol)
    return kept is not None and kept.verified_ms is not None


def settles(book: Book, rules: ProtectRules, now_ms: int) -> bool:
    """Whether all that is not covered was filled just now, so that its stop may still be on its way."""
    bare = (one.symbol for one in holdings(book, TriggerBy.MARK) if not _is_verified(book, one.symbol))
    young = (book.protection.get(symbol) for symbol in bare)
    # A position of this very step has no record yet; the sentinel looks at it at the end of the step.
    return all(one is None or now_ms - one.fill_ms < rules.confirm_ms for one in young)


def _is_quiet(kept: Protection | None, holding: Holding, read_ms: int) -> bool:
    """Nothing is to be done: verified by the newest reading, as large as then, not met, and where it is wanted."""
    if kept is None or kept.verified_ms is None or kept.verified_ms < read_ms or kept.lots != holding.lots:
        return False
    ticks, planned = kept.stop_ticks, plan_ticks(holding)
    if ticks is None or kept.crossed_ms is not None or is_crossed(holding, ticks):
        return False
    wanted = [one for one in (planned, kept.goal_ticks) if one is not None]
    return (kept.emergency or planned is not None) and not any(is_tighter(one, ticks, holding.side) for one in wanted)


def _guard(turn: Turn, holding: Holding, ours: asking.StandIns) -> list[Intent]:
    kept = _kept(turn, holding)
    sight = look(turn.book, holding, kept, turn.rules.protect)
    kept = _judge(turn, holding, kept, sight)
    if turn.rules.watches:
        _keep(turn, holding.symbol, kept)
        return []
    kept = _follow_price(turn, holding, _want(turn, holding, kept, sight))
    _keep(turn, holding.symbol, kept)
    if kept.crossed_ms is not None:
        return _carry_out(turn, holding, kept)
    if kept.verified_ms is not None:
        asking.tidy(turn, holding.symbol, ours, sight.standing_id)
        _move(turn, holding, kept, sight)
        return []
    return _repair(turn, holding, kept, sight)


def _keep(turn: Turn, symbol: str, kept: Protection) -> None:
    if turn.book.protection.get(symbol) != kept:
        turn.set_item("protection", symbol, kept)


def _kept(turn: Turn, holding: Holding) -> Protection:
    """What is remembered of this position; a new one, or one that turned, begins without protection."""
    kept = turn.book.protection.get(holding.symbol)
    if kept is None or kept.lots * holding.side <= 0:
        ids, seq = (kept.stop_order_ids, kept.fill_seq) if kept else ((), 0)
        return Protection(
            lots=holding.lots,
            fill_ms=turn.now_ms,
            fill_seq=seq,
            naked_since_ms=turn.now_ms,
            stop_order_ids=ids,
        )
    if kept.lots != holding.lots:
        return replace(kept, lots=holding.lots, fill_ms=max(kept.fill_ms, turn.now_ms))
    return kept


def _judge(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> Protection:
    """Verified, or since when not."""
    if sight.order_id and sight.order_id not in kept.stop_order_ids:
        kept = replace(kept, stop_order_ids=(*kept.stop_order_ids, sight.order_id)[-_ORDERS_KEPT:])
    if sight.standing_ticks is None:
        return _miss(turn, holding, kept, sight)
    if kept.verified_ms is not None:
        seen_ms = max(kept.verified_ms, sight.seen_ms)
        return replace(kept, stop_ticks=sight.standing_ticks, verified_ms=seen_ms)
    matched_ms = sight.seen_ms if kept.matched_ms is None else kept.matched_ms
    if sight.seen_ms - matched_ms < turn.rules.protect.poll_ms:
        return replace(kept, stop_ticks=sight.standing_ticks, matched_ms=matched_ms)
    naked_ms = 0 if kept.naked_since_ms is None else turn.now_ms - kept.naked_since_ms
    turn.note("stop.placed", symbol=holding.symbol, ticks=sight.standing_ticks, naked_ms=naked_ms)
    return replace(
        kept,
        stop_ticks=sight.standing_ticks,
        matched_ms=matched_ms,
        verified_ms=sight.seen_ms,
        naked_since_ms=None,
        sighted_ms=None,
        tries=0,
        next_ms=0,
        why="",
    )


def _miss(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> Protection:
    now_ms = turn.now_ms
    if kept.verified_ms is not None and sight.seen_ms <= kept.verified_ms:
        return kept  # no reading has come since: what is unknown contradicts nothing
    if kept.verified_ms is not None:
        turn.note("stop.missing", Severity.ERROR, symbol=holding.symbol, lots=holding.lots, ticks=kept.stop_ticks)
        return replace(
            kept, verified_ms=None, matched_ms=None, naked_since_ms=now_ms, sighted_ms=now_ms, stop_ticks=None
        )
    since_ms = now_ms if kept.naked_since_ms is None else kept.naked_since_ms
    if kept.sighted_ms is None and sight.seen_ms >= since_ms:
        kept = replace(kept, sighted_ms=now_ms)
    if not turn.rules.watches and now_ms - since_ms >= turn.rules.protect.confirm_ms:
        turn.note_once(
            "stop.unverified",
            _TOLD_MS,
            Severity.WARNING,
            symbol=holding.symbol,
            lots=holding.lots,
            naked_ms=now_ms - since_ms,
            why=kept.why,
        )
    return replace(kept, matched_ms=None, naked_since_ms=since_ms, stop_ticks=None)


def _want(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> Protection:
    """The level wanted on the exchange: the kernel's, else the emergency level. It only tightens while one stands."""
    planned = plan_ticks(holding)
    unverified = kept.verified_ms is None
    if kept.emergency:
        if unverified and kept.goal_ticks is not None:
            return kept
    elif planned is None or (unverified and kept.tries >= _PLAN_TRIES and sight.naked):
        return _want_emergency(turn, holding, kept, sight)
    if planned is None or (kept.goal_ticks is not None and not is_tighter(planned, kept.goal_ticks, holding.side)):
        return kept
    return replace(kept, goal_ticks=planned)


def _want_emergency(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> Protection:
    """The level for want of a better one; a tighter stop that any view shows is left as it is."""
    wanted = emergency_ticks(holding, turn.rules.protect.emergency_frac)
    for shown in (sight.row_ticks, sight.order_ticks):
        if shown is not None and (wanted is None or is_tighter(shown, wanted, holding.side)):
            wanted = shown
    turn.note(
        "stop.emergency",
        Severity.ERROR,
        symbol=holding.symbol,
        lots=holding.lots,
        ticks=wanted,
        why=kept.why or "no level is planned",
    )
    return replace(kept, emergency=True, goal_ticks=wanted)


def _follow_price(turn: Turn, holding: Holding, kept: Protection) -> Protection:
    """Since when the price has been beyond the stop."""
    ticks = kept.stop_ticks if kept.verified_ms is not None else kept.goal_ticks
    if ticks is None or not is_crossed(holding, ticks):
        return kept if kept.crossed_ms is None else replace(kept, crossed_ms=None)
    return kept if kept.crossed_ms is not None else replace(kept, crossed_ms=turn.now_ms)


def _carry_out(turn: Turn, holding: Holding, kept: Protection) -> list[Intent]:
    """The price has reached the stop: a verified one has a while to be carried out there; else it is closed here."""
    since_ms = turn.now_ms if kept.crossed_ms is None else kept.crossed_ms
    if kept.verified_ms is not None and turn.now_ms - since_ms < turn.rules.protect.confirm_ms:
        return []
    return _exit(turn, holding, kept, "the price is beyond the stop, and the position stands")


def _move(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> None:
    """Tighten a stop that stands: not too often, and not too many at once."""
    rules, goal, standing = turn.rules.protect, kept.goal_ticks, kept.stop_ticks
    if goal is None or standing is None or not is_tighter(goal, standing, holding.side):
        return
    if asking.is_asked(kept, turn.now_ms, rules) or turn.now_ms - kept.asked_ms < rules.move_ms:
        return
    newest = sum(turn.now_ms - one.asked_ms < 1_000 for one in turn.book.protection.values())
    if newest < rules.moves_max and turn.now_ms >= kept.next_ms:
        asking.move(turn, holding, kept, sight, goal)


def _repair(turn: Turn, holding: Holding, kept: Protection, sight: Sight) -> list[Intent]:
    """Ask for what is missing; close what cannot be protected in time."""
    rules, now_ms = turn.rules.protect, turn.now_ms
    if _is_overdue(kept, now_ms, rules):
        return _exit(turn, holding, kept, kept.why or "no stop could be verified")
    if kept.goal_ticks is None or asking.is_asked(kept, now_ms, rules) or now_ms < kept.next_ms:
        return []
    if sight.standing_ticks is not None:
        return []  # seen once; the second reading is on its way
    since_ms = max(kept.fill_ms, kept.naked_since_ms or 0)
    if now_ms - since_ms < rules.confirm_ms and (not sight.confirmed or sight.seen_ms < since_ms):
        return []  # a position that the venue does not show yet takes no stop, and may have brought one along
    return _try(turn, holding, kept, sight, kept.goal_ticks)


def _is_overdue(kept: Protection, now_ms: int, rules: ProtectRules) -> bool:
    """The bounded time is over: it runs from the venue's word that no stop stands; without any word it is longer."""
    if kept.sighted_ms is not None:
        return now_ms - kept.sighted_ms >= rules.naked_max_ms
    return kept.naked_since_ms is not None and now_ms - kept.naked_since_ms >= rules.blind_max_ms


def _try(turn: Turn, holding: Holding, kept: Protection, sight: Sight, goal: int) -> list[Intent]:
    """A stop of the position; from the third try on an order of its own as well, whatever becomes of the stop."""
    if turn.rules.protect.position_stop:
        asking.ask(turn, holding, kept, sight, goal)
        if kept.tries < _PLAN_TRIES:
            return []
        kept = turn.book.protection[holding.symbol]
    return asking.stand_in(turn, holding, kept)


def _exit(turn: Turn, holding: Holding, kept: Protection, why: str) -> list[Intent]:
    """Close it at market, reduce-only; again, while it stands and no other order is closing it."""
    rules, now_ms = turn.rules.protect, turn.now_ms
    if (kept.exit_ms and now_ms - kept.exit_ms < rules.exit_ms) or _is_leaving(turn.book, holding, now_ms, rules):
        return []
    naked_ms = 0 if kept.naked_since_ms is None else now_ms - kept.naked_since_ms
    fields = {"symbol": holding.symbol, "lots": holding.lots, "naked_ms": naked_ms, "why": why}
    if not holding.known:
        # Not ours to close: the owner opened it, and the book does not hold it.
        turn.note_once("stop.given_up", _TOLD_MS, Severity.CRITICAL, **fields)
        return []
    turn.note("stop.given_up", Severity.CRITICAL, **fields)
    turn.set_item("protection", holding.symbol, replace(kept, exits=kept.exits + 1, exit_ms=now_ms))
    return [asking.exit_intent(turn, holding, kept.exits)]


def _is_leaving(book: Book, holding: Holding, now_ms: int, rules: ProtectRules) -> bool:
    """An order is closing all of it, and has not had its time yet."""
    leaving = sum(
        task.left_lots
        for task in book.tasks.values()
        if task.approved.intent.symbol == holding.symbol
        and not task.ending
        and task.approved.intent.purpose in (Purpose.EXIT, Purpose.FLATTEN)
        and now_ms - task.started_ms < rules.exit_ms
    )
    return -leaving * holding.side >= abs(holding.lots)


def _let_go(turn: Turn, symbol: str, ours: asking.StandIns) -> None:
    """Nothing is held any more: orders of ours that stood in go too; the venue's own stop goes by itself."""
    kept = turn.book.protection[symbol]
    asking.tidy(turn, symbol, ours, "", rungs=True)
    if kept.lots:
        closed = Protection(fill_ms=turn.now_ms, fill_seq=kept.fill_seq, stop_order_ids=kept.stop_order_ids)
        turn.set_item("protection", symbol, closed)
    elif turn.now_ms - kept.fill_ms >= _TOLD_MS:
        turn.set_item("protection", symbol, None)
