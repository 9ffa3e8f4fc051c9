"""A real market at the close of a bar whose plan opens positions: what a gate does to it, through `engine.step`.

History is led through the engine as a replay; then the venue becomes one out there, with an account, a line and quotes,
everything healthy, and the very next event is the decision.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from tests.unit.engine.gate_books import account, position_view
from xsmom.config.load import load_config
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book, Health, VenueFacts
from xsmom.domain.effects import Effect, Note, SendOrder
from xsmom.domain.events import BarClosed, CommandGiven, Event, Stage
from xsmom.domain.market_data import Quote
from xsmom.domain.protection import Protection
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import step
from xsmom.lake.sample import SampleMarket
from xsmom.live.replay import Replay, _row

BAR_MS = 2 * 3_600_000
SETTINGS: dict[str, Any] = {
    "universe.exclude": [],
    "strategy.timeframe": "2h",
    "strategy.lookbacks": [3, 6, 12],
    "strategy.lookback_weights": [0.5, 0.3, 0.2],
    "strategy.vol_lookback": 24,
    "strategy.k_frac": 0.2,
    "strategy.k_min": 2,
    "strategy.k_max": 3,
    "strategy.max_weight_per_asset": 0.4,
    "risk.atr_len": 5,
}


@dataclass(frozen=True)
class Outcome:
    """What one step came to."""

    book: Book
    effects: tuple[Effect, ...]
    notes: tuple[Note, ...]

    @property
    def told(self) -> list[str]:
        return [note.name for note in self.notes]

    @property
    def refused(self) -> set[str]:
        """Every veto that was spoken, against a whole order or a part of it."""
        spoken = (note.fields["vetoes"] for note in self.notes if note.name in {"order.refused", "order.approved"})
        return {str(veto) for vetoes in spoken for veto in vetoes}  # type: ignore[attr-defined]

    @property
    def why(self) -> str:
        return " ".join(str(note.fields["why"]) for note in self.notes if note.name == "order.refused")

    @property
    def openings(self) -> list[SendOrder]:
        orders = [effect for effect in self.effects if isinstance(effect, SendOrder)]
        return [one for one in orders if not one.request.reduce_only]

    @property
    def opened(self) -> set[str]:
        """Names in which an opening was approved."""
        return {
            str(note.fields["symbol"])
            for note in self.notes
            if note.name == "order.approved" and not note.fields["reduce_only"]
        }

    @property
    def opened_lots(self) -> int:
        """Lots approved to open or increase."""
        return sum(
            abs(int(str(note.fields["lots"])))
            for note in self.notes
            if note.name == "order.approved" and not note.fields["reduce_only"]
        )

    @property
    def reductions(self) -> int:
        return sum(note.name == "order.approved" and bool(note.fields["reduce_only"]) for note in self.notes)


def config(**more: Any) -> Resolved:
    return load_config(None, set={**SETTINGS, **more}, env={})


@cache
def moment(*, held: bool) -> tuple[Book, Window]:
    """Just before a decision that opens: from an empty book, or from one that holds positions and reduces some too."""
    panel = SampleMarket(12, 160, BAR_MS, 5, momentum=1.0).build()
    replay = Replay.of(panel, config())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        replay._start()
        for t in range(panel.bars):
            replay._bar = t
            close_ms = int(panel.close_ms[t])
            replay._take_fills(replay.venue.open_bar(t), close_ms - panel.bar_ms)
            replay.take(BarClosed(close_ms, Stage.TOUCH, _row(panel, t)), close_ms)
            replay.take(BarClosed(close_ms, Stage.MARK), close_ms)
            found = replay.book
            assert found is not None
            if held != found.flat and _opens(found, replay):
                return found, replay.window
            replay._take_fills(replay.venue.mark_bar(t), close_ms)
            replay._take_fills(replay.venue.close_bar(t), close_ms)
            replay._take_fills(replay.venue.survive(t), close_ms)
            replay.take(BarClosed(close_ms, Stage.DECIDE), close_ms)
    raise AssertionError("this market never opens anything")


def _opens(found: Book, replay: Replay) -> bool:
    event = BarClosed(found.cycle.marked_ms, Stage.DECIDE)
    _, _, notes = step(found, replay.window, event, found.cycle.marked_ms, replay.rules)
    approved = [note.fields["reduce_only"] for note in notes if note.name == "order.approved"]
    return False in approved and (found.flat or True in approved)


def healthy(*, held: bool = False) -> Book:
    """The moment, on a venue out there that is well and agrees with the book."""
    found, _ = moment(held=held)
    now_ms = found.cycle.marked_ms
    symbols, mark = found.roster.symbols, found.names.mark
    views = {
        symbol: replace(position_view(symbol, int(found.lots[at]), float(mark[at])), at_ms=now_ms)
        for at, symbol in enumerate(symbols)
        if found.lots[at]
    }
    quotes = {symbol: _quote(symbol, float(mark[at]), now_ms) for at, symbol in enumerate(symbols) if mark[at] > 0}
    return replace(
        found,
        started_ms=now_ms - BAR_MS,
        mode_ms=now_ms - BAR_MS,
        health=Health(lag_ms=50.0, skew_ms=5.0, skew_bound_ms=20.0, link_ms=now_ms, streaming=True),
        venue=VenueFacts(
            account=replace(account(), at_ms=now_ms),
            account_ms=now_ms,
            positions=views,
            positions_ms=now_ms,
            orders_ms=now_ms,
            reconciled_ms=now_ms,
            asked_ms=now_ms,
            answered_ms=now_ms,
        ),
        protection={
            name: Protection(lots=view.lots, stop_ticks=1, verified_ms=now_ms, goal_ticks=1)
            for name, view in views.items()
        },
        quotes=quotes,
    )


def _quote(symbol: str, price: float, at_ms: int) -> Quote:
    one = Decimal(repr(price))
    return Quote(symbol, at_ms, one, one, one, one, one * Decimal("1.0001"), Decimal(1_000_000), None, None)


def out_there(settings: Mapping[str, Any] | None = None, *, work: Mapping[str, Any] | None = None) -> Rules:
    """Rules of a live account; stops are another room's matter, unless a test wants them."""
    made = Rules.of(config(**(settings or {})))
    return replace(
        made,
        protect=replace(made.protect, enabled=False),
        work=replace(made.work, **(work or {})),
    )


Bend = Callable[[Book], Book]


def decide(
    bend: Bend = lambda book: book, rules: Rules | None = None, *, held: bool = False, late_ms: int = 0
) -> Outcome:
    """The decision, on a book that was bent."""
    made = healthy(held=held)
    now_ms = made.cycle.marked_ms + late_ms
    seen: dict[str, Any] = dict.fromkeys(("account_ms", "positions_ms", "orders_ms", "reconciled_ms"), now_ms)
    made = replace(made, health=replace(made.health, link_ms=now_ms), venue=replace(made.venue, **seen))
    made = bend(made)
    return take(made, BarClosed(made.cycle.marked_ms, Stage.DECIDE), rules, now_ms=now_ms, held=held)


def take(
    made: Book, event: Event, rules: Rules | None = None, *, now_ms: int | None = None, held: bool = False
) -> Outcome:
    """Any event, at the same moment."""
    at_ms = made.cycle.marked_ms if now_ms is None else now_ms
    _, window = moment(held=held)
    return Outcome(*step(made, window, event, at_ms, rules or out_there()))


def command(made: Book, given: CommandGiven, rules: Rules | None = None, *, held: bool = False) -> Outcome:
    """An operator's word."""
    return take(made, given, rules, now_ms=given.at_ms, held=held)
