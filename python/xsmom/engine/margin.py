"""Margin at its hard limit, and net above its cap while nothing may be opened: both are mended by reducing."""

from __future__ import annotations

import math

import numpy as np

from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.orders import Intent, Purpose, Style
from xsmom.domain.trading import AccountView
from xsmom.engine.execution import cancel_entries
from xsmom.engine.facts import closing_lots, margin_used_frac, mark_now, working_orders
from xsmom.engine.gates.net_cap import cap_usdt, net_usdt
from xsmom.engine.modes import margin_over
from xsmom.engine.rules import GateRules
from xsmom.engine.turn import Turn

_LEGS = 300_000
_BELOW = 0.98
"""Reduced to a little below the soft limit: at it, the next tick would be above again."""
_RETRY_MS = 10_000


def trim_intents(turn: Turn) -> list[Intent]:
    """What has to go for margin, or for the net; nothing while everything is being closed anyway."""
    book = turn.book
    if not turn.rules.gates.facts_needed or book.flat or book.mode in {Mode.FLATTENING, Mode.BOOT}:
        return []
    return _for_margin(turn) if margin_over(book, turn.rules) else _for_net(turn)


def share_to_close(account: AccountView, gates: GateRules) -> float:
    """Share of every position to close: margin comes below its soft limit, and the rate as far below its own."""
    used, rate = margin_used_frac(account), float(account.maintenance_rate_frac)
    lower = _BELOW * gates.margin_soft_frac / gates.margin_hard_frac
    keep = 1.0
    if used >= gates.margin_hard_frac:
        keep = min(keep, _BELOW * gates.margin_soft_frac / used)
    if rate >= gates.maintenance_frac:
        keep = min(keep, lower * gates.maintenance_frac / rate)
    return 1.0 - max(keep, 0.0)


def _for_margin(turn: Turn) -> list[Intent]:
    """Both legs in proportion, so that the book stays as neutral as it was."""
    book, gates = turn.book, turn.rules.gates
    account = book.venue.account
    if account is None:
        return []
    fields = {"used_frac": margin_used_frac(account), "maintenance_frac": float(account.maintenance_rate_frac)}
    turn.note_once("margin.hard", 60_000, Severity.CRITICAL, closes=gates.margin_close, **fields)
    if not gates.margin_close or not _may_act(turn, "trim.margin", book.venue.account_ms):
        return []
    cancel_entries(turn, "margin above its hard limit")
    share = share_to_close(account, gates)
    lots = np.ceil(np.abs(book.lots) * share - 1e-9).astype(np.int64)
    intents = _intents(turn, lots)
    turn.note("margin.trimmed", Severity.CRITICAL, share_frac=share, names=len(intents), **fields)
    return intents


def _may_act(turn: Turn, key: str, facts_ms: int) -> bool:
    """Once for each reading of the account: what was asked for must show before more is."""
    last_ms = turn.book.loud_ms.get(f"{key}:")
    if last_ms is not None and (facts_ms <= last_ms or turn.now_ms - last_ms < _RETRY_MS):
        return False
    if _trimming(turn.book):
        return False
    turn.set_item("loud_ms", f"{key}:", turn.now_ms)
    return True


def _trimming(book: Book) -> bool:
    return any(task.approved.intent.purpose is Purpose.TRIM for task in book.tasks.values())


def _for_net(turn: Turn) -> list[Intent]:
    """While positions may only shrink, the heavier leg is cut until the net is within its cap."""
    book = turn.book
    if book.mode is not Mode.REDUCING or book.tasks or next(working_orders(book), None) is not None:
        return []
    net = net_usdt(book)
    over = abs(net) - cap_usdt(book, turn.rules)
    if not over > 0.0 or not _may_act(turn, "trim.net", turn.now_ms):
        return []
    lots = _heavier(book, 1 if net > 0.0 else -1, over)
    intents = _intents(turn, lots)
    if intents:
        turn.note("net.trimmed", Severity.WARNING, net_usdt=net, over_usdt=over, names=len(intents))
    return intents


def _heavier(book: Book, side: int, over_usdt: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Lots (unsigned) to take from each name of one side, from the largest value on; as the plan does."""
    value = np.nan_to_num(book.names.mark) * book.roster.qty_step
    take = np.zeros(len(book.roster), dtype=np.int64)
    free = (book.lots * side > 0) & (value > 0.0) & ~book.positions["hold"]
    order = sorted(np.flatnonzero(free), key=lambda at: (-abs(book.lots[at]) * value[at], at))
    for at in order:
        if not over_usdt > 0.0 or value[at] >= 2.0 * over_usdt:
            continue
        held = abs(int(book.lots[at]))
        least = max(book.roster.instruments[at].lots_min, math.ceil(book.roster.notional_usdt_min[at] / value[at]))
        lots = min(max(math.ceil(over_usdt / value[at]), least), held)
        take[at] = held if 0 < held - lots < least else lots
        over_usdt -= take[at] * value[at]
    return take


def _intents(turn: Turn, lots: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[Intent]:
    """Reductions by so many lots (unsigned), less what is on its way already."""
    book = turn.book
    found = []
    for at in np.flatnonzero(lots):
        symbol, held = book.roster.symbols[at], int(book.lots[at])
        left = min(int(lots[at]) - closing_lots(book, symbol), abs(held))
        if left > 0:
            found.append(
                Intent(
                    symbol=symbol,
                    lots=-left if held > 0 else left,
                    reduce_only=True,
                    purpose=Purpose.TRIM,
                    style=Style.LIMIT,
                    reference_price=mark_now(book, int(at)),
                    atr=math.nan,
                    decided_ms=turn.now_ms,
                    leg=_LEGS + int(at),
                )
            )
    return found
