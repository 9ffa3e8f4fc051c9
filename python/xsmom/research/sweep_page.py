"""A sweep as one page: how the Sharpe ratios lie beside luck, and what each setting does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.research.report.page import wrap_page
from xsmom.research.sweep import Sweep

Chart = dict[str, Any]
Floats = NDArray[np.float64]

ROWS_SHOWN = 25
_POINTS_MAX = 4_000
_LINES_MAX = 600
_BEST_SHARE = 10
_SETTINGS_MAX = 12
_CELLS_A_SIDE_MAX = 40
_COLUMNS = 2
_PANEL_PX = 210
_SCALE = [[0.0, "#c64b00"], [0.5, "#9aa3ad"], [1.0, "#2f95cf"]]
"""Red, grey, blue: each is seen on white and on black."""


def write_sweep_page(sweep: Sweep, title: str, facts: Mapping[str, str], *, synthetic: bool) -> str:
    """The whole file; `facts` are told at its end."""
    order = rank(sweep)
    axes = {name: _Axis(values) for name, values in sweep.settings.items()}
    varied = {name: axis for name, axis in axes.items() if axis.count > 1}
    shown = dict(list(varied.items())[:_SETTINGS_MAX])
    found = {
        "ranked": _draw_ranked(sweep, order),
        "settings": _draw_settings(sweep, shown),
        "heat": _draw_heat(sweep, shown),
        "lines": _draw_lines(sweep, shown, order),
    }
    charts = {name: chart for name, chart in found.items() if chart is not None}
    sections = [
        _write_top(sweep, title, order, synthetic=synthetic),
        _section("All configurations beside luck", charts, "ranked", _RANKED),
        _section("What each setting does", charts, "settings", _SETTINGS),
        _section("Two settings together", charts, "heat", _HEAT),
        _section("All settings at once", charts, "lines", _LINES),
        _write_rows(sweep, order, list(varied)),
        _write_facts(facts),
    ]
    return wrap_page(f"xsmom sweep: {title}", sections, charts)


_RANKED = (
    "Sharpe ratios of UTC-daily net returns, the best on the left. The dashed line is what luck alone is expected "
    "to make of the best of so many trials."
)
_SETTINGS = "Each dot is a configuration. A setting that matters bends the cloud; a best dot alone above it is noise."
_HEAT = "Mean Sharpe ratio over everything else that was varied. A broad field says more than one cell."
_LINES = "One line for each configuration, from setting to setting: the best tenth by Sharpe ratio over the rest."


class _Axis:
    """One setting as numbers that can be drawn, with the words of those that are none."""

    def __init__(self, values: Sequence[object], at: Floats | None = None) -> None:
        self.words: list[str] | None = None
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        if numeric:
            known = np.asarray(values, dtype=np.float64)
            self.at = known if at is None else at
            self.levels = np.unique(known)
        else:
            told = [str(value) for value in values]
            self.words = list(dict.fromkeys(told))
            self.at = np.array([self.words.index(word) for word in told], dtype=np.float64)
            self.levels = np.unique(self.at)
        self.count = len(self.levels)

    @property
    def log(self) -> bool:
        """Whether the values lie over decades."""
        return self.words is None and self.levels[0] > 0 and self.levels[-1] / self.levels[0] >= 20

    def heights(self) -> Floats:
        """Where the values lie between the least and the greatest, on their scale."""
        low, high = float(self.levels[0]), float(self.levels[-1])
        at = np.log(self.at) if self.log else self.at
        ends = np.log([low, high]) if self.log else np.array([low, high])
        found: Floats = (at - ends[0]) / (ends[1] - ends[0]) if high > low else np.full(at.shape, 0.5)
        return found

    def labels(self) -> list[str]:
        """The words of the levels, in their order."""
        return self.words or [f"{level:.4g}" for level in self.levels]


def rank(sweep: Sweep, name: str = "sharpe", *, least_first: bool = False) -> list[int]:
    """Rows of the frame, best first; what is undefined comes last, and the earlier of two equals first."""
    values = np.asarray(sweep.figures[name], dtype=np.float64)
    key = values if least_first else -values
    return [int(row) for row in np.argsort(np.where(np.isnan(key), np.inf, key), kind="stable")]


def _plain(values: Floats) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def _thin(count: int, most: int) -> NDArray[np.int64]:
    """Places that are drawn: the first ones closely, so that the best are never left out."""
    if count <= most:
        return np.arange(count)
    head = most // 4
    rest = np.linspace(head, count - 1, most - head).astype(np.int64)
    return np.concatenate([np.arange(head), rest])


def _draw_ranked(sweep: Sweep, order: Sequence[int]) -> Chart:
    sharpe = sweep.figures["sharpe"][list(order)]
    place = _thin(len(sharpe), _POINTS_MAX)
    luck = sweep.luck.sharpe
    dots = {
        "type": "scatter", "mode": "markers", "name": "configurations", "x": (place + 1).tolist(),
        "y": _plain(sharpe[place]), "marker": {"color": "role:blue", "size": 5},
    }  # fmt: skip
    line = {
        "type": "scatter", "mode": "lines", "name": "best by luck alone", "x": [1, max(len(sharpe), 2)],
        "y": [luck, luck], "line": {"color": "role:orange", "width": 2, "dash": "dash"},
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "rank"}},
        "yaxis": {"title": {"text": "Sharpe ratio, a year"}, "zeroline": True},
        "hovermode": "closest",
        "annotations": [
            {
                "text": f"luck: {luck:.2f}", "x": 1, "xref": "paper", "xanchor": "right", "y": luck,
                "yanchor": "bottom", "showarrow": False, "font": {"color": "role:orange"},
            }
        ],
    }  # fmt: skip
    return {"data": [dots, line], "layout": layout, "height": 320}


def _draw_settings(sweep: Sweep, axes: Mapping[str, _Axis]) -> Chart | None:
    """A panel for each setting, two beside one another."""
    if not axes:
        return None
    rows = -(-len(axes) // _COLUMNS)
    sharpe = sweep.figures["sharpe"]
    place = _thin(len(sharpe), _POINTS_MAX)
    height = rows * _PANEL_PX + 40
    gap = 70 / height
    data, layout = [], dict[str, Any]({"annotations": [], "hovermode": "closest"})
    for number, (name, axis) in enumerate(axes.items()):
        row, column = divmod(number, _COLUMNS)
        mark = "" if number == 0 else str(number + 1)
        top = 1.0 - row * (1.0 + gap) / rows
        left = column * (1.0 / _COLUMNS + 0.03)
        domain = [left, left + 1.0 / _COLUMNS - 0.04]
        layout[f"xaxis{mark}"] = {"domain": domain, "anchor": f"y{mark}", **_ticks(axis)}
        layout[f"yaxis{mark}"] = {
            "domain": [max(0.0, top - (1.0 - gap * (rows - 1)) / rows), top],
            "anchor": f"x{mark}",
        }
        layout["annotations"].append(_heading(name, domain[0], top))
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": name, "x": axis.at[place].tolist(),
                "y": _plain(sharpe[place]), "xaxis": f"x{mark}", "yaxis": f"y{mark}",
                "marker": {"color": "role:blue/0.45", "size": 5},
            }
        )  # fmt: skip
    return {"data": data, "layout": layout, "height": height}


def _ticks(axis: _Axis) -> dict[str, Any]:
    if axis.words is not None:
        return {"tickvals": list(range(len(axis.words))), "ticktext": [_short(word) for word in axis.words]}
    return {"type": "log", "nticks": 6} if axis.log else {"nticks": 6}


def _short(word: str, most: int = 18) -> str:
    return escape(word if len(word) <= most else word[: most - 1] + "…")


def _heading(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": escape(text), "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom",
        "yshift": 3, "showarrow": False, "font": {"size": 12},
    }  # fmt: skip


def _draw_heat(sweep: Sweep, axes: Mapping[str, _Axis]) -> Chart | None:
    """Mean Sharpe ratio over two settings with few values: the two that move it most."""
    few = {name: axis for name, axis in axes.items() if axis.count <= _CELLS_A_SIDE_MAX}
    sharpe = sweep.figures["sharpe"]
    names = sorted(few, key=lambda name: -_moves(few[name], sharpe))[:2]
    if len(names) < 2:
        return None
    one, other = (few[name] for name in names)
    known = np.isfinite(sharpe)
    where = (np.searchsorted(other.levels, other.at[known]), np.searchsorted(one.levels, one.at[known]))
    total, count = np.zeros((other.count, one.count)), np.zeros((other.count, one.count))
    np.add.at(total, where, sharpe[known])
    np.add.at(count, where, 1.0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    most = float(np.nanmax(np.abs(mean))) if np.isfinite(mean).any() else 1.0
    data = {
        "type": "heatmap", "x": one.labels(), "y": other.labels(), "z": [_plain(row) for row in mean],
        "colorscale": _SCALE, "zmin": -most, "zmax": most, "xgap": 1, "ygap": 1,
        "colorbar": {"title": {"text": "Sharpe"}, "thickness": 12, "outlinewidth": 0},
        "hovertemplate": "%{x}, %{y}: %{z}<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"type": "category", "title": {"text": escape(names[0])}},
        "yaxis": {"type": "category", "title": {"text": escape(names[1]), "standoff": 14}},
        "hovermode": "closest",
    }
    return {"data": [data], "layout": layout, "height": min(620, 150 + 34 * other.count)}


def _moves(axis: _Axis, sharpe: Floats) -> float:
    """Variance of the mean Sharpe ratio over the values of a setting, beyond what noise makes of it."""
    parts = [sharpe[(axis.at == level) & np.isfinite(sharpe)] for level in axis.levels]
    means = [float(part.mean()) for part in parts if part.size]
    noise = [float(part.var()) / part.size for part in parts if part.size]
    return float(np.var(means) - np.mean(noise)) if means else 0.0


def _draw_lines(sweep: Sweep, axes: Mapping[str, _Axis], order: Sequence[int]) -> Chart | None:
    """Parallel coordinates as plain lines (plotly's own kind wants WebGL): the best tenth over the rest."""
    sharpe = sweep.figures["sharpe"]
    known = np.array([row for row in order if np.isfinite(sharpe[row])], dtype=np.int64)
    if len(axes) < 2 or not len(known):
        return None
    stations = [*axes.values(), _Axis(sharpe[known].tolist(), np.asarray(sharpe))]
    best = max(1, len(known) // _BEST_SHARE)
    rest = known[best:][_thin(len(known) - best, _LINES_MAX)] if len(known) > best else known[:0]
    data = [
        _line("the rest", stations, rest, "role:soft/0.25", 1.0),
        _line("the best tenth", stations, known[:best][:_LINES_MAX], "role:blue/0.7", 1.5),
    ]
    names = [*(name.rpartition(".")[2] for name in axes), "Sharpe"]
    layout = {
        "xaxis": {
            "tickvals": list(range(len(stations))),
            "ticktext": [_short(name) for name in names],
            "range": [-0.3, len(stations) - 0.7],
        },
        "yaxis": {"visible": False, "range": [-0.12, 1.12]},
        "hovermode": False,
        "annotations": [note for place, axis in enumerate(stations) for note in _ends(place, axis)],
    }
    return {"data": data, "layout": layout, "height": 420}


def _line(name: str, stations: Sequence[_Axis], rows: NDArray[np.int64], colour: str, width: float) -> dict[str, Any]:
    """All lines of one kind as a single trace, with gaps between them."""
    x = [*range(len(stations)), None] * len(rows)
    heights = np.stack([axis.heights()[rows] for axis in stations], axis=1)
    y = [value for row in heights for value in (*_plain(row), None)]
    line = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line}


def _ends(place: int, axis: _Axis) -> list[dict[str, Any]]:
    labels = axis.labels()
    return [
        {
            "text": _short(labels[end]), "x": place, "y": y, "yanchor": anchor, "showarrow": False,
            "font": {"size": 10},
        }
        for end, y, anchor in ((0, -0.02, "top"), (-1, 1.02, "bottom"))
    ]  # fmt: skip


def _section(title: str, charts: Mapping[str, Chart], name: str, caption: str) -> str:
    chart = charts.get(name)
    if chart is None:
        return ""
    place = f'<div class="chart" id="chart-{name}" style="height:{chart["height"]}px"></div>'
    return (
        f"<section><h2>{escape(title)}</h2><figure>{place}<figcaption>{escape(caption)}</figcaption></figure></section>"
    )


def _write_top(sweep: Sweep, title: str, order: Sequence[int], *, synthetic: bool) -> str:
    chip = '<span class="chip">synthetic data, no real market</span>' if synthetic else ""
    figures, luck = sweep.figures, sweep.luck
    best = sweep.best()
    head = [("configurations", f"{len(order):,}", False), ("Sharpe that luck alone makes", f"{luck.sharpe:.2f}", False)]
    if best is not None:
        head += [
            ("best Sharpe, daily", f"{figures['sharpe'][best]:.2f}", bool(figures["sharpe"][best] <= luck.sharpe)),
            ("its DSR", f"{figures['dsr'][best]:.0%}", bool(figures["dsr"][best] < 0.95)),
            ("its turnover a year", f"{figures['turnover_year_x'][best]:,.0f}\u00d7", False),
            ("its costs a year, of equity", f"{figures['cost_year_frac'][best]:.1%}", False),
        ]
    cells = "".join(
        f"<div{' class=bad' if bad else ''}><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value, bad in head
    )
    alarms = [f'<p class="alarm" role="alert">{escape(text)}</p>' for text in say_luck(sweep)]
    panel = sweep.panel
    span = f"{panel.bars:,} bars, {len(panel.symbols):,} symbols. All times are UTC."
    return f"""<header><div><h1>Sweep: {escape(title)}</h1><p class="soft">{escape(span)}</p>{chip}</div>
<button id="theme" type="button">Dark</button></header>
<noscript><p class="alarm">The charts need JavaScript; the figures stand without it.</p></noscript>
<dl class="headline">{cells}</dl>{"".join(alarms)}"""


def say_luck(sweep: Sweep) -> list[str]:
    """What must not be overlooked, sentence by sentence."""
    figures, luck, best = sweep.figures, sweep.luck, sweep.best()
    count = f"{luck.trials:,} configuration{'s were' if luck.trials != 1 else ' was'} tried"
    lines = []
    if best is None:
        lines.append(f"{count}, and none has a Sharpe ratio: nothing was traded, or nothing moved")
    elif luck.trials > 1:
        sharpe, dsr = figures["sharpe"][best], figures["dsr"][best]
        found = "no more than luck makes of so many" if dsr < 0.95 else "more than luck is expected to make"
        lines.append(
            f"{count}: luck alone makes the best Sharpe ratio of so many about {luck.sharpe:.2f}, and the best here is "
            f"{sharpe:.2f} (DSR {dsr:.0%}): {found}; a choice by this table is a guess until data that it has not "
            "seen agrees"
        )
    for name in sweep.inert:
        lines.append(
            f"{name} changed nothing: its values gave the same runs, because another setting binds or its feature is "
            "off; they count as trials all the same"
        )
    if sweep.interrupted:
        lines.append(f"interrupted: {len(sweep.place):,} of {len(sweep.trials):,} configurations are done")
    ended = int((figures["bankrupt"] | figures["liquidated"]).sum())
    if ended:
        lines.append(f"{ended:,} of them lost everything: they ended in bankruptcy or liquidation")
    return lines


_Column = tuple[str, str, Callable[[float], str]]
COLUMNS: tuple[_Column, ...] = (
    ("Sharpe", "sharpe", "{:.2f}".format),
    ("PSR", "psr", "{:.0%}".format),
    ("DSR", "dsr", "{:.0%}".format),
    ("return", "total_return", "{:,.1%}".format),
    ("CAGR", "cagr", "{:,.1%}".format),
    ("drawdown", "max_drawdown", "{:.1%}".format),
    ("turnover a year", "turnover_year_x", "{:,.0f}x".format),
    ("cost a year", "cost_year_frac", "{:,.1%}".format),
    ("trades", "trades", "{:,.0f}".format),
)


def say_figure(sweep: Sweep, row: int, column: _Column) -> str:
    """One cell; a run that ended early says so where its return stands."""
    _, name, form = column
    value = float(sweep.figures[name][row])
    ended = name == "total_return" and (sweep.figures["bankrupt"][row] or sweep.figures["liquidated"][row])
    return ("undefined" if np.isnan(value) else form(value)) + (" (ended)" if ended else "")


def say_setting(value: object, digits: int = 6) -> str:
    """A value as it can be written again, floats to so many digits."""
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value)


def _write_rows(sweep: Sweep, order: Sequence[int], names: Sequence[str]) -> str:
    head = ["config", *(name.rpartition(".")[2] for name in names), *(column[0] for column in COLUMNS)]
    body = []
    for row in order[:ROWS_SHOWN]:
        cells = [str(sweep.place[row]), *(say_setting(sweep.settings[name][row], 4) for name in names)]
        cells += [say_figure(sweep, row, column) for column in COLUMNS]
        body.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return (
        f"<section><h2>The {len(body)} best by Sharpe ratio</h2>"
        f'<div class="scroll" tabindex="0"><table><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></section>"
    )


def _write_facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in facts.items())
    return f'<section><h2>Where it comes from</h2><table class="wrap">{rows}</table></section>'
