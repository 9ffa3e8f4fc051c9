"""`xsmom status`: how a trader is, at one glance."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.amounts import usdt
from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, ago, known_book, lasting

if TYPE_CHECKING:
    from xsmom.ports import JournalReader

_SHOWN_MAX = 5
_NOTES_MAX = 300
_DAY_MS = 86_400_000
_CLEAR = "\x1b[2J\x1b[H"

Line = tuple[str, str, str | None]
"""A title, its text, and its colour."""

app = typer.Typer()


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    every_s: Annotated[float, typer.Option("--every", metavar="SECONDS", help="How often --watch looks.")] = 2.0,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say how a trader is: mode and why, equity, the day's result, stops, and what is wrong.

    Read from its journal while it runs, or after it has stopped; nothing is asked of the exchange.

    \b
    Examples:
      xsmom status
      xsmom status --mode paper --watch
      xsmom status --json
    """
    if watch and as_json:
        raise typer.BadParameter("is for people: a program asks again for --json", param_hint="--watch")
    if not every_s >= 0.2:
        raise typer.BadParameter("at least 0.2", param_hint="--every")
    trader = Trader.of(config, mode, overrides)
    with trader.looking() as reader:
        if watch:
            _watch(trader, reader, every_s)
            return
        told = look(trader, reader)
    if as_json:
        from xsmom.cli.output import print_json

        print_json(told)
        return
    _show(told)


