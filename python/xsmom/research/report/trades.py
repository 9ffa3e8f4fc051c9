"""What was traded: round trips where the run knows them, its largest fills where not, and why names were refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from xsmom.domain.stamps import format_ms
from xsmom.research.report.attribution import Attribution

if TYPE_CHECKING:
    from xsmom.research.result import Result

_ROWS_MAX = 15
"""Best and worst round trips, each."""


def list_trades(result: Result, parts: Attribution) -> dict[str, Any]:
    """Rows for the table of trades and, of round trips, their measures."""
    trips: pl.DataFrame | None = getattr(result, "round_trips", None)
    if trips is None:
        return {"kind": "fills", "count": int(parts.fills.sum()), "rows": _list_fills(result, parts)}
    ordered = trips.sort("net_usdt", descending=True, maintain_order=True)
    if len(ordered) > 2 * _ROWS_MAX:
        ordered = pl.concat([ordered.head(_ROWS_MAX), ordered.tail(_ROWS_MAX)])
    rows = [{name: _plain(value) for name, value in row.items()} for row in ordered.to_dicts()]
    return {"kind": "round_trips", "count": len(trips), "rows": rows, "measures": _measure(trips)}


def _list_fills(result: Result, parts: Attribution) -> list[dict[str, Any]]:
    panel = result.panel
    return [
        {
            "time": format_ms(int(panel.close_ms[bar])),
            "symbol": panel.symbols[column],
            "side": "buy" if units > 0 else "sell",
            "units": units,
            "price": price,
            "notional_usdt": notional,
        }
        for notional, bar, column, units, price in parts.largest
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_ms((aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _measure(trips: pl.DataFrame) -> dict[str, Any]:
    """Hit rate, average win and loss, profit factor and holding times of closed round trips."""
    closed = trips.filter(pl.col("closed").is_not_null())
    net = closed["net_usdt"].to_numpy()
    if not len(net):
        return {"closed": 0}
    wins, losses = net[net > 0], net[net < 0]
    hours = (closed["closed"] - closed["opened"]).dt.total_milliseconds().to_numpy() / 3_600_000
    return {
        "closed": len(net),
        "hit_rate": float(np.mean(net > 0)),
        "mean_win_usdt": float(wins.mean()) if wins.size else None,
        "mean_loss_usdt": float(losses.mean()) if losses.size else None,
        "profit_factor": float(wins.sum() / -losses.sum()) if losses.size else None,
        "holding_hours_mean": float(hours.mean()),
        "holding_hours_max": float(hours.max()),
        "holding_hours_min": float(hours.min()),
    }


def list_reasons(result: Result) -> list[dict[str, Any]] | None:
    """How often each reason stood behind a target, most frequent first; None where the run keeps none."""
    reasons: Any = getattr(result, "reasons", None)
    if reasons is None:
        return None
    if isinstance(reasons, pl.DataFrame):
        label = next((name for name in ("reason", "name") if name in reasons.columns), reasons.columns[0])
        if "count" in reasons.columns:
            counts = dict(zip(reasons[label].to_list(), reasons["count"].to_list(), strict=True))
        else:
            counts = dict(reasons[label].value_counts().iter_rows())
    else:
        assert isinstance(reasons, Mapping), "reasons are a frame or a mapping of name to count"
        counts = dict(reasons)
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    return [{"reason": str(name), "count": int(count)} for name, count in ordered]
