"""What became of a decision of one name, in plain sentences: its plan, what gates made of it, and how it stands now.

Nothing here decides or judges: notes of the journal and columns of the book are put into words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xsmom import kernel
from xsmom.domain.book import Book
from xsmom.domain.ledger import DecisionRow, NoteRow
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import LiveOrder, Phase, Task
from xsmom.domain.panel import NEVER_MS
from xsmom.domain.stamps import format_ms
from xsmom.engine.gates import GATES, NET_CAP
from xsmom.engine.rules import Rules
from xsmom.live.picture import Holding, holdings

_FIRES = {row.veto.value: row.fires for row in (*GATES, NET_CAP)}
_BARS = {1: "its cooldown after a stop", 2: "a ban by its own record", 3: "a losing streak", 4: "its loss of the day"}
_ORDERS = frozenset({"order.approved", "order.refused"})
_SIDES = ((0, "long"), (1, "short"))


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence. `alarm`: something stands in the way, or is not as it should be."""

    topic: str
    text: str
    at_ms: int | None = None
    alarm: bool = False


def say_plan(row: DecisionRow, plan_reason: str, *, planned: bool, mode: str, step: float) -> Iterator[Said]:
    """What the plan made of the target; `planned` is false where that mode makes none."""
    held = _holding(row.lots, step)
    if not planned:
        yield Said("plan", f"No plan was made of it: the mode was {mode}. Held then: {held}.", alarm=True)
        return
    if row.goal_lots == row.lots:
        why = f": {_lower(kernel.REASON_TEXTS[plan_reason])}" if plan_reason and row.weight_frac else "."
        yield Said("plan", f"The plan kept what was held, {held}{why}")
        return
    lots = row.goal_lots - row.lots
    why = f" {kernel.REASON_TEXTS[plan_reason]}" if plan_reason and plan_reason != row.reason else ""
    yield Said("plan", f"The plan went from {held} to {_holding(row.goal_lots, step)}: to {_trade(lots, step)}.{why}")


def say_verdicts(notes: Sequence[NoteRow], step: float) -> Iterator[Said]:
    """What gates made of each order of the decision's own step."""
    for row in notes:
        told = row.note.fields
        if row.note.name in _ORDERS:
            yield _verdict(row, told, step)


def say_since(notes: Sequence[NoteRow], step: float) -> list[Said]:
    """What happened to the name afterwards, in the order of time; what was told again is told once, at its newest."""
    said: dict[tuple[str, str], Said] = {}
    for row in notes:
        found = _happened(row, step)
        if found is not None:
            said.pop((found.topic, found.text), None)
            said[found.topic, found.text] = found
    return [*said.values(), *_executions(notes, step)]


def say_now(book: Book, rules: Rules, symbol: str, now_ms: int) -> list[Said]:
    """How the name stands in the newest book."""
    at = book.roster.index(symbol)
    if at is None:
        return [Said("roster", f"{symbol} is no longer among the names that are traded.", alarm=True)]
    step = float(book.roster.qty_step[at])
    return [
        *_say_mode(book),
        *_say_position(book, symbol, step),
        *_say_orders(book, symbol, step),
        *_say_hands(book, symbol, at),
        *_say_contract(book, rules, at, now_ms),
        *_say_bars_now(book, at, now_ms),
        *_say_doubts(book, symbol),
    ]


def _verdict(row: NoteRow, told: Mapping[str, Any], step: float) -> Said:
    wanted = int(told.get("wanted_lots", told["lots"]))
    order = f"The order to {_trade(wanted, step)} ({told['purpose']})"
    gates = [str(veto) for veto in told["vetoes"]]
    if row.note.name == "order.refused":
        why = str(told["why"]) or _fires(gates[0])
        return Said("verdict", f"{order} was refused by {', '.join(gates)}: {why}.", row.at_ms, alarm=True)
    if int(told["lots"]) == wanted:
        return Said("verdict", f"{order} passed every gate whole.", row.at_ms)
    whys = "; ".join(_fires(gate) for gate in gates)
    left = _trade(int(told["lots"]), step)
    return Said("verdict", f"{order} was cut to {left} by {', '.join(gates)}: {whys}.", row.at_ms, alarm=True)