def look(trader: Trader, reader: JournalReader) -> dict[str, Any]:
    """Everything that is shown, as one document."""
    from xsmom.engine.rules import Rules
    from xsmom.live.picture import bounds, next_decision_ms, purse, state
    from xsmom.live.results import results_since

    book = known_book(reader)
    now_ms, rules = trader.now_ms(book), Rules.of(trader.config)
    day = results_since(reader, book, now_ms // _DAY_MS * _DAY_MS, by_name=False)
    due_ms = next_decision_ms(book, rules, now_ms)
    return {
        "account": reader.account,
        "run_id": book.run_id,
        "trader": life_of(trader, reader),
        "watchdog": _watchdog(trader),
        "now_ms": now_ms,
        "as_of_ms": book.as_of_ms,
        **state(book),
        "stop_file": str(trader.stop_file) if trader.stop_file.exists() else None,
        "next_decision_ms": due_ms,
        "decision_overdue": now_ms > due_ms + rules.pace.decision_lag_max_ms,
        "config_changed": book.config_hash != trader.config.config_hash,
        "live_settings_changed": _settings_changed(trader, reader),
        "limits": bounds(book, book.as_of_ms),
        "money": purse(book),
        "day": None if day is None else {key: value for key, value in day.document().items() if key != "names"},
        "alarms": _alarms(reader, now_ms),
    }


def life_of(trader: Trader, reader: JournalReader) -> dict[str, Any]:
    """Whether a process leads it, by its heartbeat and by the journal's lease."""
    beat, writer = trader.heartbeat(), reader.writer()
    silent_s = None if beat is None else round(trader.silent_s(beat), 1)
    alive = silent_s is not None and silent_s <= trader.silent_max_s
    return {
        "state": "stopped" if writer is None else "running" if alive else "silent",
        "mode": trader.mode,
        "pid": None if writer is None else writer.pid,
        "host": None if writer is None else writer.host,
        "heartbeat_ms": None if beat is None else beat.at_ms,
        "heartbeat_age_s": silent_s,
        "unwell": "" if beat is None else beat.unwell,
    }


def _settings_changed(trader: Trader, reader: JournalReader) -> bool:
    """Whether execution, gates or the like are set otherwise than when its process began."""
    rows = reader.notes(name="process.started", count=1)
    begun = str(rows[-1].note.fields.get("live_hash", "")) if rows else ""
    return bool(begun) and begun != trader.config.live_hash


def _watchdog(trader: Trader) -> dict[str, Any] | None:
    """Whether somebody watches; None where nobody has to, because no real money is at stake."""
    from xsmom.live.watchdog.sign import read_sign

    if trader.mode != "live":
        return None
    sign, now_ms = read_sign(trader.state_dir), time.time_ns() // 1_000_000
    if sign is None:
        return {"state": "never", "pid": None, "age_s": None, "coverage_frac": None, "blind": ""}
    return {
        "state": sign.state if sign.is_alive(now_ms) else "absent",
        "pid": sign.pid,
        "age_s": round((now_ms - sign.at_ms) / 1_000, 1),
        "coverage_frac": sign.coverage_frac,
        "blind": sign.blind,
    }


def _watchdog_lines(told: dict[str, Any]) -> list[Line]:
    dog = told["watchdog"]
    if dog is None:
        return []
    if dog["state"] == "never":
        return [("watchdog", "NONE has ever watched: see xsmom watchdog --help", "yellow")]
    if dog["state"] == "absent":
        return [("watchdog", f"ABSENT, last alive {ago(dog['age_s'])}: start it again", "red")]
    text = f"{dog['state']}, {ago(dog['age_s'])} (process {dog['pid']})"
    if dog["blind"]:
        return [("watchdog", f"{text}; BLIND: {dog['blind']}", "red")]
    return [("watchdog", text, None if dog["state"] == "watching" else "red")]


def _alarms(reader: JournalReader, now_ms: int) -> list[dict[str, Any]]:
    """Errors among the newest notes of the last day, newest first."""
    loud = ("error", "critical")
    rows = reader.notes(now_ms - _DAY_MS, count=_NOTES_MAX)
    found = [row for row in reversed(rows) if row.note.severity.value in loud]
    return [
        {"at_ms": row.at_ms, "name": row.note.name, "symbol": str(row.note.fields.get("symbol", ""))} for row in found
    ]


def _watch(trader: Trader, reader: JournalReader, every_s: float) -> None:
    try:
        while True:
            told = look(trader, reader)
            if sys.stdout.isatty():
                sys.stdout.write(_CLEAR)
            _show(told)
            sys.stdout.write("\n")
            sys.stdout.flush()
            time.sleep(every_s)
    except KeyboardInterrupt:
        return


def _show(told: dict[str, Any]) -> None:
    from xsmom.cli.output import print_table

    lines = [*_first_lines(told), *_clock_lines(told), *_trouble_lines(told)]
    print_table(("trader", f"{told['account']} ({told['trader']['mode']})"), [line[:2] for line in lines], [
        line[2] for line in lines
    ])  # fmt: skip


def _first_lines(told: dict[str, Any]) -> list[Line]:
    from xsmom.domain.stamps import format_ms

    life, purse, day, kill = told["trader"], told["money"], told["day"], told["kill"]
    trading = told["mode"] == "trading"
    why = f": {told['mode_why']}" if told["mode_why"] else ""
    covered, held = told["coverage_frac"], told["positions"]
    killed = f"ACTIVE since {format_ms(kill['at_ms'])} by {kill['by']}: {kill['reason']}" if kill["active"] else "off"
    if told["stop_file"] and not kill["active"]:
        killed = f"{told['stop_file']} is there: active as soon as a trader runs"
    return [
        ("mode", f"{told['mode']}{why} (since {format_ms(told['mode_since_ms'])})", None if trading else "yellow"),
        ("process", *_life_text(life)),
        *_watchdog_lines(told),
        ("equity", f"{usdt(purse['equity_usdt'])} USDT, {_percent(purse['drawdown_frac'])} below its peak", None),
        ("today", *_day_text(day)),
        ("positions", f"{held}, gross {usdt(purse['gross_usdt'])}, net {usdt(purse['net_usdt'], sign=True)}", None),
        *_basis_lines(purse),
        ("stops", f"verified for {covered:.0%} of positions", "red" if held and covered < 1.0 else None),
        ("kill switch", killed, None if killed == "off" else "red"),
    ]


def _basis_lines(purse: dict[str, Any]) -> list[Line]:
    from xsmom.cli.ledger import basis_text

    known = purse["basis_bps_now"] is not None or purse["basis_bps_entry"] is not None
    return [("basis", basis_text(purse), None)] if known else []


def _life_text(life: dict[str, Any]) -> tuple[str, str | None]:
    age = life["heartbeat_age_s"]
    beat = "no heartbeat yet" if age is None else f"heartbeat {ago(age)}"
    if life["state"] == "running" and life["unwell"]:
        return f"UNWELL, {beat} (process {life['pid']}): {life['unwell']}", "red"
    if life["state"] == "running":
        return f"running, {beat} (process {life['pid']} on {life['host']})", None
    if life["state"] == "silent":
        return f"SILENT, {beat}: process {life['pid']} on {life['host']} has not given its journal back", "red"
    return f"stopped, {beat}", "yellow"


def _day_text(day: dict[str, Any] | None) -> tuple[str, str | None]:
    from xsmom.domain.stamps import format_ms

    if day is None:
        return "not known: no close with a price of all that is held", "yellow"
    parts = (
        f"prices {usdt(day['price_usdt'], sign=True)}, slippage {usdt(-day['slippage_usdt'], sign=True)}, "
        f"fees {usdt(-day['fee_usdt'], sign=True)}, funding {usdt(-day['funding_usdt'], sign=True)}"
    )
    began = "" if day["since_ms"] == day["asked_ms"] else f", since {format_ms(day['since_ms'])}"
    text = f"{usdt(day['result_usdt'], sign=True)} USDT ({day['return_frac']:+.2%}{began}): {parts}"
    return text, "red" if day["result_usdt"] < 0.0 else "green"


def _clock_lines(told: dict[str, Any]) -> list[Line]:
    from xsmom.domain.stamps import format_ms

    now_ms, due_ms, decided_ms = told["now_ms"], told["next_decision_ms"], told["decided_ms"]
    decided = f"{format_ms(decided_ms)}, {ago((now_ms - decided_ms) / 1_000)}" if decided_ms else "none yet"
    due = f"{format_ms(due_ms)}, in {lasting((due_ms - now_ms) / 1_000)}"
    if now_ms > due_ms:
        due = f"{format_ms(due_ms)}, {'OVERDUE' if told['decision_overdue'] else 'now'}"
    guard = told["guard"]
    return [
        ("last decision", decided, None),
        ("next decision", due, "red" if told["decision_overdue"] else None),
        ("open orders", f"{told['orders_open']}" + _unknown_text(told["orders_unknown"]), None),
        ("bounds", _bounds_text(told["limits"]), None),
        ("guards", "none rules" if guard == "none" else f"{guard} by {told['guard_by']}", _yellow(guard != "none")),
    ]


def _bounds_text(limits: dict[str, Any]) -> str:
    from xsmom.domain.stamps import format_ms

    parts = []
    if limits["ramp_ends_ms"] is not None:
        parts.append(f"ramp at {limits['ramp_frac']:.0%} of full size until {format_ms(limits['ramp_ends_ms'])}")
    elif limits["ramp_frac"] < 1.0:
        parts.append(f"ramp stays at {limits['ramp_frac']:.0%} of full size")
    if limits["capital_usdt"] is not None:
        parts.append(f"sized by at most {usdt(limits['capital_usdt'])} USDT")
    if limits["order_usdt_max"] is not None:
        parts.append(f"no order above {usdt(limits['order_usdt_max'])} USDT")
    return ", ".join(parts) or "none beside the configuration's"


def _unknown_text(count: int) -> str:
    return f", {count} of unknown outcome" if count else ""


def _trouble_lines(told: dict[str, Any]) -> list[Line]:
    """What is wrong, or under somebody's hand; nothing where all is well."""
    from xsmom.domain.stamps import format_ms

    lines = [
        *_several("mismatch", told["mismatches"], "red"),
        *_several("foreign", told["foreign"], "red"),
        *_several("unread", told["unread"], "red"),
        *_several("held by hand", [f"{name}: {why}" for name, why in told["held_by_hand"].items()], "yellow"),
        *_several("no stop seen", told["unverified"], "red"),
    ]
    lines += [(name, told[name], "yellow") for name in ("paused", "flattening", "stopping") if told[name]]
    if told["maintenance"]:
        lines.append(("exchange", "in maintenance", "yellow"))
    if told["breaker_until_ms"] > told["now_ms"]:
        lines.append(("breaker", f"open until {format_ms(told['breaker_until_ms'])}", "red"))
    if abs(told["unexplained_usdt"]) >= 0.01:
        lines.append(
            ("unexplained", f"{usdt(told['unexplained_usdt'], sign=True)} USDT: see `xsmom classify`", "yellow")
        )
    if told["config_changed"]:
        lines.append(("configuration", "not the one that it was started with", "yellow"))
    if told["live_settings_changed"]:
        lines.append(("settings", "of execution, gates or exchange are not those that it was started with", "yellow"))
    alarms = [f"{format_ms(one['at_ms'])} {one['name']} {one['symbol']}".rstrip() for one in told["alarms"]]
    return [*lines, *_several("alarm", alarms, "red")]


def _several(title: str, texts: list[str], style: str) -> list[Line]:
    lines: list[Line] = [(title, text, style) for text in texts[:_SHOWN_MAX]]
    if len(texts) > _SHOWN_MAX:
        lines.append((title, f"and {len(texts) - _SHOWN_MAX} more: see --json", style))
    return lines


def _yellow(wrong: bool) -> str | None:
    return "yellow" if wrong else None


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2%}"
