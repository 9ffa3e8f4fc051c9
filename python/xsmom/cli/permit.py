"""What `xsmom live` asks for before it trades real money: a report of this very configuration, and its cost, read out.

Measured on real markets, an hourly book pays two to four times its equity in costs a year. So the figure is printed at
every start, and above the configured limit it has to be typed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from xsmom.cli.amounts import about_usdt
from xsmom.cli.finding import Finding, Status
from xsmom.config.resolved import Resolved


@dataclass(frozen=True, slots=True)
class Report:
    """The newest run of a configuration."""

    folder: Path
    started: datetime
    turnover_year_x: float
    cost_year_frac: float
    #: What the report says of the run in one sentence; empty where no report was written beside the figures.
    verdict: str = ""
    favourable: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What the cost of a year is reckoned with beside the report: this account's own, where it is known."""

    #: Cost of a trade above what the configuration assumes, as a share of what is traded.
    fee_above_frac: float = 0.0
    equity_usdt: float | None = None
    accepted_frac: float | None = None
    #: A book is held already: a report that has aged since does not take it out of hands.
    holding: bool = False


def check_report(config: Resolved, runs: Path, terms: Terms, now: datetime) -> Iterator[Finding]:
    """A report of this very configuration, its age, and what a year costs on this account."""
    if config.value("exchange.base_url") is not None or config.value("exchange.testnet"):
        text = "no real money: this is a test network or an exchange of your own, no report is asked for"
        yield Finding("report", Status.OK, text)
        return
    report = newest_report(config.config_hash, runs)
    days = int(str(config.value("live.report_max_age_days")))
    mend = "run `xsmom backtest --fast` with it on real data (--data or --panel) and read the report"
    if report is None:
        text = f"{runs} holds no report of this very configuration ({config.config_hash[:8]})"
        yield Finding("report", Status.FAIL, text, mend)
        return
    age = (now - report.started).days
    if now - report.started > timedelta(days=days):
        status = Status.WARN if terms.holding else Status.FAIL
        yield Finding("report", status, f"{report.folder} is {age} days old, live accepts {days}", mend)
    else:
        yield Finding("report", Status.OK, f"{report.folder}, {age} of at most {days} days old")
    yield _tell_verdict(report)
    yield _judge_cost(config, report, terms)


def _tell_verdict(report: Report) -> Finding:
    """The report's own judgement. It refuses nothing: an unfavourable one is a warning, said at every start."""
    if not report.verdict:
        text = f"{report.folder} has figures and no report: nothing judged them"
        return Finding("verdict", Status.WARN, text, "run `xsmom backtest --fast` without --no-report, and read it")
    if report.favourable:
        return Finding("verdict", Status.OK, report.verdict)
    mend = "nothing stops you here: read the report, and ask yourself why this should be traded with real money"
    return Finding("verdict", Status.WARN, report.verdict, mend)


def _judge_cost(config: Resolved, report: Report, terms: Terms) -> Finding:
    """Cost of a year at this account's own fees, in percent and in money."""
    cost = report.cost_year_frac + report.turnover_year_x * terms.fee_above_frac
    limit = float(str(config.value("costs.max_annual_cost_frac")))
    money = (
        "" if terms.equity_usdt is None else f", about {about_usdt(cost * terms.equity_usdt)} USDT of what sizes now"
    )
    above = f" ({report.cost_year_frac:.1%} at the fees of the configuration)" if terms.fee_above_frac else ""
    text = f"turnover {report.turnover_year_x:,.0f}x a year, cost {cost:.1%} of equity a year{above}{money}"
    if cost > limit and (terms.accepted_frac is None or terms.accepted_frac < cost):
        mend = f"trade less often, or give --accept-annual-cost {cost + 0.005:.2f} if that is what you want"
        status = Status.WARN if terms.holding else Status.FAIL
        return Finding("cost", status, f"{text}, above costs.max_annual_cost_frac {limit:.0%}", mend)
    return Finding("cost", Status.OK, f"{text} (limit {limit:.0%})")


def newest_report(config_hash: str, runs: Path) -> Report | None:
    """The newest run of this configuration on a market that is not made up."""
    found = [report for path in runs.glob("*/result.json") if (report := _read(path, config_hash)) is not None]
    return max(found, key=lambda one: one.started, default=None)


def _read(path: Path, config_hash: str) -> Report | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if told["config"]["config_hash"] != config_hash or told["synthetic"]:
            return None
        from xsmom.research.report.verdict import is_favourable

        metrics = told["metrics"]
        started = datetime.fromisoformat(told["started"])
        return Report(
            path.parent,
            started if started.tzinfo else started.replace(tzinfo=UTC),
            float(metrics["turnover_year_x"]),
            float(metrics["cost_year_frac"]),
            _read_verdict(path.with_name("report.json")),
            is_favourable(metrics),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another program's file, or a run that was not finished


def _read_verdict(path: Path) -> str:
    """The first sentence of the report beside a run; empty where there is none."""
    try:
        told: Any = json.loads(path.read_text("utf-8"))
        return str(told["verdict"][0]["text"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return ""
