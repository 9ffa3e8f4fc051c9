"""The line: while it is held, what protects nothing leaves one by one, and what protects never waits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from xsmom.errors import Unavailable
from xsmom.live.link import HELD_SPACING_S, LinkMeter

SPEED = 10.0
SPACING_S = HELD_SPACING_S / SPEED


async def now_s() -> float:
    return time.monotonic()


def left_after(link: LinkMeter, **kinds: bool) -> dict[str, float]:
    """Ask all of these at once; seconds until each went out."""

    async def scene() -> dict[str, float]:
        begun_s = time.monotonic()
        asked = [link.call(name, now_s, can_wait=waits) for name, waits in kinds.items()]
        return dict(zip(kinds, [went - begun_s for went in await asyncio.gather(*asked)], strict=True))

    return asyncio.run(scene())


def test_a_free_line_makes_nobody_wait() -> None:
    assert max(left_after(LinkMeter(SPEED), a=True, b=True, c=False).values()) < SPACING_S


def test_a_held_line_spaces_what_can_wait_and_passes_what_cannot() -> None:
    link = LinkMeter(SPEED)
    link.hold(held=True)
    kinds = {"quotes": True, "candles": True, "funding": True, "stop": False, "cancel": False}
    went = left_after(link, **kinds)
    assert went["stop"] < SPACING_S
    assert went["cancel"] < SPACING_S
    assert went["candles"] >= went["quotes"] + SPACING_S * 0.9
    assert went["funding"] >= went["candles"] + SPACING_S * 0.9
    assert link.look(5).lag_ms < SPACING_S * 1_000, "waiting for a turn is not the exchange's lag"


def test_who_waits_goes_at_once_when_the_line_is_free_again() -> None:
    link = LinkMeter(0.01)  # fifty seconds between two
    link.hold(held=True)

    async def scene() -> float:
        begun_s = time.monotonic()
        asked = [asyncio.ensure_future(link.call("quotes", now_s, can_wait=True)) for _ in range(4)]
        await asyncio.sleep(0.02)
        assert sum(one.done() for one in asked) == 1, "the first goes, the others wait"
        link.hold(held=False)
        return max(await asyncio.gather(*asked)) - begun_s

    assert asyncio.run(scene()) < 1.0


def test_a_failure_counts_held_or_not() -> None:
    link = LinkMeter()
    link.hold(held=True)

    async def fails() -> Any:
        raise Unavailable("503")

    with pytest.raises(Unavailable):
        asyncio.run(link.call("stop", fails))
    seen = link.look(1)
    assert (seen.calls, seen.failures, seen.why) == (1, 1, "stop: 503")
