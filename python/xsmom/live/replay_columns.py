"""What a replay leaves, as the columns of the fast simulation."""

from __future__ import annotations

from collections import Counter
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
_FILL_FLOATS = ("units", "price", "reference_price", "fee_usdt")
_TRIP_FLOATS = ("units_max", "entry_price", "exit_price", "net_usdt", "funding_usdt")


class Columns:
    """Grows with each bar; `close` gives the arrays."""

    def __init__(self, panel: Panel, instruments: dict[str, Instrument]) -> None:
        self._at = {symbol: at for at, symbol in enumerate(panel.symbols)}
        self._steps = np.array([float(instruments[symbol].qty_step) for symbol in panel.symbols])
        self._series = {name: np.zeros(panel.bars) for name in _SERIES}
        self._lots = np.zeros((panel.bars, len(panel.symbols)), dtype=np.int64)
        self._fills: list[dict[str, Any]] = []
        self._trips: list[dict[str, Any]] = []
        self._sent: dict[str, SendOrder] = {}
        self._reasons: Counter[int] = Counter()
        self._decided_ms = 0
        self._decisions = self._guarded = 0
        self._ended: dict[str, int | None] = {"bankrupt_at": None, "liquidated_at": None}
        self._traded_usdt = 0.0

    def note_order(self, effect: SendOrder) -> None:
        """Remember what was sent, so that a fill knows what it was for."""
        self._sent[effect.request.client_order_id] = effect

    def note_fill(self, bar: int, fill: VenueFill) -> None:
        """Keep a trade."""
        if not fill.lots:
            return
        at = self._at[fill.symbol]
        sent = self._sent.get(fill.client_order_id)
        units = float(fill.lots) * float(self._steps[at])
        touched = sent is not None and sent.touch_price is not None
        reference = float(fill.price if fill.reference_price is None else fill.reference_price)
        self._fills.append(
            {
                "bar": bar,
                "at_ms": fill.at_ms,
                "symbol": at,
                "units": units,
                "price": float(fill.price),
                "reference_price": reference,
                "fee_usdt": float(fill.fee_usdt),
                "exit": sent.approved.intent.exit_by if sent is not None and touched else "plan",
            }
        )
        self._traded_usdt += abs(units) * reference

    def note_trip(self, note: Note) -> None:
        """Keep a round trip."""
        self._trips.append(dict(note.fields))

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
            "fills": _table(self._fills, ("bar", "at_ms", "symbol"), _FILL_FLOATS),
            "trips": self._trip_table(),
            "reason_counts": counts,
            "labels": None if book.labels is None else {},
            "guarded_bars": self._guarded,
            "decisions": self._decisions,
            **self._ended,
        }

    def _trip_table(self) -> dict[str, Any]:
        rows = [
            {
                "symbol": self._at[str(trip["symbol"])],
                "side": 1 if trip["side"] == "long" else -1,
                "opened_ms": trip["opened_ms"],
                "closed_ms": trip["at_ms"],
                "units_max": float(trip["lots_max"]) * float(self._steps[self._at[str(trip["symbol"])]]),
                "entry_price": trip["entry_price"],
                "exit_price": trip["exit_price"],
                "net_usdt": trip["net_usdt"],
                "funding_usdt": trip["funding_usdt"],
                "exit": trip["exit"],
            }
            for trip in self._trips
        ]
        return _table(rows, ("symbol", "side", "opened_ms", "closed_ms"), _TRIP_FLOATS)


def _table(rows: list[dict[str, Any]], whole: tuple[str, ...], floats: tuple[str, ...]) -> dict[str, Any]:
    table: dict[str, Any] = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in whole}
    table |= {name: np.array([row[name] for row in rows], dtype=np.float64) for name in floats}
    return {**table, "exit": [row["exit"] for row in rows]}
