"""The typer application: global options, and sub-commands that load when they are called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from xsmom.cli.table import COMMANDS, Command
from xsmom.cli.values import read_plainly

read_plainly()

EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, what a shell reports for `cat big | head`

_COMPLETION_OPTIONS = ("install_completion", "show_completion")
_ROWS = {row.name: row for row in COMMANDS}
_WHOLE_NAMES = {"kill-switch": "kill"}
"""What a command may be called beside the name that is listed: nobody should have to look that one up in a hurry."""

_EPILOG = (
    "\b\n"
    "Examples:\n"
    "  xsmom demo            a made-up market, decided and drawn\n"
    "  xsmom init my-fund    a folder with a commented config\n"
    "  xsmom doctor --json   what a script wants to know\n"
    "  xsmom init --help     each command shows its own examples"
)


@dataclass
class Front:
    """What the global options said; made by `main`, filled by the callback below."""

    debug: bool = False


class FrontGroup(TyperGroup):
    """A group whose commands are light stand-ins until one of them is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for row in COMMANDS:
            self.add_command(TyperCommand(row.name, callback=None, help=row.help_line))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Swap the stand-in for the real command: the only place that imports one."""
        args = [_WHOLE_NAMES.get(args[0], args[0]), *args[1:]]
        name, command, rest = super().resolve_command(ctx, args)
        row = _ROWS.get(name or "")
        return name, (command if row is None else load_command(row)), rest

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Help and completion print here, before any command is invoked."""
        with _quiet_pipe():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _quiet_pipe():
            return super().invoke(ctx)


def load_command(row: Command) -> Any:
    """The real command of a row, under the row's own name."""
    command = get_command(getattr(import_module(row.module), row.attribute))
    command.name = row.name
    # Each Typer offers to install completion for itself; that is the front's business alone.
    command.params = [item for item in command.params if item.name not in _COMPLETION_OPTIONS]
    _make_plain(command)
    return command


def _make_plain(command: Any) -> None:
    """Sub-commands print their help as plainly as the front does."""
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        _make_plain(inner)


def mute_stdout() -> None:
    """Let the interpreter's last flush go nowhere, instead of into a closed pipe."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


@contextmanager
def _quiet_pipe() -> Iterator[None]:
    """`xsmom ... | head` ends quietly when head has seen enough."""
    try:
        yield
    except BrokenPipeError:
        mute_stdout()
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        from xsmom._core import __version__

        typer.echo(f"xsmom {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="xsmom",
    cls=FrontGroup,
    rich_markup_mode=None,  # plain help: half the start-up time, and it can be copied
    help="Research and live trading of cross-sectional momentum on perpetual futures.",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def front(
    ctx: typer.Context,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="On an error, print the traceback (secrets blotted out)."),
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Note the global options where `main` finds them after an error."""
    ctx.obj.debug = debug
