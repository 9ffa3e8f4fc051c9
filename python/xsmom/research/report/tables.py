"""The tables of the page. Whatever comes from data is escaped here, once, by `cell`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from xsmom.research.report.wording import (
    say_count,
    say_frac,
    say_interval,
    say_number,
    say_of,
    say_probability,
    say_significant,
    say_usdt,
)

Doc = dict[str, Any]

_INSTANTS = ("opened", "closed")
_TITLES = {"units_max": "most units", "net_usdt": "net, USDT", "funding_usdt": "funding", "hold_hours": "hours"}
_CAUSE_FRAC_MIN = 0.005
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def cell(text: object, kind: str = "", tag: str = "td") -> str:
    """One escaped cell."""
    css = f' class="{kind}"' if kind else ""
    return f"<{tag}{css}>{escape(str(text))}</{tag}>"


def table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]], css: str = "") -> str:
    """Wide tables scroll in their own box; `head` holds titles and `text` where a column is left-aligned."""
    titles = "".join(cell(title, kind, "th") for title, kind in head)
    kinds = [kind for _, kind in head]
    body = "".join(
        "<tr>" + "".join(cell(value, kind) for value, kind in zip(row, kinds, strict=True)) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="{css}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _pairs(title: str, rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<tr>{cell(name)}{cell(value)}</tr>" for name, value in rows)
    return f"<div><h3>{escape(title)}</h3><table><tbody>{body}</tbody></table></div>"


def write_metrics(doc: Doc) -> str:
    """Measures by family; the Sharpe ratios never stand without their interval."""
    groups = [
        _pairs("Result", _list_result(doc)),
        _pairs("Luck (UTC-daily net returns)", _list_luck(doc)),
        _pairs("Risk (UTC-daily)", _list_risk(doc)),
        _pairs("Days and exposure", _list_days(doc)),
    ]
    if doc["metrics_bars"]:
        groups.append(_pairs(f"On {doc['run']['bar']} bars, apart", _list_bars(doc)))
    measures = doc["trades"].get("measures")
    if measures and measures["closed"]:
        groups.append(_pairs("Round trips", _list_trips(measures)))
    return f'<div class="pairs">{"".join(groups)}</div>'


def _list_result(doc: Doc) -> list[tuple[str, str]]:
    m, run = doc["metrics"], doc["run"]
    return [
        ("equity at the start, USDT", say_usdt(run["cash_usdt"])),
        ("equity at the end, USDT", say_usdt(run["equity_usdt"])),
        ("return after costs", say_frac(m["total_return"])),
        ("CAGR", say_frac(m["cagr"])),
        ("equal-weight market", say_frac(doc["metrics_more"]["market_return_frac"])),
        ("result before costs, USDT", say_usdt(m["gross_usdt"])),
        ("result after costs, USDT", say_usdt(m["net_usdt"])),
        ("costs, USDT", say_usdt(run["cost_usdt"])),
        ("traded, USDT", say_usdt(run["traded_usdt"])),
        ("turnover a year, times equity", say_number(m["turnover_year_x"], 1)),
        ("fees a year", say_frac(m["fee_year_frac"])),
        ("spread a year", say_frac(m["spread_year_frac"])),
        ("impact a year", say_frac(m["impact_year_frac"])),
        ("funding a year", say_frac(m["funding_year_frac"])),
    ]


def _list_luck(doc: Doc) -> list[tuple[str, str]]:
    m, more = doc["metrics"], doc["metrics_more"]
    twice = doc["double_costs"]
    return [
        ("Sharpe, 90 % interval", _beside(m["sharpe"], [m["sharpe_low"], m["sharpe_high"]])),
        ("HAC Sharpe, 90 % interval", _beside(m["sharpe_hac"], more["sharpe_hac_interval"])),
        ("Sharpe at twice the costs", _beside(twice["sharpe"], [twice["sharpe_low"], twice["sharpe_high"]])),
        ("PSR above 0, form of 2012", say_probability(m["psr_2012"])),
        ("PSR above 0, form of 2025", say_probability(m["psr_2025"])),
        ("the smaller, which gates", say_probability(m["gate"])),
        ("days to tell it from 0", say_number(more["min_track_record_days"], 0)),
        ("Newey-West t of the mean", say_number(more["newey_west_t"])),
        ("beta to the market", say_number(more["beta"])),
    ]


def _beside(value: Any, interval: Any) -> str:
    known = value is not None
    return f"{say_number(value)} {say_interval(interval)}" if known else say_number(value)


def _list_risk(doc: Doc) -> list[tuple[str, str]]:
    m = doc["metrics"]
    return [
        ("volatility a year", say_frac(m["volatility_ann"])),
        ("downside volatility a year", say_frac(m["downside_ann"])),
        ("Sortino", say_number(m["sortino"])),
        ("Calmar", say_number(m["calmar"])),
        ("max drawdown, daily closes", say_frac(m["max_drawdown"])),
        ("max drawdown, every bar", say_frac(doc["run"]["max_drawdown_frac_bars"])),
        ("longest under water, days", say_count(m["underwater_max"])),
        ("Ulcer index", say_frac(m["ulcer"])),
        ("VaR of a day, 95 %", say_frac(m["var95"], 2)),
        ("CVaR of a day, 95 %", say_frac(m["cvar95"], 2)),
        ("skew", say_number(m["skew"])),
        ("kurtosis (normal: 3)", say_number(m["kurtosis"])),
        ("tail ratio", say_number(m["tail_ratio"])),
    ]


def _list_days(doc: Doc) -> list[tuple[str, str]]:
    m, e = doc["metrics"], doc["exposure"]
    return [
        ("days that gained", say_frac(m["hit_rate"])),
        ("mean gain of a day", say_frac(m["mean_win"], 2)),
        ("mean loss of a day", say_frac(m["mean_loss"], 2)),
        ("profit factor of days", say_number(m["profit_factor"])),
        ("fills", say_count(doc["run"]["fills"])),
        ("gross exposure, mean / max", f"{say_frac(e['gross_frac_mean'])} / {say_frac(e['gross_frac_max'])}"),
        ("net exposure, mean", say_frac(e["net_frac_mean"])),
        ("net exposure, min / max", f"{say_frac(e['net_frac_min'])} / {say_frac(e['net_frac_max'])}"),
        ("names held, mean / max", f"{say_number(e['names_mean'], 1)} / {say_count(e['names_max'])}"),
        ("time in the market", say_frac(e["in_market_frac"])),
    ]


def _list_bars(doc: Doc) -> list[tuple[str, str]]:
    m = doc["metrics_bars"]
    return [
        ("Sharpe, 90 % interval", _beside(m["sharpe"], m["sharpe_interval"])),
        ("volatility a year", say_frac(m["volatility_ann"])),
        ("Sortino", say_number(m["sortino"])),
        ("max drawdown", say_frac(m["max_drawdown"])),
        ("VaR of a bar, 95 %", say_frac(m["var95"], 3)),
        ("CVaR of a bar, 95 %", say_frac(m["cvar95"], 3)),
        ("skew", say_number(m["skew"])),
        ("kurtosis (normal: 3)", say_number(m["kurtosis"])),
        ("bars that gained", say_frac(m["hit_rate"])),
        ("bars a year", say_count(m["periods"])),
    ]


def _list_trips(m: Doc) -> list[tuple[str, str]]:
    return [
        ("closed", say_count(m["closed"])),
        ("that gained", say_frac(m["hit_rate"])),
        ("mean gain, USDT", say_usdt(m["mean_win_usdt"])),
        ("mean loss, USDT", say_usdt(m["mean_loss_usdt"])),
        ("profit factor", say_number(m["profit_factor"])),
        ("held, mean hours", say_number(m["holding_hours_mean"], 1)),
        ("held, longest hours", say_number(m["holding_hours_max"], 1)),
        ("held, shortest hours", say_number(m["holding_hours_min"], 1)),
    ]


def write_months(doc: Doc) -> str:
    """Years down, months across, as a heat map: blue gained, orange lost, strength by size."""
    found = {row["month"]: row["return_frac"] for row in doc["months"]}
    strongest = max((abs(value) for value in found.values()), default=0.0) or 1.0
    years = sorted({month[:4] for month in found})
    head = "".join(cell(title, tag="th") for title in ("", *_MONTHS, "year"))
    body = []
    for year in years:
        months = [found.get(f"{year}-{number:02}") for number in range(1, 13)]
        growth = 1.0
        for value in months:
            growth *= 1.0 + (value or 0.0)
        row = "".join(_heat(value, strongest) for value in months)
        body.append(f"<tr>{cell(year, tag='th')}{row}{cell(say_frac(growth - 1.0))}</tr>")
    return (
        f'<div class="scroll" tabindex="0"><table class="months"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _heat(value: float | None, strongest: float) -> str:
    if value is None:
        return '<td class="cell"></td>'
    side = "up" if value >= 0 else "down"
    heat = round(65 * min(1.0, abs(value) / strongest))
    return f'<td class="cell {side}" style="--heat:{heat}">{escape(say_frac(value))}</td>'


def write_symbols(doc: Doc) -> str:
    """What each name and each side added to equity."""
    names = ("", "price", "funding", "costs", "net", "long", "short", "traded", "fills")
    head = [(title, "") for title in names]
    amounts = ("price_usdt", "funding_usdt", "cost_usdt", "net_usdt", "long_usdt", "short_usdt", "traded_usdt")
    rows: list[list[object]] = []
    for row in doc["symbols"]:
        rows.append([row["symbol"], *(say_usdt(row[name]) for name in amounts), say_count(row["fills"])])
    rest = doc["unattributed"]
    rows.append(["unattributed", *(say_usdt(rest[name]) for name in amounts[:4]), "", "", "", ""])
    total = doc["run"]["equity_usdt"] - doc["run"]["cash_usdt"]
    rows.append(["change of equity", "", "", "", say_usdt(total), "", "", "", ""])
    return table(head, rows)


def write_trades(doc: Doc) -> str:
    """Round trips with whatever columns they carry, or the largest fills."""
    trades = doc["trades"]
    if not trades["rows"]:
        return "<p>No trade was made.</p>"
    if trades["kind"] == "fills":
        head = [("bar closes", ""), ("symbol", "text"), ("side", "text"), ("units", ""), ("price", ""), ("USDT", "")]
        rows = [
            [
                row["time"],
                row["symbol"],
                row["side"],
                say_significant(row["units"]),
                say_significant(row["price"]),
                say_usdt(row["notional_usdt"]),
            ]
            for row in trades["rows"]
        ]
        return table(head, rows)
    names = list(trades["rows"][0])
    head = [(_TITLES.get(name, name.replace("_", " ")), _align(trades["rows"][0][name])) for name in names]
    return table(head, [[_say_any(name, row[name]) for name in names] for row in trades["rows"]])


def _align(value: object) -> str:
    return "text" if isinstance(value, str) else ""


def _say_any(name: str, value: Any) -> str:
    if isinstance(value, bool | str):
        # To the minute: an exit inside a bar is stamped a millisecond before its close.
        return f"{value[:16]}Z" if name in _INSTANTS and isinstance(value, str) else str(value)
    if name.endswith("_usdt"):
        return say_usdt(value)
    if name.endswith("_frac"):
        return say_frac(value)
    return say_count(value) if isinstance(value, int) else say_significant(value)


def write_flat_bars(doc: Doc) -> str:
    """Flat bars by cause; nothing for a run that knows no reasons, or that was never flat."""
    flat = doc["flat_bars"]
    if flat is None or not flat["bars"]:
        return ""
    guess = "" if flat["told_from"] == flat["stretches"] else f", told from {say_count(flat['told_from'])} of them"
    told = (
        f"At {say_frac(flat['share_frac'])} of all closes ({say_count(flat['bars'])} of {say_count(flat['of_bars'])}) "
        f"nothing was held, in {say_of(flat['stretches'], 'stretch', 'stretches')}{guess}. Each is shared out among "
        "the reasons given for its names."
    )
    shown = [cause for cause in flat["causes"] if cause["share_frac"] >= _CAUSE_FRAC_MIN]
    rows: list[list[object]] = [[cause["key"], say_frac(cause["share_frac"]), cause["text"]] for cause in shown]
    if len(shown) < len(flat["causes"]):
        rest = sum(cause["share_frac"] for cause in flat["causes"][len(shown) :])
        rows.append(["others", say_frac(rest), f"{say_of(len(flat['causes']) - len(shown), 'rarer reason')}."])
    head = [("cause", "text"), ("of flat bars", ""), ("meaning", "text")]
    return f'<p class="soft">{escape(told)}</p>{table(head, rows)}'


def write_depths(doc: Doc) -> str:
    """How often the worst drawdown of a drawn history is worse than x."""
    cone = doc["cone"]
    own = cone["worse_than_this_run"]
    rows = [(say_frac(row["drawdown_frac"], 0), row["probability"]) for row in cone["max_drawdown_worse_than"]]
    rows.append((f"{say_frac(own['drawdown_frac'])} (this run)", own["probability"]))
    never = f"none of {say_count(cone['draws'])}"
    rows = [(depth, say_frac(share) if share else never) for depth, share in rows]
    return table([("max drawdown worse than", ""), ("probability", "")], rows)


def write_origin(doc: Doc) -> str:
    """Hashes, versions, command and whatever else the caller told, as given."""
    rows = []
    for name, value in (doc["provenance"] | {"assumed_costs": doc["assumed_costs"]}).items():
        if isinstance(value, dict | list):
            text = json.dumps(value, ensure_ascii=False)
        else:
            text = "not given" if value is None else str(value)
        rows.append(f"<tr>{cell(name.replace('_', ' '))}<td><code>{escape(text)}</code></td></tr>")
    return f'<div class="scroll" tabindex="0"><table class="wrap"><tbody>{"".join(rows)}</tbody></table></div>'
