"""What a replay leaves, as the columns of the fast simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from xsmom.domain.book import Book
from xsmom.domain.effects import Note, SendOrder
from xsmom.domain.market_data import Instrument
from xsmom.domain.panel import Panel
from xsmom.domain.trading import VenueFill
from xsmom.kernel import REASONS

_SERIES = (
    "equity_usdt",
    "gross_usdt",
    "net_usdt",
    "fee_usdt",
    "spread_usdt",
    "impact_usdt",
    "funding_usdt",
    "traded_usdt",
)
_FILL_WHOLE = ("bar", "at_ms", "symbol")
_FILL_FLOATS = ("units", "price", "reference_price", "fee_usdt")
_TRIP_WHOLE = ("symbol", "side", "opened_ms", "closed_ms")
_TRIP_FLOATS = ("units_max", "entry_price", "exit_price", "net_usdt", "funding_usdt")


class Columns:
    """Grows with each bar; `close` gives the arrays."""

    def __init__(self, panel: Panel, instruments: dict[str, Instrument]) -> None:
        self._at = {symbol: at for at, symbol in enumerate(panel.symbols)}
        self._steps = np.array([float(instruments[symbol].qty_step) for symbol in panel.symbols])
        self._series = {name: np.zeros(panel.bars) for name in _SERIES}
        self._lots = np.zeros((panel.bars, len(panel.symbols)), dtype=np.int64)
        # Plain rows of numbers: a year has tens of thousands of them.
        self._fills: list[tuple[Any, ...]] = []
        self._trips: list[tuple[Any, ...]] = []
        self._exit_of: dict[str, str] = {}
        self._reasons: Counter[int] = Counter()
        self._decided_ms = 0
        self._decisions = self._guarded = 0
        self._ended: dict[str, int | None] = {"bankrupt_at": None, "liquidated_at": None}
        self._traded_usdt = 0.0

    def note_order(self, effect: SendOrder) -> None:
        """Remember an exit inside a bar, so that its fill knows what it was for; all else is the plan's."""
        if effect.touch_price is not None:
            self._exit_of[effect.request.client_order_id] = effect.approved.intent.exit_by

    def note_fill(self, bar: int, fill: VenueFill) -> None:
        """Keep a trade."""
        if not fill.lots:
            return
        at, price = self._at[fill.symbol], float(fill.price)
        units = float(fill.lots) * float(self._steps[at])
        reference = price if fill.reference_price is None else float(fill.reference_price)
        why = self._exit_of.get(fill.client_order_id, "plan")
        self._fills.append((bar, fill.at_ms, at, units, price, reference, float(fill.fee_usdt), why))
        self._traded_usdt += abs(units) * reference

    def note_trip(self, note: Note) -> None:
        """Keep a round trip."""
        trip: Mapping[str, Any] = note.fields
        at = self._at[trip["symbol"]]
        self._trips.append(
            (
                at,
                1 if trip["side"] == "long" else -1,
                trip["opened_ms"],
                trip["at_ms"],
                float(trip["lots_max"]) * float(self._steps[at]),
                trip["entry_price"],
                trip["exit_price"],
                trip["net_usdt"],
                trip["funding_usdt"],
                trip["exit"],
            )
        )

    def end(self, t: int, why: str) -> None:
        """The account ended at this bar."""
        key = "bankrupt_at" if why == "bankrupt" else "liquidated_at"
        if set(self._ended.values()) == {None}:
            self._ended[key] = t

    def keep_bar(self, t: int, book: Book, equity: float, net: float, gross: float, paid: Any) -> None:
        """The book at a close."""
        row = {
            "equity_usdt": equity,
            "gross_usdt": gross,
            "net_usdt": net,
            "fee_usdt": paid.fee_usdt,
            "spread_usdt": paid.spread_usdt,
            "impact_usdt": paid.impact_usdt,
            "funding_usdt": paid.funding_usdt,
            "traded_usdt": self._traded_usdt,
        }
        for name, value in row.items():
            self._series[name][t] = value
        self._lots[t] = book.lots
        cycle = book.cycle
        self._guarded += cycle.guard != "none"
        if cycle.decided_ms > self._decided_ms:
            self._decided_ms = cycle.decided_ms
            self._decisions += 1
            self._reasons.update(cycle.reasons.tolist())

    def close(self, book: Book) -> dict[str, Any]:
        """All columns."""
        counts = [(REASONS[code], count) for code, count in sorted(self._reasons.items())]
        return {
            **self._series,
            "lots": self._lots,
            "units": self._lots * self._steps,
            "fills": _table(self._fills, _FILL_WHOLE, _FILL_FLOATS),
            "trips": _table(self._trips, _TRIP_WHOLE, _TRIP_FLOATS),
            "reason_counts": counts,
            "labels": None if book.labels is None else {},
            "guarded_bars": self._guarded,
            "decisions": self._decisions,
            **self._ended,
        }


def _table(rows: list[tuple[Any, ...]], whole: tuple[str, ...], floats: tuple[str, ...]) -> dict[str, Any]:
    """Rows of whole numbers, floats, and the exit, as columns."""
    columns = list(zip(*rows, strict=True)) or [()] * (len(whole) + len(floats) + 1)
    table: dict[str, Any] = {}
    for name, values in zip(whole, columns, strict=False):
        table[name] = np.array(values, dtype=np.int64)
    for name, values in zip(floats, columns[len(whole) :], strict=False):
        table[name] = np.array(values, dtype=np.float64)
    return {**table, "exit": list(columns[-1])}
