"""Write the reference pages and tables that are made from code: `python docs/generate.py [--check]`.

With --check nothing is written; a page that is not current is named, and the exit code is 1.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

import xsmom.cli
import xsmom.errors
from xsmom.cli.front import EXIT_BROKEN_PIPE, Front, app, load_command
from xsmom.cli.main import COLUMNS_OF_HELP, EXIT_BUG, EXIT_FOUND, EXIT_INTERRUPTED, EXIT_USAGE
from xsmom.cli.table import COMMANDS
from xsmom.config.models import table_text
from xsmom.config.tree import TABLE as SETTINGS
from xsmom.engine.execution import table as order_table
from xsmom.engine.gates import GATES, NET_CAP, Gate
from xsmom.engine.guard_notes import GUARD_NOTES
from xsmom.engine.modes import TABLE, Cause
from xsmom.engine.watch import ALARMS
from xsmom.lake.rules import RULES
from xsmom.simex.bybit.gateway import PRIVATE
from xsmom.simex.bybit.public import ROUTES
from xsmom.simex.bybit.streams import TRADE_OPS
from xsmom.simex.control import COMMANDS as COMMAND_TEXTS
from xsmom.simex.faults import EVENT_DEEDS, REQUEST_DEEDS
from xsmom.simex.views import LAGS_MS

REFERENCE = Path(__file__).parent / "reference"
EXPLANATION = Path(__file__).parent / "explanation"
FRONT_HELP = Path(xsmom.cli.__file__).with_name("help.txt")
RUNBOOK = Path(__file__).parent / "runbook.md"
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


SIMEX = """
# The simulated exchange

What `xsmom simex` serves; [trade against it](../how-to/simex.md) shows how to use it, and
[the exchange core](../explanation/exchange-core.md) how it matches, margins and liquidates. It speaks
Bybit V5 for linear contracts in one account mode: unified, cross margin, one-way. An account can be switched to
hedge mode, in which it takes no orders, and to isolated margin, which is reckoned as cross.

## Requests

The number is how many a second one account may send; one address may send 600 in five seconds.
A batch counts by its rows, and rows beyond the budget fail alone. A list of another category is empty.

| | path | a second | |
|---|---|---|---|
{endpoints}

Anything else is 404 with code 10017.

## Streams

* `/v5/public/linear`: `tickers.SYMBOL` (a snapshot, then whole rows as deltas), `kline.INTERVAL.SYMBOL`,
  `orderbook.DEPTH.SYMBOL` with depth 1, 50, 200 or 1000 (each message is a whole book).
* `/v5/private`, after `auth`: `order`, `execution`, `position`, `wallet`, with or without `.linear`.
* `/v5/trade`, after `auth`: {entry}.

A socket that falls 10,000 messages behind is cut. Nothing is replayed to a new one.

## Lags

How many milliseconds after it happened a view shows it; the four that end in `_event` are streams.

| view | ms |
|---|---|
{lags}

## Faults

A script is a JSON list of objects. `do` says what happens. `match` is a piece of a path or topic;
`when` is `before` or, for requests, `after_accept`: the request acts, and only its answer is spoilt.
`client_id` picks one order, `query` is a piece of what a GET asks, such as `symbol=BTCUSDT`.
The first `skip` matches pass and the next `times` are met (0: all).

| `do` | meets a | what it does |
|---|---|---|
{faults}

A random profile (`--fault-rate`, or `rate` and `seed` of the control command) meets a share of all
requests and events, the same for the same seed and the same requests.

## Control

`POST http://127.0.0.1:PORT/control/NAME` with a JSON object. What cannot be is status 400 and a sentence.

| name | takes |
|---|---|
{commands}

## What of the real exchange is not there

* Spot, inverse and option contracts, hedge mode, isolated and portfolio margin, other coins than USDT,
  transfers between accounts, withdrawals, sub-accounts, broker and institutional endpoints.
* Trailing stops; stops and targets of a part *with* an order (`tpslMode=Partial` on create); changing the
  stops of an order that stands; self-match prevention; slippage tolerance; pre-market auctions.
