"""The table of modes: every pair, and every cause seen to rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import (
    HOUR_MS,
    NOW_MS,
    account,
    book,
    entry,
    live,
    rules,
    told,
    turn,
    under_way,
    worked,
)
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.effects import CancelOrder, Exit, Severity
from xsmom.domain.orders import Purpose, Style
from xsmom.engine import execution, modes
from xsmom.engine.modes import TABLE, Cause, cause_of, plan_guard, plans, settle_mode
from xsmom.engine.rules import Rules
from xsmom.engine.standing import judge_standing

B, R, T, D, F, H = Mode.BOOT, Mode.RECONCILING, Mode.TRADING, Mode.REDUCING, Mode.FLATTENING, Mode.HALTED

# Columns: BOOT RECONCILING TRADING REDUCING FLATTENING HALTED. Written from what each cause means, not from the code.
WANTED: dict[Cause, tuple[Mode, ...]] = {
    Cause.KILL_FLATTEN: (F, F, F, F, F, F),
    Cause.KILL: (H, H, H, H, H, H),
    Cause.STOP_FLATTEN: (F, F, F, F, F, F),
    Cause.STOP_WORKING: (D, D, D, D, D, H),
    Cause.STOP: (H, H, H, H, H, H),
    Cause.FLATTEN: (F, F, F, F, F, F),
    Cause.REFUSED: (H, H, H, H, H, H),
    Cause.GUARD_FLATTEN: (R, F, F, F, F, R),
    Cause.UNKNOWN: (R, R, R, R, R, R),
    Cause.MAINTENANCE: (R, D, D, D, D, R),
    Cause.MARGIN: (R, D, D, D, D, R),
    Cause.PAUSED: (R, D, D, D, D, R),
    Cause.GUARD_BLOCK: (R, D, D, D, D, R),
    Cause.NONE: (R, T, T, T, T, R),
}
PAIRS = [(mode, cause, row[at]) for cause, row in WANTED.items() for at, mode in enumerate((B, R, T, D, F, H))]


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(Mode)
    assert all(set(row) == set(Cause) for row in TABLE.values())
    assert set(WANTED) == set(Cause)


@pytest.mark.parametrize(("mode", "cause", "wanted"), PAIRS)
def test_every_pair_of_mode_and_cause(mode: Mode, cause: Cause, wanted: Mode) -> None:
    assert TABLE[mode][cause] is wanted


def killed(*, flatten: bool) -> Kill:
    return Kill(active=True, flatten=flatten, reason="fear", by="me", at_ms=NOW_MS)


CAUSES: dict[Cause, Callable[[], Book]] = {
    Cause.KILL_FLATTEN: lambda: book((5, 0, 0), kill=killed(flatten=True)),
    Cause.KILL: lambda: book((5, 0, 0), kill=killed(flatten=False)),
    Cause.STOP_FLATTEN: lambda: book((5, 0, 0), stopping="flatten"),
    Cause.STOP_WORKING: lambda: book(stopping="keep", orders={"a": live("AAAUSDT", 5, name="a")}),
    Cause.STOP: lambda: book((5, 0, 0), stopping="keep"),
    Cause.FLATTEN: lambda: book((5, 0, 0), flattening="me"),
    Cause.REFUSED: lambda: mismatched("R2 AAAUSDT: 5 lots stand, and this is a first start"),
    Cause.GUARD_FLATTEN: lambda: guarded("flatten"),
    Cause.UNKNOWN: lambda: replace(book(), venue=replace(book().venue, positions=None)),
    Cause.MAINTENANCE: lambda: replace(book(), health=replace(book().health, maintenance=True)),
    Cause.MARGIN: lambda: margin(9_100),
    Cause.PAUSED: lambda: book(paused="me"),
    Cause.GUARD_BLOCK: lambda: guarded("block_entries"),
    Cause.NONE: book,
}


def guarded(guard: str) -> Book:
    made = book((5, 0, 0))
    return replace(made, cycle=replace(made.cycle, guard=guard, guard_by="daily_loss"))


def mismatched(line: str) -> Book:
    return replace(book(), venue=replace(book().venue, mismatches=(line,)))


def margin(initial_usdt: float) -> Book:
    made = book()
    return replace(made, venue=replace(made.venue, account=account(initial_margin_usdt=initial_usdt)))


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_read_off_the_book_and_settles_the_mode(cause: Cause) -> None:
    made = CAUSES[cause]()
    assert cause_of(made, rules(), NOW_MS) is cause
    now = turn(made)
    settle_mode(now)
    assert now.book.mode is TABLE[Mode.TRADING][cause]
    assert told(now).count("mode.changed") == (cause is not Cause.NONE)
    if cause is not Cause.NONE:
        assert now.book.mode_ms == NOW_MS
        assert now.book.mode_why.startswith(cause.value)


@pytest.mark.parametrize("cause", Cause)
def test_what_the_operator_asked_for_is_no_error(cause: Cause) -> None:
    now = turn(CAUSES[cause]())
    settle_mode(now)
    found = [note.severity for note in now.notes if note.name == "mode.changed"]
    loud = {Cause.KILL_FLATTEN, Cause.KILL, Cause.REFUSED, Cause.GUARD_FLATTEN}
    quiet = {Cause.STOP, Cause.STOP_WORKING, Cause.UNKNOWN}
    wanted = Severity.ERROR if cause in loud else Severity.INFO if cause in quiet else Severity.WARNING
    assert found == ([] if cause is Cause.NONE else [wanted])


def test_orders_that_could_not_be_taken_back_at_a_stop_are_a_warning() -> None:
    made = CAUSES[Cause.STOP_WORKING]()
    late = turn(replace(made, mode=Mode.REDUCING, mode_ms=NOW_MS - 30_000))
    settle_mode(late)
    (note,) = [one for one in late.notes if one.name == "mode.changed"]
    assert (note.severity, note.fields["mode"]) == (Severity.WARNING, "halted")


@pytest.mark.parametrize("cause", Cause)
def test_a_stricter_cause_rules(cause: Cause) -> None:
    """Everything at once is the strictest of it; what is taken away leaves the next."""
    stricter = list(Cause)[: list(Cause).index(cause)]
    assert all(cause_of(CAUSES[one](), rules(), NOW_MS) is not cause for one in stricter)


def test_a_start_looks_at_the_account_before_it_trades() -> None:
    made = replace(book(), mode=Mode.BOOT, started_ms=NOW_MS, mode_ms=NOW_MS)
    made = replace(made, venue=replace(made.venue, reconciled_ms=NOW_MS - 1))
    now = turn(made)
    settle_mode(now)
    assert now.book.mode is Mode.RECONCILING
    assert now.book.venue.wanted == "reconciling"
    seen = replace(now.book, venue=replace(now.book.venue, reconciled_ms=NOW_MS + 500))
    later = turn(seen, now_ms=NOW_MS + 500)
    settle_mode(later)
    assert later.book.mode is Mode.TRADING


def test_where_bars_are_filled_there_is_no_account_to_wait_for() -> None:
    made = replace(book(), mode=Mode.BOOT)
    now = turn(replace(made, venue=replace(made.venue, account=None, positions=None)), rules(facts_needed=False))
    settle_mode(now)
    assert now.book.mode is Mode.TRADING
    assert now.effects == []


def test_a_killed_book_halts_only_when_the_venue_says_that_it_is_flat() -> None:
    made = replace(book(kill=killed(flatten=True)), mode=Mode.FLATTENING, mode_ms=NOW_MS)
    old = replace(made, venue=replace(made.venue, positions_ms=NOW_MS - 1))
    now = turn(old)
    settle_mode(now)
    assert now.book.mode is Mode.FLATTENING
    assert now.book.venue.wanted == "flattening"
    later = turn(made)
    settle_mode(later)
    assert later.book.mode is Mode.HALTED
    assert later.book.kill.done
    assert "book.flat" in told(later)


def test_a_position_that_turns_up_later_is_closed_too() -> None:
    made = book((0, 3, 0), kill=replace(killed(flatten=True), done=True), mode=Mode.HALTED)
    now = turn(made)
    settle_mode(now)
    assert now.book.mode is Mode.FLATTENING
    assert not now.book.kill.done


def test_a_cleared_kill_goes_by_way_of_the_account() -> None:
    made = book(mode=Mode.HALTED)
    now = turn(replace(made, venue=replace(made.venue, reconciled_ms=NOW_MS - 1)))
    settle_mode(now)
    assert now.book.mode is Mode.RECONCILING


def test_leaving_trading_takes_entries_back_but_not_exits() -> None:
    opening = worked(entry())
    closing = worked(entry("BBBUSDT", -5, reduce_only=True, purpose=Purpose.EXIT))
    now = turn(under_way((0, 5, 0), opening, closing, paused="me"))
    settle_mode(now)
    judge_standing(now)
    cancels = [effect for effect in now.effects if isinstance(effect, CancelOrder)]
    assert cancels == [CancelOrder("AAAUSDT", opening[1].client_order_id)]
    assert [one.approved.intent.symbol for one in now.book.tasks.values() if not one.ending] == ["BBBUSDT"]


def test_stopping_waits_for_its_orders_and_then_leaves() -> None:
    opening = live("AAAUSDT", 5)
    now = turn(book((5, 0, 0), stopping="keep", orders={opening.client_order_id: opening}))
    settle_mode(now)
    assert now.book.mode is Mode.REDUCING
    assert not any(isinstance(effect, Exit) for effect in now.effects)
    late = turn(now.book, now_ms=NOW_MS + 30_000)
    settle_mode(late)
    assert late.book.mode is Mode.HALTED
    assert Exit("stopped: keep") in late.effects
    again = turn(late.book, now_ms=NOW_MS + 31_000)
    settle_mode(again)
    assert again.book.mode is Mode.HALTED


def test_a_process_that_is_halted_or_busy_closing_can_be_stopped_too() -> None:
    frozen = turn(book((5, 0, 0), kill=killed(flatten=False), mode=Mode.HALTED, stopping="keep"))
    settle_mode(frozen)
    assert Exit("stopped: keep") in frozen.effects
    closing = book((5, 0, 0), kill=killed(flatten=True), mode=Mode.FLATTENING, mode_ms=NOW_MS, stopping="keep")
    for wait_ms, leaves in ((29_999, False), (30_000, True)):
        now = turn(closing, now_ms=NOW_MS + wait_ms)
        settle_mode(now)
        assert now.book.mode is Mode.FLATTENING
        assert (Exit("stopped: keep") in now.effects) == leaves


def test_stopping_flat_closes_first() -> None:
    now = turn(book((5, 0, 0), stopping="flatten"))
    settle_mode(now)
    assert now.book.mode is Mode.FLATTENING
    empty = replace(book(stopping="flatten"), mode=Mode.FLATTENING, mode_ms=NOW_MS)
    done = turn(empty)
    settle_mode(done)
    assert done.book.mode is Mode.HALTED
    assert Exit("stopped: flatten") in done.effects
    rest = turn(done.book, now_ms=NOW_MS + 5)
    settle_mode(rest)
    assert rest.book.mode is Mode.HALTED


def test_after_a_maintenance_entries_wait() -> None:
    made = replace(book(), health=replace(book().health, maintenance_until_ms=NOW_MS + 5_000))
    now = turn(made)
    settle_mode(now)
    assert now.book.mode is Mode.REDUCING
    later = turn(now.book, now_ms=NOW_MS + 5_000)
    settle_mode(later)
    assert later.book.mode is Mode.TRADING


@pytest.mark.parametrize("guard", ["none", "block_entries", "flatten"])
def test_a_plan_is_told_the_kernels_guard_alone_where_nothing_else_acts(guard: str) -> None:
    for mode in (Mode.TRADING, Mode.REDUCING, Mode.FLATTENING):
        assert plan_guard(replace(guarded(guard), mode=mode), rules(), NOW_MS) == guard


def test_a_plan_is_told_what_is_stricter() -> None:
    assert plan_guard(book(paused="me"), rules(), NOW_MS) == "block_entries"
    assert plan_guard(book((1, 0, 0), flattening="me"), rules(), NOW_MS) == "flatten"
    assert plan_guard(replace(guarded("flatten"), paused="me"), rules(), NOW_MS) == "flatten"


def test_nothing_is_planned_where_nothing_is_known() -> None:
    assert [mode for mode in Mode if plans(book(mode=mode))] == [Mode.TRADING, Mode.REDUCING, Mode.FLATTENING]


def at_bars() -> Rules:
    made = rules({}, facts_needed=False)
    return replace(made, work=replace(made.work, style=Style.WHOLE))


@pytest.mark.parametrize("guard", ["block_entries", "flatten"])
def test_a_guard_of_the_kernel_leaves_orders_that_fill_at_bars_alone(guard: str) -> None:
    """The plan counts them as filled, here and in the simulation: a fill delayed by bars comes all the same."""
    waiting = under_way((0, 0, 5), worked(entry(style=Style.WHOLE)))
    now = turn(replace(waiting, cycle=replace(waiting.cycle, guard=guard)), at_bars())
    settle_mode(now)
    execution.work(now)
    assert now.book.mode is not Mode.TRADING
    assert now.effects == []
    assert set(now.book.tasks) == set(waiting.tasks)


def test_a_kill_takes_even_those_back() -> None:
    waiting = under_way((0, 0, 5), worked(entry(style=Style.WHOLE)), kill=killed(flatten=True))
    now = turn(waiting, at_bars())
    settle_mode(now)
    execution.work(now)
    assert [type(effect) for effect in now.effects] == [CancelOrder]


def test_what_was_compared_before_this_start_counts_for_nothing() -> None:
    assert modes.unreconciled(replace(book(), started_ms=NOW_MS + HOUR_MS), rules())


def test_the_quick_look_hides_no_cause() -> None:
    """Where the venue lives in the process: each thing that may be said of a book, an account that is out of order."""
    inside = rules()
    inside = replace(inside, gates=replace(inside.gates, facts_needed=False))
    made = book((5, -5, 0))
    said: list[Book] = [made, replace(made, venue=replace(made.venue, account=None, mismatches=("R7 AAAUSDT: x",)))]
    said += [replace(made, kill=Kill(active=True, flatten=flatten)) for flatten in (False, True)]
    said += [replace(made, stopping=how) for how in ("keep", "flatten")]
    said += [replace(made, flattening="me"), replace(made, paused="me")]
    said += [replace(made, cycle=replace(made.cycle, guard=guard)) for guard in ("block_entries", "flatten")]
    said += [replace(made, health=replace(made.health, maintenance=True))]
    for one in said:
        holding = [
            cause
            for cause, holds in modes._RANKED
            if (modes._in_maintenance(one, NOW_MS) if holds is None else holds(one, inside))
        ]
        assert cause_of(one, inside, NOW_MS) is (holding[0] if holding else Cause.NONE)
    assert [cause_of(one, inside, NOW_MS) for one in said[:2]] == [Cause.NONE, Cause.NONE]
    assert Cause.NONE not in [cause_of(one, inside, NOW_MS) for one in said[2:]]
