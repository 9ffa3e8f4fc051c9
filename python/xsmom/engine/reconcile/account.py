"""A reading of the account, laid beside the book. Pure: the same book and the same reading give the same outcome.

The parts that were read replace what was known; the parts that were not leave it as it was. Then every invariant
that can be judged is judged; `invariants` says what each means and what is done.
"""

from __future__ import annotations

from dataclasses import replace

from xsmom.domain.book import VenueFacts
from xsmom.domain.effects import Severity
from xsmom.domain.events import AccountSeen, FillsRead
from xsmom.domain.trading import OrderView, PositionView, Snapshot
from xsmom.engine import reading
from xsmom.engine.reconcile import orders, positions, wallet
from xsmom.engine.reconcile.doubts import Doubts
from xsmom.engine.reconcile.invariants import Blocks, Finding, Part, invariant_of
from xsmom.engine.turn import Turn

_TOLD_MS = 3_600_000


def on_account(turn: Turn, event: AccountSeen) -> None:
    """Take in a reading, judge it, correct what may be corrected, and say what is wrong."""
    seen_ms = _seen_ms(turn, event)
    _fold_views(turn, event, seen_ms)
    doubts = Doubts.of(turn.book, seen_ms, turn.rules.agree.stable_ms)
    # Why stands in `venue.unread`: the words of an error differ each time, the finding is one.
    findings = [Finding("R1", "", f"{what} could not be read") for what, _ in event.failed]
    judged = {Part.ANY}
    if event.orders is not None:
        judged.add(Part.ORDERS)
        findings += orders.judge(turn, event.orders, doubts)
    else:
        doubts.keep("R5", "R10")
    if event.positions is not None:
        judged.add(Part.POSITIONS)
        findings += positions.judge(turn, event.positions, doubts)
    if event.account is not None and event.positions is not None:
        judged.add(Part.WALLET)
        findings += wallet.judge(turn, event.account, doubts)
    else:
        doubts.keep("R11")
    if event.positions is None:
        doubts.keep("R7")
    _conclude(turn, event, findings, judged, doubts)


def on_fills_read(turn: Turn, event: FillsRead) -> None:
    """Every execution until then has been told: what still differs is no fill on its way."""
    venue = turn.book.venue
    if event.failed:
        turn.note_once("venue.unread", 60_000, Severity.WARNING, what="fills", why=event.failed)
        turn.put(venue=replace(turn.book.venue, fills_answered_ms=turn.now_ms))
        reading.want_fills(turn, "fills could not be read")
        return
    # What was asked for by others counts from their own moment of asking.
    known_ms = max(venue.fills_ms, min(event.asked_ms, turn.now_ms))
    turn.put(venue=replace(venue, fills_ms=known_ms, fills_answered_ms=turn.now_ms))
    if venue.doubts:
        reading.want(turn, "fills were read")


def _seen_ms(turn: Turn, event: AccountSeen) -> int:
    """Our time of the reading: nothing in it is older than the moment of asking."""
    venue = turn.book.venue
    if event.asked_ms:
        return event.asked_ms
    return venue.asked_ms if venue.asked_ms > venue.answered_ms else turn.now_ms


def _fold_views(turn: Turn, event: AccountSeen, seen_ms: int) -> None:
    venue = turn.book.venue
    changes: dict[str, object] = {"answered_ms": turn.now_ms, "unread": event.failed}
    if event.account is not None:
        changes |= {"account": event.account, "account_ms": seen_ms}
    if event.positions is not None:
        changes |= {"positions": _merged(venue, event.positions), "positions_ms": seen_ms}
    if event.orders is not None:
        changes |= {"stops": _stops(event.orders), "orders_ms": seen_ms}
    turn.put(venue=replace(venue, **changes))  # type: ignore[arg-type]
    for what, why in event.failed:
        turn.note_once("venue.unread", 60_000, Severity.WARNING, what=what, why=why)


def _merged(venue: VenueFacts, told: Snapshot[PositionView]) -> dict[str, PositionView]:
    """Rows by symbol. A row that is older than the one we have is an old answer that came late."""
    known = venue.positions or {}
    rows: dict[str, PositionView] = {}
    for row in sorted(told.rows, key=lambda one: one.symbol):
        old = known.get(row.symbol)
        rows[row.symbol] = old if old is not None and 0 < row.seq < old.seq else row
    return rows


def _stops(told: Snapshot[OrderView]) -> dict[str, tuple[OrderView, ...]]:
    found: dict[str, list[OrderView]] = {}
    for one in sorted(told.rows, key=lambda order: (order.symbol, order.order_id)):
        if one.trigger is not None and (one.of_position or one.reduce_only) and not one.state.final:
            found.setdefault(one.symbol, []).append(one)
    return {symbol: tuple(some) for symbol, some in found.items()}


def _conclude(turn: Turn, event: AccountSeen, findings: list[Finding], judged: set[Part], doubts: Doubts) -> None:
    venue = turn.book.venue
    # What this reading could not judge stands as it was.
    kept = [one for one in venue.mismatches if invariant_of(one).part not in judged]
    lines = tuple(dict.fromkeys([*kept, *(str(one) for one in findings)]))
    foreign = _foreign(turn, findings, judged)
    worst = max((invariant_of(one).blocks for one in lines), default=Blocks.NOTHING)
    whole = len(judged) == len(Part) - 1 or not turn.rules.protect.enabled
    pending = any(key.startswith(("R7 ", "R11")) for key in doubts.now)
    agreed = whole and not event.failed and not pending and worst < Blocks.HALT
    turn.put(
        venue=replace(
            venue,
            mismatches=lines,
            foreign=foreign,
            doubts=doubts.now,
            reconciled_ms=turn.now_ms if agreed else venue.reconciled_ms,
        )
    )
    _tell(turn, venue, lines, agreed=agreed)


def _foreign(turn: Turn, findings: list[Finding], judged: set[Part]) -> tuple[str, ...]:
    """Names with orders or positions of somebody else."""
    if not {Part.ORDERS, Part.POSITIONS} <= judged:
        return turn.book.venue.foreign
    return tuple(sorted({one.symbol for one in findings if one.number in _FOREIGN}))


def _tell(turn: Turn, before: VenueFacts, lines: tuple[str, ...], *, agreed: bool) -> None:
    for line in lines:
        fields = {"invariant": invariant_of(line).number, "text": line}
        loud = _LOUD[invariant_of(line).blocks]
        if line not in before.mismatches:
            turn.note("book.mismatched", loud, **fields)
    if agreed and not lines and (before.mismatches or before.reconciled_ms < turn.book.started_ms):
        turn.note("book.reconciled")
    elif agreed:
        turn.note_once("book.reconciled", _TOLD_MS, Severity.DEBUG, mismatches=len(lines))


_FOREIGN = frozenset({"R4", "R6", "R8"})
_LOUD = {
    Blocks.NOTHING: Severity.WARNING,
    Blocks.SYMBOL: Severity.ERROR,
    Blocks.ENTRIES: Severity.ERROR,
    Blocks.HALT: Severity.CRITICAL,
}
