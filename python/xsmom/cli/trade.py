"""`xsmom paper`, `xsmom shadow`, `xsmom live`: the engine on live data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xsmom.cli.choice import Overrides
from xsmom.cli.finding import Status
from xsmom.cli.size_options import Capital, MaxOrder, Ramp, size_overrides
from xsmom.cli.start_options import AcceptCost, Adopt, Ignore, Lapse, read_speed

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Your configuration; `xsmom init` writes one."),
]
_READ_OUT = frozenset({"report", "cost", "bounds", "account"})
"""Lines of the preflight that are read out at every start."""

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
    accept_annual_cost: AcceptCost = None,
    ramp: Ramp = None,
    capital: Capital = None,
    max_order_usdt: MaxOrder = None,
) -> None:
    """Trade real money.

    First it goes through what `xsmom preflight` shows, and refuses by the first line that fails: above all it wants a
    report of this very configuration on real data, not older than live.report_max_age_days, and reads turnover and
    cost out. A cost above costs.max_annual_cost_frac has to be accepted by its figure.

    --ramp, --capital and --max-order-usdt are for the first weeks. The journal remembers them: a later start goes on
    with them until it is told otherwise (--ramp 0, --capital off), and a restart does not begin the ramp anew.

    The process can be killed at any moment and started again: what was sent is looked up, what is held is
    compared with the exchange, and the stops stand on the exchange meanwhile. Ctrl-C or SIGTERM takes working
    orders back and leaves positions and their stops.

    \b
    Examples:
      xsmom live --config config.yaml
      xsmom live --config config.yaml --ramp 5d --capital 2000 --max-order-usdt 200
      xsmom live --config config.yaml --ramp 0:10%,2:25%,5:50%,8:100%
      xsmom live --config config.yaml --adopt --ignore BTCUSDT
      xsmom live --config config.yaml --accept-annual-cost 0.4
    """
    from xsmom.cli.preflight import ask, examine, refuse_failed
    from xsmom.config.load import load_config

    given = [*(overrides or ()), *size_overrides(ramp, capital, max_order_usdt)]
    asked = ask(
        load_config(str(config), given),
        read_speed(lapse),
        adopt=adopt,
        ignore=ignore,
        accepted_frac=accept_annual_cost,
    )
    findings = examine(asked)
    for row in findings:
        if row.status is not Status.OK or row.name in _READ_OUT:
            print(f"{row.name}: {row.detail}" + (f" ({row.mend})" if row.mend else ""), flush=True)
    refuse_failed(findings)
    _trade("live", str(config), given, lapse, adopt=adopt, ignore=ignore)


def _trade(
    mode: str, source: str, overrides: list[str] | None, lapse: str, *, adopt: bool, ignore: list[str] | None
) -> None:
    from xsmom.cli.progress import ProgressBar
    from xsmom.config.load import load_config
    from xsmom.desk.log import NoteLog, configure_logging
    from xsmom.live.config_watch import ConfigWatch, watched_files
    from xsmom.live.wiring import Start, run

    config, file = load_config(source, overrides or ()), Path(source)
    watch = ConfigWatch(config, watched_files(file), lambda: load_config(source, overrides or ()))
    configure_logging()
    with ProgressBar("history of names") as tell:
        start = Start(config, mode, (NoteLog(),), tell, read_speed(lapse), adopt, tuple(ignore or ()), watch)
        why = run(start)
    print(f"stopped: {why}")
