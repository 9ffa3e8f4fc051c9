"""The charts as plain plotly traces and layouts. Colours are roles that the page resolves by its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom.research.report.attribution import Attribution
from xsmom.research.report.decimate import pick
from xsmom.research.report.wording import say_frac

if TYPE_CHECKING:
    from xsmom.research.result import Result

Chart = dict[str, Any]
Floats = NDArray[np.float64]

_SYMBOLS_MAX = 12


def draw_charts(doc: dict[str, Any], result: Result, parts: Attribution) -> dict[str, Chart]:
    """Every chart of the page by its place; one that has nothing to show is left out."""
    found: dict[str, Chart | None] = {
        "equity": _draw_equity(result),
        "rolling": _draw_rolling(doc),
        "exposure": _draw_exposure(doc, result, parts),
        "costs": _draw_costs(result),
        "symbols": _draw_symbols(doc),
        "sides": _draw_sides(doc),
        "cone": _draw_cone(doc),
        "reasons": _draw_reasons(doc),
    }
    return {name: chart for name, chart in found.items() if chart}


def draw_lines(
    lines: Sequence[tuple[ArrayLike, ArrayLike, str, str]], title: str, *, height: int, shares: bool = False
) -> Chart:
    """Lines of (times, values, name, role of colour) in one panel."""
    data = [_line(x, y, name, role) for x, y, name, role in lines]
    values = [y for _, y, _, _ in lines]
    return {"data": data, "layout": _rows([(title, 1.0, _falls(*values) if shares else {})]), "height": height}


def _line(x: ArrayLike, y: ArrayLike, name: str, role: str, axis: str = "y", **more: Any) -> dict[str, Any]:
    """Draw one line, thinned; numbers keep seven digits, and what is unknown leaves a gap."""
    stamps, values = np.asarray(x), np.asarray(y, dtype=np.float64)
    place = pick(values)
    rounded = [float(f"{value:.7g}") if math.isfinite(value) else None for value in values[place]]
    trace = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": stamps[place].tolist(),
        "y": rounded,
        "yaxis": axis,
        "line": {"color": f"role:{role}", "width": 1.5},
    }
    return trace | more


def _fill(role: str) -> dict[str, Any]:
    return {"fill": "tozeroy", "fillcolor": f"role:{role}/0.25"}


def _rows(panels: list[tuple[str, float, dict[str, Any]]], gap: float = 0.11) -> dict[str, Any]:
    """Layout of panels above one another that share their time: (title, share of height, axis)."""
    layout: dict[str, Any] = {"annotations": []}
    room = 1.0 - gap * (len(panels) - 1)
    top = 1.0
    for i, (title, share, axis) in enumerate(panels):
        bottom = max(0.0, top - share * room)
        number = "" if i == 0 else str(i + 1)
        layout[f"yaxis{number}"] = {"domain": [bottom, top], "nticks": 6, **axis}
        layout["annotations"].append(
            {
                "text": title, "x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left",
                "yanchor": "bottom", "yshift": 4, "showarrow": False, "font": {"size": 12},
            }
        )  # fmt: skip
        top = bottom - gap
    layout["xaxis"] = {"type": "date", "anchor": f"y{len(panels) if len(panels) > 1 else ''}"}
    return layout


def _known(values: tuple[ArrayLike, ...]) -> Floats:
    joined = np.concatenate([np.asarray(value, dtype=np.float64).ravel() for value in values])
    found: Floats = joined[np.isfinite(joined)]
    return found


def _digits(values: Floats) -> int:
    """Digits behind the point that neighbouring ticks need to differ."""
    span = float(np.ptp(values)) if values.size else 0.0
    return 0 if span <= 1e-12 else min(8, max(0, math.ceil(-math.log10(span / 5))))


def _amounts(*values: ArrayLike) -> dict[str, Any]:
    """Tick format of amounts: thousands apart, and as many digits as their span needs."""
    return {"tickformat": f",.{_digits(_known(values))}f"}


def _shares(*values: ArrayLike) -> dict[str, Any]:
    """Tick format of shares of one, as percent."""
    return {"tickformat": f",.{_digits(100.0 * _known(values))}%"}


def _falls(*values: ArrayLike) -> dict[str, Any]:
    """Axis of drawdowns: from the worst up to zero, also when there was none."""
    known = _known(values)
    worst = min(float(known.min()) if known.size else 0.0, -0.01)
    return {**_shares([worst, 0.0]), "range": [1.05 * worst, 0.0]}


def choose_log_ticks(values: ArrayLike) -> list[float]:
    """Ones, twos and fives for a log axis, only powers of ten on a long one, even steps on a short one."""
    known = _known((values,))
    known = known[known > 0]
    if not known.size:
        return []
    low, high = float(known.min()), float(known.max())
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    shares = (1, 2, 5) if len(decades) <= 5 else (1,)
    ticks = [float(share * 10.0**power) for power in decades for share in shares]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) >= 3 or low == high:
        return inside
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(times for times in (1, 2, 5) if (high - low) / (times * step) <= 6 or times == 5)
    first = math.ceil(low / step)
    return [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step) + 1)]


def _draw_equity(result: Result) -> Chart:
    close_ms = result.panel.close_ms
    equity = result.equity["equity_usdt"].to_numpy()
    drawdown = result.equity["drawdown_frac"].to_numpy()
    data = [
        _line(close_ms, equity, "equity", "blue"),
        _line(close_ms, drawdown, "drawdown", "red", "y2", **_fill("red")),
    ]
    panels = [("equity, USDT", 0.7, _amounts(equity)), ("drawdown", 0.3, _falls(drawdown))]
    return {"data": data, "layout": _rows(panels), "height": 440, "log_ticks": choose_log_ticks(equity)}


def _draw_rolling(doc: dict[str, Any]) -> Chart | None:
    daily = doc["daily"]
    volatility = daily["rolling_volatility_frac"]
    if not np.isfinite(volatility).any():
        return None
    rows = [
        ("sharpe", "Sharpe ratio", "blue", {}),
        ("volatility_frac", "volatility, a year", "orange", _shares(volatility)),
    ]
    rows.append(("beta", "beta to the equal-weight market", "green", {}))
    data = [
        _line(daily["day"], daily[f"rolling_{name}"], title, role, f"y{i + 1}" if i else "y")
        for i, (name, title, role, _) in enumerate(rows)
    ]
    return {"data": data, "layout": _rows([(title, 1 / 3, axis) for _, title, _, axis in rows]), "height": 520}


def _draw_exposure(doc: dict[str, Any], result: Result, parts: Attribution) -> Chart:
    close_ms, long, short = result.panel.close_ms, parts.long_frac, parts.short_frac
    data = [
        _line(close_ms, long - short, "gross", "ink"),
        _line(close_ms, long, "long", "blue"),
        _line(close_ms, short, "short", "red"),
        _line(close_ms, long + short, "net", "green"),
        _line(doc["daily"]["day"], doc["daily"]["turnover_x"], "turnover", "purple", "y2"),
    ]
    panels = [
        ("exposure, share of equity", 0.65, _shares(long - short, short)),
        ("turnover of a UTC day, times equity", 0.35, _amounts([0.0], doc["daily"]["turnover_x"])),
    ]
    return {"data": data, "layout": _rows(panels), "height": 460}


def _draw_costs(result: Result) -> Chart:
    close_ms, costs = result.panel.close_ms, result.costs
    kinds = [("fee_usdt", "fees", "blue"), ("spread_usdt", "spread", "orange"), ("impact_usdt", "impact", "purple")]
    kinds.append(("funding_usdt", "funding", "green"))
    columns = {name: costs[name].to_numpy() for name, _, _ in kinds}
    total = np.sum(list(columns.values()), axis=0)
    data = [_line(close_ms, columns[name], title, role) for name, title, role in kinds]
    data.append(_line(close_ms, total, "all", "ink", line={"color": "role:ink", "width": 1.5, "dash": "dot"}))
    panels = [("paid so far, USDT (below zero: received)", 1.0, _amounts(total, *columns.values()))]
    return {"data": data, "layout": _rows(panels), "height": 320}


def _bars(rows: list[dict[str, Any]], labels: list[str]) -> Chart:
    """Result of each row split into price, funding and costs, on top of one another."""
    place = list(range(len(rows)))
    kinds = [("price_usdt", "price", "blue"), ("funding_usdt", "funding", "green"), ("cost_usdt", "costs", "orange")]
    data: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": title,
            "x": [float(f"{row[name]:.7g}") for row in rows],
            "y": place,
            "marker": {"color": f"role:{role}"},
            "hovertemplate": "%{x:,.2f} USDT",
        }
        for name, title, role in kinds
    ]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "net",
            "x": [float(f"{row['net_usdt']:.7g}") for row in rows],
            "y": place,
            "marker": {"color": "role:ink", "size": 8, "symbol": "diamond"},
            "hovertemplate": "%{x:,.2f} USDT",
        }
    )
    layout = {
        "barmode": "relative",
        "bargap": 0.35,
        "hovermode": "y unified",
        "xaxis": {"zeroline": True, **_amounts([0.0], *(trace["x"] for trace in data))},
        "yaxis": {
            "tickvals": place, "ticktext": labels, "range": [len(rows) - 0.5, -0.5], "automargin": True,
            "showgrid": False,
        },
        "margin": {"t": 8},
    }  # fmt: skip
    return {"data": data, "layout": layout, "height": 26 * len(rows) + 56}


def _shorten(text: str) -> str:
    """A label that leaves room for its bar; plotly reads labels as a little HTML, so that is escaped."""
    return escape(text if len(text) <= 14 else f"{text[:13]}\u2026")


def _draw_symbols(doc: dict[str, Any]) -> Chart | None:
    rows = doc["symbols"]
    if not rows:
        return None
    if len(rows) > 2 * _SYMBOLS_MAX:
        rows = rows[:_SYMBOLS_MAX] + rows[-_SYMBOLS_MAX:]
    return _bars(rows, [_shorten(row["symbol"]) for row in rows])


def _draw_sides(doc: dict[str, Any]) -> Chart | None:
    if not doc["symbols"]:
        return None
    rows, labels = list(doc["sides"]), [row["side"] for row in doc["sides"]]
    rest = doc["unattributed"]
    if abs(rest["net_usdt"]) > 1e-6 * doc["run"]["traded_usdt"]:
        rows, labels = [*rows, rest], [*labels, "unattributed"]
    return _bars(rows, labels)


def _draw_cone(doc: dict[str, Any]) -> Chart | None:
    cone, daily = doc["cone"], doc["daily"]
    if cone is None:
        return None
    data = []
    for name, axis, role, own in (
        ("equity_usdt", "y", "sky", daily["equity_usdt"]),
        ("drawdown_frac", "y2", "sky", daily["drawdown_frac"]),
    ):
        edge = {"line": {"width": 0, "color": f"role:{role}"}}
        high, low = cone[f"{name}_p95"], cone[f"{name}_p05"]
        data += [
            _band_edge(daily["day"], high, "95 %", role, axis, edge),
            _band_edge(daily["day"], low, "5 to 95 %", role, axis, {**edge, "fill": "tonexty"}),
            _line(
                daily["day"], cone[f"{name}_p50"], "median", "blue", axis, line={"color": "role:blue", "dash": "dot"}
            ),
            _line(daily["day"], own, "this run", "ink", axis),
        ]
    reach = _amounts(cone["equity_usdt_p95"], cone["equity_usdt_p05"], daily["equity_usdt"])
    falls = _falls(cone["drawdown_frac_p05"], daily["drawdown_frac"])
    panels = [("equity, USDT", 0.6, reach), ("drawdown", 0.4, falls)]
    return {"data": data, "layout": _rows(panels), "height": 480}


def _band_edge(day: list[str], values: list[float], name: str, role: str, axis: str, more: dict[str, Any]) -> Any:
    if more.get("fill"):
        more = {**more, "fillcolor": f"role:{role}/0.25"}
    return _line(day, values, name, role, axis, **more)


def _draw_reasons(doc: dict[str, Any]) -> Chart | None:
    rows = (doc["reasons"] or [])[:20]
    if not rows:
        return None
    total = sum(row["count"] for row in doc["reasons"])
    place = list(range(len(rows)))
    trace = {
        "type": "bar",
        "orientation": "h",
        "name": "names and bars",
        "x": [row["count"] for row in rows],
        "y": place,
        "customdata": [say_frac(row["count"] / total if total else 0.0) for row in rows],
        "marker": {"color": "role:blue"},
        "hovertemplate": "%{x:,} (%{customdata})",
    }
    labels = [escape(row["reason"][:28]) for row in rows]
    yaxis = {"tickvals": place, "ticktext": labels, "range": [len(rows) - 0.5, -0.5], "automargin": True}
    layout = {
        "bargap": 0.35,
        "hovermode": "closest",
        "xaxis": {"tickformat": ","},
        "yaxis": yaxis | {"showgrid": False},
        "margin": {"t": 8},
    }
    return {"data": [trace], "layout": layout, "height": 26 * len(rows) + 56}
