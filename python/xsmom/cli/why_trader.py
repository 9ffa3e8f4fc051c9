"""`xsmom why` of a trader: what it decided of a name, why, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer

from xsmom.cli.trader_choice import MODES, Trader, known_book

if TYPE_CHECKING:
    from xsmom.domain.book import Book
    from xsmom.domain.ledger import DecisionRow, NoteRow
    from xsmom.engine.rules import Rules
    from xsmom.live.aftermath import Said
    from xsmom.live.retaken import Retaken
    from xsmom.ports import JournalReader
    from xsmom.research.explain import Explanation


@dataclass(frozen=True)
class Account:
    """All that is told of one name's decision, from its target to how it stands now."""

    symbol: str
    account: str
    mode: str
    #: running, silent or stopped.
    state: str
    row: DecisionRow
    sentence: str
    #: The rungs; None where the decision could not be taken again, and why not.
    found: Explanation | None
    unexplained: str
    said: list[Said]
    since: list[Said]
    #: Empty for an earlier decision than the newest.
    now: list[Said] = field(default_factory=list)
    is_newest: bool = True
    next_ms: int | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it; `rungs` and what belongs to them are missing where nothing could be taken again."""
        found = {} if self.found is None else self.found.document()
        own = {
            "symbol": self.symbol,
            "decided_ms": self.row.close_ms,
            "weight_frac": self.row.weight_frac,
            "reason": self.row.reason,
            "sentence": self.sentence,
        }
        trader = {"account": self.account, "mode": self.mode, "state": self.state}
        return {
            **found,
            **own,
            "trader": trader,
            "unexplained": self.unexplained,
            "seq": self.row.seq,
            "lots": self.row.lots,
            "goal_lots": self.row.goal_lots,
            "is_newest": self.is_newest,
            "next_decided_ms": self.next_ms,
            **{name: [asdict(one) for one in getattr(self, name)] for name in ("said", "since", "now")},
        }


def find_modes(config: str, overrides: list[str] | None) -> list[str]:
    """Modes in which a configuration file has had a trader in its state folder; none of what is no file."""
    from pathlib import Path

    from xsmom.live.heartbeat import FILE
    from xsmom.store.database import SQLITE_FILE

    if not Path(config).is_file():
        return []
    traders = [Trader.of(config, mode, overrides) for mode in MODES]
    return [one.mode for one in traders if any((one.state_dir / name).exists() for name in (SQLITE_FILE, FILE))]


def explain_trader(trader: Trader, symbol: str, at_ms: int | None, speed: float) -> Account:
    """Read the journal, take the decision again, and put what followed into words."""
    from xsmom.cli.progress import ProgressBar
    from xsmom.cli.status import life_of
    from xsmom.errors import XsmomError
    from xsmom.kernel import REASON_TEXTS
    from xsmom.live import aftermath

    with trader.looking() as reader:
        book = known_book(reader)
        closes = [int(close_ms) for close_ms in reader.decided_ms()]
        close_ms = _choose(closes, at_ms, book)
        rows = reader.decisions(close_ms)
        row = _row_of(rows, symbol)
        rules = rules_of(trader, speed)
        taken: Retaken | None = None
        unexplained = ""
        try:
            with ProgressBar("taking the decision again") as tell:
                taken = _retake(reader, rules, trader, rows, tell)
        except XsmomError as error:
            unexplained = str(error)
        later = [one for one in closes if one > close_ms]
        next_ms = min(later) if later else None
        step, mode = _terms(book, taken, row.symbol)
        notes = _notes(reader, row, _seq_of(reader, next_ms))
        planned = taken is None or bool(taken.plan_reasons)
        said = [
            *aftermath.say_plan(row, _plan_reason(taken, row.symbol), planned=planned, mode=mode, step=step),
            *aftermath.say_verdicts([one for one in notes if one.seq == row.seq], step),
            *_barred_then(taken, row.symbol),
        ]
        return Account(
            symbol=row.symbol,
            account=reader.account,
            mode=trader.mode,
            state=life_of(trader, reader)["state"],
            row=row,
            sentence=REASON_TEXTS[row.reason],
            found=None if taken is None else _explain(taken, row.symbol, close_ms if at_ms is None else at_ms),
            unexplained=unexplained,
            said=said,
            since=aftermath.say_since([one for one in notes if one.seq > row.seq], step),
            now=aftermath.say_now(book, rules, row.symbol, trader.now_ms(book)) if next_ms is None else [],
            is_newest=next_ms is None,
            next_ms=next_ms,
        )


def rules_of(trader: Trader, speed: float) -> Rules:
    """The rules of its configuration, with what its venue can do, at the speed of its exchange."""
    from dataclasses import replace

    from xsmom.engine.rules import Rules
    from xsmom.live.lapse import stretch

    rules = stretch(Rules.of(trader.config), speed)
    if trader.mode == "paper":
        return rules
    from xsmom.venues.roster import table_of

    caps = table_of(str(trader.config.value("exchange.id"))).capabilities
    protect = replace(rules.protect, position_stop=caps.position_stop, attach_stop=caps.attach_stop)
    return replace(rules, protect=protect)


def _retake(reader: JournalReader, rules: Rules, trader: Trader, rows: Sequence[DecisionRow], tell: Any) -> Retaken:
    from xsmom.live.retaken import retake

    return retake(reader, rules, trader.config.config_hash, rows, tell)


def _choose(closes: Sequence[int], at_ms: int | None, book: Book) -> int:
    """Close of the newest decision at or before a time."""
    from xsmom.domain.stamps import format_ms
    from xsmom.errors import DataError, StateError

    if not closes and book.cycle.decided_ms:
        raise StateError("the journal no longer holds any decision: storage.keep_days has let them go")
    if not closes:
        why = f"{book.mode.value}{': ' if book.mode_why else ''}{book.mode_why}"
        raise StateError(f"this trader has not decided anything yet (mode {why}): xsmom status tells when it will")
    found = [close_ms for close_ms in closes if at_ms is None or close_ms <= at_ms]
    if not found:
        assert at_ms is not None, "without a time every decision counts"
        raise DataError(
            f"the journal holds no decision at or before {format_ms(at_ms)}: its decisions go from "
            f"{format_ms(min(closes))} to {format_ms(max(closes))}"
        )
    return max(found)


def _row_of(rows: Sequence[DecisionRow], symbol: str) -> DecisionRow:
    """The name's own; one that was not decided on is told its nearest."""
    from xsmom.errors import DataError

    by_name = {row.symbol.upper(): row for row in rows}
    if symbol.upper() in by_name:
        return by_name[symbol.upper()]
    near = get_close_matches(symbol.upper(), by_name, n=1, cutoff=0.0)
    raise DataError(
        f"{symbol} was not among the {len(rows)} names of this decision; the nearest name is "
        f"{near[0] if near else next(iter(by_name))} (universe.exclude, universe.include and the exchange's list "
        "settle the names at the trader's start)"
    )


