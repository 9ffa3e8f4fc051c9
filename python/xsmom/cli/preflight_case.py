"""What `xsmom preflight` looks at, read once: machine, journal, account and market. Nothing is changed by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsmom.domain.limits import Limits
from xsmom.domain.market_data import ClockSight, Instrument, PriceKind
from xsmom.domain.trading import AccountView, KeyFacts, ModeReport, Modes, OrderView, PositionView, Snapshot
from xsmom.engine.rules import Rules
from xsmom.errors import AuthFailed, ConfigError, VenueError, XsmomError
from xsmom.live.limits import settle_limits
from xsmom.live.names import choose_names
from xsmom.live.wiring import Start
from xsmom.store.look import Look, look_at_journal
from xsmom.store.rules import StoreRules

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.venues.bybit.venue import BybitVenue


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator would start, and where reports lie."""

    start: Start
    runs: Path
    now: datetime
    accepted_frac: float | None = None


@dataclass(slots=True)
class Facts:
    """What the exchange told. What it did not is None; `unread` says why."""

    key: KeyFacts | None = None
    account: AccountView | None = None
    positions: Snapshot[PositionView] | None = None
    orders: Snapshot[OrderView] | None = None
    fees: Any = None
    instruments: Any = None
    quotes: Any = None
    modes: ModeReport | None = None
    clock: ClockSight | None = None
    #: What the exchange says of an interruption; empty where there is none.
    interruption: str = ""
    skew_ms: float = 0.0
    round_trip_ms: float = 0.0
    #: Of the most traded name: whether the exchange has the oldest bar of the warm-up, and the newest one.
    bars: tuple[bool, bool] | None = None
    unread: dict[str, str] = field(default_factory=dict)
    #: The exchange has turned the key away.
    turned_away: bool = False


@dataclass(slots=True)
class Case:
    """Everything that a check may look at."""

    asked: Asked
    rules: Rules
    limits: Limits
    #: None where the database cannot be used; `journal_why` says why.
    journal: Look | None
    journal_why: str = ""
    #: Names that a start now would trade; empty with `names_why` where that is refused.
    names: tuple[Instrument, ...] = ()
    names_why: str = ""
    facts: Facts = field(default_factory=Facts)
    now_ms: int = 0

    @property
    def start(self) -> Start:
        """What would be started."""
        return self.asked.start

    @property
    def config(self) -> Any:
        """Its configuration."""
        return self.asked.start.config

    @property
    def holding(self) -> bool:
        """The journal's book holds positions: keeping its trader from starting leaves them without one."""
        return self.journal is not None and self.journal.book is not None and not self.journal.book.flat

    @property
    def sizing_usdt(self) -> float | None:
        """Equity that sizes, by the account's own word."""
        if self.facts.account is None:
            return None
        equity, fields = float(self.facts.account.equity_usdt), self.rules.fields
        share, most = equity * float(fields["capital_frac"]), float(fields["capital_usdt_max"])
        return min(share, most) if most > 0.0 else share


def local_case(asked: Asked) -> Case:
    """What this machine alone can tell."""
    config = asked.start.config
    now_ms = int(asked.now.timestamp() * 1_000)
    journal, why = _look(asked, now_ms)
    rules, limits = _bounds(config, journal, now_ms)
    return Case(asked, rules, limits, journal, why, now_ms=now_ms)


def _bounds(config: Resolved, journal: Look | None, now_ms: int) -> tuple[Rules, Limits]:
    """Bounds of size that a start at this time would settle, and the rules within them."""
    book, plain = None if journal is None else journal.book, Rules.of(config)
    limits = settle_limits(config, plain, None if book is None else book.limits, now_ms)
    return plain.within(limits), limits


