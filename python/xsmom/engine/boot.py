"""The first event of every process: a new book, or the one that is there with the roster of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Book, Columns, Cycle, Mode, Money, Names, Roster
from xsmom.domain.effects import EnsureModes, FetchAccount, Severity
from xsmom.domain.events import InstrumentsSeen, Started
from xsmom.domain.tape import Specified
from xsmom.domain.trading import Modes
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn
from xsmom.errors import BookMismatch

Blank = Callable[[int], Mapping[str, Any]]


def first_book(event: Started, rules: Rules) -> Book:
    """A book that holds nothing."""
    roster = Roster.of(event.instruments)
    names = len(roster)
    return Book(
        seq=0,
        as_of_ms=event.at_ms,
        run_id=event.run_id,
        mode=Mode.BOOT,
        mode_ms=event.at_ms,
        mode_why="first start",
        started_ms=event.at_ms,
        first_ms=event.at_ms,
        config_hash=event.config_hash,
        roster=roster,
        money=Money(cash_usdt=event.initial_usdt, units=event.initial_usdt),
        names=Names.blank(names),
        cycle=Cycle(weight_frac=np.zeros(names), reasons=np.zeros(names, dtype=np.uint8), atr=np.full(names, np.nan)),
        positions=kernel.flat_positions(names),
        records=kernel.new_records(names),
        guards=kernel.new_guards(names),
        decision=kernel.new_state(names, rules.params),
        labels=kernel.new_labels(names, rules.params) if rules.fields["meta_enabled"] else None,
        ignored=event.ignore,
        limits=event.limits,
    )


def restart(turn: Turn, event: Started) -> None:
    """Go on with the book that is there: same positions, today's roster, and nothing taken for granted."""
    book = turn.book
    if event.config_hash != book.config_hash:
        turn.note("config.changed", Severity.WARNING, before=book.config_hash, after=event.config_hash)
    take_roster(turn, Roster.of(event.instruments))
    turn.put(
        mode=Mode.BOOT,
        mode_ms=event.at_ms,
        mode_why="restarted",
        started_ms=event.at_ms,
        config_hash=event.config_hash,
        stopping="",
        ignored=event.ignore,
        limits=event.limits,
        # What the venue said to another process is history; an order without an answer has to be looked up.
        venue=replace(
            turn.book.venue, account=None, account_ms=0, positions=None, positions_ms=0, orders_ms=0, reconciled_ms=0
        ),
        quotes={},
        # Timers died with their process.
        work_due_ms=0,
    )
    wants_labels = turn.rules.fields["meta_enabled"]
    if wants_labels and turn.book.labels is None:
        turn.put(labels=kernel.new_labels(len(turn.book.roster), turn.rules.params))
    elif not wants_labels:
        turn.put(labels=None)
    tranches = int(turn.rules.fields["tranches"])
    if turn.book.decision["tranche_weight"].shape[0] != tranches:
        turn.put(decision=kernel.new_state(len(turn.book.roster), turn.rules.params))
        turn.note("decision.forgotten", Severity.WARNING, why="the number of tranches has changed")


def begin(turn: Turn, event: Started) -> None:
    """What every start asks for: modes of the account, and the account itself."""
    turn.note(
        "process.started",
        run_id=event.run_id,
        version=event.version,
        names=len(event.instruments),
        config_hash=event.config_hash,
        live_hash=event.live_hash,
        restarted=turn.book.seq > 0,
        capital_usdt=event.limits.capital_usdt,
        order_usdt_max=event.limits.order_usdt_max,
        ramp_frac=event.limits.ramp_frac(event.at_ms),
        ramp_since_ms=event.limits.ramp_since_ms if event.limits.ramp else None,
    )
    turn.send(EnsureModes(wanted_modes(turn.book, turn.rules)))
    turn.send(FetchAccount("start"))


def wanted_modes(book: Book, rules: Rules) -> Modes:
    """How the account is to be set."""
    gates = rules.gates
    return Modes(
        leverage_x=Decimal(repr(gates.leverage_x)), symbols=book.roster.symbols, cross_margin=gates.cross_margin
    )


