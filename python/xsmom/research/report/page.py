"""The page: one file with its styles, its script and the chart library inside, and no way to the network."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

from xsmom.research.report import tables
from xsmom.research.report.verdict import COST_OF_GROSS_FRAC_MAX, COST_YEAR_FRAC_MAX
from xsmom.research.report.wording import say_count, say_frac, say_interval, say_number, say_of, say_usdt

Doc = dict[str, Any]
Charts = dict[str, dict[str, Any]]

# The browser itself refuses any request; plotly asks for none, and a hostile name cannot make one.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)


def write_page(doc: Doc, charts: Charts) -> str:
    """Put the whole file together."""
    sections = [write_top(doc), *_write_sections(doc, charts)]
    return wrap_page(f"xsmom report: {doc['label'] or 'backtest'}", sections, charts)


def wrap_page(title: str, sections: list[str], charts: Charts) -> str:
    """One file that needs nothing else: sections of HTML, and the charts whose places they hold."""
    from plotly.offline import get_plotlyjs

    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{_read("page.css")}</style>
</head>
<body>
{"".join(sections)}
<script type="application/json" id="charts">{embed(charts)}</script>
<script>{get_plotlyjs()}</script>
<script>{_read("page.js")}</script>
</body>
</html>
"""


def embed(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(name: str) -> str:
    return files("xsmom.research.report").joinpath(name).read_text("utf-8")


def write_top(doc: Doc) -> str:
    """Headline figures, warnings, verdict."""
    run = doc["run"]
    chip = '<span class="chip">synthetic data, no real market</span>' if doc["synthetic"] else ""
    span = (
        f"{run['first_open']} to {run['last_close']}, {say_of(run['bars'], 'bar')} of {run['bar']}, "
        f"{say_of(run['symbols'], 'symbol')}. All times are UTC."
    )
    alarms = "".join(f'<p class="alarm" role="alert">{escape(text)}</p>' for text in doc["warnings"])
    return f"""<header><div><h1>{escape(doc["label"] or "Backtest")}</h1>
<p class="soft">{escape(span)}</p>{chip}</div><button id="theme" type="button">Dark</button></header>
<noscript><p class="alarm">The charts need JavaScript; all figures below stand without it.</p></noscript>
{_write_headline(doc)}
{alarms}
{_write_verdict(doc)}"""


def _write_headline(doc: Doc) -> str:
    head, m = doc["headline"], doc["metrics"]
    share = head["cost_of_gross_frac"]
    traded = doc["run"]["traded_usdt"] > 0
    no_gross = traded and m["gross_usdt"] <= 0
    rows = [
        ("turnover a year", f"{say_number(head['turnover_year_x'], 1)} \u00d7", False),
        (
            "costs a year, of equity",
            say_frac(head["cost_year_frac"]),
            (head["cost_year_frac"] or 0) > COST_YEAR_FRAC_MAX,
        ),
        (
            "costs, of gross profit",
            "no profit" if no_gross else say_frac(share),
            no_gross or (share or 0) > COST_OF_GROSS_FRAC_MAX,
        ),
        ("return after costs", say_frac(m["total_return"]), False),
        (f"Sharpe, daily {say_interval([m['sharpe_low'], m['sharpe_high']])}", say_number(m["sharpe"]), False),
        ("max drawdown, daily", say_frac(m["max_drawdown"]), False),
    ]
    cells = "".join(
        f"<div{' class=bad' if bad else ''}><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value, bad in rows
    )
    return f'<dl class="headline">{cells}</dl>'


def _write_verdict(doc: Doc) -> str:
    first, *rest = doc["verdict"]
    lines = "".join(f"<p><b>{escape(row['about'].capitalize())}.</b> {escape(row['text'])}</p>" for row in rest)
    return f'<section class="verdict"><p>{escape(first["text"])}</p>{lines}</section>'


def write_chart(charts: Charts, name: str, caption: str, before: str = "") -> str:
    """The place of a chart with its keys and caption; nothing where there is no such chart."""
    chart = charts.get(name)
    if chart is None:
        return ""
    keys = {}
    for trace in chart["data"]:
        mark = trace.get("fillcolor") if trace.get("fill") == "tonexty" else None
        colour = mark or trace.get("line", trace.get("marker"))["color"]
        shade = colour[5:].split("/")[0]
        if trace.get("line", {}).get("width") != 0 or mark:
            keys[trace["name"]] = shade
    legend = "".join(
        f'<li><i style="background:var(--{shade})"></i>{escape(name)}</li>' for name, shade in keys.items()
    )
    # Where each line has a panel of its own, the panel's title names it.
    panels = {trace.get("yaxis", "y") for trace in chart["data"]}
    shown = f'<ul class="keys">{legend}</ul>' if len(keys) > len(panels) else ""
    return (
        f'<figure>{before}{shown}<div class="chart" id="chart-{name}" style="height:{chart["height"]}px"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _section(title: str, *parts: str) -> str:
    body = "".join(parts)
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _write_sections(doc: Doc, charts: Charts) -> list[str]:
    scale = (
        '<div class="tools"><button type="button" data-scale="linear" aria-pressed="true">Linear</button>'
        '<button type="button" data-scale="log" aria-pressed="false">Log</button></div>'
    )
    thin = "Long series are thinned to the lowest and highest point of each stretch."
    rolling = (
        "Over 90 UTC days. Ninety days tell a Sharpe ratio to about \u00b1 3.3 (90 %): most of what moves here is "
        "noise. The market is every name with a price, equally weighted each day."
    )
    shared = (
        f"Fills refer to the bar's {doc['run']['fill_price']}. Fees, spread and impact of a bar are shared out by "
        "notional traded; price and funding are each name's own."
    )
    count = say_count(doc["trades"]["count"])
    shown = say_count(len(doc["trades"]["rows"]))
    trips = doc["trades"]["kind"] == "round_trips"
    which = f"Best and worst of {count} round trips" if trips else f"The largest {shown} of {count} fills"
    paid = ", ".join(f"{name[:-5]} {say_usdt(value)}" for name, value in doc["costs_usdt"].items())
    return [
        _section("Equity and drawdown", write_chart(charts, "equity", thin, scale)),
        _section("Rolling Sharpe, volatility, beta", write_chart(charts, "rolling", rolling) or _short(doc)),
        _section("Monthly returns", tables.write_months(doc)),
        _section("Exposure and turnover", write_chart(charts, "exposure", f"Gross is long plus short. {thin}")),
        _section("Costs", write_chart(charts, "costs", f"In USDT over the whole run: {paid}.")),
        _section(
            "Who earned it",
            write_chart(charts, "sides", "By side, in USDT."),
            write_chart(charts, "symbols", f"By symbol, in USDT; best and worst. {shared}"),
            f"<details><summary>All symbols that were traded ({len(doc['symbols'])}), USDT</summary>"
            f"{tables.write_symbols(doc)}</details>",
        ),
        _section("Trades", f'<p class="soft">{escape(which)}.</p>', tables.write_trades(doc)),
        _section("What else could have happened", *_write_cone(doc, charts)),
        _section("Why nothing was held", tables.write_flat_bars(doc)),
        _section("Reasons behind targets", write_chart(charts, "reasons", "Names and bars by reason.")),
        _section("Measures", tables.write_metrics(doc)),
        _section("Where it comes from", tables.write_origin(doc)),
    ]


def _short(doc: Doc) -> str:
    return f'<p class="soft">The run has {say_of(doc["run"]["days"], "UTC day")}; a window needs 90.</p>'


def _write_cone(doc: Doc, charts: Charts) -> list[str]:
    cone = doc["cone"]
    if cone is None:
        return ['<p class="soft">One day cannot be drawn again.</p>']
    caption = (
        f"{say_count(cone['draws'])} histories drawn from the run's own UTC days in blocks of "
        f"{say_number(cone['block_days'], 0)} days on average (stationary bootstrap, seed {cone['seed']}). They keep "
        f"the run's mean, luck included. {say_frac(cone['loss_probability'], 0)} of them end below their start."
    )
    return [write_chart(charts, "cone", caption), tables.write_depths(doc)]
