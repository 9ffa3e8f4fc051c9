"""What commands on a lake let the user choose: which lake, which market of it, and the rules' limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from xsmom.cli.lake_choice import DEFAULT_CONFIG, choose_lake, choose_venue
from xsmom.errors import DataError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.domain.tickers import Change
    from xsmom.lake.panel import Panel
    from xsmom.lake.rules import Limits
    from xsmom.lake.store import Lake
    from xsmom.lake.survey import Survey

Venue = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Exchange, as the lake names it.  [default: the only one]", show_default=False),
]
Symbols = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="These symbols alone, by commas.  [default: all]", show_default=False),
]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Where limits and renames stand: sections `data` and `universe`.  [default: ./config.yaml, else defaults]",
        show_default=False,
    ),
]


def open_lake(path: Path | None) -> Lake:
    """The lake of a folder, or that of the project."""
    from xsmom.lake.store import Lake

    return Lake.open(choose_lake(path))


def pick_venue(lake: Lake, named: str | None) -> str:
    """The venue that was named, here or in the project's configuration, or the only one that has bars."""
    venue = choose_venue(named)
    venues = sorted({key.venue for key in lake.keys(kind="bars")})
    if venue is not None and venue not in venues:
        raise DataError(f"the lake {lake.root} holds no bars from {venue}; it has {', '.join(venues) or 'none at all'}")
    if venue is None and len(venues) != 1:
        have = ", ".join(venues) or "no bars: download or import some first"
        raise DataError(f"the lake {lake.root} has {have}{'; choose one by --venue' if venues else ''}")
    return venue or venues[0]


def split_symbols(text: str | None) -> list[str] | None:
    """`BTCUSDT,ETHUSDT` as a list; case is the exchange's."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter("name at least one symbol", param_hint="--symbols")
    return sorted(set(names))


def load_rules(config: str | None, overrides: list[str] | None) -> tuple[Resolved, Limits, tuple[Change, ...]]:
    """The limits of the rules and the map of tickers that a configuration asks for."""
    from xsmom.config.load import load_config

    source = config or (str(DEFAULT_CONFIG) if DEFAULT_CONFIG.exists() else None)
    resolved = load_config(source, overrides or ())
    limits, changes = rules_of(resolved)
    return resolved, limits, changes


def rules_of(resolved: Resolved) -> tuple[Limits, tuple[Change, ...]]:
    """The same of a configuration that is read already."""
    from xsmom.config.lists import list_changes
    from xsmom.domain.tickers import Change
    from xsmom.lake.rules import Limits

    spike, stale = resolved.value("data.max_spike_frac"), resolved.value("data.max_stale_bars")
    limits = Limits(float(cast("float", spike)), int(cast("int", stale)))
    renames = cast("dict[str, str]", resolved.value("universe.renames"))
    own = tuple(Change(0, old, new, 1.0, "universe.renames") for old, new in sorted(renames.items()))
    return limits, (*list_changes(cast("str", resolved.value("exchange.quote"))), *own)


def make_survey(
    lake: Lake, venue: str, timeframe: str, symbols: list[str] | None, limits: Limits, changes: tuple[Change, ...]
) -> Survey:
    """A walk over the market that was chosen."""
    from xsmom.lake.survey import Survey

    return Survey(lake, venue, timeframe, symbols, limits, changes)


def print_rules(findings: Any) -> None:
    """A table by rule: what was found, and what the panel does about it."""
    from xsmom.cli.output import print_table
    from xsmom.lake.findings import count_by_rule
    from xsmom.lake.rules import RULES, Severity

    styles = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: None}
    counted = count_by_rule(findings)
    rows = [
        (name, RULES[name].severity.value, f"{found:,}", f"{symbols:,}", f"{rows:,}", RULES[name].does)
        for name, (found, symbols, rows) in counted.items()
    ]
    titles = ("rule", "severity", "findings", "symbols", "rows", "the panel")
    print_table(titles, rows, [styles[RULES[name].severity] for name in counted])


def open_cached(path: Path, venue: str | None, resolved: Resolved) -> Panel:
    """The panel of a lake's market in the bars that a configuration counts: compiled now, or before."""
    from xsmom.cli.progress import ProgressBar
    from xsmom.domain.timeframe import format_timeframe
    from xsmom.lake.panel import Panel
    from xsmom.lake.panel_cache import compile_cached

    lake = open_lake(path)
    limits, changes = rules_of(resolved)
    timeframe = format_timeframe(cast("int", resolved.params()["bar_ms"]))
    survey = make_survey(lake, pick_venue(lake, venue), timeframe, None, limits, changes)
    with lake.reading(), ProgressBar("compiling") as tell:
        return Panel.open(compile_cached(survey, tell))