async def gather_case(asked: Asked, venue: BybitVenue, tell: Callable[[int, int], object] | None = None) -> Case:
    """Look at everything; what cannot be read is told by its check."""
    case = local_case(asked)
    # A ramp runs in the exchange's time, which need not be the wall's.
    case.now_ms = await venue.now_ms()
    case.rules, case.limits = _bounds(asked.start.config, case.journal, case.now_ms)
    facts = case.facts
    work: tuple[tuple[str, Callable[[], Awaitable[Any]]], ...] = (
        ("instruments", venue.instruments),
        ("quotes", venue.quotes),
        ("key", venue.key),
        ("account", venue.account),
        ("positions", venue.positions),
        ("orders", venue.open_orders),
        ("fees", venue.fees),
    )
    for done, (name, ask) in enumerate(work):
        await _read(facts, name, ask)
        if tell is not None:
            tell(done + 1, len(work) + 2)
    await _read(facts, "clock", venue.measure_clock)
    await _read(facts, "interruption", venue.interruption)
    facts.skew_ms, facts.round_trip_ms = venue.wire.clock.skew_ms, venue.wire.clock.round_trip_ms
    _choose(case)
    await _read(facts, "modes", lambda: venue.compare_modes(_modes(case)))
    await _read(facts, "bars", lambda: _bars(case, venue))
    if tell is not None:
        tell(len(work) + 2, len(work) + 2)
    return case


def _look(asked: Asked, now_ms: int) -> tuple[Look | None, str]:
    try:
        return look_at_journal(StoreRules.of(asked.start.config), asked.start.state_dir, now_ms), ""
    except XsmomError as error:
        return None, str(error)


async def _read(facts: Facts, name: str, ask: Callable[[], Awaitable[Any]]) -> None:
    try:
        setattr(facts, name, await ask())
    except VenueError as error:
        facts.unread[name] = str(error)
        facts.turned_away |= isinstance(error, AuthFailed)


def _choose(case: Case) -> None:
    facts, book = case.facts, None if case.journal is None else case.journal.book
    if facts.instruments is None or facts.quotes is None:
        return
    held = [] if book is None else [name for at, name in enumerate(book.roster.symbols) if book.lots[at]]
    held += [row.symbol for row in (facts.positions.rows if facts.positions is not None else ())]
    try:
        case.names = choose_names(
            facts.instruments, facts.quotes, case.rules, held=held, ignored=ignored_symbols(case.start)
        )
    except ConfigError as error:
        case.names_why = str(error)


def ignored_symbols(start: Start) -> tuple[str, ...]:
    """Names that are left alone, by option and by configuration."""
    return (*start.ignore, *start.config.written.live.ignore_symbols)


def _modes(case: Case) -> Modes:
    """Of a book that is held already its own names are enough: a restart must not wait for a hundred answers."""
    gates, book = case.rules.gates, None if case.journal is None else case.journal.book
    symbols = tuple(one.symbol for one in case.names)
    if case.holding and book is not None:
        symbols = tuple(name for at, name in enumerate(book.roster.symbols) if book.lots[at])
    return Modes(leverage_x=Decimal(repr(gates.leverage_x)), symbols=symbols, cross_margin=gates.cross_margin)


async def _bars(case: Case, venue: BybitVenue) -> tuple[bool, bool] | None:
    """Ends of the warm-up of the name that is most traded, as the exchange has them."""
    if not case.names:
        return None
    bar_ms, page = case.rules.pace.bar_ms, venue.candles_page_max
    quotes = case.facts.quotes
    best = max(case.names, key=lambda one: float(quotes[one.symbol].turnover_usdt_day) if one.symbol in quotes else 0.0)
    newest_ms = await venue.now_ms() // bar_ms * bar_ms
    warmup = warmup_bars(case)
    spans = (newest_ms - warmup * bar_ms, newest_ms - min(page, 3) * bar_ms)
    found = await asyncio.gather(
        *(venue.candles(best.symbol, bar_ms, since, min(page, 3), PriceKind.LAST) for since in spans)
    )
    return len(found[0]) > 0, len(found[1]) > 0


def warmup_bars(case: Case) -> int:
    """Bars that a decision looks back on."""
    from xsmom import kernel

    return int(kernel.warmup_bars(case.rules.params))