def take_specs(turn: Turn, event: InstrumentsSeen) -> None:
    """Contracts as they are now; a roster keeps its names until the next start."""
    known = {one.symbol: one for one in event.instruments}
    roster = turn.book.roster
    after = tuple(known.get(one.symbol, one) for one in roster.instruments)
    changed = [new.symbol for old, new in zip(roster.instruments, after, strict=True) if old != new]
    if not changed:
        return
    stepped = [
        new.symbol
        for at, (old, new) in enumerate(zip(roster.instruments, after, strict=True))
        if old.qty_step != new.qty_step and turn.book.lots[at]
    ]
    if stepped:
        raise BookMismatch(
            f"the exchange changed the lot of {', '.join(stepped)}, in which lots of the old size are held: "
            "close them by hand, then start again with --adopt"
        )
    turn.put(roster=Roster.of(after))
    turn.record(Specified(turn.book.roster.qty_step, turn.book.roster.notional_usdt_min))
    turn.note("specs.changed", Severity.WARNING, symbols=changed[:20], count=len(changed))


def take_roster(turn: Turn, roster: Roster) -> None:
    """Move every column to the places of another roster; a name that is held must be in it."""
    book, old = turn.book, turn.book.roster
    if old.symbols == roster.symbols:
        turn.put(roster=roster)
        turn.record(Specified(roster.qty_step, roster.notional_usdt_min))
        return
    gone = [name for at, name in enumerate(old.symbols) if book.lots[at] and roster.index(name) is None]
    if gone:
        raise BookMismatch(f"{', '.join(gone)} is held and not among the names of this configuration: put it back in")
    count, before = len(roster), len(old)
    pairs = [(at, new) for at, name in enumerate(old.symbols) if (new := roster.index(name)) is not None]
    params = turn.rules.params

    def move(columns: Columns, blank: Blank) -> dict[str, Any]:
        return {name: _moved(columns[name], name, blank, before, count, pairs) for name in columns}

    def state(names: int) -> dict[str, Any]:
        fresh = kernel.new_state(names, params)
        return {**fresh, "tranche_weight": np.zeros((book.decision["tranche_weight"].shape[0], names))}

    names = {field: getattr(book.names, field) for field in Names.__dataclass_fields__}
    blank_names = {field: getattr(Names.blank(count), field) for field in names}
    moved = {field: _scatter(blank_names[field], array, 0, pairs) for field, array in names.items()}
    cycle = book.cycle
    turn.put(
        roster=roster,
        names=Names(**moved),
        positions=move(book.positions, kernel.flat_positions),
        records=move(book.records, kernel.new_records),
        guards=move(book.guards, kernel.new_guards),
        decision=move(book.decision, state),
        labels=None,  # labels wait for names by number; they are learned anew
        cycle=replace(
            cycle,
            weight_frac=_scatter(np.zeros(count), cycle.weight_frac, 0, pairs),
            reasons=_scatter(np.zeros(count, dtype=np.uint8), cycle.reasons, 0, pairs),
            atr=_scatter(np.full(count, np.nan), cycle.atr, 0, pairs),
        ),
    )
    turn.note("roster.changed", Severity.WARNING, names=count, before=before)


def _moved(value: Any, name: str, blank: Blank, before: int, count: int, pairs: list[tuple[int, int]]) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    shapes = (np.shape(blank(before)[name]), np.shape(blank(before + 1)[name]))
    axis = next((at for at, (one, two) in enumerate(zip(*shapes, strict=True)) if one != two), None)
    if axis is None:
        return value
    return _scatter(blank(count)[name], value, axis, pairs)


def _scatter(blank: Any, values: Any, axis: int, pairs: list[tuple[int, int]]) -> Any:
    if values.shape[axis] == 0:
        return blank
    after = np.array(blank)
    olds, news = [old for old, _ in pairs], [new for _, new in pairs]
    source = np.moveaxis(values, axis, 0)
    np.moveaxis(after, axis, 0)[news] = source[olds]
    return after
