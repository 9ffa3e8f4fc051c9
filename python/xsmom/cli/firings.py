"""`xsmom config check --firings`: how often each guard would have fired, from a backtest of this configuration."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xsmom.config.resolved import Resolved

_SHORT_MONTHS = 3.0
_ENDS = {
    "bankrupt": "equity was gone",
    "liquidated": "the margin was gone",
    "drawdown": "the drawdown guard closed everything and stays so until an operator re-arms it",
}


def look_firings(config: Resolved, panel: Path | None, data: Path | None) -> dict[str, Any]:
    """Count on the market that is meant, as one JSON object."""
    from xsmom import _core
    from xsmom.cli.market import choose_panel, open_market
    from xsmom.cli.progress import ProgressBar
    from xsmom.live.firings import GUARDS, count_firings
    from xsmom.research.backtest import check_fit

    path = choose_panel(panel, data, config)
    market = open_market(path, data, None, config)
    params = config.params()
    check_fit(market, config, _core.Params(**params))
    with ProgressBar("leading the guards through bars") as tell:
        found = count_firings(market, config, tell)
    rows = [
        {
            "guard": row.guard,
            "setting": row.setting,
            "limit": params[row.field] if config.value(row.setting) is None else config.value(row.setting),
            "on": found.on[row.guard],
            "one_is": row.counts,
            "a_month": found.a_month(row.guard),
            **asdict(found.rows[row.guard]),
        }
        for row in GUARDS
    ]
    return {
        "market": str(data or path or "a synthetic sample market"),
        "label": market.label,
        "since_ms": found.since_ms,
        "until_ms": found.until_ms,
        "months": found.months,
        "ended_by": found.ended_by,
        "bars": found.bars,
        "guarded_bars": found.guarded_bars,
        "guards": rows,
    }


def print_firings(told: Mapping[str, Any]) -> None:
    """A table of the guards that are on, and the sentences without which it would mislead."""
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    span = f"{format_ms(told['since_ms'])} to {format_ms(told['until_ms'])}"
    print(f"firings of guards on {told['market']}, {span} ({told['months']:.1f} months)")
    on = [row for row in told["guards"] if row["on"]]
    columns = ("guard", "setting", "limit", "a month", "firings", "one is", "names", "bars in force", "first", "newest")
    print_table(columns, [_cells(row) for row in on], ["yellow" if row["firings"] else None for row in on])
    off = [row["guard"] for row in told["guards"] if not row["on"]]
    if off:
        print(f"off: {', '.join(off)}")
    print(f"guards of the book ruled at {told['guarded_bars']:,} of {told['bars']:,} closes since the first target")
    for sentence in _caveats(told):
        print(sentence)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    from xsmom.domain.stamps import format_ms

    limit = "on" if row["limit"] is True else f"{row['limit']:g}"
    rate = "not known" if row["a_month"] is None else f"{row['a_month']:.2f}"
    names = f"{row['names']:,}" if row["names"] else ""
    bars = f"{row['bars']:,}" if row["bars"] else ""
    times = ("" if row[name] is None else format_ms(row[name]) for name in ("first_ms", "newest_ms"))
    return (row["guard"], row["setting"], limit, rate, f"{row['firings']:,}", row["one_is"], names, bars, *times)


def _caveats(told: Mapping[str, Any]) -> list[str]:
    from xsmom.domain.stamps import format_ms

    found = []
    if told["label"]:
        found.append(
            f"this market is made up ({told['label']}): the figures show how near the limits are to such prices, not "
            "what a real market does; give --panel or --data"
        )
    if told["ended_by"]:
        why = _ENDS[told["ended_by"]]
        found.append(f"counted up to {format_ms(told['until_ms'])} only: {why}")
    for row in told["guards"]:
        if row["blind_bars"]:
            found.append(
                f"{row['guard']} could not be evaluated at {row['blind_bars']:,} closes, most of them before there "
                "was history enough: it blocks entries there, in live trading too"
            )
    if told["months"] < _SHORT_MONTHS:
        found.append(f"{told['months']:.1f} months are too few for a rate that is rarer than one a month")
    found.append(
        "not counted: gates on facts of an account (margin, wallet, lag, order and position size, stops), which no "
        "backtest has"
    )
    return found
