"""The drill on the wire: an order and a stop are sent, seen, changed and gone, and what goes wrong leaves nothing."""

from __future__ import annotations

import pytest

from tests.e2e.live.test_first_week import Ground, untouched
from tests.e2e.live.test_live_process import on_market
from tests.e2e.simex.test_port import meet
from xsmom.cli import preflight_drill
from xsmom.cli.finding import Status
from xsmom.cli.preflight_case import gather_case
from xsmom.cli.preflight_drill import run_drill


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Patience is not what is asked about."""
    monkeypatch.setattr(preflight_drill, "_SEEN_S", 1.5)
    monkeypatch.setattr(preflight_drill, "_POLL_S", 0.05)
    monkeypatch.setattr(preflight_drill, "_LATE_S", -4.9)  # a lost request would be looked for after its window
    monkeypatch.setattr("xsmom.cli.preflight_checks.run_checks", lambda *_, **__: [])


async def drill(rig, venue, tmp_path):
    case = await gather_case(Ground(rig, venue, tmp_path).asked(), venue)
    return {row.name: row for row in await run_drill(case, venue)}


def ours(rig):
    """Orders of the drill: those that stand, and those that have ended."""
    truth = rig.truth()
    return [[row for row in truth[name] if row["client_id"]] for name in ("open_orders", "closed_orders")]


@on_market
async def test_both_are_seen_changed_and_gone(rig, venue, tmp_path):
    found = await drill(rig, venue, tmp_path)
    assert [*found] == ["drill order", "drill stop"]
    for row in found.values():
        assert row.status is Status.OK, row
        assert all(word in row.detail for word in ("taken in", "seen twice in", "changed in", "seen so in", "gone"))
    standing, ended = ours(rig)
    assert standing == []
    order, stop = sorted(ended, key=lambda row: row["lots"], reverse=True)
    assert all(row["client_id"].startswith("xmd") for row in (order, stop))
    assert all(row["state"] == "cancelled" and not row["filled_lots"] for row in (order, stop))
    last = next(price.last for name, price in rig.world.prices.of.items() if name in found["drill order"].detail)
    assert 0.85 < order["ticks"] / last < 0.9
    assert 0.6 < stop["trigger"]["ticks"] / last < 0.67
    assert stop["ticks"] > last, "even triggered it would rest"
    assert not rig.truth()["positions"] or not any(row["lots"] for row in rig.truth()["positions"])


@on_market
async def test_a_refused_order_is_a_sentence_and_no_stop_is_tried(rig, venue, tmp_path):
    meet(rig, do="ret", code=110007, text="not enough", match="/v5/order/create", times=0)
    found = await drill(rig, venue, tmp_path)
    assert [*found] == ["drill order"]
    assert found["drill order"].status is Status.FAIL
    assert "not taken: margin, 110007" in found["drill order"].detail
    assert "nothing was left behind" in found["drill order"].detail
    assert ours(rig) == [[], []]


@on_market
async def test_an_answer_that_is_lost_leaves_no_order(rig, venue, tmp_path):
    meet(rig, do="drop", match="/v5/order/create", when="after_accept")
    found = await drill(rig, venue, tmp_path)
    assert found["drill order"].status is Status.FAIL
    assert "not taken for certain" in found["drill order"].detail
    standing, ended = ours(rig)
    assert (len(standing), [row["state"] for row in ended]) == (0, ["cancelled"])


@on_market
async def test_one_that_no_view_shows_is_told_and_gone(rig, venue, tmp_path):
    rig.world.set_lag("realtime", 60_000)
    found = await drill(rig, venue, tmp_path)
    assert found["drill order"].status is Status.FAIL
    assert "the lookup by its name does not show it" in found["drill order"].detail
    assert ours(rig)[0] == []


@on_market
async def test_one_that_cannot_be_taken_back_is_named(rig, venue, tmp_path):
    meet(rig, do="ret", code=10000, text="busy", match="/v5/order/cancel", times=0)
    found = await drill(rig, venue, tmp_path)
    (row,) = found.values()
    assert row.status is Status.FAIL
    assert "could not be taken back" in row.detail
    (left,) = ours(rig)[0]
    assert f"cancel {left['client_id']} by hand" in row.mend


@on_market
async def test_nothing_is_sent_beside_a_trader_or_when_a_check_fails(rig, venue, tmp_path):
    ground = Ground(rig, venue, tmp_path)
    case = await gather_case(ground.asked(), venue)
    assert case.journal is not None
    case.facts.interruption = "works on the engine"
    before = untouched(rig)
    (row,) = await run_drill(case, venue)
    assert "interrupted" in row.detail
    case.facts.interruption = ""
    object.__setattr__(case.journal, "writer", "4711 on here")
    (row,) = await run_drill(case, venue)
    assert "a trader runs on this account" in row.detail
    assert untouched(rig) == before