def _fires(gate: str) -> str:
    return _FIRES.get(gate, "it lacked what it needs to judge").replace("`", "")


Fields = Mapping[str, Any]
_HAPPENED: dict[str, Callable[[Fields, float], str]] = {
    "order.done": lambda told, step: (
        f"The order to {_trade(told['lots'], step)} ({told['purpose']}) was done, "
        f"at {told['average_price']:.8g} on average."
    ),
    "order.given_up": lambda told, step: (
        f"The order to {_trade(told['lots'], step)} ({told['purpose']}) was given up after "
        f"{_size(told['filled_lots'], step)}"
        f"{_why(told)}."
    ),
    "order.held": lambda told, step: (
        f"The order to {_trade(told['left_lots'], step)} waited for {told['waits_for']}{_gate_why(told['waits_for'])}."
    ),
    "order.called_off": lambda told, step: (
        f"The order to {_trade(told['left_lots'], step)} was called off{_why(told)}."
    ),
    "order.unknown": lambda _told, _step: "The outcome of an order was not known, and looked up.",
    "exit.touched": lambda told, step: (
        f"{_exit(told)} was touched at {told['price']:.8g}: to {_trade(told['lots'], step)}."
    ),
    "exit.decided": lambda told, _step: f"{_exit(told)} asked for the position to be closed.",
    "position.closed": lambda told, _step: (
        f"The {told['side']} position ended by {_plain(told['exit'])}, with {told['net_usdt']:+,.2f} USDT."
    ),
    "position.liquidation": lambda told, step: f"The exchange liquidated {_size(told['lots'], step)} of it.",
    "position.adl": lambda told, step: f"The exchange's auto-deleveraging took {_size(told['lots'], step)} of it.",
    "position.held": lambda told, _step: f"It came under the owner's hand{_why(told)}.",
    "position.released": lambda _told, _step: "It was released from the owner's hand.",
    "position.taken_over": lambda _told, _step: "Its position was taken over from the exchange.",
    "position.closing": lambda told, _step: f"Its position is to be closed{_why(told)}.",
    "stop.emergency": lambda told, _step: (
        f"It had no stop on the exchange ({told['why']}): an emergency stop was laid."
    ),
    "stop.missing": lambda _told, _step: "It was seen without a stop on the exchange.",
    "stop.refused": lambda told, _step: f"The exchange refused its stop: {told['refusal']} {told['text']}.",
    "stop.given_up": lambda told, _step: f"It could not be protected in time, and is being closed{_why(told)}.",
    "fill.by_hand": lambda told, step: f"{_past(told['lots'])} by hand, not by us: {_size(told['lots'], step)}.",
}  # fmt: skip
_ALARMING = frozenset(
    {"order.given_up", "order.held", "order.called_off", "order.unknown", "position.held", "position.closing",
     "position.liquidation", "position.adl", "stop.emergency", "stop.missing", "stop.refused", "stop.given_up",
     "fill.by_hand"}
)  # fmt: skip


def _happened(row: NoteRow, step: float) -> Said | None:
    """None for a note that says nothing to a reader of this."""
    name, told = row.note.name, row.note.fields
    if name in _ORDERS:
        return _verdict(row, told, step)
    words = _HAPPENED.get(name)
    return None if words is None else Said(name, words(told, step), row.at_ms, alarm=name in _ALARMING)


def _executions(notes: Sequence[NoteRow], step: float) -> Iterator[Said]:
    """What was bought and sold, each side as one sentence."""
    for sign in (1, -1):
        rows = [row for row in notes if row.note.name == "order.filled" and sign * _int(row, "lots") > 0]
        lots = sum(_int(row, "lots") for row in rows)
        if lots:
            price = sum(_int(row, "lots") * float(str(row.note.fields["price"])) for row in rows) / lots
            parts = f"in {len(rows)} executions at {price:.8g} on average" if len(rows) > 1 else f"at {price:.8g}"
            yield Said("executed", f"{_past(lots)} {_size(lots, step)} {parts}.", rows[-1].at_ms)


