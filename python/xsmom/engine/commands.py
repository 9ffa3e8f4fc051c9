"""What an operator says, from whatever door it comes: each command is one function and one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from xsmom import kernel
from xsmom.domain.book import Kill
from xsmom.domain.effects import Severity
from xsmom.domain.events import Command, CommandGiven
from xsmom.domain.tape import CloseOrdered, Rearmed
from xsmom.engine import reading, reconcile
from xsmom.engine.turn import Turn

Refusal: TypeAlias = str
"""Why a command was not carried out; empty when it was."""


def on_command(turn: Turn, event: CommandGiven) -> None:
    """Carry a command out, and say so; the mode follows when it is settled."""
    refusal = ROWS[event.command](turn, event)
    turn.note(
        "command.refused" if refusal else "command.given",
        Severity.WARNING,
        command=event.command.value,
        by=event.by,
        reason=event.reason,
        args=dict(event.args),
        why=refusal,
    )


def _kill(turn: Turn, event: CommandGiven) -> Refusal:
    before = turn.book.kill
    flatten = _wanted(event, "flatten", default=turn.rules.gates.flatten_on_kill)
    if before.active and (before.flatten or not flatten):
        return ""
    turn.put(kill=Kill(active=True, flatten=flatten, reason=event.reason, by=event.by, at_ms=event.at_ms))
    turn.note("kill.activated", Severity.CRITICAL, by=event.by, reason=event.reason, flatten=flatten)
    return ""


def _kill_clear(turn: Turn, event: CommandGiven) -> Refusal:
    if not turn.book.kill.active:
        return "the kill switch is not set"
    turn.put(kill=Kill())
    turn.note("kill.cleared", Severity.WARNING, by=event.by, reason=event.reason)
    return ""


def _pause(turn: Turn, event: CommandGiven) -> Refusal:
    turn.put(paused=f"{event.by}: {event.reason}" if event.reason else event.by)
    return ""


def _resume(turn: Turn, event: CommandGiven) -> Refusal:
    del event
    if not (turn.book.paused or turn.book.flattening):
        return "it is not paused"
    turn.put(paused="", flattening="")
    return ""


def _flatten(turn: Turn, event: CommandGiven) -> Refusal:
    symbol = event.args.get("symbol")
    if symbol is not None:
        return _close(turn, event, symbol)
    why = f"{event.by}: {event.reason}" if event.reason else event.by
    turn.put(flattening=why, paused=turn.book.paused or f"flattened by {why}")
    return ""


def _close(turn: Turn, event: CommandGiven, symbol: str) -> Refusal:
    """Close one position; it is then held by hand, or the next plan would open it again."""
    at = turn.book.roster.index(symbol)
    if at is None or not turn.book.lots[at]:
        return f"no position in {symbol}"
    asked = turn.book.names.close_ordered.copy()
    asked[at] = True
    turn.put(names=replace(turn.book.names, close_ordered=asked))
    turn.record(CloseOrdered(at))
    reconcile.hold(turn, symbol, f"closed by {event.by}")
    return ""


def _release(turn: Turn, event: CommandGiven) -> Refusal:
    symbol = event.args.get("symbol", "")
    return "" if reconcile.release(turn, symbol) else f"{symbol or 'no symbol'} is not held by hand"


def _rearm(turn: Turn, event: CommandGiven) -> Refusal:
    guard = event.args.get("guard", "")
    if guard not in kernel.GUARDS:
        return f"there is no guard {guard or 'without a name'}; there are {', '.join(sorted(kernel.GUARDS))}"
    state, was_latched = kernel.rearm_guard(dict(turn.book.guards), guard)
    if not was_latched:
        return f"{guard} is not latched"
    turn.put(guards=state)
    turn.record(Rearmed(guard))
    turn.note("guard.rearmed", Severity.WARNING, guard=guard, by=event.by)
    return ""


def _reconcile(turn: Turn, event: CommandGiven) -> Refusal:
    reading.want_fills(turn, f"asked by {event.by}")
    reading.want_transfers(turn)
    return ""


def _stop_keep(turn: Turn, event: CommandGiven) -> Refusal:
    del event
    turn.put(stopping="keep")
    return ""


def _stop_flatten(turn: Turn, event: CommandGiven) -> Refusal:
    del event
    turn.put(stopping="flatten")
    return ""


def _classify(turn: Turn, event: CommandGiven) -> Refusal:
    """Say what an unexplained change of the wallet was: money moved, or a result."""
    kind = event.args.get("kind", "")
    if kind not in {"transfer", "result"}:
        return f"a change of the wallet is a transfer or a result, not {kind or 'nothing'}"
    text = event.args.get("amount_usdt", "")
    try:
        amount = float(text) if text else None
    except ValueError:
        return f"{text!r} is no amount of USDT"
    why = f"{event.by}: {event.reason}"
    return reconcile.classify(turn, amount, as_transfer=kind == "transfer", why=why)


def _wanted(event: CommandGiven, name: str, *, default: bool) -> bool:
    text = event.args.get(name, "").lower()
    return default if not text else text in {"yes", "true", "1"}


ROWS: Final[Mapping[Command, Callable[[Turn, CommandGiven], Refusal]]] = {
    Command.KILL: _kill,
    Command.KILL_CLEAR: _kill_clear,
    Command.FLATTEN: _flatten,
    Command.PAUSE: _pause,
    Command.RESUME: _resume,
    Command.RELEASE: _release,
    Command.REARM: _rearm,
    Command.RECONCILE: _reconcile,
    Command.CLASSIFY: _classify,
    Command.STOP_KEEP: _stop_keep,
    Command.STOP_FLATTEN: _stop_flatten,
}
