"""What `xsmom live` asks for before it trades real money: a report of this very configuration, and its cost, read out.

Measured on real markets, an hourly book pays two to four times its equity in costs a year. So the figure is printed at
every start, and above the configured limit it has to be typed by hand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from xsmom.config.resolved import Resolved
from xsmom.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Report:
    """The newest run of a configuration."""

    folder: Path
    started: datetime
    turnover_year_x: float
    cost_year_frac: float


def check_permit(config: Resolved, runs: Path, accepted_frac: float | None, now: datetime) -> list[str]:
    """Refuse, or give the lines that are to be printed."""
    if config.value("exchange.base_url") is not None or config.value("exchange.testnet"):
        return ["no real money: this is a test network or an exchange of your own, no report is asked for"]
    report = newest_report(config.config_hash, runs)
    days = int(str(config.value("live.report_max_age_days")))
    mend = "run `xsmom backtest --fast` with it on real data (--data or --panel) and read the report"
    if report is None:
        raise ConfigError(f"{runs} holds no report of this very configuration ({config.config_hash[:8]}): {mend}")
    if now - report.started > timedelta(days=days):
        age = (now - report.started).days
        raise ConfigError(f"the report {report.folder} is {age} days old, live accepts {days}: {mend}")
    cost, limit = report.cost_year_frac, float(str(config.value("costs.max_annual_cost_frac")))
    lines = [
        f"report {report.folder}: turnover {report.turnover_year_x:,.0f}x a year, "
        f"cost {cost:.1%} of equity a year (limit {limit:.0%})"
    ]
    if cost > limit and (accepted_frac is None or accepted_frac < cost):
        raise ConfigError(
            f"trading this costs {cost:.1%} of equity a year, above costs.max_annual_cost_frac {limit:.0%}: trade "
            f"less often, or give --accept-annual-cost {cost + 0.005:.2f} if that is what you want"
        )
    return lines


def newest_report(config_hash: str, runs: Path) -> Report | None:
    """The newest run of this configuration on a market that is not made up."""
    found = [report for path in runs.glob("*/result.json") if (report := _read(path, config_hash)) is not None]
    return max(found, key=lambda one: one.started, default=None)


def _read(path: Path, config_hash: str) -> Report | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if told["config"]["config_hash"] != config_hash or told["synthetic"]:
            return None
        metrics = told["metrics"]
        started = datetime.fromisoformat(told["started"])
        return Report(
            path.parent,
            started if started.tzinfo else started.replace(tzinfo=UTC),
            float(metrics["turnover_year_x"]),
            float(metrics["cost_year_frac"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another program's file, or a run that was not finished
