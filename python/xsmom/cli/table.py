"""Every command in one table: name, where it lives, and its line in `xsmom --help`.

Help and completion are answered from here, so no command's module is imported before it runs.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One row: `attribute` of `module` is a `typer.Typer`."""

    name: str
    module: str
    attribute: str
    help_line: str


COMMANDS: tuple[Command, ...] = (
    Command("demo", "xsmom.cli.demo", "app", "Make a sample market, decide, and draw the book."),
    Command("init", "xsmom.cli.init", "app", "Start a project folder: config, .env.example."),
    Command("config", "xsmom.cli.config", "app", "Check, show and explain a configuration."),
    Command("backtest", "xsmom.cli.backtest", "app", "Simulate a configuration; costs come first."),
    Command("report", "xsmom.cli.report", "app", "Look at runs that were written; compare them."),
    Command("sweep", "xsmom.cli.sweep", "app", "Simulate many configurations over one market."),
    Command("data", "xsmom.cli.data", "app", "Make and look at market data."),
    Command("exchange", "xsmom.cli.exchange", "app", "Look at an exchange: reachable, markets, account."),
    Command("simex", "xsmom.cli.simex", "app", "Run a made-up exchange that speaks a real protocol."),
    Command("plan", "xsmom.cli.plan", "app", "What the trader would do at its next bar; sends nothing."),
    Command("preflight", "xsmom.cli.preflight", "app", "Everything that live demands, as a list."),
    Command("paper", "xsmom.cli.trade", "paper_app", "Trade paper money on live prices."),
    Command("shadow", "xsmom.cli.trade", "shadow_app", "Decide on the real account and send nothing."),
    Command("live", "xsmom.cli.trade", "live_app", "Trade real money."),
    Command("status", "xsmom.cli.status", "app", "How a trader is, at one glance."),
    Command("positions", "xsmom.cli.positions", "app", "What a trader holds, and what protects it."),
    Command("orders", "xsmom.cli.orders", "app", "Orders that stand, or all that were sent."),
    Command("ledger", "xsmom.cli.ledger", "app", "Equity, costs and funding since the first start."),
    Command("pnl", "xsmom.cli.pnl", "app", "What a day or a week has brought, part by part."),
    Command("export", "xsmom.cli.export", "app", "A trader's past as CSV: fills, funding, income."),
    Command("kill", "xsmom.cli.operate", "kill_app", "The kill switch (kill-switch is the same)."),
    Command("flatten", "xsmom.cli.operate", "flatten_app", "Close every position and wait."),
    Command("pause", "xsmom.cli.operate", "pause_app", "Enter nothing for a while."),
    Command("resume", "xsmom.cli.operate", "resume_app", "Trade again after a pause."),
    Command("release", "xsmom.cli.operate", "release_app", "Give a name traded by hand back."),
    Command("rearm", "xsmom.cli.operate", "rearm_app", "Let a latched guard go."),
    Command("reconcile", "xsmom.cli.operate", "reconcile_app", "Compare the book with the exchange now."),
    Command("classify", "xsmom.cli.operate", "classify_app", "Say what a change of the wallet was."),
    Command("stop", "xsmom.cli.operate", "stop_app", "End the trader in order."),
    Command("watchdog", "xsmom.cli.watchdog", "app", "Watch the trader from a process of its own."),
    Command("why", "xsmom.cli.why", "app", "Say why a symbol has the target it has."),
    Command("doctor", "xsmom.cli.doctor", "app", "Look for what would keep xsmom from working."),
)
