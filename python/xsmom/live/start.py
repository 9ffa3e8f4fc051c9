"""What a start is made of: its setting, the rules that hold on this venue, the names, and the event that begins it.

`xsmom plan` asks the same questions without starting anything.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xsmom._core import __version__
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book
from xsmom.domain.events import Started
from xsmom.domain.limits import Limits
from xsmom.domain.market_data import Instrument
from xsmom.engine.rules import Rules
from xsmom.errors import StateError
from xsmom.live.bars import Pace, Progress
from xsmom.live.config_watch import ConfigWatch
from xsmom.live.feeds import Beats
from xsmom.live.names import choose_names
from xsmom.ports import Sink, Venue


@dataclass(slots=True)
class Setting:
    """What a process is given: where it lives, who listens, how fast it looks."""

    config: Resolved
    rules: Rules
    state_dir: Path
    stop_file: Path
    sinks: Sequence[Sink] = ()
    progress: Progress | None = None
    pace: Pace = field(default_factory=Pace)
    beats: Beats = field(default_factory=Beats)
    heartbeat_s: float = 60.0
    poll_s: float = 0.5
    initial_usdt: float | None = None
    adopt: bool = False
    ignore: tuple[str, ...] = ()
    #: Whether a watchdog should be there, so that its absence is told.
    watched: bool = False
    #: Looks whether the configuration's files still say what this process began with.
    config_watch: ConfigWatch | None = None


def rules_at(venue: Venue, setting: Setting, limits: Limits) -> Rules:
    """The configuration's rules, with what this venue can do, within the bounds of this start."""
    caps, rules = venue.capabilities, setting.rules.within(limits)
    protect = replace(rules.protect, position_stop=caps.position_stop, attach_stop=caps.attach_stop)
    agree = replace(rules.agree, adopt=setting.adopt, ignore=setting.ignore)
    return replace(rules, protect=protect, agree=agree)


async def names_at(venue: Venue, rules: Rules, book: Book | None, ignored: Sequence[str]) -> tuple[Instrument, ...]:
    """Names that a start now would trade; what is held by the book or at the venue is among them."""
    instruments, quotes = await asyncio.gather(venue.instruments(), venue.quotes())
    held = [] if book is None else [name for at, name in enumerate(book.roster.symbols) if book.lots[at]]
    positions = await venue.positions()
    held += [row.symbol for row in positions.rows]
    return choose_names(instruments, quotes, rules, held=held, ignored=ignored)


async def start_event(
    venue: Venue, setting: Setting, names: tuple[Instrument, ...], book: Book | None, limits: Limits, now_ms: int
) -> Started:
    """The first event of a process."""
    initial = setting.initial_usdt
    if book is None and initial is None:
        initial = float((await venue.account()).equity_usdt)
    if book is None and not (initial or 0.0) > 0.0:
        raise StateError("the account holds no equity: deposit first, then start")
    return Started(
        run_id=secrets.token_hex(4) if book is None else book.run_id,
        at_ms=now_ms,
        config_hash=setting.config.config_hash,
        params_hash=setting.config.params_hash,
        version=__version__,
        instruments=names,
        initial_usdt=initial or 0.0,
        adopt=setting.adopt,
        ignore=setting.ignore,
        limits=limits,
        live_hash=setting.config.live_hash,
    )
