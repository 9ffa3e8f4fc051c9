"""`xsmom data universe`: who could be traded at one time, and why the others could not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.choice import AsJson, ConfigSource, Overrides, load_choice, open_panel
from xsmom.cli.market import choose_panel
from xsmom.cli.survey_choice import Venue, open_cached

if TYPE_CHECKING:
    from xsmom.lake.panel import Panel
    from xsmom.research.universe import Member, Universe


def universe(
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="2024-03-01 (00:00 UTC) or 2024-03-01T12:00Z.  [default: the newest bar]",
            show_default=False,
        ),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(
            "--panel",
            metavar="PATH",
            help="A panel file.  [default: data.panel of the configuration, else a sample]",
            show_default=False,
        ),
    ] = None,
    lake: Annotated[
        Path | None,
        typer.Option("--lake", metavar="DIR", help="A lake, whose market is compiled first.", show_default=False),
    ] = None,
    venue: Venue = None,
    config: ConfigSource = "weekly",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show the universe of one decision: every name, in or out, and the first rule that kept it out.

    The mask is the core's own, the one that a backtest and a live run decide with; it knows nothing
    that came later. Rank and volume are of the days before.

    \b
    Examples:
      xsmom data universe --at 2023-06-01 --panel market.panel
      xsmom data universe --lake lake --config config.yaml --set universe.max_symbols=40
      xsmom data universe --panel market.panel --json
    """
    from xsmom.domain.stamps import parse_ms
    from xsmom.research.universe import universe_at

    if panel is not None and lake is not None:
        raise typer.BadParameter("give one of --panel and --lake", param_hint="--lake")
    chosen = load_choice(config, overrides)
    panel = choose_panel(panel, lake, chosen)
    params: dict[str, Any] = chosen.params()
    market = open_cached(lake, venue, chosen) if lake is not None else open_panel(panel, params["bar_ms"])
    found = universe_at(market, params, None if at is None else parse_ms(at))
    source = str(lake or panel or "sample market")
    if as_json:
        _print_json(found, market, source, config, chosen.params_hash)
        return
    _show(found, source, config)


def _print_json(found: Universe, market: Panel, source: str, config: str, params_hash: str) -> None:
    from xsmom.cli.output import print_json
    from xsmom.domain.stamps import format_ms

    print_json(
        {
            "source": source,
            "panel_hash": market.hash,
            "config": config,
            "params_hash": params_hash,
            "decided_ms": found.decided_ms,
            "decided": format_ms(found.decided_ms),
            "eligible": found.eligible,
            "names": len(found.members),
            "members": [member.document() for member in found.members],
        }
    )


def _show(found: Universe, source: str, config: str) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    label = f" ({found.label})" if found.label else ""
    typer.echo(f"{format_ms(found.decided_ms)}, {source}{label}, config {config}:")
    typer.echo(f"{found.eligible} of {len(found.members)} names may be traded.\n")
    rows = [_row(member) for member in found.members]
    styles = [None if member.eligible else "dim" for member in found.members]
    titles = ("symbol", "may", "rank", "volume a day", "age, days", "close", "listed", "delisted", "why not")
    print_table(titles, rows, styles)


def _row(member: Member) -> tuple[str, ...]:
    from xsmom.domain.stamps import format_ms

    def say(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return (
        member.symbol,
        "yes" if member.eligible else "no",
        "" if member.rank is None else str(member.rank),
        say(member.dollar_volume_usdt, ",.0f"),
        say(member.age_days, ",.0f"),
        say(member.close, ".6g"),
        format_ms(member.listed_ms)[:10],
        "" if member.delisted_ms is None else format_ms(member.delisted_ms)[:10],
        member.sentence,
    )
