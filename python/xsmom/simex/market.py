"""The market behind the exchange: a panel whose bars are walked through, price by price.

Inside a bar the price goes from open to one extreme, to the other, to the close, in straight lines:
the nearer extreme first. So every price that the bar shows was there, and nothing else was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import NEVER_MS, Panel

Floats = NDArray[np.float64]

STEPS_A_BAR = 12
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Moment:
    """Prices of every name at one time; NaN where a name does not trade."""

    at_ms: int
    bar: int
    last: Floats
    #: The bar's volume in USDT that fell since the moment before.
    volume_usdt: Floats
    #: Whether the bar closes here.
    closes: bool


class Tape:
    """The panel as a walk through time."""

    def __init__(self, panel: Panel, *, steps: int = STEPS_A_BAR) -> None:
        self.panel = panel
        self.steps = steps
        #: Paths of bars in which a shock has come.
        self._shocked: dict[int, Floats] = {}

    def shock(self, column: int, now_ms: int, share: float) -> None:
        """Let one name be at a share of its price from now on: the rest of this bar, and every bar to come."""
        panel = self.panel
        bar = int((now_ms - int(panel.close_ms[0])) // panel.bar_ms) + 1
        fields: dict[str, Any] = {name: np.array(getattr(panel, name)) for name in ("open", "high", "low", "close")}
        for cells in fields.values():
            cells[max(bar + 1, 0) :, column] *= share
        if 0 <= bar < panel.bars:
            path = np.array(self._path(bar))
            open_ms = int(panel.close_ms[bar]) - panel.bar_ms
            path[(now_ms - open_ms) * self.steps // panel.bar_ms + 1 :, column] *= share
            seen = path[:, column]
            for name, price in zip(fields, (seen[0], seen.max(), seen.min(), seen[-1]), strict=True):
                fields[name][bar, column] = price
            self._shocked[bar] = path
        self.panel = replace(panel, known_hash="", **fields)

    def moments(self, after_ms: int) -> Iterator[Moment]:
        """Every moment later than `after_ms`, to the end of the panel."""
        panel = self.panel
        first = max(0, int((after_ms - panel.close_ms[0]) // panel.bar_ms))
        for bar in range(first, panel.bars):
            path = self._path(bar)
            open_ms = int(panel.close_ms[bar]) - panel.bar_ms
            for step in range(1, self.steps + 1):
                at_ms = open_ms + panel.bar_ms * step // self.steps
                if at_ms <= after_ms:
                    continue
                share = np.nan_to_num(panel.volume_usdt[bar]) / self.steps
                yield Moment(at_ms, bar, path[step], share, closes=step == self.steps)

    def _path(self, bar: int) -> Floats:
        """Prices at each step of a bar, `steps + 1` rows, the open first."""
        if bar in self._shocked:
            return self._shocked[bar]
        panel = self.panel
        start, high, low, close = (getattr(panel, name)[bar] for name in ("open", "high", "low", "close"))
        low_first = start - low <= high - start
        corners = np.stack([start, np.where(low_first, low, high), np.where(low_first, high, low), close])
        place = np.linspace(0, 3, self.steps + 1)
        leg = np.minimum(place.astype(np.int64), 2)
        share = (place - leg)[:, None]
        path: Floats = corners[leg] * (1 - share) + corners[leg + 1] * share
        for corner in range(4):  # the corners themselves, untouched by rounding
            path[np.flatnonzero(place == corner)] = corners[corner]
        return path


class Candles:
    """Bars as the exchange shows them at a time: closed ones, and the one that is forming."""

    def __init__(self, panel: Panel, tape: Tape) -> None:
        self.panel = panel
        self.tape = tape
        self.column = {symbol: number for number, symbol in enumerate(panel.symbols)}

    def bars(self, symbol: str, bar_ms: int, start_ms: int, end_ms: int, now_ms: int) -> list[tuple[float, ...]]:
        """Rows (open_ms, open, high, low, close, volume_usdt) with `start <= open_ms <= end`, rising.

        `bar_ms` is a multiple of the panel's; longer bars are put together from its bars.
        """
        panel, column = self.panel, self.column[symbol]
        base_ms = int(panel.close_ms[0]) - panel.bar_ms
        open_ms = -(-max(start_ms, base_ms // bar_ms * bar_ms) // bar_ms) * bar_ms
        last_ms = min(end_ms, now_ms - 1, int(panel.close_ms[-1]) - 1)
        rows: list[tuple[float, ...]] = []
        if bar_ms == panel.bar_ms and base_ms % bar_ms == 0:
            rows, open_ms = self._closed_bars(column, open_ms, last_ms, now_ms)
        while open_ms <= last_ms:
            row = self._bar(column, open_ms, bar_ms, now_ms)
            if row is not None:
                rows.append(row)
            open_ms += bar_ms
        return rows

    def _closed_bars(self, column: int, open_ms: int, last_ms: int, now_ms: int) -> tuple[list[tuple[float, ...]], int]:
        """Cut closed bars out of the panel as they stand there; give also where the next one opens."""
        panel = self.panel
        base_ms = int(panel.close_ms[0]) - panel.bar_ms
        lower = (open_ms - base_ms) // panel.bar_ms
        upper = max(lower, min(last_ms - base_ms, now_ms - panel.bar_ms - base_ms) // panel.bar_ms + 1)
        prices = [getattr(panel, name)[lower:upper, column] for name in ("open", "high", "low", "close")]
        volume = np.nan_to_num(panel.volume_usdt[lower:upper, column])
        opens = panel.close_ms[lower:upper] - panel.bar_ms
        known = ~np.isnan(prices[3])
        columns = [opens[known].tolist(), *(each[known].tolist() for each in (*prices, volume))]
        return list(zip(*columns, strict=True)), base_ms + upper * panel.bar_ms

    def _bar(self, column: int, open_ms: int, bar_ms: int, now_ms: int) -> tuple[float, ...] | None:
        panel = self.panel
        base_ms = int(panel.close_ms[0]) - panel.bar_ms
        lower = max(0, (open_ms - base_ms) // panel.bar_ms)
        upper = min(panel.bars, (open_ms + bar_ms - base_ms) // panel.bar_ms)
        closed = int(min(upper, max(lower, (now_ms - base_ms) // panel.bar_ms)))
        pieces = np.array([getattr(panel, name)[lower:closed, column] for name in ("open", "high", "low", "close")]).T
        volumes = panel.volume_usdt[lower:closed, column]
        if closed < upper:
            forming, volume = self._forming(column, closed, now_ms)
            pieces, volumes = np.vstack([pieces, forming]), np.append(volumes, volume)
        known = ~np.isnan(pieces[:, 3]) if len(pieces) else np.zeros(0, dtype=bool)
        if not known.any():
            return None
        pieces, volumes = pieces[known], volumes[known]
        high, low = float(pieces[:, 1].max()), float(pieces[:, 2].min())
        volume_usdt = float(np.nansum(volumes))
        return (open_ms, float(pieces[0, 0]), high, low, float(pieces[-1, 3]), volume_usdt)

    def _forming(self, column: int, bar: int, now_ms: int) -> tuple[Floats, float]:
        """Put together what is seen of a bar before it closes."""
        panel, tape = self.panel, self.tape
        open_ms = int(panel.close_ms[bar]) - panel.bar_ms
        step = min(tape.steps, (now_ms - open_ms) * tape.steps // panel.bar_ms)
        seen = tape._path(bar)[: step + 1, column]  # noqa: SLF001  the tape's own path
        volume = float(np.nan_to_num(panel.volume_usdt[bar, column])) * step / tape.steps
        return np.array([seen[0], seen.max(), seen.min(), seen[-1]]), volume

    def known(self, symbol: str, now_ms: int) -> bool:
        """Whether the name is listed by then."""
        return symbol in self.column and int(self.panel.listed_ms[self.column[symbol]]) <= now_ms

    def delisted(self, symbol: str, now_ms: int) -> bool:
        """Whether the name has left by then."""
        at_ms = int(self.panel.delisted_ms[self.column[symbol]])
        return at_ms != NEVER_MS and at_ms <= now_ms

    def funding(self, symbol: str, start_ms: int, end_ms: int, now_ms: int) -> list[tuple[int, float]]:
        """Settled prints with `start <= stamp <= end`, rising; each at the close of its bar."""
        panel, column = self.panel, self.column[symbol]
        lower = int(np.searchsorted(panel.close_ms, start_ms))
        upper = int(np.searchsorted(panel.close_ms, min(end_ms, now_ms), side="right"))
        rates = np.nan_to_num(panel.funding_frac[lower:upper, column])
        return [(int(panel.close_ms[lower + row]), float(rates[row])) for row in np.flatnonzero(rates)]
