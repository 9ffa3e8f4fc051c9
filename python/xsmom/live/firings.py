"""How often each guard of the core fires on a history: its bars are led through the engine, and the book is looked at.

The engine holds the lots of the fast simulation at every bar, so these are the firings of a backtest, counted from the
guards' own state and from what they tell. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from xsmom import kernel
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book
from xsmom.domain.effects import Note
from xsmom.domain.panel import Panel
from xsmom.engine.guard_notes import BLIND
from xsmom.engine.rules import Rules
from xsmom.live.replay import Progress, Replay

MONTH_MS = 365 * 86_400_000 / 12


@dataclass(frozen=True, slots=True)
class Row:
    """A guard of the core: its setting, the field that switches it off at 0, and what one firing is."""

    guard: str
    setting: str
    field: str
    counts: str


_DAY, _NAME, _DECISION, _ONCE = "a day", "a name", "a decision", "once"
GUARDS: Final = (
    Row("daily_loss", "risk.max_daily_loss_pct", "daily_loss_max_frac", _DAY),
    Row("emergency_loss", "risk.emergency_loss_pct", "emergency_loss_frac", _DAY),
    Row("drawdown", "risk.max_portfolio_drawdown_pct", "drawdown_max_frac", _ONCE),
    Row("longterm_drawdown", "risk.max_longterm_drawdown_pct", "longterm_drawdown_max_frac", _ONCE),
    Row("symbol_daily_loss", "risk.max_symbol_daily_loss_pct", "symbol_daily_loss_max_frac", _NAME),
    Row("trade_loss", "risk.max_trade_loss_pct", "trade_loss_max_frac", _NAME),
    Row("cvar", "risk.max_cvar_pct", "cvar_max_frac", "a spell"),
    Row("stop_cluster", "risk.stop_cluster.count", "stop_cluster_count", "a cluster"),
    Row("streak", "risk.streak.losses", "streak_losses", "a streak"),
    Row("risk_per_trade", "risk.risk_per_trade_frac", "risk_per_trade_frac", _DECISION),
    Row("position_size", "strategy.notional_cap_usdt", "notional_max_usdt", _DECISION),
    Row("positions_max", "strategy.entry_throttle.max_open_positions", "positions_max", _DECISION),
    Row("exposure", "strategy.gross_hard_cap", "gross_hard_cap_x", _DECISION),
    Row("correlation", "strategy.correlation_limit.enabled", "correlation_enabled", _DECISION),
    Row("atr_regime", "strategy.atr_regime.enabled", "atr_regime_enabled", "a spell"),
    Row("vol_regime", "strategy.vol_regime.enabled", "vol_regime_enabled", "a spell"),
)
"""Every guard that runs in a simulation, in the order of the manual."""

_UNTIL: Final = {
    "daily_loss": "flat_until_ms",
    "emergency_loss": "emergency_until_ms",
    "stop_cluster": "cluster_until_ms",
}
_LATCHED: Final = {"drawdown": "drawdown_latched", "longterm_drawdown": "longterm_latched"}
_TOLD: Final = ("trade_loss", "streak", "risk_per_trade", "positions_max", "exposure", "correlation")
_SPELLS: Final = ("cvar", "atr_regime", "vol_regime")
_SIZE_CODE: Final = next(code for code, name in kernel.REASONS.items() if name == "notional_cap")


@dataclass(slots=True)
class Count:
    """What one guard did: times, closes at which it stood, names that it met, and when it was first and last."""

    firings: int = 0
    bars: int = 0
    names: int = 0
    #: Closes at which it could not be evaluated, which blocks entries; those before the first target too.
    blind_bars: int = 0
    first_ms: int | None = None
    newest_ms: int | None = None

    def add(self, times: int, close_ms: int, names: int = 0) -> None:
        """So many firings at this close."""
        if not times:
            return
        self.firings += times
        self.names += names
        self.first_ms = close_ms if self.first_ms is None else self.first_ms
        self.newest_ms = close_ms


@dataclass(frozen=True, slots=True)
class Firings:
    """All guards over the time in which the book could act: from its first target to its end."""

    rows: Mapping[str, Count]
    on: Mapping[str, bool]
    since_ms: int
    until_ms: int
    #: bankrupt, liquidated or drawdown: the book has done nothing more since; empty where it went on to the last bar.
    ended_by: str
    bars: int
    guarded_bars: int

    @property
    def months(self) -> float:
        """Length of that time."""
        return (self.until_ms - self.since_ms) / MONTH_MS

    def a_month(self, guard: str) -> float | None:
        """Firings a month; None where the time is no length."""
        return self.rows[guard].firings / self.months if self.months > 0.0 else None


def count_firings(panel: Panel, config: Resolved, progress: Progress | None = None) -> Firings:
    """Lead the configuration through the panel, and count."""
    replay = Replay.of(panel, config)
    watch = _Watch(dict(replay.rules.fields))

    def look(done: int, total: int) -> None:
        assert replay.book is not None, "a bar has been lived through"
        over = replay.venue.over
        watch.look(replay.book, replay.done.notes, int(panel.close_ms[done - 1]), over)
        if progress is not None:
            progress(done, total)

    replay.run(look)
    return watch.close(replay.rules)


@dataclass(slots=True)
class _Watch:
    """The guards' state as it was after the bar before, beside what it is now."""

    fields: dict[str, Any]
    counts: dict[str, Count] = field(default_factory=lambda: {row.guard: Count() for row in GUARDS})
    since_ms: int | None = None
    until_ms: int = 0
    ended_by: str = ""
    bars: int = 0
    guarded_bars: int = 0
    _before: Mapping[str, Any] = field(default_factory=dict)
    _spells: frozenset[str] = frozenset()
    _sized: Any = None
    _decided_ms: int = 0
    _heard: int = 0

    def look(self, book: Book, notes: list[Note], close_ms: int, over: str) -> None:
        """After one bar."""
        news, self._heard = notes[self._heard :], len(notes)
        if self.ended_by:
            return
        if self.since_ms is None and book.cycle.weight_frac.any():
            # Before anything was wanted nothing could be lost: what was told then would only dilute the rates.
            self.since_ms, self.bars, self.guarded_bars = close_ms, 0, 0
            self.counts = {guard: Count(blind_bars=one.blind_bars) for guard, one in self.counts.items()}
        self.bars += 1
        self.guarded_bars += book.cycle.guard != "none"
        self.until_ms = close_ms
        self._look_at_state(book, close_ms)
        self._look_at_notes(news, close_ms)
        self._look_at_spells(book, close_ms)
        self._look_at_sizes(book, close_ms)
        self.ended_by = over or ("drawdown" if book.guards["drawdown_latched"] else "")

    def close(self, rules: Rules) -> Firings:
        """The whole."""
        on = {row.guard: bool(rules.fields[row.field]) for row in GUARDS}
        since_ms = self.until_ms if self.since_ms is None else self.since_ms
        return Firings(self.counts, on, since_ms, self.until_ms, self.ended_by, self.bars, self.guarded_bars)

    def _look_at_state(self, book: Book, close_ms: int) -> None:
        now, before = book.guards, self._before
        for guard, name in _UNTIL.items():
            self.counts[guard].add(int(now[name] > before.get(name, 0)), close_ms)
            self.counts[guard].bars += int(now[name] > close_ms)
        for guard, name in _LATCHED.items():
            self.counts[guard].add(int(now[name] and not before.get(name, False)), close_ms)
            self.counts[guard].bars += int(now[name])
        until = np.asarray(now["paused_until_ms"])
        paused = int((until > before.get("paused_until_ms", 0)).sum())
        self.counts["symbol_daily_loss"].add(paused, close_ms, paused)
        self.counts["symbol_daily_loss"].bars += bool((until > close_ms).any())
        self._before = now

    def _look_at_notes(self, news: list[Note], close_ms: int) -> None:
        for note in news:
            guard = note.name.removeprefix("guard.")
            if note.name != guard and guard in _TOLD:
                symbols = note.fields.get("symbols")
                names = len(symbols) if isinstance(symbols, list) else int("symbol" in note.fields)
                self.counts[guard].add(1, close_ms, names)

    def _look_at_spells(self, book: Book, close_ms: int) -> None:
        """What a measure brings and takes away: the book remembers of each whether it was told."""
        for guard, count in self.counts.items():
            count.blind_bars += f"{BLIND}:{guard}" in book.loud_ms
        now = frozenset(guard for guard in _SPELLS if f"guard.{guard}:" in book.loud_ms)
        for guard in now:
            self.counts[guard].add(int(guard not in self._spells), close_ms)
            self.counts[guard].bars += 1
        self._spells = now

    def _look_at_sizes(self, book: Book, close_ms: int) -> None:
        """The cap of one position's value has no note of its own: names that it newly cut, of each decision."""
        if book.cycle.decided_ms == self._decided_ms:
            return
        self._decided_ms = book.cycle.decided_ms
        cut = np.asarray(book.cycle.reasons == _SIZE_CODE)
        new = cut if self._sized is None else cut & ~self._sized
        self.counts["position_size"].add(int(new.any()), close_ms, int(new.sum()))
        self._sized = cut