* The stream of public trades, and lists of recent trades, open interest and liquidations; open interest
  in tickers is 0. Last, mark and index price are one, unless the control command sets them apart; so
  the premium index is 0. Published and settled funding are the panel's, not computed from a premium.
* An order is found, changed and cancelled at once by the core: only its views lag, and there is no state
  in which a cancel is under way. The price band is a flat 10 % of the mark.
* A ban of an address ends with the five seconds; the real one lasts ten minutes or more.
* Lists of closed results lack `openFee` and `closeFee`, histories of orders `extraFees`,
  `rpiTakerAccess` and `rpiMatchedQty`. The rank for deleveraging is always 2.
"""


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


def front_help() -> str:
    """What `xsmom --help` says where there is room for it."""
    context = get_command(app).make_context(
        "xsmom", [], obj=Front(), resilient_parsing=True, terminal_width=COLUMNS_OF_HELP - 2
    )
    return f"{context.get_help()}\n"


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


def simex_page() -> str:
    """What the simulated exchange serves, taken from its own tables."""
    public = [f"| GET | `{path}` | | {told(handler)} |" for path, handler in sorted(ROUTES.items())]
    signed = [f"| {m} | `{path}` | {r.a_second} | {told(r.handler)} |" for (m, path), r in sorted(PRIVATE.items())]
    faults = [f"| `{name}` | request | {text} |" for name, text in REQUEST_DEEDS.items()]
    faults += [f"| `{name}` | event | {text} |" for name, text in EVENT_DEEDS.items()]
    commands = [f"| `{name}` | {text} |" for name, text in COMMAND_TEXTS.items()]
    lags = [f"| `{name}` | {lag_ms} |" for name, lag_ms in LAGS_MS.items()]
    entry = ", ".join(f"`{name}`" for name in TRADE_OPS)
    tables = {"endpoints": public + signed, "entry": [entry], "lags": lags, "faults": faults, "commands": commands}
    return NOTICE + SIMEX.format(**{name: "\n".join(rows) for name, rows in tables.items()})


def told(handler: Any) -> str:
    """The first sentence of a handler's docstring, without the path that it begins with."""
    sentence = (inspect.getdoc(handler) or "").splitlines()[0]
    return re.sub(r"^`/v5[^`]*`( and its sisters)?[:.]? ?", "", sentence).rstrip(".") or "as documented"


def orders_page() -> str:
    """The page on orders with the machine of today: its text is written, its diagram and table are made."""
    machine = f"```mermaid\n{order_table.diagram()}\n```\n\n{order_table.grid()}"
    return woven((EXPLANATION / "orders.md").read_text("utf-8"), "order machine", machine)


def woven(page: str, name: str, made: str) -> str:
    """A page with what stands between the marks of a name replaced."""
    before, begin, rest = page.partition(f"<!-- {name}: begin -->\n")
    _, end, after = rest.partition(f"<!-- {name}: end -->")
    assert begin
    assert end
    return f"{before}{begin}{made}\n{end}{after}"


GATE_TESTS = Path("tests/unit/engine/gates")


def gates_page() -> str:
    """The page on gates with the table of today, and where each is seen to fire."""
    rows = [
        "| gate | fires when | told as | kind | an entry that works | seen to fire in |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| `{row.veto.value}` | {row.fires} | `{row.alert}` | {'venue' if row.of_venue else 'owner'} "
        f"| {row.standing.value if isinstance(row, Gate) else 'by pairs'} | `{tested_in(row.alert)}` |"
        for row in (*GATES, NET_CAP)
    ]
    return woven((EXPLANATION / "gates.md").read_text("utf-8"), "gates", "\n".join(rows))