def _int(row: NoteRow, name: str) -> int:
    return int(str(row.note.fields[name]))


def _say_mode(book: Book) -> Iterator[Said]:
    calm = book.mode.value == "trading"
    why = "" if calm or not book.mode_why else f": {book.mode_why}"
    may = {
        "boot": "it has not begun",
        "reconciling": "nothing is opened until book and account agree",
        "trading": "positions may grow and shrink",
        "reducing": "positions may only shrink",
        "flattening": "everything is being closed",
        "halted": "no order leaves; stops on the exchange stand",
    }[book.mode.value]
    yield Said("mode", f"The trader is {book.mode.value} since {format_ms(book.mode_ms)}{why}; {may}.", alarm=not calm)
    if book.kill.active:
        yield Said("kill switch", f"It is set, by {book.kill.by}: {book.kill.reason}.", book.kill.at_ms, alarm=True)
    if book.cycle.guard != "none":
        yield Said("guard", f"The guard {book.cycle.guard_by} rules: {book.cycle.guard}.", alarm=True)


def _say_position(book: Book, symbol: str, step: float) -> Iterator[Said]:
    one = next((held for held in holdings(book) if held.symbol == symbol), None)
    if one is None:
        yield Said("position", "Nothing is held.")
        return
    mark = "not known" if one.mark is None else f"{one.mark:.8g}"
    result = "" if one.result_usdt is None else f", {one.result_usdt:+,.2f} USDT since its first fill"
    yield Said(
        "position",
        f"Held: {_holding(one.lots, step)} since {format_ms(one.opened_ms)}, entry {one.entry_price:.8g}, mark "
        f"{mark}{result}.",
    )
    yield _say_stop(one)
    if one.closing:
        yield Said("closing", "It is to be closed, and not yet gone.", alarm=True)


def _say_stop(one: Holding) -> Said:
    if one.stop_price is None:
        return Said("stop", "It has no stop level.", alarm=True)
    away = "" if one.stop_distance_frac is None else f", {one.stop_distance_frac:+.1%} away"
    by = f", laid by {_plain(one.stop_by)}" if one.stop_by else ""
    if one.stop_verified:
        seen = "" if one.stop_on_exchange is None else f" at {one.stop_on_exchange:.8g}"
        return Said("stop", f"Its stop is at {one.stop_price:.8g}{away}{by}; it stands on the exchange{seen}.")
    return Said("stop", f"Its stop is at {one.stop_price:.8g}{away}{by}; it was NOT SEEN on the exchange.", alarm=True)


def _say_orders(book: Book, symbol: str, step: float) -> Iterator[Said]:
    tasks = [task for task in book.tasks.values() if task.approved.intent.symbol == symbol]
    for task in tasks:
        yield _say_task(task, step)
    standing = [one for one in book.orders.values() if one.symbol == symbol and not one.phase.final]
    for order in standing:
        yield _say_order(book, order, step)
    if not tasks and not standing:
        yield Said("orders", "No order of it works.")


def _say_task(task: Task, step: float) -> Said:
    order = f"The order to {_trade(task.approved.lots, step)} ({task.approved.intent.purpose.value})"
    work = f"{order} is being worked, {_size(task.left_lots, step)} still to go"
    if task.ending:
        return Said("work", f"{work}, and is called off: {task.ending}.", alarm=True)
    if task.waits_for:
        return Said("work", f"{work}, and waits for {task.waits_for}{_gate_why(task.waits_for)}.", alarm=True)
    return Said("work", f"{work}.")


