"""Each sentence of what became of a decision, from notes as the engine writes them and books as it makes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.engine import books
from xsmom import kernel
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.effects import Note
from xsmom.domain.ledger import DecisionRow, NoteRow
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style, Task
from xsmom.domain.protection import Protection
from xsmom.domain.stamps import format_ms
from xsmom.domain.trading import OrderRequest
from xsmom.engine.gates import GATES
from xsmom.live import aftermath

NAME, STEP = "AAAUSDT", 0.01
RULES = books.rules()


def row(lots: int = 0, goal: int = 0, weight: float = 0.1, reason: str = "selected") -> DecisionRow:
    return DecisionRow(7, books.T0, NAME, weight, reason, goal, lots, 100.0)


def plan(given: DecisionRow, reason: str = "", *, planned: bool = True) -> str:
    (said,) = aftermath.say_plan(given, reason, planned=planned, mode="halted", step=STEP)
    return said.text


def note(name: str, **fields: object) -> NoteRow:
    return NoteRow(8, books.T0 + 1, Note(name, fields=fields))


def told(*notes: NoteRow) -> list[str]:
    return [said.text for said in aftermath.say_since(notes, STEP)]


def now(book: Book) -> str:
    return " ".join(said.text for said in aftermath.say_now(book, RULES, NAME, books.T0))


def test_the_plan_is_said_with_what_kept_or_shaped_it() -> None:
    assert plan(row(100, 250)) == "The plan went from long 1 to long 2.5: to buy 1.5."
    assert plan(row(100, -50), "leg_rounding") == (
        "The plan went from long 1 to short 0.5: to sell 1.5. Reduced to balance the legs after rounding."
    )
    assert plan(row(100, 100), "inside_band") == "The plan kept what was held, long 1: inside the no-trade band."
    assert plan(row(0, 0, 0.0)) == "The plan kept what was held, nothing."
    assert plan(row(100, 0), planned=False) == "No plan was made of it: the mode was halted. Held then: long 1."


def test_a_verdict_names_the_gates_and_what_they_are() -> None:
    whole = note("order.approved", lots=5, wanted_lots=5, purpose="rebalance", vetoes=[])
    cut = note("order.approved", lots=2, wanted_lots=5, purpose="rebalance", vetoes=["ramp"])
    gone = note("order.refused", lots=-5, purpose="rebalance", vetoes=["wallet", "mode"], veto="wallet", why="")
    blind = note("order.refused", lots=-5, purpose="rebalance", vetoes=["blind"], veto="blind", why="no account")
    said = list(aftermath.say_verdicts([whole, cut, gone, blind, note("order.sent")], STEP))
    assert [one.text for one in said] == [
        "The order to buy 0.05 (rebalance) passed every gate whole.",
        "The order to buy 0.05 (rebalance) was cut to buy 0.02 by ramp: the book grows to full size over "
        "live.ramp_days or live.ramp_steps.",
        "The order to sell 0.05 (rebalance) was refused by wallet, mode: the wallet moved by more than "
        "risk.venue_limits.max_unexplained_wallet_change_pct without a reason.",
        "The order to sell 0.05 (rebalance) was refused by blind: no account.",
    ]
    assert [one.alarm for one in said] == [False, True, True, True]


def test_every_gate_has_words() -> None:
    for gate in GATES:
        refused = note("order.refused", lots=1, purpose="rebalance", vetoes=[gate.veto.value], why="")
        (said,) = aftermath.say_verdicts([refused], STEP)
        assert gate.fires.replace("`", "") in said.text


def test_executions_are_added_up_by_side() -> None:
    fills = [note("order.filled", lots=lots, price=price) for lots, price in ((1, 10.0), (3, 20.0), (-2, 30.0))]
    assert told(*fills) == ["Bought 0.04 in 2 executions at 17.5 on average.", "Sold 0.02 at 30."]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            note("order.done", lots=4, purpose="exit", average_price=9.5),
            "The order to buy 0.04 (exit) was done, at 9.5 on average.",
        ),
        (
            note("order.given_up", lots=4, purpose="rebalance", filled_lots=1, why="net cap"),
            "The order to buy 0.04 (rebalance) was given up after 0.01: net cap.",
        ),
        (
            note("order.held", left_lots=4, waits_for="spread"),
            "The order to buy 0.04 waited for spread.",
        ),
        (
            note("order.held", left_lots=4, waits_for="stop_coverage"),
            "The order to buy 0.04 waited for stop_coverage (a position has no stop on the exchange that was seen in "
            "both views).",
        ),
        (
            note("order.called_off", left_lots=-4, why="kill switch"),
            "The order to sell 0.04 was called off: kill switch.",
        ),
        (note("order.unknown"), "The outcome of an order was not known, and looked up."),
        (
            note("exit.touched", exit="trailing_stop", lots=-4, price=9.0),
            "The exit trailing stop was touched at 9: to sell 0.04.",
        ),
        (note("exit.decided", exit="max_hold"), "The exit max hold asked for the position to be closed."),
        (
            note("position.closed", side="long", exit="initial_stop", net_usdt=-12.345),
            "The long position ended by initial stop, with -12.35 USDT.",
        ),
        (note("position.liquidation", lots=-4), "The exchange liquidated 0.04 of it."),
        (note("position.adl", lots=4), "The exchange's auto-deleveraging took 0.04 of it."),
        (note("position.held", why="closed by hand"), "It came under the owner's hand: closed by hand."),
        (note("position.released"), "It was released from the owner's hand."),
        (note("position.taken_over"), "Its position was taken over from the exchange."),
        (note("position.closing", why="delisting"), "Its position is to be closed: delisting."),
        (
            note("stop.emergency", why="no level is planned"),
            "It had no stop on the exchange (no level is planned): an emergency stop was laid.",
        ),
        (note("stop.missing"), "It was seen without a stop on the exchange."),
        (note("stop.refused", refusal="margin", text="no"), "The exchange refused its stop: margin no."),
        (note("stop.given_up", why="x"), "It could not be protected in time, and is being closed: x."),
        (note("fill.by_hand", lots=-4), "Sold by hand, not by us: 0.04."),
    ],
)
def test_what_happened_is_one_sentence(given: NoteRow, words: str) -> None:
    assert told(given) == [words]


def test_what_is_told_again_is_told_once_at_its_newest_and_other_notes_say_nothing() -> None:
    first, again = note("stop.missing"), replace(note("stop.missing"), at_ms=books.T0 + 9)
    (said,) = aftermath.say_since([first, note("order.sent"), again], STEP)
    assert said.at_ms == books.T0 + 9


def test_nothing_held_and_nothing_against_it() -> None:
    since = format_ms(books.T0)
    assert now(books.book(RULES)) == (
        f"The trader is trading since {since}; positions may grow and shrink. Nothing is held. No order of it works."
    )


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode.BOOT, "it has not begun"),
        (Mode.RECONCILING, "nothing is opened until book and account agree"),
        (Mode.REDUCING, "positions may only shrink"),
        (Mode.FLATTENING, "everything is being closed"),
        (Mode.HALTED, "no order leaves; stops on the exchange stand"),
    ],
)
def test_a_mode_says_what_it_lets(mode: Mode, words: str) -> None:
    book = replace(books.book(RULES), mode=mode, mode_why="paused")
    (first, *_) = aftermath.say_now(book, RULES, NAME, books.T0)
    assert first.text.endswith(f": paused; {words}.")
    assert first.alarm


def test_kill_switch_and_guard_are_said() -> None:
    book = books.book(RULES)
    book = replace(book, kill=Kill(active=True, reason="odd prices", by="owner", at_ms=books.T0))
    book = replace(book, cycle=replace(book.cycle, guard="flatten", guard_by="daily_loss"))
    assert "It is set, by owner: odd prices." in now(book)
    assert "The guard daily_loss rules: flatten." in now(book)


def test_a_position_is_said_with_its_stop_seen_or_not() -> None:
    held = books.holding(RULES, books.book(RULES), NAME, 200, 100.0, 95.0)
    naked = now(held)
    assert "Held: long 2 since" in naked
    assert "entry 100, mark 100" in naked
    assert "Its stop is at 95, +5.0% away, laid by emergency stop; it was NOT SEEN on the exchange." in naked
    seen = replace(held, protection={NAME: Protection(stop_ticks=950, verified_ms=books.T0)})
    assert "it stands on the exchange at 95." in now(seen)
    assert "It has no stop level." in now(books.with_stop(held, NAME, float("nan")))
    asked = np.array(held.names.close_asked)
    asked[0] = True
    closing = replace(held, names=replace(held.names, close_asked=asked))
    assert "It is to be closed, and not yet gone." in now(closing)


def working(phase: Phase = Phase.PARTIAL, **task: object) -> Book:
    intent = Intent(NAME, 50, False, Purpose.REBALANCE, Style.POST_ONLY, 100.0, 1.0, books.T0)
    order = LiveOrder(OrderRequest("xm1", NAME, 50, price_ticks=999), "xm1", phase, books.T0, filled_lots=20)
    made = Task(Approved(intent, 50, "xm1"), books.T0, books.T0 + 1, filled_lots=20, **task)  # type: ignore[arg-type]
    return replace(books.book(RULES), orders={"xm1": order}, tasks={"xm1": made})


def test_orders_are_said_with_what_they_wait_for() -> None:
    assert "The order to buy 0.5 (rebalance) is being worked, 0.3 still to go." in now(working())
    assert "An order to buy 0.5 at 99.9 is partial, 0.2 of it executed." in now(working())
    assert "has an unknown outcome and is being looked up" in now(working(Phase.UNKNOWN))
    assert "0.3 still to go, and waits for wallet (the wallet moved" in now(working(waits_for="wallet"))
    assert "0.3 still to go, and is called off: kill switch." in now(working(ending="kill switch"))
    assert "No order of it works." not in now(working())


def test_the_owners_hand_is_said() -> None:
    book = books.book(RULES)
    assert f"held by hand (closed by hand) until xsmom release {NAME}" in now(
        replace(book, held_by_hand={NAME: "closed by hand"})
    )
    assert "left alone, by --ignore" in now(replace(book, ignored=(NAME,)))
    hold = np.array(book.positions["hold"])
    hold[0] = True
    assert "on hold by the operator" in now(replace(book, positions={**book.positions, "hold": hold}))


def test_a_contract_that_ends_or_is_shut_is_said() -> None:
    gone_ms = books.T0 + 3_600_000
    ending = books.book(RULES, replace(books.instrument(NAME), delisted_ms=gone_ms))
    assert f"Its contract ends {format_ms(gone_ms)}: no entries, and what is held is closed a day before." in now(
        ending
    )
    shut = books.book(RULES, replace(books.instrument(NAME), trading=Trading.CLOSING))
    assert "not open for trading (closing): no entries." in now(shut)


def test_a_frozen_name_is_said() -> None:
    def stale(bars: int, lots: int) -> str:
        book = books.book(RULES)
        book = books.holding(RULES, book, NAME, lots, 100.0) if lots else book
        count = np.array([bars, 0, 0], dtype=np.uint32)
        return now(replace(book, names=replace(book.names, stale_bars=count)))

    most = RULES.fields["stale_bars_max"]
    assert f"no bar at the newest 2 closes: it is frozen as it is, for at most {most}." in stale(2, 5)
    assert f"no bar at the newest {most + 1} closes: it is planned down to nothing." in stale(most + 1, 5)
    assert "no bar at the newest 2 closes: no entries." in stale(2, 0)
    assert "closes" not in stale(0, 5)


def test_a_side_that_is_barred_is_said_until_when_and_why() -> None:
    rules = books.rules(cooldown_bars=4)
    book = books.book(rules)
    records, awaiting = kernel.note_stop(dict(book.records), dict(book.decision), 0, 1, books.T0, rules.params)
    decision = {**book.decision, "awaiting_reentry": awaiting}
    text = now(replace(book, records=records, decision=decision))
    until_ms, _ = kernel.barred(records, books.T0)
    assert f"No new long until {format_ms(int(until_ms[0][0]))}: its cooldown after a stop." in text
    assert "No new long until it has left the selection once: it was stopped since it entered." in text
    assert "No new short" not in text
    for code, words in {2: "a ban by its own record", 3: "a losing streak", 4: "its loss of the day"}.items():
        (said,) = aftermath.say_bars((0, books.T0), (0, code), (False, False))
        assert said.text == f"No new short until {format_ms(books.T0)}: {words}."


def test_a_difference_with_the_exchange_is_said_of_its_own_name_alone() -> None:
    book = books.book(RULES)
    venue = replace(book.venue, mismatches=(f"R7 {NAME}: 3 lots off",), foreign=(NAME,))
    text = now(replace(book, venue=venue))
    assert f"Book and exchange differ: R7 {NAME}: 3 lots off." in text
    assert "Orders or a position of somebody else stand in it on this account." in text
    other = replace(venue, mismatches=("R7 BBBUSDT: off",), foreign=("BBBUSDT",))
    assert now(replace(book, venue=other)) == now(book)


def test_a_name_that_is_traded_no_more_is_said() -> None:
    (said,) = aftermath.say_now(books.book(RULES), RULES, "GONEUSDT", books.T0)
    assert said.text == "GONEUSDT is no longer among the names that are traded."
