"""History through the live engine: every bar becomes the events that a live account would have had.

The clock is the recorded one, the venue fills at prices of bars (`venues.paper`), and nothing else differs from live:
same step, same gates, same journal. What comes back has the columns of the fast simulation, so that both can be
compared bar by bar.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book
from xsmom.domain.contracts import fine_instruments
from xsmom.domain.costs import Costs
from xsmom.domain.effects import AmendOrder, CancelOrder, Effect, EnsureModes, Note, SendOrder
from xsmom.domain.events import (
    Ask,
    BarClosed,
    Event,
    FillSeen,
    FundingPaid,
    OrderUpdated,
    Stage,
    Started,
    VenueReplied,
)
from xsmom.domain.journal import Entry
from xsmom.domain.margin import Margin
from xsmom.domain.market_data import Instrument
from xsmom.domain.orders import Style
from xsmom.domain.panel import Panel
from xsmom.domain.trading import Answer, FillKind, VenueFill
from xsmom.domain.window import BarRow, Window
from xsmom.engine import money
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.live.replay_columns import Columns
from xsmom.ports import Journal
from xsmom.venues.paper.bar_venue import BarVenue

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """When, at which price, and from which cash; the three are the configuration's."""

    fill_at: str
    delay_bars: int
    cash_usdt: float


@dataclass(slots=True)
class Replayed:
    """What a replay was: the columns of the fast simulation, the last book, and what it took."""

    run: dict[str, Any] = field(default_factory=dict)
    book: Book | None = None
    steps: int = 0
    step_ns: array[int] = field(default_factory=lambda: array("q"))
    #: Refusals of gates, by name: none of them is the kernel's.
    refused: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def replay_rules(rules: Rules) -> Rules:
    """The same rules on a venue that fills at bars: orders are sent whole, and bars carry the stops."""
    return replace(
        rules,
        work=replace(rules.work, style=Style.WHOLE),
        protect=replace(rules.protect, enabled=False),
        # The venue lives in this process: it has no line that could fail, and knows nothing that the book does not.
        gates=replace(rules.gates, facts_needed=False, position_usdt_max=math.inf),
        pace=replace(rules.pace, ramp=()),
    )