def _say_order(book: Book, order: LiveOrder, step: float) -> Said:
    request = order.request
    ticks = request.price_ticks if request.trigger is None else request.trigger.price_ticks
    at = book.roster.index(order.symbol)
    price = "at the market" if ticks is None or at is None else f"at {ticks * float(book.roster.price_tick[at]):.10g}"
    kind = "A protective order" if order.protective else "An order"
    unknown = order.phase is Phase.UNKNOWN
    phase = "has an unknown outcome and is being looked up" if unknown else f"is {order.phase.value}"
    filled = f", {_size(order.filled_lots, step)} of it executed" if order.filled_lots else ""
    return Said("order", f"{kind} to {_trade(request.lots, step)} {price} {phase}{filled}.", order.sent_ms, unknown)


def _say_hands(book: Book, symbol: str, at: int) -> Iterator[Said]:
    if symbol in book.held_by_hand:
        why = book.held_by_hand[symbol]
        yield Said("by hand", f"It is held by hand ({why}) until xsmom release {symbol}: no orders.", alarm=True)
    elif symbol in book.ignored:
        yield Said("by hand", "It is left alone, by --ignore or live.ignore_symbols.", alarm=True)
    elif book.positions["hold"][at]:
        yield Said("by hand", "It is on hold by the operator.", alarm=True)


def _say_contract(book: Book, rules: Rules, at: int, now_ms: int) -> Iterator[Said]:
    gone_ms, status = int(book.roster.delisted_ms[at]), book.roster.instruments[at].trading
    if gone_ms != NEVER_MS:
        word = "ends" if gone_ms > now_ms else "ended"
        what = f"Its contract {word} {format_ms(gone_ms)}: no entries, and what is held is closed a day before."
        yield Said("delisting", what, alarm=True)
    if status is not Trading.OPEN:
        yield Said("contract", f"Its contract is not open for trading ({status.value}): no entries.", alarm=True)
    stale, most = int(book.names.stale_bars[at]), int(rules.fields["stale_bars_max"])
    if stale and int(book.roster.listed_ms[at]) <= now_ms:
        held = "it is planned down to nothing" if stale > most else f"it is frozen as it is, for at most {most}"
        then = held if book.lots[at] else "no entries"
        yield Said("stale", f"It has had no bar at the newest {stale} closes: {then}.", alarm=True)


def _say_bars_now(book: Book, at: int, now_ms: int) -> Iterator[Said]:
    until_ms, by = kernel.barred(dict(book.records), now_ms)
    return say_bars(until_ms[at], by[at], book.decision["awaiting_reentry"][at])


def say_bars(until_ms: Any, by: Any, awaiting: Any) -> Iterator[Said]:
    """Which side of a name may not be opened, until when and why; each of the three is of one name, by side."""
    for side, word in _SIDES:
        if int(by[side]):
            until = format_ms(int(until_ms[side]))
            yield Said("bar", f"No new {word} until {until}: {_BARS[int(by[side])]}.", alarm=True)
        if bool(awaiting[side]):
            left = f"No new {word} until it has left the selection once: it was stopped since it entered."
            yield Said("bar", left, alarm=True)


def _say_doubts(book: Book, symbol: str) -> Iterator[Said]:
    for mismatch in book.venue.mismatches:
        if symbol in mismatch.replace(":", " ").split():
            yield Said("mismatch", f"Book and exchange differ: {mismatch}.", alarm=True)
    if symbol in book.venue.foreign:
        yield Said("foreign", "Orders or a position of somebody else stand in it on this account.", alarm=True)


def _exit(told: Fields) -> str:
    return f"The exit {_plain(told['exit'])}"


def _plain(word: object) -> str:
    return str(word).replace("_", " ")


def _why(told: Fields) -> str:
    why = str(told.get("why", "") or "")
    return f": {why}" if why else ""


def _gate_why(gate: str) -> str:
    return f" ({_fires(gate)})" if gate in _FIRES else ""


def _size(lots: int, step: float) -> str:
    return f"{abs(lots) * step:.10g}"


def _trade(lots: int, step: float) -> str:
    return f"{'buy' if lots > 0 else 'sell'} {_size(lots, step)}"


def _past(lots: int) -> str:
    return "Bought" if lots > 0 else "Sold"


def _holding(lots: int, step: float) -> str:
    return f"{'long' if lots > 0 else 'short'} {_size(lots, step)}" if lots else "nothing"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
