"""The page of `data check`: how much of each symbol's time is there, and what was found in it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from xsmom.domain.stamps import format_ms
from xsmom.errors import OutputError
from xsmom.lake.checkup import Coverage, MarketCheck
from xsmom.lake.findings import count_by_rule
from xsmom.lake.rules import RULES, Finding, Severity
from xsmom.research.report.page import wrap_page
from xsmom.research.report.wording import say_count, say_of

_ROW_PX, _MARGIN_PX = 16, 90
_FINDINGS_SHOWN = 500
# What a cell is, from the best to the worst, with the theme's colour for it.
_CLASSES = (
    ("whole", "sky"),
    ("bars absent", "rule"),
    ("note", "green"),
    ("warning", "orange"),
    ("error", "red"),
)


def write_coverage(path: Path, lake: str, markets: Sequence[MarketCheck], others: Sequence[Finding]) -> None:
    """Write the page, whole or not at all."""
    charts = {f"coverage-{number}": draw_coverage(market.coverage) for number, market in enumerate(markets)}
    found = [*(finding for market in markets for finding in market.findings), *others]
    body = [_write_top(lake, markets, found), _write_rules(found)]
    for number, market in enumerate(markets):
        body.append(_write_market(market, f"coverage-{number}", charts))
    body.append(_write_findings(found))
    html = wrap_page(f"xsmom data check: {lake}", body, charts)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_text(html, encoding="utf-8", errors="replace", newline="\n")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    finally:
        temporary.unlink(missing_ok=True)


def draw_coverage(coverage: Coverage) -> dict[str, Any]:
    """Symbols by time: one cell a stretch, painted by the worst that is known of it."""
    symbols = list(coverage.share)
    cells, texts = [], []
    for symbol in symbols:
        share, gravity = coverage.share[symbol], coverage.gravity[symbol]
        lives = ~np.isnan(share)
        kind = np.where(gravity > 0, gravity + 1, np.where(share < 1, 1, 0))
        cells.append([int(value) if alive or value > 1 else None for value, alive in zip(kind, lives, strict=True)])
        texts.append([f"{value:.1%}" if alive else "none" for value, alive in zip(share, lives, strict=True)])
    steps = len(_CLASSES)
    scale = [
        [edge / steps, f"role:{colour}"] for place, (_, colour) in enumerate(_CLASSES) for edge in (place, place + 1)
    ]
    trace = {
        "type": "heatmap",
        "x": coverage.starts_ms.tolist(),
        "y": [_shorten(symbol) for symbol in symbols],
        "z": cells,
        "text": texts,
        "zmin": -0.5,
        "zmax": steps - 0.5,
        "colorscale": scale,
        "showscale": False,
        "xgap": 0,
        "ygap": 1,
        "hovertemplate": "%{y}, from %{x}: %{text} of its bars<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "date", "side": "top", "showgrid": False},
        "yaxis": {"type": "category", "autorange": "reversed", "dtick": 1, "tickfont": {"size": 10}, "showgrid": False},
        "hovermode": "closest",
        "margin": {"l": 8, "r": 12, "t": 50, "b": 12},
    }
    return {"data": [trace], "layout": layout, "height": _MARGIN_PX + _ROW_PX * max(1, len(symbols))}


def _shorten(symbol: str) -> str:
    return symbol if len(symbol) <= 16 else f"{symbol[:15]}\u2026"


def _write_top(lake: str, markets: Sequence[MarketCheck], found: Sequence[Finding]) -> str:
    count = Counter(finding.severity for finding in found)
    bars = sum(market.bars for market in markets)
    names = ", ".join(f"{market.venue} {market.timeframe}" for market in markets) or "no bars"
    cells = "".join(
        f"<div{' class=bad' if bad else ''}><dt>{name}</dt><dd>{escape(value)}</dd></div>"
        for name, value, bad in (
            ("errors", say_count(count[Severity.ERROR]), count[Severity.ERROR] > 0),
            ("warnings", say_count(count[Severity.WARNING]), False),
            ("notes", say_count(count[Severity.NOTE]), False),
            ("usable bars", say_count(bars), False),
        )
    )
    return f"""<header><div><h1>Data check</h1><p class="soft">{escape(lake)}: {escape(names)}. All times are
UTC.</p></div><button id="theme" type="button">Dark</button></header>
<noscript><p class="alarm">The maps need JavaScript; all findings below stand without it.</p></noscript>
<dl class="headline">{cells}</dl>"""


def _write_rules(found: Sequence[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=text>{RULES[name].severity.value}</td><td>{say_count(findings)}</td>"
        f"<td>{say_count(symbols)}</td><td>{say_count(rows)}</td>{_words(RULES[name].finds)}{_words(RULES[name].does)}</tr>"
        for name, (findings, symbols, rows) in count_by_rule(found).items()
    )
    if not rows:
        return '<section class="verdict"><p>Nothing was found.</p></section>'
    heads = "<tr><th>rule</th><th class=text>severity</th><th>findings</th><th>symbols</th><th>rows</th>"
    heads += "<th class=text>what it finds</th><th class=text>what the panel does</th></tr>"
    return f'<section><h2>By rule</h2><div class="scroll" tabindex="0"><table>{heads}{rows}</table></div></section>'


def _words(text: str) -> str:
    """A cell of running text."""
    return f'<td class=text style="white-space:normal;min-width:13rem">{escape(text.replace("`", ""))}</td>'


def _write_market(market: MarketCheck, name: str, charts: dict[str, dict[str, Any]]) -> str:
    keys = "".join(f'<li><i style="background:var(--{colour})"></i>{label}</li>' for label, colour in _CLASSES)
    days = market.coverage.stretch_ms / 86_400_000
    stretch = f"{days:g} days" if days >= 1 else f"{days * 24:g} hours"
    said = (
        f"{say_of(len(market.tickers), 'symbol')}, {say_of(market.instruments, 'instrument')}. A cell is {stretch}; it "
        "has the colour of the worst that was found in it. Empty: not listed, or nothing is there."
    )
    return (
        f"<section><h2>{escape(market.venue)}, bars of {escape(market.timeframe)}</h2>"
        f'<figure><ul class="keys">{keys}</ul><div class="chart" id="chart-{name}" '
        f'style="height:{charts[name]["height"]}px"></div><figcaption>{escape(said)}</figcaption></figure></section>'
    )


def _write_findings(found: Sequence[Finding]) -> str:
    order = list(Severity)
    worst = sorted(found, key=lambda finding: (-order.index(finding.severity), finding.symbol, finding.first_ms))
    rows = "".join(
        f"<tr><td>{escape(finding.symbol)}</td><td class=text>{finding.rule}</td>"
        f"<td class=text>{finding.severity.value}</td><td class=text>{_when(finding)}</td>"
        f"<td>{say_count(finding.rows)}</td><td class=text>{escape(finding.detail)}</td></tr>"
        for finding in worst[:_FINDINGS_SHOWN]
    )
    if not rows:
        return ""
    more = len(worst) - _FINDINGS_SHOWN
    rest = f'<p class="soft">{say_count(more)} more are in the output of --json.</p>' if more > 0 else ""
    heads = "<tr><th>symbol</th><th class=text>rule</th><th class=text>severity</th><th class=text>when</th>"
    heads += "<th>rows</th><th class=text>what</th></tr>"
    table = f'<div class="scroll" tabindex="0"><table>{heads}{rows}</table></div>'
    return f"<section><h2>Findings</h2><details open><summary>Worst first</summary>{table}</details>{rest}</section>"


def _when(finding: Finding) -> str:
    if not finding.last_ms:
        return "all of it"
    first, last = format_ms(finding.first_ms), format_ms(finding.last_ms)
    return first if first == last else f"{first} to {last}"
