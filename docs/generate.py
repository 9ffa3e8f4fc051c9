"""Write the reference pages that are made from code: `python docs/generate.py [--check]`.

With --check nothing is written; a page that is not current is named, and the exit code is 1.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

import xsmom.errors
from xsmom.cli.doctor import EXIT_FOUND
from xsmom.cli.front import EXIT_BROKEN_PIPE, app, load_command
from xsmom.cli.main import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE
from xsmom.cli.table import COMMANDS
from xsmom.lake.rules import RULES

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Made by docs/generate.py; do not edit. -->\n"

CLI_HEAD = """\
# Command line

Every command answers `--help`; errors are one sentence on stderr, and the
[exit code](exit-codes.md) tells a script what happened. `--json` prints one document on stdout.
"""

EXIT_HEAD = """\
# Exit codes

A script may rely on these numbers; they are part of the interface. The tens are families.

| code | name | meaning |
|---|---|---|
"""

CODES = (
    (0, "success", "The command did what it says."),
    (EXIT_FOUND, "no", "The command ran, and its answer is no: a check failed."),
    (EXIT_USAGE, "usage", "The command line cannot be understood; nothing was done."),
    (EXIT_BUG, "bug", "An error that nobody foresaw. `xsmom --debug ...` shows where."),
    (EXIT_INTERRUPTED, "interrupted", "Ctrl-C; `xsmom sweep` has written what was done, and said so."),
    (EXIT_BROKEN_PIPE, "broken pipe", "The reader of our output, such as `head`, has left."),
)


def cli_page() -> str:
    """The front, then each command of the table with its sub-commands."""
    parts = [NOTICE, CLI_HEAD, *section(get_command(app), "xsmom", 2)]
    for row in COMMANDS:
        parts += section(load_command(row), f"xsmom {row.name}", 2)
    return "\n".join(parts).rstrip() + "\n"


def section(command: Any, path: str, level: int) -> Iterator[str]:
    """One command: title, text, options; then its sub-commands, except those of the front."""
    yield f"{'#' * level} `{path}`\n"
    yield prose(command.help or "")
    if path == "xsmom":
        yield prose(command.epilog)
    rows = [row for item in command.params if (row := parameter(item))]
    if rows:
        yield "| | | default |\n|---|---|---|"
        yield "\n".join(rows) + "\n"
    if path != "xsmom":
        for name, inner in getattr(command, "commands", {}).items():
            yield from section(inner, f"{path} {name}", level + 1)


def prose(text: str) -> str:
    """Help text as markdown: a block that click must not wrap becomes a code block."""
    paragraphs = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            title, _, lines = paragraph.removeprefix("\b\n").partition("\n")
            paragraphs.append(f"{title}\n\n```sh\n{inspect.cleandoc(lines)}\n```")
        else:
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs) + "\n"


def parameter(item: Any) -> str | None:
    """One row of the table of options; hidden ones have none."""
    if item.hidden:
        return None
    names = ", ".join(f"`{name}`" for name in [*item.opts, *item.secondary_opts])
    if item.param_type_name == "argument":
        names = f"`{item.metavar or item.name.upper()}`"
    default = "required" if item.required else "" if not item.default else f"`{item.default}`"
    return f"| {names} | {' '.join((item.help or '').split())} | {default} |"


def exit_page() -> str:
    """Fixed codes and those of the exception classes, by number; a class shares its parent's."""
    rows = [(code, name, meaning) for code, name, meaning in CODES]
    for _, kind in inspect.getmembers(xsmom.errors, inspect.isclass):
        if "exit_code" in vars(kind) and kind is not xsmom.errors.XsmomError:
            told = (inspect.getdoc(kind) or "").replace("\n", " ")
            rows.append((kind.exit_code, f"`{kind.__name__}`", told))
    lines = [f"| {code} | {name} | {meaning} |" for code, name, meaning in sorted(rows)]
    return NOTICE + "\n" + EXIT_HEAD + "\n".join(lines) + "\n"


RULES_HEAD = """\
# Rules of data quality

What `xsmom data check` looks for, and what `xsmom data compile` does about it; both read the same
verdicts. *Looks at* says what a rule must have seen: one that looks at the next bar or at later rows
knows more than a live run does at that moment. Why the rules are as they are:
[Data quality](../explanation/data-quality.md).

| rule | finds | severity | the panel | looks at |
|---|---|---|---|---|
"""


def rules_page() -> str:
    """The table of rules, in its own order."""
    rows = [
        f"| `{rule.name}` | {rule.finds} | {rule.severity.value} | {rule.does} | {rule.sees.value} |"
        for rule in RULES.values()
    ]
    return NOTICE + "\n" + RULES_HEAD + "\n".join(rows) + "\n"


def pages() -> dict[Path, str]:
    """Every generated page and what it should hold now."""
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "exit-codes.md": exit_page(),
        REFERENCE / "data-rules.md": rules_page(),
    }


def stale() -> list[Path]:
    """Pages on disk that are not what the code would write."""
    return [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write the pages, or only compare them."""
    if arguments == ["--check"]:
        for path in stale():
            print(f"{path} is not current: python docs/generate.py")
        return 1 if stale() else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
