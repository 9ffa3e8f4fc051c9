"""The line, measured: a clock that was not compared is not known."""

from __future__ import annotations

import math

from xsmom.domain.market_data import ClockSight
from xsmom.live.link import LinkMeter


def test_the_clock_is_unknown_until_it_is_measured_and_when_it_cannot_be() -> None:
    link = LinkMeter()
    assert math.isnan(link.look(1).skew_ms)
    assert link.note_clock(10_000, ClockSight(9_000, 20.0))
    seen = link.look(2)
    assert (seen.skew_ms, seen.skew_bound_ms) == (1_000.0, 20.0)
    assert not link.note_clock(11_000, ClockSight(9_990, 20.0)), "within what either may be off"
    assert link.note_clock(12_000, ClockSight(10_500, 20.0))
    assert link.note_clock(13_000, None)
    assert math.isnan(link.look(3).skew_bound_ms)
    assert not link.note_clock(14_000, None)


def test_an_interruption_and_a_lost_stream_say_why() -> None:
    link = LinkMeter()
    link.deaf = "closed"
    assert link.look(1).why == "closed"
    link.maintenance = "upgrade"
    seen = link.look(2)
    assert (seen.maintenance, seen.why) == (True, "upgrade")
