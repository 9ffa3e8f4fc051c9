"""A journaled run led through the core's own loop: given its fills, funding and verdicts, does it decide the same?

`recompute` takes the journal again with the engine. This looks at it from the other side: the loop of the simulation,
which knows nothing of the engine, keeps a book of its own by what moved the live one, and each target and each planned
lot that comes out of it must be the one that was traded, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain import tape as on
from xsmom.domain.book import Book
from xsmom.domain.panel import Panel
from xsmom.domain.stamps import format_ms
from xsmom.domain.tape import Tape
from xsmom.engine.rules import Rules

_CODES = {name: code for code, name in kernel.EXITS.items()} | {"": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one close gave: targets and their reasons, or lots that a plan wants held."""

    close_ms: int
    values: NDArray[Any]
    reasons: NDArray[np.uint8] | None = None


@dataclass(slots=True)
class Followed:
    """How many targets and planned lots came out the same, and what did not."""

    decisions: int = 0
    plans: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """All of them."""
        return not self.differences


@dataclass(slots=True)
class Recording:
    """The tape of a run, and what the run made of it; the names are those of one roster."""

    cash_usdt: float
    contracts: tuple[list[float], list[float]]
    tape: list[Tape] = field(default_factory=list)
    decisions: list[Outcome] = field(default_factory=list)
    plans: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, book: Book) -> Recording:
        """An empty tape of a book that has just begun."""
        roster = book.roster
        return cls(book.money.cash_usdt, (roster.qty_step.tolist(), roster.notional_usdt_min.tolist()))

    def note(self, before: Book, after: Book) -> None:
        """Keep what a step decided and planned."""
        cycle = after.cycle
        if cycle.decisions != before.cycle.decisions:
            self.decisions.append(Outcome(cycle.decided_ms, cycle.weight_frac, cycle.reasons))
        if after.names.goal_lots is not before.names.goal_lots:
            self.plans.append(Outcome(cycle.closed_ms, after.names.goal_lots))


def follow(recording: Recording, panel: Panel, rules: Rules, book: Book) -> Followed:
    """Lead the core's book through the tape, and hold what comes out against what the run decided, planned and held."""
    found = kernel.follow(
        panel,
        rules.params,
        list(_entries(recording.tape, panel)),
        contracts=recording.contracts,
        cash_usdt=recording.cash_usdt,
    )
    decisions = [Outcome(*one) for one in found["decisions"]]
    plans = [Outcome(close_ms, goal_lots) for close_ms, goal_lots, _ in found["plans"]]
    done = Followed(len(recording.decisions), len(recording.plans))
    done.differences += _compare("targets", recording.decisions, decisions, panel)
    done.differences += _compare("planned lots", recording.plans, plans, panel)
    money = book.money
    ends = {"cash": (money.cash_usdt, found["cash_usdt"]), "peak": (money.unit_value_peak, found["unit_value_peak"])}
    done.differences += [
        f"{name} ends at {was!r} live, {now!r} here" for name, (was, now) in ends.items() if was != now
    ]
    if not np.array_equal(book.lots, found["lots"]):
        done.differences.append("lots held at the end differ")
    return done


def _compare(what: str, live: list[Outcome], here: list[Outcome], panel: Panel) -> list[str]:
    """The first close at which both differ; what follows from it is not told."""
    for was, now in zip(live, here, strict=False):
        at = format_ms(was.close_ms)
        if was.close_ms != now.close_ms:
            return [f"{what}: {at} live, {format_ms(now.close_ms)} here"]
        apart = np.flatnonzero(was.values != now.values)
        if apart.size:
            name = panel.symbols[apart[0]]
            pair = f"{was.values[apart[0]].item()!r} live, {now.values[apart[0]].item()!r} here"
            return [f"{what} at {at}: {apart.size} names differ, {name} first: {pair}"]
        if was.reasons is not None and now.reasons is not None and not np.array_equal(was.reasons, now.reasons):
            return [f"{what} at {at}: reasons differ"]
    return [] if len(live) == len(here) else [f"{what}: {len(live)} live, {len(here)} here"]


def _entries(tape: Iterable[Tape], panel: Panel) -> Iterable[tuple[Any, ...]]:
    """As the core takes them; bars by their row in the panel."""
    first_ms, bar_ms = int(panel.close_ms[0]), panel.bar_ms
    for one in tape:
        kind, *rest = _TOLD[type(one)](one)
        if isinstance(one, on.Touched | on.Marked | on.Closed):
            rest[0] = (rest[0] - first_ms) // bar_ms
        yield (kind, *rest)


def _fill(one: on.Filled) -> tuple[Any, ...]:
    code = _CODES[one.exit_by]
    place = (one.at, one.lots, one.price, one.fee_usdt, one.reference_price, one.atr, one.at_ms)
    return ("fill", *place, code, one.on_its_own)


def _close(one: on.Closed) -> tuple[Any, ...]:
    return ("close", one.close_ms, one.late, one.plans, one.guard, one.waiting_lots, one.works)


_TOLD: Mapping[type, Any] = {
    on.Filled: _fill,
    on.Settled: lambda one: ("funding", one.at, one.paid_usdt),
    on.Corrected: lambda one: ("correction", one.amount_usdt),
    on.Transferred: lambda one: ("transfer", one.amount_usdt, one.shares, one.share_last),
    on.Ticked: lambda one: ("tick", one.at, one.price, one.at_ms),
    on.Held: lambda one: ("hold", one.at, one.on),
    on.CloseOrdered: lambda one: ("close_order", one.at),
    on.Rearmed: lambda one: ("rearm", one.guard),
    on.Specified: lambda one: ("specs", one.qty_step.tolist(), one.notional_usdt_min.tolist()),
    on.Touched: lambda one: ("touch", one.close_ms),
    on.Marked: lambda one: ("mark", one.close_ms),
    on.Closed: _close,
}
