"""Every number of the report, once, as plain values: the page shows them and `report.json` holds them."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from xsmom import _core
from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import DAY_MS, format_timeframe
from xsmom.research import statistics
from xsmom.research.code_hash import hash_code
from xsmom.research.report import cone, days, stress, trades, verdict
from xsmom.research.report.attribution import SIDES, Attribution, attribute

if TYPE_CHECKING:
    from xsmom.research.result import Result

SCHEMA_VERSION = 1
_COST_KINDS = ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt")
_YEAR_MS = 365 * DAY_MS
_LIBRARIES = ("numpy", "polars", "plotly")


def build_document(result: Result, provenance: Mapping[str, object]) -> tuple[dict[str, Any], Attribution]:
    """Measure the run; the second value holds the exposure at every bar, which only the charts need."""
    parts, split = attribute(result), days.split_days(result)
    draws = cone.draw(len(split.day)) if len(split.day) > 1 else None
    metrics = dict(result.metrics)
    doc: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "xsmom.report",
        "label": result.panel.label,
        "synthetic": verdict.is_synthetic(result.panel),
        "run": _describe(result, parts, len(split.day)),
        "metrics": metrics,
        "metrics_more": _measure_more(split, metrics, draws),
        "metrics_bars": _measure_bars(result, split, draws),
        "exposure": _measure_exposure(parts),
        "double_costs": stress.stress_costs(result, split),
        "costs_usdt": {name: float(result.costs[name][-1]) for name in _COST_KINDS},
        "assumed_costs": asdict(result.assumed_costs),
        "reasons": trades.list_reasons(result),
        "flat_bars": None if result.flat_bars is None else result.flat_bars.document(),
        "sides": _list_sides(parts),
        "symbols": _list_symbols(result, parts),
        "unattributed": parts.unattributed,
        "trades": trades.list_trades(result, parts),
        "months": days.compound_months(split),
        "cone": cone.build_cone(split.return_frac, result.cash_usdt, metrics["max_drawdown"], draws) if draws else None,
        "provenance": _trace(result, provenance),
    }
    doc["headline"] = {name: metrics[name] for name in ("turnover_year_x", "cost_year_frac", "cost_of_gross_frac")}
    doc["warnings"] = verdict.list_warnings(doc)
    doc["verdict"] = verdict.give_verdict(doc, result.panel)
    doc["daily"] = days.list_daily(result, split, parts)
    return doc, parts


def make_plain(value: Any) -> Any:
    """The same with NumPy numbers made Python's and what is not finite made null, as JSON wants it."""
    if isinstance(value, Mapping):
        return {str(name): make_plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return make_plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _describe(result: Result, parts: Attribution, day_count: int) -> dict[str, Any]:
    panel, costs = result.panel, result.costs
    place = result.bankrupt_at
    return {
        "bars": panel.bars,
        "bar": format_timeframe(panel.bar_ms),
        "symbols": len(panel.symbols),
        "first_open": format_ms(int(panel.close_ms[0]) - panel.bar_ms),
        "last_close": format_ms(int(panel.close_ms[-1])),
        "days": day_count,
        "cash_usdt": result.cash_usdt,
        "equity_usdt": float(result.equity["equity_usdt"][-1]),
        "cost_usdt": sum(float(costs[name][-1]) for name in _COST_KINDS),
        "traded_usdt": float(costs["traded_usdt"][-1]),
        "fills": int(parts.fills.sum()),
        "fill_price": parts.fill_at,
        "bankrupt_at": None if place is None else format_ms(int(panel.close_ms[place])),
        "max_drawdown_frac_bars": float(result.equity["drawdown_frac"].to_numpy().min()),
    }


def _measure_more(split: days.Days, metrics: Mapping[str, Any], draws: cone.Draws | None) -> dict[str, Any]:
    returns = split.return_frac
    unknown = [float("nan"), float("nan")]
    defined = math.isfinite(metrics["sharpe"])
    return {
        "sharpe_hac_interval": cone.hac_interval(returns, draws) if draws else unknown,
        "min_track_record_days": statistics.min_track_record(returns) if defined else float("nan"),
        "newey_west_t": statistics.newey_west_t(returns) if len(returns) > 1 else float("nan"),
        "beta": days.whole_beta(split),
        "market_return_frac": float(np.prod(1.0 + split.market_frac) - 1.0),
    }


def _measure_bars(result: Result, split: days.Days, draws: cone.Draws | None) -> dict[str, Any] | None:
    """The same measures on the bars themselves, where a bar is shorter than a day."""
    bar_ms = result.panel.bar_ms
    if bar_ms >= DAY_MS or draws is None:
        return None
    equity = result.equity["equity_usdt"].to_numpy()
    before = np.concatenate([[result.cash_usdt], equity[:-1]])
    returns = np.divide(equity, before, out=np.ones_like(equity), where=before > 0) - 1.0
    periods = _YEAR_MS / bar_ms
    found = statistics.metrics(returns, periods)
    return {**found, "periods": periods, "sharpe_interval": cone.bar_interval(returns, split.last, periods, draws)}


def _measure_exposure(parts: Attribution) -> dict[str, Any]:
    gross, net = parts.long_frac - parts.short_frac, parts.long_frac + parts.short_frac
    return {
        "gross_frac_mean": float(gross.mean()),
        "gross_frac_max": float(gross.max()),
        "net_frac_mean": float(net.mean()),
        "net_frac_max": float(net.max()),
        "net_frac_min": float(net.min()),
        "names_mean": float(parts.names.mean()),
        "names_max": int(parts.names.max()),
        "in_market_frac": float(np.mean(parts.names > 0)),
    }


def _list_sides(parts: Attribution) -> list[dict[str, Any]]:
    return [
        {
            "side": side,
            "price_usdt": float(parts.price_usdt[:, i].sum()),
            "funding_usdt": -float(parts.funding_usdt[:, i].sum()),
            "cost_usdt": -float(parts.cost_usdt[:, i].sum()),
            "net_usdt": float(parts.net_usdt[:, i].sum()),
        }
        for i, side in enumerate(SIDES)
    ]


def _list_symbols(result: Result, parts: Attribution) -> list[dict[str, Any]]:
    """What each traded symbol added to equity, best first; funding and costs carry their sign."""
    net = parts.net_usdt
    order = sorted(range(len(net)), key=lambda i: (-net[i].sum(), result.panel.symbols[i]))
    return [
        {
            "symbol": result.panel.symbols[i],
            "price_usdt": float(parts.price_usdt[i].sum()),
            "funding_usdt": -float(parts.funding_usdt[i].sum()),
            "cost_usdt": -float(parts.cost_usdt[i].sum()),
            "net_usdt": float(net[i].sum()),
            "long_usdt": float(net[i, 0]),
            "short_usdt": float(net[i, 1]),
            "traded_usdt": float(parts.traded_usdt[i]),
            "fills": int(parts.fills[i]),
        }
        for i in order
        if parts.fills[i]
    ]


def _trace(result: Result, provenance: Mapping[str, object]) -> dict[str, Any]:
    """What is needed to make the run again: the caller's word first, then what can be seen from here."""
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    return {
        "config_hash": None,
        "code_hash": hash_code(),
        "command": None,
        **provenance,
        "data_hash": result.panel.hash,
        "core": _core.build_info(),
        "versions": {"python": platform.python_version(), **versions},
    }
