"""What the trader would do at a bar, found by doing it: the engine's own step, on the real account, with nothing sent.

Events are those of a live process: its start (or its book, where one runs), the account as it is read now, quotes, the
warm-up from the exchange's candles, and the bar. Effects come out and are looked at; none is carried out. A journal is
neither written nor locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Effect, EnsureModes, FetchFills, FetchTransfers, LookupOrder, Note
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    BarClosed,
    BarsBackfilled,
    Event,
    FillsRead,
    OrderLookedUp,
    QuotesSeen,
    Stage,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.market_data import Instrument, Quote
from xsmom.domain.trading import ModeReport
from xsmom.domain.window import BarRow, Window
from xsmom.engine import modes, sentinel
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.errors import StateError
from xsmom.kernel import Params
from xsmom.live.bars import BarSource, Pace, Progress
from xsmom.live.control import stop_file_command
from xsmom.live.courier import fill_event, move_event
from xsmom.live.forming import forming_row
from xsmom.live.limits import settle_limits
from xsmom.live.link import LinkMeter
from xsmom.live.recovery import new_window
from xsmom.live.start import Setting, names_at, rules_at, start_event
from xsmom.ports import Clock, Venue

_ROUNDS_MAX = 4
"""Readings of the account until book and venue agree; what differs is believed once two readings show it."""
_AFTER_MS = 500
"""A bar is decided so long after its end."""


@dataclass(slots=True)
class Rehearsal:
    """One account led up to a bar and through it."""

    venue: Venue
    clock: Clock
    rules: Rules
    window: Window
    now_ms: int
    book: Book | None = None
    #: Of the bar itself.
    effects: list[Effect] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    #: The book as the bar met it, and the bar's close.
    before: Book | None = None
    close_ms: int = 0
    forming: bool = False
    #: It is no rebalance of the configuration: decided as if it were, and when the next one is.
    rebalance_ms: int = 0
    link: LinkMeter = field(default_factory=LinkMeter)

    @property
    def known(self) -> Book:
        """The book, which is there after the start."""
        assert self.book is not None, "the first event is a start"
        return self.book

    def take(self, event: Event) -> tuple[Effect, ...]:
        """One step of the engine; its effects go nowhere."""
        grow(self.window, event)
        self.book, effects, notes = step(self.book, self.window, event, self.now_ms, self.rules)
        if self.before is not None:
            self.effects += effects
            self.notes += notes
        return effects

    async def agree(self) -> None:
        """Read the account until book and venue agree and stops are seen, or are known not to."""
        for _ in range(_ROUNDS_MAX):
            asked_ms = self.now_ms
            account, positions, orders = await asyncio.gather(
                self.link.call("account", self.venue.account),
                self.link.call("positions", self.venue.positions),
                self.link.call("orders", self.venue.open_orders),
            )
            self.link.streaming = True
            self.link.note_clock(self.clock.now_ms(), await self.link.call("clock", self.venue.measure_clock))
            self.link.maintenance = await self.link.call("status", self.venue.interruption)
            self.take(self.link.look(self.now_ms))
            await self.answer(self.take(AccountSeen(self.now_ms, account, positions, orders, (), asked_ms)))
            if not modes.unreconciled(self.known, self.rules) and sentinel.coverage_frac(self.known) == 1.0:
                return
            self.now_ms += self.rules.agree.stable_ms + 1

    async def answer(self, effects: Iterable[Effect]) -> None:
        """Reads that the engine asks for are read; whatever would change something is left where it is."""
        for effect in effects:
            if isinstance(effect, FetchFills):
                for fill in await self.venue.fills(effect.since_ms):
                    self.take(fill_event(fill))
                self.take(FillsRead(effect.since_ms, self.now_ms))
            elif isinstance(effect, FetchTransfers):
                for move in await self.venue.transfers(effect.since_ms):
                    self.take(move_event(move))
                self.take(TransfersRead(effect.since_ms, self.now_ms))
            elif isinstance(effect, LookupOrder):
                order = await self.venue.order_by_client_id(effect.symbol, effect.client_order_id)
                self.take(OrderLookedUp(effect.symbol, effect.client_order_id, self.now_ms, order))
            elif isinstance(effect, EnsureModes):
                stands = tuple(f"leverage {symbol}" for symbol in effect.modes.symbols)
                self.take(VenueReplied(Ask.MODES, "", "", self.now_ms, modes=ModeReport(unchanged=stands)))

    def live_through(self, row: BarRow, *, late: bool) -> None:
        """The three moments of a bar."""
        for stage in (Stage.TOUCH, Stage.MARK, Stage.DECIDE):
            self.take(BarClosed(row.close_ms, stage, row if stage is Stage.TOUCH else None, late=late))


async def rehearse(
    venue: Venue,
    setting: Setting,
    book: Book | None,
    clock: Clock,
    *,
    running: bool,
    forming: bool,
    progress: Progress | None = None,
) -> Rehearsal:
    """Lead the account to its next bar, as if that closed now (`forming`), or to the newest closed one.

    `book` is the journal's newest; `running` says that its trader is alive: then it is taken as it stands, else as a
    start now would begin with it.
    """
    real_ms = clock.now_ms()
    bar_ms = setting.rules.pace.bar_ms
    newest_ms = (real_ms - _AFTER_MS) // bar_ms * bar_ms
    now_ms = newest_ms + bar_ms + _AFTER_MS if forming else real_ms
    if not forming and book is not None and book.cycle.closed_ms >= newest_ms and book.cycle.decided_ms >= newest_ms:
        raise StateError("the newest closed bar is decided already: leave --closed out to see the one that is forming")
    limits = book.limits if book is not None and running else None
    if limits is None:
        limits = settle_limits(setting.config, setting.rules, None if book is None else book.limits, now_ms)
    rules = rules_at(venue, setting, limits)
    names: tuple[Instrument, ...]
    if book is not None and running:
        names = book.roster.instruments
    else:
        names = await names_at(venue, rules, book, setting.ignore)
    rehearsal = Rehearsal(venue, clock, rules, new_window(rules, Roster.of(names)), now_ms, book, forming=forming)
    close_ms = newest_ms + bar_ms if forming else newest_ms
    _make_rebalance(rehearsal, close_ms)
    if book is None or not running:
        started = await start_event(venue, setting, names, book, limits, now_ms)
        await rehearsal.answer(rehearsal.take(started))
    killed = stop_file_command(setting.stop_file, now_ms, flatten=rules.gates.flatten_on_kill)
    if killed is not None and not rehearsal.known.kill.active:
        rehearsal.take(killed)
    await rehearsal.agree()
    quotes = await venue.quotes()
    shift_ms = now_ms - real_ms
    rehearsal.take(QuotesSeen(tuple(_moved(quotes[one.symbol], shift_ms) for one in names if one.symbol in quotes)))
    await _walk(rehearsal, names, quotes, newest_ms, progress)
    return rehearsal


async def _walk(
    rehearsal: Rehearsal,
    names: tuple[Instrument, ...],
    quotes: Any,
    newest_ms: int,
    progress: Progress | None,
) -> None:
    """History, the bars that a stop has missed, and the bar that is asked about."""
    rules, book, forming = rehearsal.rules, rehearsal.known, rehearsal.forming
    source = BarSource(rehearsal.venue, names, rules.pace.bar_ms, rehearsal.link, Pace())
    bars_max = rehearsal.window.bars_max
    rows = await source.rows(newest_ms - (bars_max - 1) * rules.pace.bar_ms, newest_ms, progress)
    seen_ms = book.cycle.touched_ms
    missed = [row for row in rows[:-1] if row.close_ms > seen_ms] if seen_ms else []
    if len(missed) == len(rows) - 1:
        missed = []  # away for so long that a start takes all of it as history
    rehearsal.take(BarsBackfilled(tuple(rows[: len(rows) - 1 - len(missed)])))
    for row in missed:
        rehearsal.live_through(row, late=True)
    last = rows[-1]
    if forming:
        rehearsal.live_through(last, late=True)
        last = await forming_row(rehearsal.venue, names, quotes, last, rules.pace.bar_ms)
    rehearsal.before, rehearsal.close_ms = rehearsal.known, last.close_ms
    rehearsal.live_through(last, late=False)


def _moved(quote: Quote, shift_ms: int) -> Quote:
    """As fresh at the time that is rehearsed as it is now."""
    return replace(quote, at_ms=quote.at_ms + shift_ms)


def _make_rebalance(rehearsal: Rehearsal, close_ms: int) -> None:
    """Where no rebalance is due at this bar, what one would do is shown all the same."""
    rules, fields = rehearsal.rules, dict(rehearsal.rules.fields)
    every, offset = int(fields["rebalance_bars"]), int(fields["rebalance_offset_bars"])
    place = close_ms // rules.pace.bar_ms
    if place % every == offset:
        return
    rehearsal.rebalance_ms = int((place + (offset - place) % every) * rules.pace.bar_ms)
    fields["rebalance_offset_bars"] = place % every
    rehearsal.rules = replace(rules, fields=fields, params=Params(**fields))


def depth(rehearsal: Rehearsal) -> tuple[np.ndarray, np.ndarray]:
    """Volatility of a day and dollar volume of a day, as the decision knows them, whether or not a rule needs them."""
    fields = {**rehearsal.rules.fields, "adv_share_max_frac": 1.0}
    row = kernel.features_last(rehearsal.window, Params(**fields))
    root = np.sqrt(86_400_000 / rehearsal.rules.pace.bar_ms)
    return row["sigma"] * root, row["adv_usdt"]


def spread_frac(quote: Quote | None) -> float | None:
    """Half of the quoted spread as a share of the price; None where nobody offers."""
    if quote is None or quote.bid is None or quote.ask is None or not quote.bid > Decimal(0):
        return None
    return float((quote.ask - quote.bid) / (quote.ask + quote.bid))
