"""One picture of a model book: every weight over time, under the price index of its market.

A file of HTML that holds all it needs, so that it opens without a network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xsmom.domain.panel import Floats, Panel

COLUMNS_MAX = 900
"""A screen has no more columns: of a longer history every so many-th bar is drawn."""

_HEIGHT_PX = 1_000
_HEAT_SHARE = 0.62


def price_index(panel: Panel) -> Floats:
    """Equal-weighted index of all present names, 100 at the first bar; an empty bar leaves it as it is."""
    returns = panel.close[1:] / panel.close[:-1] - 1
    there = ~np.isnan(returns)
    mean = np.where(there, returns, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    index: Floats = 100 * np.concatenate(([1.0], np.cumprod(1 + mean)))
    return index


def book_picture(panel: Panel, weights: Floats, title: str) -> str:
    """Draw `weights` (bars by symbols) as a heat map; names in the order of how much they were held."""
    from plotly.graph_objects import Figure, Heatmap, Scatter
    from plotly.subplots import make_subplots

    step = -(-panel.bars // COLUMNS_MAX)
    rows = np.arange((panel.bars - 1) % step, panel.bars, step)  # the newest bar is always drawn
    times = panel.close_ms[rows].astype("datetime64[ms]")
    held = np.flatnonzero(np.abs(weights).sum(axis=0))
    order = held[np.argsort(np.abs(weights[:, held]).sum(axis=0), kind="stable")]
    drawn = 100 * weights[np.ix_(rows, order)].T
    figure: Figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.05,
        row_heights=[0.2, _HEAT_SHARE, 0.18],
        subplot_titles=(
            "Price index: equal-weighted, 100 at the start",
            f"Weights of the {len(order)} names that were ever held, % of equity",
            "Longs, shorts and net, % of equity",
        ),
    )
    figure.add_trace(_line(Scatter, times, price_index(panel)[rows], "index", "#444444"), row=1, col=1)
    figure.add_trace(_heat(Heatmap, times, [panel.symbols[i] for i in order], drawn), row=2, col=1)
    longs, shorts = np.maximum(weights, 0).sum(axis=1)[rows], np.minimum(weights, 0).sum(axis=1)[rows]
    for name, values, colour in (
        ("longs", longs, "#2166ac"),
        ("shorts", shorts, "#b2182b"),
        ("net", longs + shorts, "#444444"),
    ):
        figure.add_trace(_line(Scatter, times, 100 * values, name, colour), row=3, col=1)
    every = "" if step == 1 else f" (one bar in {step} drawn)"
    figure.update_layout(
        title={"text": f"{title}{every}", "font": {"size": 16}},
        height=_HEIGHT_PX,
        template="plotly_white",
        showlegend=False,
        margin={"l": 90, "r": 40, "t": 90, "b": 40},
    )
    figure.update_yaxes(tickfont={"size": 8}, row=2, col=1)
    text: str = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    return text


def _line(kind: Any, times: Any, values: Floats, name: str, colour: str) -> Any:
    return kind(x=times, y=np.round(values, 4), name=name, mode="lines", line={"width": 1.3, "color": colour})


def _heat(kind: Any, times: Any, names: list[str], weights: Floats) -> Any:
    bound = float(np.abs(weights).max()) if weights.size else 1.0
    return kind(
        x=times,
        y=names,
        z=np.round(weights, 3),
        colorscale="RdBu",
        zmin=-bound,
        zmax=bound,
        zmid=0,
        colorbar={"title": "%", "len": _HEAT_SHARE, "y": 0.49, "thickness": 12},
        hovertemplate="%{y} %{x}: %{z:.2f} %<extra></extra>",
    )
