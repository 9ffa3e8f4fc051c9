"""What a careful reader would say of the run, as sentences made of its own figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from xsmom.domain.panel import NEVER_MS, Panel
from xsmom.research import statistics
from xsmom.research.report.wording import (
    say_count,
    say_frac,
    say_interval,
    say_number,
    say_of,
    say_probability,
    say_usdt,
)
from xsmom.research.statistics import DAYS_A_YEAR

COST_YEAR_FRAC_MAX = 0.25
COST_OF_GROSS_FRAC_MAX = 0.5
_GATE = 0.95
_TRIALS = (10, 100, 1_000)

Sentence = dict[str, str]


def is_synthetic(panel: Panel) -> bool:
    """Whether the panel says that it is no market."""
    return "synthetic" in panel.label.lower()


def list_warnings(doc: dict[str, Any]) -> list[str]:
    """What must be read before anything else; empty for a sound run."""
    metrics, run, found = doc["metrics"], doc["run"], []
    if run["bankrupt_at"] is not None:
        found.append(f"Bankrupt: equity was gone at the close of {run['bankrupt_at']}; all that follows is zero.")
    if run["traded_usdt"] == 0:
        found.append(f"This run traded nothing. {_why_nothing(doc['reasons'])}")
        return found
    if metrics["gross_usdt"] <= 0:
        found.append(
            f"There is no gross profit for costs to be a share of: the result before costs "
            f"is {say_usdt(metrics['gross_usdt'])} USDT, and costs took {say_usdt(run['cost_usdt'])} USDT."
        )
    if metrics["cost_year_frac"] > COST_YEAR_FRAC_MAX:
        found.append(f"Costs eat the strategy: {say_frac(metrics['cost_year_frac'])} of equity a year.")
    if metrics["cost_of_gross_frac"] > COST_OF_GROSS_FRAC_MAX:
        found.append(f"Costs eat the strategy: they take {say_frac(metrics['cost_of_gross_frac'])} of gross profit.")
    return found


def _why_nothing(reasons: list[dict[str, Any]] | None) -> str:
    if not reasons:
        return "Its figures are those of cash; it kept no reasons, so look at the weights that it was given."
    most = ", ".join(f"{row['reason']} ({say_count(row['count'])})" for row in reasons[:3])
    return f"Its figures are those of cash. Most frequent reasons: {most}."


def is_favourable(metrics: Mapping[str, Any]) -> bool:
    """Whether a run earned more than luck explains on its sample; of figures read back, null is not known."""
    net, low, gate = (metrics.get(name) for name in ("net_usdt", "sharpe_low", "gate"))
    if net is None or low is None or gate is None:
        return False
    return bool(net > 0 and low > 0 and gate >= _GATE)


def give_verdict(doc: dict[str, Any], panel: Panel) -> list[Sentence]:
    """The judgement first, then each caveat under its name."""
    sentences = [{"about": "verdict", "text": _judge(doc)}]
    if is_synthetic(panel):
        text = "The market is synthetic: this tests the machinery, and says nothing about any real market."
        sentences.append({"about": "synthetic", "text": text})
    sentences.append({"about": "survivorship", "text": _survivorship(panel)})
    if doc["run"]["traded_usdt"] == 0:
        return sentences
    if math.isfinite(doc["metrics"]["sharpe"]):
        sentences.append({"about": "trials", "text": _trials(doc)})
    sentences += [
        {"about": "costs at 2\u00d7", "text": _stress(doc)},
        {"about": "sample length", "text": _length(doc)},
        {"about": "drawdown", "text": _drawdown(doc)},
    ]
    rest = doc["unattributed"]
    if max(abs(rest[kind]) for kind in rest) > 1e-6 * doc["run"]["traded_usdt"]:
        text = (
            f"{say_usdt(rest['net_usdt'])} USDT of the result belong to no symbol below: exits inside a bar and "
            "the write-off of a bankruptcy are known for the whole book only."
        )
        sentences.append({"about": "attribution", "text": text})
    return sentences


def _judge(doc: dict[str, Any]) -> str:
    metrics, run = doc["metrics"], doc["run"]
    if run["traded_usdt"] == 0:
        return "No verdict: nothing was traded."
    earned = f"{say_frac(metrics['total_return'])} after costs in {say_of(run['days'], 'UTC day')}"
    if run["bankrupt_at"] is not None:
        return f"This run lost everything: {earned}."
    sharpe = f"Sharpe {say_number(metrics['sharpe'])}"
    if not math.isfinite(metrics["sharpe"]):
        return f"{earned}: too short or too still for a Sharpe ratio, so there is nothing to judge."
    interval = say_interval([metrics["sharpe_low"], metrics["sharpe_high"]])
    figures = (
        f"{sharpe}, 90 % interval {interval}; probability of a true one above zero: {say_probability(metrics['gate'])}"
    )
    if metrics["net_usdt"] <= 0:
        return f"This run lost money: {earned} ({figures})."
    if not is_favourable(metrics):
        return f"Not distinguishable from luck: {earned}, but {figures}."
    return (
        f"Above zero on this sample: {earned}, {figures}. That is before allowing for the trials that led here, "
        "and it is no promise."
    )


def _survivorship(panel: Panel) -> str:
    dead = int(np.count_nonzero(panel.delisted_ms != NEVER_MS))
    names = len(panel.symbols)
    if dead == 0:
        return (
            f"Of {say_of(names, 'name')} none was ever delisted: if the list was made of what trades today, "
            "the losers that died are missing and every figure here flatters."
        )
    return (
        f"Of {say_of(names, 'name')} {say_count(dead)} died, and stay in the panel until their last price; whether "
        "all that died are there, only the data's origin can tell."
    )


def _trials(doc: dict[str, Any]) -> str:
    spread = math.sqrt(DAYS_A_YEAR / max(doc["run"]["days"], 2))
    known = doc["provenance"].get("trials")
    if isinstance(known, int) and known > 1:
        luck = say_number(statistics.expected_max(known) * spread)
        return (
            f"{say_count(known)} trials led here: the best of as many worthless ones would show a Sharpe of about "
            f"{luck} over this length if they were independent."
        )
    best = [say_number(statistics.expected_max(trials) * spread) for trials in _TRIALS]
    return (
        f"This report knows of one run. If it was picked among others, luck was picked too: the best of 10, 100 or "
        f"1,000 worthless strategies would show a Sharpe of about {best[0]}, {best[1]} or {best[2]} over this length."
    )


def _stress(doc: dict[str, Any]) -> str:
    twice = doc["double_costs"]
    text = f"At twice the trading costs the run returns {say_frac(twice['total_return'])}"
    if math.isfinite(twice["sharpe"]):
        interval = say_interval([twice["sharpe_low"], twice["sharpe_high"]])
        text += f", Sharpe {say_number(twice['sharpe'])} {interval}"
    return f"{text} ({twice['method']})."


def _length(doc: dict[str, Any]) -> str:
    days, sharpe = doc["run"]["days"], doc["metrics"]["sharpe"]
    length = f"{say_number(days / DAYS_A_YEAR, 1)} years" if days >= DAYS_A_YEAR else say_of(days, "UTC day")
    text = f"All of this is one sample of {length}."
    if not (math.isfinite(sharpe) and sharpe > 0):
        return f"{text} Expect live results to be worse than a backtest, not better."
    need = doc["metrics_more"]["min_track_record_days"]
    if math.isfinite(need):
        enough = "enough" if need <= days else "not enough"
        text += f" A Sharpe like this one needs {say_of(math.ceil(need), 'day')} to be told from zero ({enough})."
    return f"{text} Expect about a quarter of a backtest's Sharpe: plan on {say_number(sharpe / 4)}."


def _drawdown(doc: dict[str, Any]) -> str:
    metrics, cone = doc["metrics"], doc["cone"]
    # E[max drawdown] of a driftless book, Magdon-Ismail and Atiya 2004: sqrt(pi/2)·sigma·sqrt(T)
    idle = 1.2533 * metrics["volatility_ann"] * math.sqrt(doc["run"]["days"] / DAYS_A_YEAR)
    text = f"The worst fall was {say_frac(metrics['max_drawdown'])} on daily closes."
    if doc["run"]["bankrupt_at"] is not None:
        return text
    if math.isfinite(idle):
        text += f" A book of this volatility without any edge falls {say_frac(-min(idle, 1.0))} on average."
    if cone:
        odds = say_frac(cone["worse_than_this_run"]["probability"], 0)
        text += (
            f" In {odds} of {say_count(cone['draws'])} histories drawn from its own days the worst fall was worse, "
            f"in one of twenty worse than {say_frac(cone['max_drawdown_frac_p05'])}."
        )
    return text
