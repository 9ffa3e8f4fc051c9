"""`xsmom why`: why a symbol has the target it has, at any time of any panel, or in the journal of a trader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsmom.cli.choice import AsJson, Overrides, load_choice, open_panel
from xsmom.cli.market import ConfigFile, choose_panel, choose_source
from xsmom.cli.trader_choice import Trader
from xsmom.cli.why_tables import show_around, show_rungs

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.research.explain import Explanation


app = typer.Typer()


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A name of the panel, or of the trader.")],
    panel: Annotated[
        Path | None,
        typer.Option(
            "--panel",
            metavar="PATH",
            help="A panel file.  [default: data.panel of the configuration, else a synthetic sample]",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        Literal["live", "paper", "shadow"] | None,
        typer.Option(
            "--mode",
            help="The trader of the configuration whose journal is meant.  [default: the one that there is]",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="2024-03-01 (00:00 UTC) or 2024-03-01T12:00Z.  [default: the newest bar, or decision]",
            show_default=False,
        ),
    ] = None,
    held: Annotated[
        Literal["long", "short"] | None,
        typer.Option("--held", help="On a panel: as if this name alone were held on that side, not the model book."),
    ] = None,
    lapse: Annotated[
        str, typer.Option(help="Of a trader on an exchange of your own: the speed that it was started with.")
    ] = "1",
    as_json: AsJson = False,
) -> None:
    """Say in plain words why SYMBOL has the target it has.

    Of a trader, running or stopped, it is the last decision in its journal (at or before --at), taken again with the
    bars and the book that the trader had; then what plan and gates made of it, what happened since, and how the name
    stands now. A trader is meant by --mode, or by a configuration file whose state folder holds one.

    Of a panel, the decision is the core's own, at the last rebalance at or before --at, with the model book: all
    decisions since the panel's start, filled without costs at the close. Stops, guards and bans come from a running
    book and are not in it.

    \b
    Examples:
      xsmom why BTCUSDT --mode live
      xsmom why BTCUSDT --mode paper --at 2024-03-01 --json
      xsmom why BTCUSDT --panel sample.panel --config config.yaml --at 2023-06-01
      xsmom why ETHUSDT --config classic --held long --set strategy.entry_zscore_min=0.5 --json
    """
    from xsmom.domain.stamps import parse_ms

    at_ms = None if at is None else parse_ms(at)
    source = choose_source(config)
    meant = _meant_trader(source, overrides, panel, mode, held)
    if meant is not None:
        _explain_trader(Trader.of(source, meant, overrides), symbol, at_ms, lapse, as_json=as_json)
        return
    _explain_panel(load_choice(source, overrides), source, panel, symbol, at_ms, held, as_json=as_json)


def _meant_trader(
    source: str, overrides: list[str] | None, panel: Path | None, mode: str | None, held: str | None
) -> str | None:
    """Mode of the trader that is asked about; None where it is a panel."""
    other = "--panel" if panel is not None else "--held" if held is not None else None
    if mode is not None and other is not None:
        raise typer.BadParameter(f"asks a trader, and {other} a panel: give one of them", param_hint="--mode")
    if mode is not None or other is not None:
        return mode
    from xsmom.cli.why_trader import find_modes

    found = find_modes(source, overrides)
    if len(found) > 1:
        raise typer.BadParameter(
            f"{source} has traders of {' and '.join(found)}: say which, or --panel to ask a panel", param_hint="--mode"
        )
    return found[0] if found else None


def _explain_trader(trader: Trader, symbol: str, at_ms: int | None, lapse: str, *, as_json: bool) -> None:
    from xsmom.cli.start_options import read_speed
    from xsmom.cli.why_trader import explain_trader, show_trader

    told = explain_trader(trader, symbol, at_ms, read_speed(lapse))
    if as_json:
        from xsmom.cli.output import print_json

        print_json(told.document())
        return
    show_trader(told)


def _explain_panel(
    chosen: Resolved,
    config: str,
    path: Path | None,
    symbol: str,
    at_ms: int | None,
    held: Literal["long", "short"] | None,
    *,
    as_json: bool,
) -> None:
    from xsmom.research.explain import explain

    params: dict[str, Any] = chosen.params()
    panel = choose_panel(path, None, chosen)
    found = explain(open_panel(panel, params["bar_ms"]), params, symbol, at_ms, held)
    if as_json:
        from xsmom.cli.output import print_json

        source = {"panel": None if panel is None else str(panel), "config": config}
        print_json({**source, "params_hash": chosen.params_hash, **found.document()})
        return
    _show(found, "sample market" if panel is None else str(panel), config)


def _show(found: Explanation, panel: str, config: str) -> None:
    from xsmom.domain.stamps import format_ms

    weight = f"{found.side} {abs(found.weight_frac):.2%} of equity" if found.side else "no position"
    typer.echo(f"{found.symbol}: target {weight}. {found.sentence} {found.because}".rstrip())
    where = f"{panel} ({found.panel_label})" if found.panel_label else panel
    typer.echo(f"Decided {format_ms(found.decided_ms)} on {where}, config {config}, book: {found.book}.")
    if found.asked_ms - found.decided_ms > 0:
        typer.echo(f"This is the last decision at or before {format_ms(found.asked_ms)}.")
    if not found.settled:
        typer.echo("The panel is shorter than what the features look back on: they are not settled yet.")
    show_rungs(found)
    show_around(found)
