"""Several runs on one page: their equity over one another, what differs, and by how much. One offline file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from xsmom.research.report.charts import draw_lines
from xsmom.research.report.page import wrap_page, write_chart
from xsmom.research.stored_run import StoredRun

ROLES = ("blue", "orange", "green", "purple", "red", "sky")
RUNS_MAX = len(ROLES)

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def write_overlay(runs: Sequence[StoredRun], warnings: Sequence[str], tables: dict[str, Table]) -> str:
    """The page: warnings, curves that all start at 1, drawdowns, and the tables by their titles."""
    curves, falls = [], []
    for run, role in zip(runs, ROLES, strict=False):
        at_ms, equity = run.equity
        growth = equity / float(run.document["timing"]["cash_usdt"])
        high = np.maximum(np.maximum.accumulate(growth), 1.0)
        curves.append((at_ms, growth, run.name, role))
        falls.append((at_ms, growth / high - 1.0, run.name, role))
    charts = {
        "growth": draw_lines(curves, "equity over its start", height=380),
        "falls": draw_lines(falls, "drawdown", height=240, shares=True),
    }
    alarm = "".join(f"<p>{escape(text)}</p>" for text in warnings)
    sections = [
        f"<header><div><h1>{len(runs)} runs compared</h1>{_write_chip(runs)}</div>"
        '<button type="button" id="theme">Dark</button></header>',
        f'<div class="alarm" role="alert">{alarm}</div>' if alarm else "",
        write_chart(charts, "growth", "Equity of each run over what it started with, after every cost."),
        write_chart(charts, "falls", "Loss from the highest equity so far."),
        *(_write_table(title, *table) for title, table in tables.items()),
    ]
    return wrap_page("xsmom: runs compared", sections, charts)


def _write_chip(runs: Sequence[StoredRun]) -> str:
    made_up = [run.name for run in runs if run.document.get("synthetic")]
    if not made_up:
        return ""
    which = "synthetic data, no real market" if len(made_up) == len(runs) else f"synthetic: {', '.join(made_up)}"
    return f'<span class="chip">{escape(which)}</span>'


def _write_table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<section><h2>{escape(title)}</h2><div class="scroll" tabindex="0"><table><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )
