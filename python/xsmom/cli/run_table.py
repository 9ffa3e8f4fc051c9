"""What `xsmom backtest` prints: costs first, then the figures, then why little was traded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from xsmom.cli.output import print_table
from xsmom.cli.run_folder import FEW_TRADES, Run
from xsmom.domain.timeframe import format_timeframe
from xsmom.kernel import REASON_TEXTS
from xsmom.research.flat_bars import FlatBars

# Costs above half of what is earned before them leave a result that hangs on the cost assumptions.
EATEN_FRAC = 0.5
REASONS_SHOWN = 10
WARNINGS_SHOWN = 3
CAUSES_SHOWN = 4


def print_run(run: Run, folder: Path) -> None:
    """The whole answer of the command for people."""
    metrics = run.metrics
    print(cost_line(metrics))
    for line in (*cost_warnings(metrics), *market_lines(run)):
        print(line)
    told = run.config.warnings[:WARNINGS_SHOWN]
    for note in (*run.result.notes, *told):
        print(f"warning: {note}")
    if len(run.config.warnings) > len(told):
        print(f"{len(run.config.warnings) - len(told)} more warnings: xsmom config check {run.source}")
    rows = figures(metrics)
    print_table(("figure", "value", "meaning"), rows, [None] * len(rows))
    if run.flat_bars is not None and run.flat_bars.bars:
        rows = flat_rows(run.flat_bars)
        print()
        print_table(("flat because", "share", "meaning"), rows, [None] * len(rows))
    if metrics["trades"] < FEW_TRADES:
        rows = reason_rows(run.result.reasons or {})
        print()
        print_table(("reason", "times", "meaning"), rows, [None] * len(rows))
    if run.report:
        print(f"report: {folder / 'report.html'}")
    print(f"written to {folder}")


def cost_line(metrics: dict[str, Any]) -> str:
    """The first line of every summary."""
    share = metrics["cost_of_gross_frac"]
    gross = "a loss before costs" if math.isnan(share) else f"{percent(share)} of gross profit"
    return (
        f"turnover {metrics['turnover_year_x']:,.1f}x a year, "
        f"cost {percent(metrics['cost_year_frac'])} of equity a year, {gross}"
    )


def cost_warnings(metrics: dict[str, Any]) -> list[str]:
    """A sentence where costs decide the result."""
    share, gross = metrics["cost_of_gross_frac"], metrics["gross_usdt"]
    if share > 1:
        return [f"warning: costs eat the strategy: they are {share:,.1f} times what it earns before them"]
    if share > EATEN_FRAC:
        return [f"warning: costs take {percent(share)} of what the strategy earns before them"]
    if gross < 0 < metrics["cost_year_frac"]:
        return ["warning: the strategy loses before costs, and costs come on top"]
    return []


def market_lines(run: Run) -> list[str]:
    """Which market and which configuration."""
    panel = run.result.panel
    size = f"{panel.bars:,} bars of {format_timeframe(panel.bar_ms)}, {len(panel.symbols)} symbols"
    market = panel.label or run.panel_path or "panel"
    lines = [f"{market}: {size}; {run.source}, config hash {run.config.config_hash[:8]}"]
    if run.synthetic:
        lines.append("SYNTHETIC market, made up from a seed: these figures say nothing about real returns")
    return lines


def figures(m: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of the table: name, value, how to read it."""
    sharpe = f"{number(m['sharpe'])} ({number(m['sharpe_low'])} to {number(m['sharpe_high'])})"
    held = (m["hold_mean_hours"], m["hold_longest_hours"], m["hold_shortest_hours"])
    split = ("fee", "spread", "impact", "funding")
    costs = ", ".join(f"{kind} {percent(m[f'{kind}_year_frac'])}" for kind in split)
    sides = ", ".join(f"{side} {part['trades']:,}" for side, part in m["sides"].items())
    return [
        ("return", percent(m["total_return"]), "net of every cost"),
        ("CAGR", percent(m["cagr"]), "a year"),
        ("Sharpe", sharpe, "UTC-daily, a year; 90 % bootstrap interval"),
        ("Sharpe, HAC", number(m["sharpe_hac"]), "knows autocorrelation"),
        ("PSR", percent(m["gate"]), "chance that the true Sharpe is above 0"),
        ("Sortino", number(m["sortino"]), ""),
        ("Calmar", number(m["calmar"]), ""),
        ("volatility", percent(m["volatility_ann"]), "a year"),
        ("max drawdown", percent(m["max_drawdown"]), f"{m['underwater_max']:,} days under water at most"),
        ("trades", f"{m['trades']:,} ({sides})", "closed round trips"),
        ("win rate", percent(m["win_rate"]), "of round trips, after costs"),
        ("profit factor", number(m["trip_profit_factor"]), "won over lost, by round trips"),
        ("mean win, loss", f"{number(m['win_mean_usdt'])}, {number(m['loss_mean_usdt'])}", "USDT a round trip"),
        ("held", ", ".join(hours(value) for value in held), "mean, longest, shortest"),
        ("exposure", f"{number(m['gross_mean_frac'])}x, {m['net_mean_frac']:+.2f}x", "mean gross, mean net"),
        ("flat", percent(m.get("flat_frac", math.nan)), "of all closes, with nothing held"),
        ("turnover", f"{m['turnover_year_x']:,.1f}x", "a year, of equity"),
        ("costs", costs, "of equity a year"),
    ]


def reason_rows(reasons: dict[str, int]) -> list[tuple[str, str, str]]:
    """The most frequent reasons that stood behind names at decisions."""
    shown = list(reasons.items())[:REASONS_SHOWN]
    return [(key, f"{count:,}", REASON_TEXTS[key].strip()) for key, count in shown]


def flat_rows(flat: FlatBars) -> list[tuple[str, str, str]]:
    """The main reasons for which nothing was held."""
    return [(cause.key, percent(cause.share_frac), cause.text) for cause in flat.causes[:CAUSES_SHOWN]]


def percent(share: float) -> str:
    """A share as a person reads it."""
    return "undefined" if math.isnan(share) else f"{share:,.1%}"


def number(value: float) -> str:
    """Two digits, or the word for a figure that has no value."""
    return "undefined" if math.isnan(value) else f"{value:,.2f}"


def hours(value: float) -> str:
    """Hours, or days where they are many."""
    if math.isnan(value):
        return "undefined"
    return f"{value / 24:,.1f} d" if value >= 48 else f"{value:,.1f} h"
