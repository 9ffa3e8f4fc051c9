"""Money that no execution explains: moved by the owner, given or taken by the exchange, or classified by a word.

A transfer buys or sells shares of the book at their value now, once for each id of the exchange's list. What moved
before the wallet was looked at for the first time, or before its unexplained part was classified, is in the base
already. What the exchange gave or took by itself is named beside the unexplained, and waits for the operator.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from xsmom.domain.effects import Severity
from xsmom.domain.events import MoveSeen, TransferSeen, TransfersRead
from xsmom.domain.tape import Corrected
from xsmom.engine import money, reading
from xsmom.engine.reconcile.invariants import invariant_of
from xsmom.engine.turn import Turn

_UNREAD_TOLD_MS = 3_600_000
_CENT_USDT = 0.01
"""As finely as the unexplained is shown: whoever repeats what was shown means all of it."""


def on_transfer(turn: Turn, event: TransferSeen) -> None:
    """Money moved in or out: shares of the book are bought or sold at their value now."""
    if event.transfer_id in turn.book.transfers_seen:
        return
    if not turn.rules.protect.enabled:
        money.fold_transfer(turn, event)
        return
    if _is_contained(turn, event.transfer_id, event.at_ms):
        return
    money.fold_transfer(turn, event)
    venue, amount = turn.book.venue, float(event.amount_usdt)
    left = venue.unexplained_usdt - amount
    # The reading that was believed had seen this money already, and now it has its name.
    if event.at_ms <= venue.unexplained_ms and abs(left) < abs(venue.unexplained_usdt):
        turn.put(venue=replace(venue, unexplained_usdt=left))
    reading.want(turn, "transfer")


def on_move(turn: Turn, event: MoveSeen) -> None:
    """The exchange gave or took something: it is told and named, and moves nothing by itself."""
    move = event.move
    if move.move_id in turn.book.transfers_seen or _is_contained(turn, move.move_id, move.at_ms):
        return
    money.remember_move(turn, move.move_id, move.at_ms)
    venue, amount = turn.book.venue, float(move.amount_usdt)
    turn.put(venue=replace(venue, named={**venue.named, move.word: venue.named.get(move.word, 0.0) + amount}))
    turn.note("wallet.moved", Severity.WARNING, what=move.word, amount_usdt=amount, at_ms=move.at_ms)
    reading.want(turn, "the wallet moved")


def on_transfers_read(turn: Turn, event: TransfersRead) -> None:
    """All that was listed until then has been told. A list that cannot be read leaves the wallet to the operator."""
    venue, now_ms = turn.book.venue, turn.now_ms
    asked_ms = min(event.asked_ms, now_ms)
    told_ms = max(venue.transfers_told_ms, asked_ms)
    if event.failed:
        turn.put(venue=replace(venue, transfers_told_ms=told_ms))
        turn.note_once("venue.unread", _UNREAD_TOLD_MS, Severity.WARNING, what="transfers", why=event.failed)
    else:
        known_ms = max(venue.transfers_ms, asked_ms)
        turn.put(venue=replace(venue, transfers_told_ms=told_ms, transfers_ms=known_ms))
    if venue.doubts:
        reading.want(turn, "transfers were read")


def classify(turn: Turn, amount_usdt: float | None, *, as_transfer: bool, why: str) -> str:
    """The operator says what unexplained money is, all of it (None) or a part; why that cannot be, or nothing."""
    venue, now_ms = turn.book.venue, turn.now_ms
    found = venue.unexplained_usdt
    if not found:
        return "nothing in the wallet is unexplained"
    amount = found if amount_usdt is None or abs(amount_usdt - found) <= _CENT_USDT else amount_usdt
    if not 0.0 < amount / found <= 1.0:
        return f"{amount:+.2f} USDT is no part of the {found:+.2f} that are unexplained"
    if as_transfer:
        money.fold_transfer(turn, TransferSeen(f"classified-{now_ms}", Decimal(repr(amount)), now_ms))
    else:
        kept = turn.book.money
        corrected = replace(kept, cash_usdt=kept.cash_usdt + amount, corrections_usdt=kept.corrections_usdt + amount)
        turn.put(money=corrected)
        turn.record(Corrected(amount))
    venue, left = turn.book.venue, found - amount
    kept_lines = tuple(one for one in venue.mismatches if left or invariant_of(one).number != "R11")
    # Should the exchange list any of it later, it is not counted again.
    base_ms = max(venue.wallet_base_ms, venue.unexplained_ms)
    named = venue.named if left else {}
    after = replace(venue, unexplained_usdt=left, mismatches=kept_lines, wallet_base_ms=base_ms, named=named)
    turn.put(venue=after)
    kind = "transfer" if as_transfer else "result"
    turn.note("wallet.classified", Severity.WARNING, amount_usdt=amount, left_usdt=left, kind=kind, why=why)
    reading.want(turn, "classified")
    return ""


def _is_contained(turn: Turn, move_id: str, at_ms: int) -> bool:
    """Whether the base has it. Before the first look nobody can say; that look will have it, or it is read again."""
    venue = turn.book.venue
    if venue.wallet_base_usdt is None:
        return True
    if at_ms > (venue.wallet_base_ms or venue.reconciled_ms):
        return False
    money.remember_move(turn, move_id, at_ms)
    turn.note("transfer.contained", Severity.DEBUG, id=move_id, at_ms=at_ms)
    return True