class Replay:
    """One account led through a panel."""

    def __init__(
        self,
        panel: Panel,
        rules: Rules,
        costs: Costs,
        timing: Timing,
        *,
        instruments: dict[str, Instrument] | None = None,
        margin: Margin | None = None,
        journal: Journal | None = None,
        hashes: tuple[str, str] = ("", ""),
        begin: int = 0,
    ) -> None:
        self.panel, self.rules, self.costs, self.timing = panel, rules, costs, timing
        self.instruments = instruments or fine_instruments(panel, timing.cash_usdt)
        self.venue = BarVenue(
            panel,
            self.instruments,
            costs,
            timing,
            cash_usdt=timing.cash_usdt,
            margin=margin,
            depth=_depth(panel, rules) if costs.impact_y > 0 else None,
        )
        self.window = Window(
            panel.symbols,
            panel.listed_ms,
            panel.delisted_ms,
            bar_ms=panel.bar_ms,
            bars_max=kernel.warmup_bars(rules.params),
        )
        self.journal, self._hashes = journal, hashes
        #: Bars before this one are history: they fill the window, and nothing is decided at their closes.
        self._begin = begin
        self.book: Book | None = None
        self.columns = Columns(panel, self.instruments)
        self.done = Replayed()
        self._bar = 0

    @classmethod
    def of(cls, panel: Panel, config: Resolved, journal: Journal | None = None, begin: int = 0) -> Replay:
        """The replay of a configuration, with its own costs and timing; it decides from bar `begin` on."""
        return cls(
            panel,
            replay_rules(Rules.of(config)),
            config.costs(),
            Timing(*config.timing()),
            margin=config.margin(),
            journal=journal,
            hashes=(config.config_hash, config.params_hash),
            begin=begin,
        )

    def run(self, progress: Progress | None = None) -> Replayed:
        """All bars, in their order."""
        panel = self.panel
        self._start()
        for t in range(panel.bars):
            self._bar = t
            self._live_through(t)
            self._keep(t)
            if progress is not None:
                progress(t + 1, panel.bars)
        book = self._known_book()
        self.done.book = book
        self.done.run = self.columns.close(book)
        return self.done

    def _start(self) -> None:
        first_ms = int(self.panel.close_ms[0]) - self.panel.bar_ms
        started = Started(
            run_id="replay",
            at_ms=first_ms,
            config_hash=self._hashes[0],
            params_hash=self._hashes[1],
            version="",
            instruments=tuple(self.instruments[symbol] for symbol in self.panel.symbols),
            initial_usdt=self.timing.cash_usdt,
        )
        self.take(started, first_ms)

    def _live_through(self, t: int) -> None:
        panel, venue = self.panel, self.venue
        close_ms = int(panel.close_ms[t])
        self._take_fills(venue.open_bar(t), close_ms - panel.bar_ms)
        self.take(BarClosed(close_ms, Stage.TOUCH, _row(panel, t)), close_ms)
        self.take(BarClosed(close_ms, Stage.MARK), close_ms)
        self._take_fills(venue.mark_bar(t), close_ms)
        self._take_fills(venue.close_bar(t), close_ms)
        self._take_fills(venue.survive(t), close_ms)
        if venue.over:
            self.columns.end(t, venue.over)
            return
        self.take(BarClosed(close_ms, Stage.DECIDE, late=t < self._begin), close_ms)

    def _take_fills(self, fills: Iterable[VenueFill], at_ms: int) -> None:
        for fill in fills:
            self.columns.note_fill(self._bar, fill)
            funding = fill.kind is FillKind.FUNDING
            self.take(FundingPaid(fill) if funding else FillSeen(fill), at_ms)
        for order in self.venue.take_orders():
            self.take(OrderUpdated(order), at_ms)

    def take(self, event: Event, now_ms: int) -> None:
        """One event through the engine, and what it asks for, carried out."""
        grow(self.window, event)
        begun = perf_counter_ns()
        book, effects, notes = step(self.book, self.window, event, now_ms, self.rules)
        self.done.step_ns.append(perf_counter_ns() - begun)
        self.book = book
        self.done.steps += 1
        if self.journal is not None:
            self.journal.append(Entry(book.seq, now_ms, event, effects, notes), book)
        self._hear(notes)
        for effect in effects:
            self._carry_out(effect, now_ms)

    def _hear(self, notes: tuple[Note, ...]) -> None:
        for note in notes:
            if note.name == "order.refused":
                veto = str(note.fields.get("veto", ""))
                self.done.refused[veto] = self.done.refused.get(veto, 0) + 1
            elif note.name == "position.closed":
                self.columns.note_trip(note)
            elif note.name not in _QUIET:
                self.done.notes.append(note)

    def _carry_out(self, effect: Effect, now_ms: int) -> None:
        venue = self.venue
        if isinstance(effect, SendOrder):
            request = effect.request
            if effect.touch_price is not None:
                answer = venue.touch(request, effect.touch_price, self._bar)
            else:
                answer = _now(venue.submit(request))
            self.columns.note_order(effect)
            self._reply(Ask.SUBMIT, request.symbol, request.client_order_id, now_ms, answer)
            self._take_fills(venue.take_fills(), now_ms)
        elif isinstance(effect, CancelOrder):
            answer = _now(venue.cancel(effect.symbol, effect.client_order_id))
            self._reply(Ask.CANCEL, effect.symbol, effect.client_order_id, now_ms, answer)
            self._take_fills((), now_ms)
        elif isinstance(effect, AmendOrder):
            request_id = effect.request.client_order_id
            answer = _now(venue.amend(effect.request))
            self._reply(Ask.AMEND, effect.request.symbol, request_id, now_ms, answer)
        elif isinstance(effect, EnsureModes):
            report = _now(venue.ensure_modes(effect.modes))
            self.take(VenueReplied(Ask.MODES, "", "", now_ms, modes=report), now_ms)

    def _reply(self, ask: Ask, symbol: str, order_id: str, now_ms: int, answer: Answer) -> None:
        self.take(VenueReplied(ask, symbol, order_id, now_ms, answer), now_ms)

    def _keep(self, t: int) -> None:
        book = self._known_book()
        over = bool(self.venue.over)
        value, gross = money.value_usdt(book)
        equity = self.venue.book.equity_usdt if over else book.money.cash_usdt + value
        self.columns.keep_bar(t, book, equity, 0.0 if over else value, 0.0 if over else gross, self.venue.book.paid)

    def _known_book(self) -> Book:
        assert self.book is not None, "the first event is a start"
        return self.book


_QUIET = frozenset({"order.filled", "order.sent", "order.approved", "funding.paid", "targets.decided", "plan.made"})


def _row(panel: Panel, t: int) -> BarRow:
    return BarRow(
        close_ms=int(panel.close_ms[t]),
        open=panel.open[t],
        high=panel.high[t],
        low=panel.low[t],
        close=panel.close[t],
        volume_usdt=panel.volume_usdt[t],
        funding_frac=panel.funding_frac[t],
    )


def _depth(panel: Panel, rules: Rules) -> tuple[Any, Any]:
    """Volatility and dollar volume of a day as the decision knows them, whether or not a rule needs them."""
    table = kernel.features(panel, kernel.Params(**{**rules.fields, "adv_share_max_frac": 1.0}))
    root = np.sqrt(86_400_000 / panel.bar_ms)
    return table["sigma"] * root, table["adv_usdt"]


def _now(work: Coroutine[Any, Any, Any]) -> Any:
    """Result of a coroutine that awaits nothing: this venue lives in memory."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a venue in memory has nothing to wait for")
