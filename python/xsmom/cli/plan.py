"""`xsmom plan`: what the trader would do at its next bar, on the real account, with nothing sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.amounts import usdt
from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.size_options import Capital, MaxOrder, Ramp, size_overrides
from xsmom.cli.start_options import Adopt, Ignore, Lapse, read_speed

if TYPE_CHECKING:
    from xsmom.live.outlook import Leg, Outlook, Row
    from xsmom.live.wiring import Start

app = typer.Typer()


@app.command()
def plan(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The configuration of the trader.")],
    overrides: Overrides = None,
    closed: Annotated[
        bool,
        typer.Option("--closed", help="Decide the newest closed bar, as a start now would, in place of the next one."),
    ] = False,
    lapse: Lapse = "1",
    adopt: Adopt = False,
    ignore: Ignore = None,
    ramp: Ramp = None,
    capital: Capital = None,
    max_order_usdt: MaxOrder = None,
    as_json: AsJson = False,
) -> None:
    """Show what the trader would do if the bar that is forming closed now: orders, cost, stops, and what is refused.

    The account is read, never changed; the journal is read too, where there is one, while its trader goes on. The
    decision, the plan and every gate are the engine's own, fed with the candles of the exchange. Without a journal
    it is the first start that is shown: give the options that you would give to `live`.

    \b
    Examples:
      xsmom plan --config config.yaml
      xsmom plan --config config.yaml --capital 2000 --ramp 5d
      xsmom plan --config config.yaml --closed --json
    """
    import asyncio

    from xsmom.cli.output import print_json
    from xsmom.config.load import load_config
    from xsmom.live.control import waiting_commands
    from xsmom.live.wiring import Start

    given = [*(overrides or ()), *size_overrides(ramp, capital, max_order_usdt)]
    resolved = load_config(str(config), given)
    start = Start(resolved, "live", (), None, read_speed(lapse), adopt, tuple(ignore or ()))
    outlook = asyncio.run(_look_ahead(start, forming=not closed))
    waiting = waiting_commands(start.state_dir)
    if as_json:
        print_json(_plain({**outlook.document(), "commands_waiting": waiting}))
        return
    _show(outlook)
    if waiting:
        print(f"{waiting} commands wait in {start.state_dir}: the trader takes them first, and they are not in this")


async def _look_ahead(start: Start, *, forming: bool) -> Outlook:
    """Connect, rehearse, and put it into words."""
    from xsmom.cli.progress import ProgressBar
    from xsmom.errors import StateError, VenueError
    from xsmom.live.outlook import look_ahead
    from xsmom.live.rehearsal import rehearse
    from xsmom.live.wiring import make_setting, open_account
    from xsmom.store.look import look_at_journal
    from xsmom.store.rules import StoreRules

    account: Any
    account, clock = await open_account(start)
    try:
        journal = look_at_journal(StoreRules.of(start.config), start.state_dir, clock.now_ms())
        if journal.torn:
            raise StateError(f"{journal.torn}: start its trader once, which folds the book anew")
        name = f"{account.venue}:{(await account.key()).account}"
        if journal.account and journal.account != name:
            raise StateError(
                f"the journal {journal.place.name} is that of {journal.account}, and the key is of {name}: give each "
                "account its own live.state_dir or storage.url"
            )
        setting = make_setting(start, start.state_dir)
        running = bool(journal.writer)
        with ProgressBar("history of names") as tell:
            rehearsal = await rehearse(
                account, setting, journal.book, clock, running=running, forming=forming, progress=tell
            )
        try:
            fees = await account.fees()
        except VenueError:
            fees = {}  # those of the configuration stand in
        return look_ahead(rehearsal, start.config.costs(), fees)
    finally:
        await account.close()


def _plain(value: Any) -> Any:
    """A number that is not known is null in JSON."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124  NaN alone differs
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _show(outlook: Outlook) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    head, close = outlook.head, format_ms(outlook.head["close_ms"])
    print(f"if the bar that ends {close} closed now" if head["forming"] else f"the bar that closed {close}")
    if head["next_rebalance_ms"] != head["close_ms"]:
        print(f"no rebalance is due there: decided as the one of {format_ms(head['next_rebalance_ms'])} would be")
    if head["mode"] != "trading":
        print(f"mode {head['mode']}: {head['mode_why']}")
    for mismatch in head["mismatches"]:
        print(f"mismatch {mismatch}")
    columns = ("symbol", "held", "target", "goal", "order", "USDT", "cost bps", "stop", "shaped by", "why")
    rows = [cells for row in outlook.rows for cells in _rows(row)]
    if rows:
        print_table(columns, [cells for cells, _ in rows], [style for _, style in rows])
    else:
        print("nothing is held and nothing is wanted")
    _show_totals(outlook.totals)


def _rows(row: Row) -> list[tuple[tuple[str, ...], str | None]]:
    """A line for each order; one for a name without any."""
    first = (row.symbol, f"{row.lots:+d}" if row.lots else "", _percent(row.weight_frac), f"{row.goal_lots:+d}")
    if not row.legs:
        return [((*first, "", "", "", _price(row.stop_price), "", row.reason_text), None)]
    return [((*first, *_leg_cells(leg, row)), "yellow" if leg.gates else None) for leg in row.legs]


def _leg_cells(leg: Leg, row: Row) -> tuple[str, ...]:
    order = f"{leg.lots:+d}" if leg.lots else "refused"
    if leg.lots and leg.lots != leg.wanted_lots:
        order += f" of {leg.wanted_lots:+d}"
    elif not leg.lots:
        order += f" {leg.wanted_lots:+d}"
    if leg.reduce_only:
        order += " reduces"
    cost = "" if leg.cost_bps is None else f"{leg.cost_bps:.1f}"
    value = usdt(leg.notional_usdt) if leg.lots else ""
    stop = _price(leg.stop_price if leg.stop_price is not None else row.stop_price)
    return (order, value, cost, stop, ", ".join(leg.gates), leg.why or row.reason_text)


def _show_totals(totals: Any) -> None:
    cost = "not known" if totals["cost_usdt"] is None else f"{usdt(totals['cost_usdt'])} USDT"
    rate = "" if totals["cost_bps"] is None else f" ({totals['cost_bps']:.1f} bps of it)"
    print(
        f"{totals['orders']} orders, {totals['refused']} refused; trades {usdt(totals['traded_usdt'])} USDT, "
        f"{_percent(totals['turnover_frac'])} of equity; cost about {cost}{rate}"
    )
    print(
        f"equity {usdt(totals['equity_usdt'])}, sized by {usdt(totals['sizing_usdt'])}; "
        f"gross {usdt(totals['gross_usdt'])} -> {usdt(totals['gross_after_usdt'])}, "
        f"net {usdt(totals['net_usdt'], sign=True)} -> {usdt(totals['net_after_usdt'], sign=True)}, "
        f"margin after {_percent(totals['margin_after_frac'])}"
    )


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.2%}" if value else "0"


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
