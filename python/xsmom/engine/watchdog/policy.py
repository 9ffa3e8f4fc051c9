"""When the watchdog acts: two pure functions, one for what is heard of the trader and one for what is seen.

silence   = now - max(newest new sign of life, since when we watch)
latch     silence >= silent            before anything else, and again until it stands
alert     silence >= silent            at once, and every `repeat_ms`
entries   silence >= silent            orders of the trader that would open are taken back
flatten   silence >= flatten_after, or a stop is missing in two looks `confirm_ms` apart; then until flat

A sign of life is *new*: a file that does not change says nothing, whatever time it bears, and a process that writes one
without taking in a single event is as silent. So is one that says of itself that it cannot see to its positions, as
long as we can read the account: where neither can, it is the exchange that is away. A reading that failed is unknown:
it neither begins nor confirms nor ends anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from xsmom.domain.effects import Note, Severity
from xsmom.domain.market_data import Instrument
from xsmom.domain.orders import is_ours
from xsmom.domain.trading import OrderRequest, OrderState, OrderView, PositionView, TimeInForce
from xsmom.engine.watchdog.coverage import uncovered
from xsmom.engine.watchdog.watch import Action, Beat, CancelEntry, Close, Latch, Look, Tell, Watch, WatchRules

ID_PREFIX = "xw"
"""Client ids of the watchdog's own orders: a trader that comes back does not take them for its own."""

_UNCOVERED = "watchdog.uncovered"
_SEEN = ("watchdog.flat", "watchdog.covered", _UNCOVERED)
_FAILURES_COUNTED_MAX = 8


def listen(
    watch: Watch, beat: Beat | None, now_ms: int, rules: WatchRules, *, latched: bool
) -> tuple[Watch, tuple[Action, ...]]:
    """Take in the newest sign of life, or that there is none, and act on the silence."""
    watch = _heard(_gap(watch, now_ms, rules), beat, now_ms)
    silence_ms = now_ms - watch.silence_from_ms
    if silence_ms < rules.silent_ms:
        return _alive(watch, now_ms, rules)
    if not watch.silent:
        # Whatever was seen while the trader lived is not about this silence: look now.
        watch = replace(watch, silent=True, looked_ms=0, looks_failed=0, uncovered_ms=None, told_ms={})
    actions: list[Action] = []
    why = _why(watch, silence_ms)
    if not latched:
        actions.append(Latch(why))
    last = "never" if watch.beat is None else f"process {watch.beat.pid}, entry {watch.beat.seq}"
    due = max(rules.flatten_after_ms - silence_ms, 0) // 1_000
    watch, told = _tell(
        watch, now_ms, rules, Note("trader.silent", Severity.ERROR, {"why": why, "last": last, "flatten_in_s": due})
    )
    return watch, (*actions, *told)


def look_is_due(watch: Watch, now_ms: int, rules: WatchRules) -> bool:
    """Whether the exchange is to be read now; looks that fail are tried again ever more slowly."""
    pressing = watch.silent or (watch.beat is not None and bool(watch.beat.unwell))
    wait_ms = rules.look_silent_ms if pressing else rules.look_ms
    if watch.looks_failed:
        wait_ms = min(rules.look_silent_ms * 2 ** (watch.looks_failed - 1), rules.look_failed_max_ms)
    return not watch.looked_ms or now_ms - watch.looked_ms >= wait_ms


def judge(watch: Watch, look: Look, now_ms: int, rules: WatchRules) -> tuple[Watch, tuple[Action, ...]]:
    """Act on what the exchange showed."""
    actions: list[Action] = []
    failed = 0 if not look.why else min(watch.looks_failed + 1, _FAILURES_COUNTED_MAX)
    watch = replace(watch, looked_ms=now_ms, looks_failed=failed)
    if look.why:
        text = f"{look.why}: what is held and what protects it is unknown, so nothing is concluded"
        severity = Severity.CRITICAL if watch.silent else Severity.ERROR
        watch, told = _tell(watch, now_ms, rules, Note("watchdog.blind", severity, {"why": text}))
        actions += told
    watch, told = _coverage(watch, look, now_ms, rules)
    actions += told
    if not watch.silent:
        return watch, tuple(actions)
    watch, told = _wants_flat(watch, look, now_ms, rules)
    actions += told
    actions += _entries(look)
    if watch.flatten_ms is not None:
        actions += _closes(look, watch.flatten_ms, now_ms, rules)
    return watch, tuple(actions)


