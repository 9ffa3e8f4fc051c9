"""What is done about a silence, when, and in which order; what is not done; and that nothing false is concluded."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.watchdog.scenes import RULES, T0, Walk, beat, contract, guarded, look, order, position
from xsmom.domain.orders import is_ours
from xsmom.domain.trading import OrderState, TimeInForce
from xsmom.engine.watchdog import CancelEntry, Close, Latch, Look, Tell, Watch, judge, listen, look_is_due

BARE = look([position("BTCUSDT", 100), position("ETHUSDT", -100, stop=0)], [order("BTCUSDT", -100)])
BLIND = look(None, None, why="positions: no answer")


def names(actions) -> list[str]:
    return [one.note.name for one in actions if isinstance(one, Tell)]


def closes(actions) -> list[Close]:
    return [one for one in actions if isinstance(one, Close)]


def test_while_the_heart_beats_nothing_is_done() -> None:
    walk = Walk()
    for minute in range(1, 10):
        walk.beat = beat(T0 + minute * 60_000, seq=minute)
        walk.to(minute * 60, guarded())
    assert walk.done == []


def test_at_two_minutes_it_latches_first_and_tells() -> None:
    walk = Walk()
    assert walk.to(119, guarded()) == []
    done = walk.to(121, guarded())
    assert isinstance(done[0], Latch)
    assert names(done) == ["trader.silent", "watchdog.covered"]
    walk.latched = True
    assert [one for one in walk.to(3_500, guarded()) if isinstance(one, Latch | Close)] == []


def test_a_latch_that_does_not_stand_is_set_again() -> None:
    walk = Walk()
    assert sum(isinstance(one, Latch) for one in walk.to(135, guarded())) == 4


def test_the_alert_comes_again_every_five_minutes() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(120 + 15 * 60 + 1, guarded())
    assert names(walk.done).count("trader.silent") == 4


def test_covered_it_stays_until_the_hour_and_then_closes_everything() -> None:
    walk = Walk()
    walk.latched = True
    assert closes(walk.to(3_599, guarded())) == []
    done = walk.to(3_601, guarded(), step_s=1.0)
    sent = {one.request.symbol: one.request for one in closes(done)}
    assert {name: one.lots for name, one in sent.items()} == {"BTCUSDT": -100, "ETHUSDT": 100}
    assert all(one.reduce_only and one.time_in_force is TimeInForce.IOC for one in sent.values())
    assert not any(is_ours(one.client_order_id) for one in sent.values())
    assert names(done) == ["watchdog.flatten"]


def test_a_missing_stop_is_believed_when_two_looks_show_it() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(200, guarded())
    assert closes(walk.to(205, BARE)) == []
    assert closes(walk.to(210, guarded())) == []  # it was only late
    assert closes(walk.to(215, BARE)) == []
    done = walk.to(225, BARE)
    assert {one.request.symbol for one in closes(done)} == {"BTCUSDT", "ETHUSDT"}
    assert "watchdog.flatten" in names(done)


def test_a_failed_look_confirms_nothing_and_ends_nothing() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(200, guarded())
    walk.to(205, BARE)
    done = walk.to(260, BLIND)
    assert closes(done) == []
    assert names(done) == ["watchdog.blind"]
    assert closes(walk.to(265, BARE))


def test_blind_it_never_closes_and_never_calls_it_flat() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(8_000, BLIND)
    assert closes(walk.done) == []
    assert set(names(walk.done)) == {"trader.silent", "watchdog.blind"}


def test_what_was_seen_while_the_trader_lived_confirms_nothing() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(115, BARE)
    assert closes(walk.to(125, BARE)) == []
    assert closes(walk.to(135, BARE))


def test_half_a_look_does_not_confirm_what_a_whole_one_showed() -> None:
    half = look(BARE.positions, None, why="open orders: no answer")
    walk = Walk()
    walk.latched = True
    walk.to(200, guarded())
    walk.to(205, BARE)
    assert closes(walk.to(300, half)) == []
    assert closes(walk.to(305, BARE))


def test_beside_what_is_left_alone_the_rest_is_closed() -> None:
    entry = {"of_position": False, "reduce_only": False, "trigger": None, "state": OrderState.WORKING}
    seen = look(
        [position(), position("ETHUSDT", -100)],
        [order(), order("ETHUSDT", 5, client_order_id="xmopen", **entry)],
        ignored=["ETHUSDT"],
    )
    walk = Walk()
    walk.latched = True
    walk.to(3_610, seen)
    assert {one.request.symbol for one in closes(walk.done)} == {"BTCUSDT"}
    assert [one for one in walk.done if isinstance(one, CancelEntry)] == []


def test_a_bound_between_two_ticks_is_the_wider_one() -> None:
    mark = Decimal("100.03")  # 99.82994 and 100.23006
    seen = look([position(mark_price=mark), position("ETHUSDT", -100, mark_price=mark)], [])
    walk = Walk()
    walk.latched = True
    walk.to(121, seen, step_s=1.0)
    sent = {one.request.symbol: one.request.price_ticks for one in closes(walk.to(131, seen, step_s=10.0))}
    assert sent == {"BTCUSDT": 998, "ETHUSDT": 1_003}


def test_orders_that_are_unknown_are_no_missing_stops_but_the_hour_still_counts() -> None:
    half = look([position()], None, why="open orders: no answer")
    walk = Walk()
    walk.latched = True
    assert closes(walk.to(3_599, half)) == []
    assert set(names(walk.done)) == {"trader.silent", "watchdog.blind"}
    assert closes(walk.to(3_601, half))


def test_begun_it_goes_on_until_flat() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(200, guarded())
    walk.to(215, BARE)
    rest = look([position("BTCUSDT", 30)], [order("BTCUSDT", -30)])  # what is left is covered
    assert [one.request.lots for one in closes(walk.to(216, rest))] == [-30]
    done = walk.to(230, look([], []))
    assert closes(done) == []
    assert names(done) == ["watchdog.flat"]


def test_the_price_widens_and_is_the_markets_at_last() -> None:
    walk = Walk(dataclasses.replace(RULES, cross_frac=0.002))
    walk.latched = True
    walk.to(200, guarded())
    walk.to(211, BARE, step_s=1.0)
    prices = [[one.request.price_ticks for one in closes(walk.to(212 + 10 * at, BARE, step_s=10.0))] for at in range(7)]
    assert prices[0] == [998, 1_002]
    assert prices[1] == [996, 1_004]
    assert prices[4] == [968, 1_032]
    assert prices[5] == [950, 1_050]
    assert prices[6] == [None, None]


def test_what_one_order_may_not_have_is_split() -> None:
    big = look([position(lots=2_500)], [order(lots=-2_500)])
    big = dataclasses.replace(big, contracts={"BTCUSDT": contract("BTCUSDT", lots_max=1_000)})
    walk = Walk()
    walk.latched = True
    walk.to(3_599, big)
    sent = [one.request for one in closes(walk.to(3_601, big, step_s=2.0))]
    assert [one.lots for one in sent] == [-1_000, -1_000, -500]
    assert len({one.client_order_id for one in sent}) == 3


def test_orders_of_the_trader_that_would_open_are_taken_back_and_no_others() -> None:
    entry = {"of_position": False, "reduce_only": False, "trigger": None, "state": OrderState.WORKING}
    seen = look(
        [position()],
        [
            order(),
            order("ETHUSDT", 5, client_order_id="xmopen", **entry),
            order("ETHUSDT", 5, client_order_id="mine", **entry),
            order("ETHUSDT", 5, client_order_id="xmclose", **{**entry, "reduce_only": True}),
            order("ETHUSDT", 5, client_order_id="xmstop", of_position=False),
            order("ETHUSDT", 5, client_order_id="xmlater", of_position=False, reduce_only=False),
        ],
    )
    walk = Walk()
    assert walk.to(115, seen) == []
    cancelled = [one for one in walk.to(120, seen) if isinstance(one, CancelEntry)]
    assert cancelled == [CancelEntry("ETHUSDT", "xmopen")]


def test_what_the_trader_leaves_alone_is_left_alone() -> None:
    walk = Walk()
    seen = look([position(stop=0)], [], ignored=["BTCUSDT"])
    walk.to(8_000, seen)
    assert closes(walk.done) == []


def test_a_trader_that_comes_back_ends_it() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(200, guarded())
    walk.to(220, BARE)
    walk.beat = beat(T0 + 221_000, seq=2, kill=True)
    done = walk.to(225, BARE)
    assert closes(done) == []
    assert names(done) == ["trader.back"]
    assert walk.watch.flatten_ms is None
    assert names(walk.to(240, BARE)) == ["watchdog.uncovered"]  # told, not acted upon: it is the trader's


def test_an_old_heartbeat_at_the_start_is_given_two_minutes() -> None:
    walk = Walk()
    walk.beat = beat(T0 - 86_400_000)
    assert walk.to(119, guarded()) == []
    assert isinstance(walk.to(121, guarded())[0], Latch)
    walk.latched = True
    assert closes(walk.to(3_599, guarded())) == []


def test_no_heartbeat_at_all_is_a_silence_too() -> None:
    walk = Walk()
    walk.beat = None
    assert walk.to(119, guarded()) == []
    assert isinstance(walk.to(121, guarded())[0], Latch)


def test_a_stamp_of_the_future_is_one_sign_and_no_more() -> None:
    walk = Walk()
    walk.beat = beat(T0 + 10 * 86_400_000)
    walk.to(125, guarded())
    assert names(walk.done)[0] == "trader.silent"


def test_a_night_in_which_the_machine_slept_proves_nothing() -> None:
    walk = Walk()
    walk.to(10, guarded())
    done = walk.to(30_000, guarded(), step_s=30_000)
    assert done == []
    assert isinstance(walk.to(30_121, guarded())[0], Latch)


def test_half_a_book_is_not_left_over_a_gap() -> None:
    walk = Walk()
    walk.latched = True
    walk.to(3_601, guarded())
    assert names(walk.to(30_000, guarded(), step_s=30_000)) == ["watchdog.gap"]
    assert closes(walk.to(30_119, guarded())) == []
    assert closes(walk.to(30_125, guarded()))


def test_looks_come_often_in_a_silence_and_ever_more_slowly_while_they_fail() -> None:
    watch = Watch(watched_ms=T0, round_ms=T0)
    assert look_is_due(watch, T0, RULES)
    watch, _ = judge(watch, guarded(), T0, RULES)
    assert not look_is_due(watch, T0 + RULES.look_ms - 1, RULES)
    assert look_is_due(watch, T0 + RULES.look_ms, RULES)
    waits = []
    for at in range(5):
        now_ms = T0 + at * 100_000
        watch, _ = judge(watch, BLIND, now_ms, RULES)
        waits.append(next(ms for ms in range(0, 100_000, 5_000) if look_is_due(watch, now_ms + ms, RULES)))
    assert waits == [10_000, 20_000, 40_000, 60_000, 60_000]
    watch, _ = listen(watch, None, T0 + 100_000, dataclasses.replace(RULES, silent_ms=1), latched=True)
    assert look_is_due(watch, T0 + 100_000, RULES)


def test_waits_are_hastened_and_the_gap_is_not() -> None:
    fast = RULES.hasten(60.0)
    assert (fast.silent_ms, fast.flatten_after_ms, fast.confirm_ms) == (2_000, 60_000, 167)
    assert fast.gap_ms == RULES.gap_ms


@given(
    st.lists(
        st.builds(
            order,
            lots=st.sampled_from([-100, 100, 0, 5]),
            client_order_id=st.sampled_from(["", "xmopen", "xwclose", "mine"]),
            of_position=st.booleans(),
            reduce_only=st.booleans(),
            trigger=st.sampled_from([None, order().trigger]),
            state=st.sampled_from(OrderState),
        ),
        max_size=6,
    ),
    st.integers(121, 8_000),
)
def test_no_stop_is_ever_taken_back(orders, second) -> None:
    walk = Walk()
    walk.latched = True
    done = walk.to(second, look([position()], orders), step_s=100.0)
    taken = {one.client_order_id for one in done if isinstance(one, CancelEntry)}
    entries = {
        one.client_order_id for one in orders if one.trigger is None and not (one.of_position or one.reduce_only)
    }
    assert taken <= entries & {"xmopen"}


SEEN = st.sampled_from(
    [
        None,
        guarded(),
        BARE,
        BLIND,
        look([], []),
        look([position(stop=0)], None, why="x"),
        look(None, [order()], why="x"),
    ]
)
ROUND = st.tuples(st.integers(1, 130), st.booleans(), st.booleans(), SEEN)


@given(st.lists(ROUND, max_size=60))
def test_whatever_happens_nothing_is_closed_without_a_reason(rounds) -> None:
    """The whole of its promise, over any course of beats, failures and views."""
    watch, now_ms, seq = Watch(watched_ms=T0, round_ms=T0), T0, 0
    newest = beat(T0, seq=0)
    heard_ms, latch_asked = T0, False
    for seconds, beats, latched, seen in rounds:
        now_ms += seconds * 1_000
        if beats:
            seq += 1
            newest, heard_ms, latch_asked = beat(now_ms, seq=seq), now_ms, False
        watch, actions = listen(watch, newest, now_ms, RULES, latched=latched)
        latch_asked = latch_asked or latched or any(isinstance(one, Latch) for one in actions)
        assert closes(actions) == []
        assert not actions or not any(isinstance(one, Latch) for one in actions[1:])
        if seen is None:
            continue
        before = watch
        watch, actions = judge(watch, seen, now_ms, RULES)
        sent = closes(actions)
        if sent:
            assert latch_asked
            assert now_ms - heard_ms >= RULES.silent_ms
            assert _is_whole(seen, sent)
            begun = before.flatten_ms is None
            hour = now_ms - before.silence_from_ms >= RULES.flatten_after_ms
            bare = before.uncovered_ms is not None and now_ms - before.uncovered_ms >= RULES.confirm_ms
            assert not begun or hour or (bare and seen is BARE)
        if seen.positions is None:
            assert not {"watchdog.flat", "watchdog.covered", "watchdog.uncovered"} & set(names(actions))
            assert "watchdog.blind" in names(actions) or "watchdog.blind" in watch.told_ms


def _is_whole(seen: Look, sent: list[Close]) -> bool:
    """Every position, all of it, and nothing else."""
    asked: dict[str, int] = {}
    for one in sent:
        asked[one.request.symbol] = asked.get(one.request.symbol, 0) + one.request.lots
    return asked == {one.symbol: -one.lots for one in seen.held} and all(one.request.reduce_only for one in sent)
