"""Rules in time-lapse: what waits for the wall waits longer by the exchange's clock; what is read again does not."""

import xsmom as xs
from xsmom.engine.rules import Rules
from xsmom.live.lapse import stretch

RULES = Rules.of(xs.load_config("classic"))


def test_without_time_lapse_nothing_changes() -> None:
    assert stretch(RULES, 1.0) is RULES


def test_waits_are_stretched_and_limits_of_size_are_not() -> None:
    fast = stretch(RULES, 60.0)
    assert fast.protect.confirm_ms == 60 * RULES.protect.confirm_ms
    assert fast.work.recv_window_ms == 60 * RULES.work.recv_window_ms
    assert fast.fields == RULES.fields
    assert fast.pace == RULES.pace


def test_lists_are_read_again_from_no_further_back_than_rows_can_be_late() -> None:
    """Ten minutes, stretched like a wait, were six days at 900x, and all of them were read every five minutes."""
    assert stretch(RULES, 20.0).agree.overlap_ms == RULES.agree.overlap_ms
    fast = stretch(RULES, 900.0).agree
    assert fast.overlap_ms == fast.visible_ms == 900 * RULES.agree.visible_ms


def test_an_execution_has_as_long_to_follow_its_order_on_the_wall() -> None:
    """Ten seconds of an exchange in time-lapse are half a second: what was on its way was fetched again."""
    assert stretch(RULES, 20.0).work.untold_ms == 20 * RULES.work.untold_ms == 200_000