def _gap(watch: Watch, now_ms: int, rules: WatchRules) -> Watch:
    """Where nobody watched, as when the machine slept, the silence of others proves nothing."""
    if not 0 <= now_ms - watch.round_ms < rules.gap_ms:
        watch = replace(watch, watched_ms=now_ms, heard_ms=min(watch.heard_ms, now_ms), uncovered_ms=None)
    return replace(watch, round_ms=now_ms)


def _heard(watch: Watch, beat: Beat | None, now_ms: int) -> Watch:
    before = watch.beat
    if beat is None or beat == before:
        return watch
    moves = before is None or (beat.pid, beat.seq) != (before.pid, before.seq)
    watch = replace(watch, beat=beat)
    if not moves or (beat.unwell and not watch.looks_failed):
        return watch
    # A stamp of the future is a clock that is wrong: that something was written is all it proves.
    return replace(watch, heard_ms=min(beat.at_ms, now_ms))


def _why(watch: Watch, silence_ms: int) -> str:
    """What is wrong with the trader, and for how long."""
    beat, silent_s = watch.beat, silence_ms // 1_000
    if beat is not None and beat.unwell:
        return f"the trader says for {silent_s} s: {beat.unwell}"
    if beat is not None and beat.at_ms > watch.heard_ms:
        return f"the trader writes a heartbeat, and has taken in nothing for {silent_s} s"
    return f"no heartbeat of the trader for {silent_s} s"


def _alive(watch: Watch, now_ms: int, rules: WatchRules) -> tuple[Watch, tuple[Action, ...]]:
    if not watch.silent:
        return watch, ()
    calm = replace(watch, silent=False, uncovered_ms=None, told_ms={}, looked_ms=now_ms)
    flattening = watch.flatten_ms is not None
    if now_ms - watch.heard_ms >= rules.silent_ms:
        # Half of a book is worse than all or nothing: what was begun goes on when the silence is one again.
        why = "nobody watched for a while: the silence is counted anew"
        return calm, (Tell(Note("watchdog.gap", Severity.ERROR, {"why": why, "was_flattening": flattening})),)
    kill = watch.beat is not None and watch.beat.kill
    note = Note("trader.back", Severity.WARNING, {"kill": kill, "was_flattening": flattening})
    return replace(calm, flatten_ms=None, flatten_why=""), (Tell(note),)


def _coverage(watch: Watch, look: Look, now_ms: int, rules: WatchRules) -> tuple[Watch, tuple[Action, ...]]:
    """Since when a stop is missing, and say so; a look that lacks a part changes nothing."""
    if look.positions is None or look.orders is None:
        return watch, ()
    bare = uncovered(look)
    if not bare:
        watch = replace(watch, uncovered_ms=None)
        flat = not look.held
        if not watch.silent:
            return watch, ()
        note = Note("watchdog.flat" if flat else "watchdog.covered", Severity.WARNING, {"positions": len(look.held)})
        return _tell_changed(watch, now_ms, rules, note)
    since_ms = now_ms if watch.uncovered_ms is None else watch.uncovered_ms
    watch = replace(watch, uncovered_ms=since_ms)
    if not watch.silent and now_ms - since_ms < rules.confirm_ms:
        return replace(watch, looked_ms=now_ms - rules.look_ms + rules.confirm_ms), ()
    severity = Severity.CRITICAL if watch.silent else Severity.ERROR
    symbols = ", ".join(one.symbol for one in bare)
    share = 1.0 - len(bare) / len(look.held)
    return _tell_changed(
        watch, now_ms, rules, Note(_UNCOVERED, severity, {"symbols": symbols, "coverage_frac": round(share, 4)})
    )


