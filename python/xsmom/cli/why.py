"""`xsmom why`: why a symbol has the target it has, at any time of any panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsmom.cli.choice import AsJson, ConfigSource, Overrides, load_choice, open_panel
from xsmom.cli.market import choose_panel

if TYPE_CHECKING:
    from xsmom.research.explain import Explanation
    from xsmom.research.rungs import Rung

_STAGES = {
    "universe": "May it be traded?",
    "signal": "How strong is it?",
    "selection": "Is it taken?",
    "size": "How much of it?",
}
_PASSED = {True: "yes", False: "NO", None: ""}

app = typer.Typer()


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A name of the panel.")],
    panel: Annotated[
        Path | None,
        typer.Option(
            "--panel",
            metavar="PATH",
            help="A panel file.  [default: data.panel of the configuration, else a synthetic sample]",
            show_default=False,
        ),
    ] = None,
    config: ConfigSource = "weekly",
    overrides: Overrides = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="2024-03-01 (00:00 UTC) or 2024-03-01T12:00Z.  [default: the newest bar]",
            show_default=False,
        ),
    ] = None,
    held: Annotated[
        Literal["long", "short"] | None,
        typer.Option("--held", help="Ask as if this name alone were held on that side, instead of the model book."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say in plain words why SYMBOL has the target it has.

    The decision is the core's own, at the last rebalance at or before --at, with the model book: all
    decisions since the panel's start, filled without costs at the close. Stops, guards and bans
    come from a running book and are not in it.

    \b
    Examples:
      xsmom why BTCUSDT
      xsmom why BTCUSDT --panel sample.panel --config config.yaml --at 2023-06-01
      xsmom why ETHUSDT --config classic --held long --set strategy.entry_zscore_min=0.5 --json
    """
    from xsmom.domain.stamps import parse_ms
    from xsmom.research.explain import explain

    at_ms = None if at is None else parse_ms(at)
    chosen = load_choice(config, overrides)
    params: dict[str, Any] = chosen.params()
    panel = choose_panel(panel, None, chosen)
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
    _show_rungs(found)
    _show_around(found)


def _show_rungs(found: Explanation) -> None:
    from xsmom.cli.output import print_table
    from xsmom.research.explain import show_limit, show_value

    def row(rung: Rung) -> tuple[str, ...]:
        return (rung.text, show_value(rung.value, rung.unit), show_limit(rung), _PASSED[rung.passed], rung.note)

    for stage, title in _STAGES.items():
        rungs = [rung for rung in found.rungs if rung.stage == stage]
        styles = ["red" if rung.passed is False else None for rung in rungs]
        typer.echo()
        print_table((title, "value", "wants", "passed", "note"), [row(rung) for rung in rungs], styles)


def _show_around(found: Explanation) -> None:
    from xsmom.cli.output import print_table
    from xsmom.research.explain import show_value

    if not found.around:
        return
    rows = [
        (
            f"{near.rank}",
            near.symbol,
            f"{near.z:+.3f}",
            f"{near.s:+.3f}",
            show_value(near.weight_frac, "share"),
            near.reason,
        )
        for near in found.around
    ]
    styles = ["bold" if near.symbol == found.symbol else None for near in found.around]
    typer.echo()
    print_table(("rank", "names around it", "z", "s", "target", "reason"), rows, styles)