def tested_in(alert: str) -> str:
    """The test that sees a gate fire through a step: it names the gate's note, or its veto."""
    folder = Path(__file__).parent.parent / GATE_TESTS
    veto = alert.removeprefix("gate.")
    named = (f'"{alert}" in outcome.told', f'"{alert}" in tenth.told', f'"{alert}" in decide(', f'"{veto}": ')
    found = [path for path in sorted(folder.glob("test_*.py")) if any(one in path.read_text("utf-8") for one in named)]
    assert found, f"no test below {GATE_TESTS} sees {alert}"
    return (GATE_TESTS / found[0].name).as_posix()


def guard_table_page() -> str:
    """The page on guards with every row of the table that the tests go by."""
    root = str(Path(__file__).parent.parent)
    if root not in sys.path:
        sys.path.insert(0, root)
    from tests.e2e.live.guard_table import BACKSTOPS, ROWS

    rows = [
        "| guard | setting | provoked by | told as | then | cleared by | on the wire | in a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {name.replace('_', ' ')} | {row.setting} | {row.provoked} | `{row.alert}` | {row.seen} | {row.clears} "
        f"| `{Path(row.on_wire).name}` | `{Path(row.in_step).name}` |"
        for name, row in ROWS.items()
    ]
    behind = [f"| `gate.{gate}` | {row.replace('_', ' ')} |" for gate, row in BACKSTOPS.items()]
    page = woven((EXPLANATION / "guard-table.md").read_text("utf-8"), "guard table", "\n".join(rows))
    return woven(page, "backstops", "\n".join(["| gate | row |", "|---|---|", *behind]))


def modes_page() -> str:
    """The page on modes with the table and the diagram of today."""
    page = (EXPLANATION / "modes.md").read_text("utf-8")
    return woven(page, "modes", f"```mermaid\n{mode_diagram()}\n```\n\n{mode_grid()}")


def mode_diagram() -> str:
    """Ways from mode to mode; causes that lead the same way share an arrow."""
    ways: dict[tuple[str, str], list[str]] = {}
    for mode, row in TABLE.items():
        for cause, after in row.items():
            if after is not mode:
                ways.setdefault((mode.name, after.name), []).append(cause.name.lower())
    arrows = [f"    {one} --> {other}: {' '.join(causes)}" for (one, other), causes in ways.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> BOOT", *arrows])


def mode_grid() -> str:
    """Every pair of mode and cause, causes from the strictest on."""
    modes = list(TABLE)
    head = f"| cause, strictest first | {' | '.join(mode.name for mode in modes)} |"
    rows = [
        f"| `{cause.name.lower()}`: {cause.value} | {' | '.join(TABLE[mode][cause].name for mode in modes)} |"
        for cause in Cause
    ]
    return "\n".join([head, f"|---|{'---|' * len(modes)}", *rows])


def runbook_page() -> str:
    """The runbook with the rows of gates and alarms of today."""
    page = RUNBOOK.read_text("utf-8")
    head = ["| alert | severity | fires when | what to do |", "|---|---|---|---|"]
    gates = [f"| `{row.alert}` | {row.severity.value} | {row.fires} | {row.mend} |" for row in (*GATES, NET_CAP)]
    alarms = [f"| `{name}` | {row.severity.value} | {row.fires} | {row.mend} |" for name, row in ALARMS.items()]
    guards = [
        f"| `guard.{name}` | {one.severity.value} | {one.fires} | {one.mend} |" for name, one in GUARD_NOTES.items()
    ]
    page = woven(page, "guards", "\n".join(head + guards))
    return woven(woven(page, "gates", "\n".join(head + gates)), "alarms", "\n".join(head + alarms))


def pages() -> dict[Path, str]:
    """Every generated page and what it should hold now."""
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "exit-codes.md": exit_page(),
        REFERENCE / "data-rules.md": rules_page(),
        REFERENCE / "simex.md": simex_page(),
        EXPLANATION / "gates.md": gates_page(),
        EXPLANATION / "guard-table.md": guard_table_page(),
        EXPLANATION / "modes.md": modes_page(),
        RUNBOOK: runbook_page(),
        EXPLANATION / "orders.md": orders_page(),
        SETTINGS: table_text(),
        FRONT_HELP: front_help(),
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
