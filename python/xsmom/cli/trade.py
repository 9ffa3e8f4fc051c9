"""`xsmom paper`, `xsmom shadow`, `xsmom live`: the engine on live data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xsmom.cli.choice import Overrides

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Your configuration; `xsmom init` writes one."),
]
Lapse = Annotated[
    str, typer.Option(help="How much faster than the wall the exchange's time runs; with exchange.base_url only.")
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over what is open in the account at a first start.")]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="SYMBOL", help="Leave this symbol alone; may be repeated.")
]

paper_app, shadow_app, live_app = typer.Typer(), typer.Typer(), typer.Typer()


@paper_app.command()
def paper(config: ConfigFile = None, overrides: Overrides = None, lapse: Lapse = "1") -> None:
    """Trade paper money on live prices: the live engine, and an exchange in this process.

    Bars, quotes and contracts come from the exchange's public data; no key is needed. State is kept in
    live.state_dir/paper: started again, it goes on.

    \b
    Examples:
      xsmom paper --config config.yaml
      xsmom paper --set paper.initial_equity_usdt=50000
    """
    _trade("paper", str(config) if config else "weekly", overrides, lapse, adopt=False, ignore=None)


@shadow_app.command()
def shadow(config: ConfigFile = None, overrides: Overrides = None, lapse: Lapse = "1", ignore: Ignore = None) -> None:
    """Decide on your real account and send nothing: what would have been done is in the log.

    \b
    Examples:
      xsmom shadow --config config.yaml
    """
    _trade("shadow", str(config) if config else "weekly", overrides, lapse, adopt=True, ignore=ignore)


@live_app.command()
def live(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Your configuration; there is no default.")],
    overrides: Overrides = None,
    lapse: Lapse = "1",
    adopt: Adopt = False,
    ignore: Ignore = None,
    accept_annual_cost: Annotated[
        float | None,
        typer.Option(metavar="FRAC", help="Cost a year that you accept, as a share of equity, such as 0.4."),
    ] = None,
) -> None:
    """Trade real money.

    It wants a report of this very configuration on real data, not older than live.report_max_age_days, and reads
    turnover and cost out. A cost above costs.max_annual_cost_frac has to be accepted by its figure.

    The process can be killed at any moment and started again: what was sent is looked up, what is held is
    compared with the exchange, and the stops stand on the exchange meanwhile. Ctrl-C or SIGTERM takes working
    orders back and leaves positions and their stops.

    \b
    Examples:
      xsmom live --config config.yaml
      xsmom live --config config.yaml --adopt --ignore BTCUSDT
      xsmom live --config config.yaml --accept-annual-cost 0.4
    """
    from datetime import UTC, datetime

    from xsmom.cli.permit import check_permit
    from xsmom.cli.run_folder import RUNS
    from xsmom.config.load import load_config

    for line in check_permit(load_config(str(config), overrides or ()), RUNS, accept_annual_cost, datetime.now(UTC)):
        print(line)
    _trade("live", str(config), overrides, lapse, adopt=adopt, ignore=ignore)


def _trade(
    mode: str, source: str, overrides: list[str] | None, lapse: str, *, adopt: bool, ignore: list[str] | None
) -> None:
    from xsmom.cli.progress import ProgressBar
    from xsmom.config.load import load_config
    from xsmom.desk.log import NoteLog, configure_logging
    from xsmom.live.wiring import Start, run

    config = load_config(source, overrides or ())
    configure_logging()
    with ProgressBar("history of names") as tell:
        start = Start(config, mode, (NoteLog(),), tell, read_speed(lapse), adopt, tuple(ignore or ()))
        why = run(start)
    print(f"stopped: {why}")


def read_speed(text: str) -> float:
    """How much faster than the wall, as it is written."""
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= 100_000.0:
        raise typer.BadParameter(f"{text!r} is no speed: write 1 to 100000, such as 60x", param_hint="--lapse")
    return speed
