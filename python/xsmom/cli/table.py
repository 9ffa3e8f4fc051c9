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
    Command("why", "xsmom.cli.why", "app", "Say why a symbol has the target it has."),
    Command("doctor", "xsmom.cli.doctor", "app", "Look for what would keep xsmom from working."),
)
