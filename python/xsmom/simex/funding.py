"""Funding that is settled: the panel's prints, and after a change of the interval the exchange's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from xsmom.errors import DataError
from xsmom.simex.market import Candles, Tape


@dataclass
class OwnSchedule:
    """Settlements of a contract whose interval was changed: its last rate, by the share of the time."""

    since_ms: int
    interval_ms: int
    rate_frac: float
    prints: list[tuple[int, float]] = field(default_factory=list)


class Funding:
    """What is settled when, and what was."""

    def __init__(self, tape: Tape, candles: Candles) -> None:
        self._panel = tape.panel
        self._step_ms = tape.panel.bar_ms // tape.steps
        self._candles = candles
        self._own: dict[str, OwnSchedule] = {}

    def change(self, symbol: str, before_ms: int, interval_ms: int, now_ms: int) -> None:
        """Settle in another interval from now on."""
        if interval_ms < self._step_ms or interval_ms % self._step_ms:
            raise DataError(
                f"this market moves every {self._step_ms / 60_000:g} minutes, so an interval is a multiple of "
                f"that, not {interval_ms / 60_000:g}"
            )
        known = self.prints(symbol, 0, now_ms, now_ms)
        rate = known[-1][1] * interval_ms / before_ms if known else 0.0
        earlier = self._own.get(symbol)
        since_ms = earlier.since_ms if earlier else now_ms
        self._own[symbol] = OwnSchedule(since_ms, interval_ms, rate, earlier.prints if earlier else [])

    def due(self, symbol: str, bar: int, at_ms: int, *, closes: bool) -> float:
        """Give the rate that is settled now; 0 for none."""
        own = self._own.get(symbol)
        if own is None:
            rate = float(self._panel.funding_frac[bar, self._candles.column[symbol]]) if closes else 0.0
            return 0.0 if math.isnan(rate) else rate
        if at_ms % own.interval_ms or not own.rate_frac:
            return 0.0
        own.prints.append((at_ms, own.rate_frac))
        return own.rate_frac

    def prints(self, symbol: str, start_ms: int, end_ms: int, now_ms: int) -> list[tuple[int, float]]:
        """Settled prints with `start <= stamp <= end`, rising."""
        own = self._own.get(symbol)
        if own is None:
            return self._candles.funding(symbol, start_ms, end_ms, now_ms)
        told = self._candles.funding(symbol, start_ms, min(end_ms, own.since_ms), now_ms)
        return told + [each for each in own.prints if start_ms <= each[0] <= end_ms]

    def expected(self, symbol: str, now_ms: int) -> float:
        """Tell the rate that is published for the next settlement: the one that was settled last."""
        own = self._own.get(symbol)
        if own is not None:
            return own.rate_frac
        known = self._candles.funding(symbol, now_ms - 3 * 86_400_000, now_ms, now_ms)
        return known[-1][1] if known else 0.0