def _seq_of(reader: JournalReader, close_ms: int | None) -> int | None:
    rows = () if close_ms is None else reader.decisions(close_ms)
    return rows[0].seq if rows else None


def _notes(reader: JournalReader, row: DecisionRow, until_seq: int | None) -> list[NoteRow]:
    """What was told of the name from its decision on, up to the next one."""
    told = reader.notes(symbol=row.symbol)
    return [one for one in told if one.seq >= row.seq and (until_seq is None or one.seq < until_seq)]


def _terms(book: Book, taken: Retaken | None, symbol: str) -> tuple[float, str]:
    """Size of a lot and mode, at the decision where it could be taken again, else now."""
    known = book if taken is None else taken.book
    at = known.roster.index(symbol)
    return (1.0 if at is None else float(known.roster.qty_step[at])), known.mode.value


def _plan_reason(taken: Retaken | None, symbol: str) -> str:
    if taken is None or not taken.plan_reasons:
        return ""
    at = taken.book.roster.index(symbol)
    return "" if at is None else taken.plan_reasons[at]


def _barred_then(taken: Retaken | None, symbol: str) -> Iterator[Said]:
    """Cooldowns, bans and pauses that the decision met."""
    from xsmom.live.aftermath import say_bars

    at = None if taken is None else taken.book.roster.index(symbol)
    if taken is not None and at is not None:
        row = taken.read.book_row
        yield from say_bars(row["barred_until_ms"][at], row["barred_by"][at], taken.read.state["awaiting_reentry"][at])


def _explain(taken: Retaken, symbol: str, asked_ms: int) -> Explanation:
    from xsmom import kernel
    from xsmom.research.decision import Decision
    from xsmom.research.explain import explain_decision

    read, book, rules = taken.read, taken.book, taken.rules
    labels = None if book.labels is None else kernel.report_labels(dict(book.labels), rules.params)
    decision = Decision(
        panel=taken.panel,
        params=rules.fields,
        row=read.row,
        book="the trader's own",
        equity_usdt=float(read.book_row["equity_usdt"]),
        weight_before_frac=read.book_row["weight_now_frac"],
        stale_bars=read.book_row["stale_bars"],
        state_before=read.state,
        state=book.decision,
        weight_frac=book.cycle.weight_frac,
        reasons=tuple(kernel.REASONS[int(code)] for code in book.cycle.reasons),
        meta_scale=read.book_row["meta_scale"],
        labels=labels,
    )
    return explain_decision(decision, taken.panel.symbols.index(symbol), asked_ms)


def show_trader(told: Account) -> None:
    """For people: the answer first, then the ladder, then what followed."""
    from xsmom.cli.why_tables import show_around, show_rungs
    from xsmom.domain.stamps import format_ms

    weight = told.row.weight_frac or 0.0
    target = f"{'long' if weight > 0 else 'short'} {abs(weight):.2%} of equity" if weight else "no position"
    because = "" if told.found is None else told.found.because
    typer.echo(f"{told.symbol}: target {target}. {told.sentence} {because}".rstrip())
    how = "taken again, with the same result" if told.found else "as the journal has it"
    who = f"the {told.mode} trader of {told.account}, which is {told.state}"
    typer.echo(f"Decided {format_ms(told.row.close_ms)} by {who}; {how}.")
    if told.next_ms is not None:
        typer.echo(f"It held until the decision of {format_ms(told.next_ms)}.")
    if told.unexplained:
        typer.echo(f"Its rungs cannot be shown: {told.unexplained}.")
    if told.found is not None:
        if not told.found.settled:
            typer.echo("There were fewer bars than the features look back on: they were not settled yet.")
        show_rungs(told.found)
        show_around(told.found)
    _show_said("What the plan and the gates made of it", told.said)
    _show_said("What happened then", told.since)
    _show_said("How it stands now", told.now)


def _show_said(title: str, said: Sequence[Said]) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    if not said:
        return
    rows = [("" if one.at_ms is None else format_ms(one.at_ms), one.text[:1].upper() + one.text[1:]) for one in said]
    typer.echo()
    print_table(("when", title), rows, ["yellow" if one.alarm else None for one in said])
