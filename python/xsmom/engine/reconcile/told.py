"""What is told outside a reading: a start, a fill, modes of the account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xsmom.domain.book import Roster
from xsmom.domain.effects import Severity
from xsmom.domain.events import Started, VenueReplied
from xsmom.domain.trading import Unknown, VenueFill
from xsmom.engine import reading
from xsmom.engine.reconcile.invariants import Finding, invariant_of
from xsmom.engine.reconcile.origin import Origin
from xsmom.engine.reconcile.takeover import hold
from xsmom.engine.turn import Turn

_MODES_AGAIN_MS = 10_000
"""After so long the modes of the account are asked for again when nobody answered."""
_MODES_REFUSED_MS = 60_000
"""The same where some could not be set: a busy exchange answers later, and an account can be mended meanwhile."""
_EXPECTED = frozenset({Origin.OURS, Origin.STOP, Origin.FUNDING, Origin.DELIVERY})
"""Executions that say nothing beside their lots."""

_NAMES_TOLD = 8


def on_started(turn: Turn, event: Started) -> None:
    """A process begins: what the venue said to the one before is history, so everything is read anew."""
    rules, now_ms = turn.rules.agree, turn.now_ms
    ignored = tuple(dict.fromkeys((*event.ignore, *rules.ignore)))
    protection = {
        symbol: replace(
            kept,
            verified_ms=None,
            matched_ms=None,
            asked_ticks=None,
            naked_since_ms=now_ms,
            sighted_ms=None,
            tries=0,
            next_ms=0,
            exit_ms=0,
        )
        for symbol, kept in turn.book.protection.items()
    }
    venue = replace(
        turn.book.venue,
        positions=None,
        stops={},
        doubts={},
        asked_ms=0,
        answered_ms=0,
        fills_asked_ms=0,
        fills_answered_ms=0,
        transfers_asked_ms=0,
        transfers_told_ms=0,
        unread=(),
        modes_told=False,
        modes_due_ms=0,
        mismatches=(),
        foreign=(),
        sentinel_due_ms=0,
        reconcile_due_ms=0,
    )
    turn.put(ignored=ignored, adopt=event.adopt or rules.adopt, protection=protection, venue=venue)
    if turn.rules.protect.enabled:
        reading.want_fills(turn, "start")
        reading.want_transfers(turn)


def want(turn: Turn, why: str) -> None:
    """Read everything again now: after an error, after a gap, on a word of the operator."""
    if turn.rules.protect.enabled:
        reading.want_fills(turn, why)


def on_fill(turn: Turn, fill: VenueFill, whose: Origin) -> None:
    """After an execution was folded: what it says beside its lots."""
    if whose in _EXPECTED:
        return
    if whose is Origin.HAND and fill.lots:
        turn.note("fill.by_hand", Severity.WARNING, **_fields(fill))
        hold(turn, fill.symbol, f"{fill.lots} lots were traded by hand at {fill.at_ms}")
    elif whose is Origin.STRANGER:
        text = f"order {fill.client_order_id} was executed and was not sent here"
        _add(turn, Finding("R13", fill.symbol, f"{text}: is a second instance on this account?"))
    elif whose in (Origin.LIQUIDATION, Origin.ADL):
        turn.note(f"position.{whose.value}", Severity.CRITICAL, **_fields(fill))
        reading.want(turn, whose.value)


def _fields(fill: VenueFill) -> dict[str, object]:
    return {"symbol": fill.symbol, "lots": fill.lots, "price": float(fill.price), "at_ms": fill.at_ms}


def on_modes(turn: Turn, event: VenueReplied) -> None:
    """How the account is set: what could not be set blocks entries."""
    report = event.modes
    before = tuple(one for one in turn.book.venue.mismatches if invariant_of(one).number == "R12")
    kept = tuple(one for one in turn.book.venue.mismatches if one not in before)
    turn.put(venue=replace(turn.book.venue, mismatches=kept))
    if report is None:
        why = event.answer.why if isinstance(event.answer, Unknown) else "no answer"
        _add(turn, Finding("R12", "", f"the modes of the account could not be set: {why}"), told=before)
        turn.put(venue=replace(turn.book.venue, modes_due_ms=turn.now_ms + _MODES_AGAIN_MS))
        return
    due_ms = turn.now_ms + _MODES_REFUSED_MS if report.failed else 0
    turn.put(venue=replace(turn.book.venue, modes_told=True, modes_due_ms=due_ms))
    for what, why in _together(turn.book.roster, report.failed):
        _add(turn, Finding("R12", "", f"{what} could not be set: {why}"), told=before)
    if before and not report.failed:
        turn.note("modes.set")
    if report.changed:
        turn.note("modes.changed", Severity.WARNING, changed=list(report.changed))


def _together(roster: Roster, failed: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What failed and why; what was refused of many names in the same words is one line, and not one of each."""
    names: dict[tuple[str, str], list[str]] = {}
    for what, why in failed:
        head, _, last = what.rpartition(" ")
        named = roster.index(last) is not None
        names.setdefault((head if named else what, why), []).extend([last] if named else [])
    return [(f"{what} {_some(symbols)}".rstrip(), why) for (what, why), symbols in names.items()]


def _some(symbols: Sequence[str]) -> str:
    more = len(symbols) - _NAMES_TOLD
    return ", ".join(symbols[:_NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")


def _add(turn: Turn, finding: Finding, told: tuple[str, ...] = ()) -> None:
    """Keep a finding, and say it; not again where it was `told` before in these words."""
    line = str(finding)
    venue = turn.book.venue
    if line not in venue.mismatches:
        if line not in told:
            turn.note("book.mismatched", Severity.CRITICAL, invariant=finding.number, text=line)
        turn.put(venue=replace(venue, mismatches=(*venue.mismatches, line)))
