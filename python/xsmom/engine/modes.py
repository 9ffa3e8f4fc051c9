"""What may be done now: one table, from the mode that is and the strictest cause that holds, to the mode that comes.

Causes are read off the book, so a mode is never remembered against the facts: what ends, ends its mode. Only two
things are latched, and both lie in the book: the kill switch, and the operator's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Exit, Severity
from xsmom.domain.words import Word
from xsmom.engine import reading, reconcile
from xsmom.engine.execution import cancel_entries
from xsmom.engine.facts import fills_at_bars, margin_used_frac, settled, working_orders
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

_STOP_MAX_MS = 30_000
"""A process that is to end waits so long for its orders to be taken back."""


class Cause(Word):
    """Why the mode is what it is, strictest first; the first that holds rules."""

    KILL_FLATTEN = "kill switch: closing everything"
    KILL = "kill switch"
    STOP_FLATTEN = "stopping: closing everything"
    STOP_WORKING = "stopping: orders are being taken back"
    STOP = "stopping"
    FLATTEN = "operator: closing everything"
    REFUSED = "the account does not fit the book"
    GUARD_FLATTEN = "guard: closing everything"
    UNKNOWN = "the account is not known"
    MAINTENANCE = "maintenance of the exchange"
    MARGIN = "margin above its hard limit"
    PAUSED = "paused"
    GUARD_BLOCK = "guard: no entries"
    NONE = "nothing against it"


_CALM: Final = (Cause.UNKNOWN, Cause.MAINTENANCE, Cause.MARGIN, Cause.PAUSED, Cause.GUARD_BLOCK, Cause.NONE)
"""Causes under which nothing has to be closed."""

_BY_CAUSE: Final = {
    Cause.KILL_FLATTEN: Mode.FLATTENING,
    Cause.KILL: Mode.HALTED,
    Cause.STOP_FLATTEN: Mode.FLATTENING,
    Cause.STOP_WORKING: Mode.REDUCING,
    Cause.STOP: Mode.HALTED,
    Cause.FLATTEN: Mode.FLATTENING,
    Cause.REFUSED: Mode.HALTED,
    Cause.GUARD_FLATTEN: Mode.FLATTENING,
    Cause.UNKNOWN: Mode.RECONCILING,
    Cause.MAINTENANCE: Mode.REDUCING,
    Cause.MARGIN: Mode.REDUCING,
    Cause.PAUSED: Mode.REDUCING,
    Cause.GUARD_BLOCK: Mode.REDUCING,
    Cause.NONE: Mode.TRADING,
}
# Out of BOOT and HALTED the account is looked at first: what happened meanwhile is not known.
_AFTER_SILENCE: Final = {**_BY_CAUSE, **dict.fromkeys((*_CALM, Cause.GUARD_FLATTEN), Mode.RECONCILING)}

TABLE: Final[Mapping[Mode, Mapping[Cause, Mode]]] = MappingProxyType(
    {
        Mode.BOOT: _AFTER_SILENCE,
        Mode.RECONCILING: _BY_CAUSE,
        Mode.TRADING: _BY_CAUSE,
        Mode.REDUCING: _BY_CAUSE,
        Mode.FLATTENING: _BY_CAUSE,
        # It waited for its orders already.
        Mode.HALTED: {**_AFTER_SILENCE, Cause.STOP_WORKING: Mode.HALTED},
    }
)

# What the operator asked for is no error; what a guard, the account or the kill switch brings about is.
_SEVERITY: Final = {
    Cause.KILL_FLATTEN: Severity.ERROR,
    Cause.KILL: Severity.ERROR,
    Cause.STOP_FLATTEN: Severity.WARNING,
    Cause.STOP_WORKING: Severity.INFO,
    Cause.STOP: Severity.INFO,
    Cause.FLATTEN: Severity.WARNING,
    Cause.REFUSED: Severity.ERROR,
    Cause.GUARD_FLATTEN: Severity.ERROR,
    Cause.UNKNOWN: Severity.INFO,
    Cause.MAINTENANCE: Severity.WARNING,
    Cause.MARGIN: Severity.WARNING,
    Cause.PAUSED: Severity.WARNING,
    Cause.GUARD_BLOCK: Severity.WARNING,
    Cause.NONE: Severity.INFO,
}


def _killed(book: Book, rules: Rules) -> bool:
    del rules
    return book.kill.active


def _kill_closes(book: Book, rules: Rules) -> bool:
    del rules
    return book.kill.active and book.kill.flatten and not (book.kill.done and book.flat)


def _stopping(book: Book, rules: Rules) -> bool:
    del rules
    return bool(book.stopping)


def _stop_closes(book: Book, rules: Rules) -> bool:
    if book.stopping != "flatten":
        return False
    closed = book.mode is Mode.FLATTENING and settled(book, rules)
    return not (closed or (book.mode is Mode.HALTED and book.flat))


def _stop_works(book: Book, rules: Rules) -> bool:
    del rules
    return bool(book.stopping) and (bool(book.tasks) or next(working_orders(book), None) is not None)


def _flattening(book: Book, rules: Rules) -> bool:
    del rules
    return bool(book.flattening)


def _refused(book: Book, rules: Rules) -> bool:
    return rules.gates.facts_needed and reconcile.blocks(book) >= reconcile.Blocks.HALT


def _guard_flattens(book: Book, rules: Rules) -> bool:
    del rules
    return book.cycle.guard == "flatten"


def _guard_blocks(book: Book, rules: Rules) -> bool:
    del rules
    return book.cycle.guard != "none"


def _paused(book: Book, rules: Rules) -> bool:
    del rules
    return bool(book.paused)


def unreconciled(book: Book, rules: Rules) -> bool:
    """The account has not been compared with the book since that was last in doubt."""
    if not rules.gates.facts_needed:
        return False
    venue = book.venue
    if venue.account is None or venue.positions is None:
        return True
    since_ms = book.mode_ms if book.mode is Mode.RECONCILING else book.started_ms
    return venue.reconciled_ms < since_ms


def margin_over(book: Book, rules: Rules) -> bool:
    """Margin in use, or the maintenance rate, is at a limit that acts."""
    account, gates = book.venue.account, rules.gates
    if account is None or not gates.facts_needed:
        return False
    over = margin_used_frac(account) >= gates.margin_hard_frac
    return over or float(account.maintenance_rate_frac) >= gates.maintenance_frac


def _in_maintenance(book: Book, now_ms: int) -> bool:
    return book.health.maintenance or now_ms < book.health.maintenance_until_ms


_HOLDS: Final[Mapping[Cause, Callable[[Book, Rules], bool]]] = {
    Cause.KILL_FLATTEN: _kill_closes,
    Cause.KILL: _killed,
    Cause.STOP_FLATTEN: _stop_closes,
    Cause.STOP_WORKING: _stop_works,
    Cause.STOP: _stopping,
    Cause.FLATTEN: _flattening,
    Cause.REFUSED: _refused,
    Cause.GUARD_FLATTEN: _guard_flattens,
    Cause.UNKNOWN: unreconciled,
    Cause.MARGIN: margin_over,
    Cause.PAUSED: _paused,
    Cause.GUARD_BLOCK: _guard_blocks,
}


# In the order of the causes, which is a mapping's only by accident; maintenance alone is a matter of time.
_RANKED: Final = tuple(
    (cause, None if cause is Cause.MAINTENANCE else _HOLDS[cause]) for cause in Cause if cause is not Cause.NONE
)


def cause_of(book: Book, rules: Rules, now_ms: int) -> Cause:
    """The strictest cause that holds now."""
    if _is_calm(book, rules, now_ms):
        return Cause.NONE
    for cause, holds in _RANKED:
        if _in_maintenance(book, now_ms) if holds is None else holds(book, rules):
            return cause
    return Cause.NONE


def _is_calm(book: Book, rules: Rules, now_ms: int) -> bool:
    """Quick look, as causes are asked for at every event: nothing is there that any of them rests on."""
    spoken = book.kill.active or book.stopping or book.flattening or book.paused or book.cycle.guard != "none"
    return not (spoken or rules.gates.facts_needed or _in_maintenance(book, now_ms))


def settle_mode(turn: Turn) -> None:
    """Bring the mode to what the causes say, and do what comes with it."""
    _latch(turn)
    while _step(turn):
        pass
    if turn.book.stopping:
        _leave(turn)
    if turn.rules.gates.facts_needed:
        _look_at_account(turn)


def _step(turn: Turn) -> bool:
    """One transition of the table; whether there was one."""
    book, rules = turn.book, turn.rules
    cause = cause_of(book, rules, turn.now_ms)
    late = cause is Cause.STOP_WORKING and book.mode is Mode.REDUCING and turn.now_ms - book.mode_ms >= _STOP_MAX_MS
    mode = Mode.HALTED if late else TABLE[book.mode][cause]
    if mode is book.mode:
        return False
    # Orders that could not be taken back in time are worth a look.
    change_mode(turn, mode, _why(book, cause), Severity.WARNING if late else _SEVERITY[cause])
    # Out there the gates call entries off (`standing`). What fills whole at bars was sent for good: a guard of the
    # kernel plans around it, as in the simulation.
    by_guard = cause in {Cause.GUARD_FLATTEN, Cause.GUARD_BLOCK, Cause.NONE}
    judged = rules.gates.facts_needed and not fills_at_bars(rules)
    if mode is not Mode.TRADING and not judged and not (by_guard and fills_at_bars(rules)):
        cancel_entries(turn, cause.value)
    return True


def _leave(turn: Turn) -> None:
    """End the process that was told to, once there is nothing to wait for; a kill switch may take too long to wait."""
    book = turn.book
    waited = turn.now_ms - book.mode_ms >= _STOP_MAX_MS
    if book.mode is Mode.HALTED or (book.stopping == "keep" and book.mode is Mode.FLATTENING and waited):
        turn.send(Exit(f"stopped: {book.stopping}"))


def _latch(turn: Turn) -> None:
    """Remember that what had to be closed is closed; forget it when it is not so any more."""
    book, kill = turn.book, turn.book.kill
    if kill.done and not book.flat:
        turn.put(kill=replace(kill, done=False))
    closes = bool(book.flattening) or (kill.active and kill.flatten and not kill.done)
    if book.mode is Mode.FLATTENING and closes and settled(book, turn.rules):
        turn.put(flattening="", kill=replace(kill, done=kill.active and kill.flatten))
        turn.note("book.flat", Severity.WARNING)


def _look_at_account(turn: Turn) -> None:
    """Have the account read, where the mode waits for its word."""
    book = turn.book
    if book.mode is Mode.RECONCILING:
        since_ms = book.mode_ms
    elif book.mode is Mode.FLATTENING and book.flat and not book.tasks:
        since_ms = max(book.mode_ms, book.last_fill_ms)
    else:
        return
    if book.venue.asked_ms < since_ms and not book.venue.wanted:
        reading.want(turn, book.mode.value)


def _why(book: Book, cause: Cause) -> str:
    more = {
        Cause.KILL_FLATTEN: book.kill.reason,
        Cause.KILL: book.kill.reason,
        Cause.FLATTEN: book.flattening,
        Cause.REFUSED: "; ".join(book.venue.mismatches[:3]),
        Cause.PAUSED: book.paused,
        Cause.GUARD_FLATTEN: book.cycle.guard_by,
        Cause.GUARD_BLOCK: book.cycle.guard_by,
    }.get(cause, "")
    return f"{cause.value} ({more})" if more else cause.value


def change_mode(turn: Turn, mode: Mode, why: str, severity: Severity) -> None:
    """Go over to a mode, and tell it as loudly as its cause deserves."""
    before = turn.book.mode
    turn.put(mode=mode, mode_ms=turn.now_ms, mode_why=why)
    turn.note("mode.changed", severity, before=before.value, mode=mode.value, why=why)


def plans(book: Book) -> bool:
    """Whether a plan is made in this mode; kernel exits and stops go in all of them."""
    return book.mode in {Mode.TRADING, Mode.REDUCING, Mode.FLATTENING}


def plan_guard(book: Book, rules: Rules, now_ms: int) -> str:
    """What a plan is told: the kernel's guard, or what holds beside it where that is stricter.

    It asks for the cause and not for the mode, which is settled only after the plan: where the kernel's guard
    alone acts, the answer is that guard, as in the simulation.
    """
    mode = _BY_CAUSE[cause_of(book, rules, now_ms)]
    if book.cycle.guard == "flatten" or mode is Mode.FLATTENING:
        return "flatten"
    return book.cycle.guard if mode is Mode.TRADING else "block_entries"