def _wants_flat(watch: Watch, look: Look, now_ms: int, rules: WatchRules) -> tuple[Watch, tuple[Action, ...]]:
    """Whether everything has to go. Once begun it goes on until the trader is back."""
    if watch.flatten_ms is not None or not look.held:
        return watch, ()
    silence_ms = now_ms - watch.silence_from_ms
    complete = look.orders is not None
    if silence_ms >= rules.flatten_after_ms:
        why = _why(watch, silence_ms)
    elif complete and watch.uncovered_ms is not None and now_ms - watch.uncovered_ms >= rules.confirm_ms:
        why = "no stop that covers " + ", ".join(one.symbol for one in uncovered(look))
    else:
        return watch, ()
    watch = replace(watch, flatten_ms=now_ms, flatten_why=why)
    return watch, (Tell(Note("watchdog.flatten", Severity.CRITICAL, {"why": why, "positions": len(look.held)})),)


def _entries(look: Look) -> list[Action]:
    """Orders of the trader that would open or add: nobody is there to protect what they bring."""
    return [
        CancelEntry(one.symbol, one.client_order_id)
        for one in look.orders or ()
        if is_ours(one.client_order_id) and one.symbol not in look.ignored and _opens(one)
    ]


def _opens(order: OrderView) -> bool:
    conditional = order.trigger is not None or order.state is OrderState.UNTRIGGERED
    return not (conditional or order.reduce_only or order.of_position)


def _closes(look: Look, flatten_ms: int, now_ms: int, rules: WatchRules) -> Iterator[Action]:
    """All positions at once: one leg alone would be a bet."""
    for position in look.held:
        contract = look.contracts.get(position.symbol)
        if contract is None:
            note = Note("watchdog.unknown_contract", Severity.CRITICAL, {"symbol": position.symbol})
            yield Tell(note)
            continue
        ticks = _bound_ticks(position, contract, now_ms - flatten_ms, rules)
        most = contract.lots_max_market if ticks is None else contract.lots_max
        left, part = abs(position.lots), 0
        while left:
            lots = min(left, max(most, 1))
            yield Close(_request(position, lots, ticks, f"{position.symbol} {now_ms} {part}"))
            left, part = left - lots, part + 1
            if part == 10:  # the rest in the next round
                break


def _bound_ticks(position: PositionView, contract: Instrument, stood_ms: int, rules: WatchRules) -> int | None:
    """The worst price that is taken, ever further from the mark; None at last, which is the market's."""
    if stood_ms >= rules.market_after_ms:
        return None
    doubled = min(stood_ms // rules.widen_ms, 30)
    frac = min(rules.cross_frac * 2**doubled, rules.cross_frac_max)
    long = position.lots > 0
    level = position.mark_price * (1 - Decimal(str(frac)) if long else 1 + Decimal(str(frac)))
    rounding = ROUND_FLOOR if long else ROUND_CEILING
    return max(int((level / contract.price_tick).to_integral_value(rounding)), 1)


def _request(position: PositionView, lots: int, ticks: int | None, what: str) -> OrderRequest:
    digest = hashlib.sha256(what.encode()).hexdigest()
    return OrderRequest(
        client_order_id=f"{ID_PREFIX}{digest[:24]}",
        symbol=position.symbol,
        lots=-lots if position.lots > 0 else lots,
        price_ticks=ticks,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
    )


def _tell_changed(watch: Watch, now_ms: int, rules: WatchRules, note: Note) -> tuple[Watch, tuple[Action, ...]]:
    """Tell one of several states; the others count as not told, so that each change is."""
    others = {name: at for name, at in watch.told_ms.items() if name == note.name or name not in _SEEN}
    return _tell(replace(watch, told_ms=others), now_ms, rules, note)


def _tell(watch: Watch, now_ms: int, rules: WatchRules, note: Note) -> tuple[Watch, tuple[Action, ...]]:
    """Say it now, or not, where it was said a moment ago."""
    last_ms = watch.told_ms.get(note.name)
    if last_ms is not None and 0 <= now_ms - last_ms < rules.repeat_ms:
        return watch, ()
    return replace(watch, told_ms={**watch.told_ms, note.name: now_ms}), (Tell(note),)
