"""When account and fills are read again: now where something is wanted or not verified, else in time."""

from __future__ import annotations

from dataclasses import replace

from xsmom.domain.effects import EnsureModes, FetchAccount, FetchFills, FetchTransfers, SetTimer
from xsmom.domain.protection import Protection
from xsmom.engine.boot import wanted_modes
from xsmom.engine.turn import Turn

SENTINEL, RECONCILE = "sentinel", "reconcile"
_SPACING_MS = 1_000
"""Least time between two readings of fills, and after a reading that failed."""
_LISTED_LATE_MS = 86_400_000
"""How late a movement of the wallet may be listed, where something is unexplained."""
_LOST_MS = 30_000
"""A reading that was asked for so long ago, and never came, is asked for again."""


def want(turn: Turn, why: str, fills_since_ms: int | None = None) -> None:
    """Ask for a reading at the end of this step, and for fills where a time is given."""
    venue = turn.book.venue
    since = venue.fills_wanted_ms
    if fills_since_ms is not None:
        since = fills_since_ms if since is None else min(since, fills_since_ms)
    turn.put(venue=replace(venue, wanted=venue.wanted or why, fills_wanted_ms=since))


def want_fills(turn: Turn, why: str) -> None:
    """The same with fills from a little before the time up to which all of them are known."""
    book = turn.book
    known_ms = book.venue.fills_ms or book.last_fill_ms or book.first_ms
    want(turn, why, max(0, known_ms - turn.rules.agree.overlap_ms))


def want_transfers(turn: Turn) -> None:
    """Ask for the wallet's list of movements, from a little before the time up to which all of it is known."""
    venue, overlap_ms = turn.book.venue, turn.rules.agree.overlap_ms
    # What is still unexplained may have been listed late: then the look goes further back.
    back_ms = _LISTED_LATE_MS if venue.unexplained_usdt or "R11" in venue.doubts else overlap_ms
    known_ms = venue.transfers_ms or venue.wallet_base_ms or venue.reconciled_ms or turn.book.first_ms
    since = max(0, known_ms - max(overlap_ms, back_ms))
    wanted = venue.transfers_wanted_ms
    turn.put(venue=replace(venue, transfers_wanted_ms=since if wanted is None else min(since, wanted)))


def keep_reading(turn: Turn) -> None:
    """Send what is due, and set the timers."""
    _ask_modes(turn)
    _read_account(turn)
    _read_fills(turn)
    _read_transfers(turn)
    _set_timers(turn)


def _ask_modes(turn: Turn) -> None:
    """Nobody answered when the modes of the account were to be set: once more."""
    due_ms = turn.book.venue.modes_due_ms
    if due_ms and turn.now_ms >= due_ms:
        turn.send(EnsureModes(wanted_modes(turn.book, turn.rules)))
        turn.put(venue=replace(turn.book.venue, modes_due_ms=turn.now_ms + _LOST_MS))


def _is_open(turn: Turn) -> bool:
    """A reading is on its way."""
    venue = turn.book.venue
    return venue.asked_ms > venue.answered_ms and turn.now_ms - venue.asked_ms < _LOST_MS


def _read_account(turn: Turn) -> None:
    venue, now_ms = turn.book.venue, turn.now_ms
    due_ms = _due_ms(turn)
    if not venue.wanted and now_ms < due_ms:
        return
    if _is_open(turn) or now_ms - venue.asked_ms < turn.rules.protect.poll_ms:
        return
    turn.send(FetchAccount(venue.wanted or ("check of stops" if turn.book.protection else "check")))
    turn.put(venue=replace(venue, wanted="", asked_ms=now_ms))


def _due_ms(turn: Turn) -> int:
    """When the next reading is due though nobody asks."""
    book, rules = turn.book, turn.rules.protect
    last_ms = book.venue.asked_ms
    if book.venue.unread:
        return last_ms + max(rules.poll_ms, _SPACING_MS)
    held = [one for one in book.protection.values() if one.lots]
    if book.venue.doubts or any(_is_pressing(one, turn.now_ms) for one in held):
        return last_ms + rules.poll_ms
    if held:
        return last_ms + (rules.every_ms if book.health.streaming else rules.every_deaf_ms)
    return last_ms + turn.rules.agree.every_ms


def _is_pressing(kept: Protection, now_ms: int) -> bool:
    """Not verified, met by the price, or waiting to be moved."""
    if kept.verified_ms is None or kept.crossed_ms is not None:
        return True
    if kept.goal_ticks is None or kept.stop_ticks is None or kept.next_ms > now_ms:
        return False
    return (kept.goal_ticks - kept.stop_ticks) * kept.lots > 0


def _read_fills(turn: Turn) -> None:
    venue, now_ms = turn.book.venue, turn.now_ms
    since = venue.fills_wanted_ms
    open_ = venue.fills_asked_ms > venue.fills_answered_ms and now_ms - venue.fills_asked_ms < _LOST_MS
    if since is None or open_ or now_ms - venue.fills_asked_ms < _SPACING_MS:
        return
    turn.send(FetchFills(since))
    turn.put(venue=replace(venue, fills_wanted_ms=None, fills_asked_ms=now_ms))


def _read_transfers(turn: Turn) -> None:
    venue, now_ms = turn.book.venue, turn.now_ms
    since = venue.transfers_wanted_ms
    open_ = venue.transfers_asked_ms > venue.transfers_told_ms and now_ms - venue.transfers_asked_ms < _LOST_MS
    if since is None or open_ or now_ms - venue.transfers_asked_ms < _SPACING_MS:
        return
    turn.send(FetchTransfers(since))
    turn.put(venue=replace(venue, transfers_wanted_ms=None, transfers_asked_ms=now_ms))


def _set_timers(turn: Turn) -> None:
    """One timer for each room, set anew only where its time changes."""
    rules, now_ms, venue = turn.rules, turn.now_ms, turn.book.venue
    poll_ms = now_ms + rules.protect.poll_ms
    due_ms = max(_due_ms(turn), poll_ms)
    if venue.wanted or venue.fills_wanted_ms is not None or venue.transfers_wanted_ms is not None:
        due_ms = poll_ms
    if venue.modes_due_ms:
        due_ms = min(due_ms, max(venue.modes_due_ms, poll_ms))
    if due_ms != venue.sentinel_due_ms and (venue.sentinel_due_ms <= now_ms or due_ms < venue.sentinel_due_ms):
        turn.send(SetTimer(SENTINEL, due_ms))
        turn.put(venue=replace(turn.book.venue, sentinel_due_ms=due_ms))
    if turn.book.venue.reconcile_due_ms <= now_ms:
        if turn.book.venue.reconcile_due_ms:
            want_fills(turn, "reconciling is due")
            want_transfers(turn)
            _read_account(turn)
            _read_fills(turn)
            _read_transfers(turn)
        due_ms = now_ms + rules.agree.every_ms
        turn.send(SetTimer(RECONCILE, due_ms))
        turn.put(venue=replace(turn.book.venue, reconcile_due_ms=due_ms))
