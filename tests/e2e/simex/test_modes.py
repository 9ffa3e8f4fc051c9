"""Position and margin mode: switched while nothing is open, refused with the exchange's own codes otherwise."""

from decimal import Decimal

import pytest

from tests.e2e.simex.rig import SYMBOL, on_exchange
from tests.e2e.simex.test_port import port
from xsmom.domain.trading import Modes

SWITCH, MARGIN = "/v5/position/switch-mode", "/v5/account/set-margin-mode"
MODES = Modes(leverage_x=Decimal(5), symbols=(SYMBOL,))
HEDGE, ONE_WAY = {"category": "linear", "coin": "USDT", "mode": 3}, {"category": "linear", "coin": "USDT", "mode": 0}


async def code(rig, path, given):
    _, body, _ = await rig.signed("POST", path, given)
    return body["retCode"]


async def sides(rig):
    _, body, _ = await rig.signed("GET", "/v5/position/list", {"category": "linear", "symbol": SYMBOL})
    return [(row["positionIdx"], row["size"]) for row in body["result"]["list"]]


@on_exchange()
async def test_hedge_mode_and_back(rig):
    assert await code(rig, SWITCH, ONE_WAY) == 110025
    assert await code(rig, SWITCH, HEDGE) == 0
    assert await code(rig, SWITCH, HEDGE) == 110025
    assert await sides(rig) == [(1, "0"), (2, "0")]
    order = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.01"}
    assert await code(rig, "/v5/order/create", order) == 10001
    assert await code(rig, "/v5/order/create", {**order, "positionIdx": 1}) == 110029, "nothing is traded in it here"
    assert await code(rig, SWITCH, ONE_WAY) == 0
    assert await sides(rig) == [(0, "0")]
    assert await code(rig, "/v5/order/create", {**order, "positionIdx": 1}) == 10001


@on_exchange()
async def test_what_is_open_keeps_both_modes(rig):
    await rig.buy("0.01", orderType="Limit", price=rig.on_tick(0.9), orderLinkId="rests")
    assert await code(rig, SWITCH, HEDGE) == 110028
    assert await code(rig, MARGIN, {"setMarginMode": "ISOLATED_MARGIN"}) == 110073
    await rig.buy("0.01")
    assert await code(rig, SWITCH, HEDGE) == 110024
    rig.world.modes.put(0, hedge=True, isolated=False)
    assert await sides(rig) == [(1, "0.01000"), (2, "0")]
    stop = {"category": "linear", "symbol": SYMBOL, "stopLoss": "1", "positionIdx": 0, "tpslMode": "Full"}
    assert await code(rig, "/v5/position/trading-stop", stop) == 10001


@pytest.mark.parametrize(("hedge", "isolated"), [(True, False), (False, True), (True, True)])
def test_our_adapter_mends_both(hedge, isolated):
    @on_exchange()
    async def walk(rig):
        async with port(rig) as venue:
            rig.world.modes.put(0, hedge=hedge, isolated=isolated)
            seen = await venue.compare_modes(MODES)
            assert bool(seen.failed) == hedge
            assert ("margin mode" in seen.changed) == isolated
            report = await venue.ensure_modes(MODES)
            assert report.failed == ()
            assert ("position mode" in report.changed, "margin mode" in report.changed) == (hedge, isolated)
            assert (rig.world.modes.hedged, rig.world.modes.isolated) == (set(), set())
            assert (await venue.compare_modes(MODES)).failed == ()

    walk()


@on_exchange()
async def test_our_adapter_says_what_the_exchange_refuses(rig):
    async with port(rig) as venue:
        await rig.buy("0.01")
        rig.world.modes.put(0, hedge=True, isolated=True)
        report = await venue.ensure_modes(MODES)
        failed = dict(report.failed)
        assert "existing position" in failed["position mode"]
        assert "Set margin mode failed" in failed["margin mode"]
        assert "hedge mode" in failed[f"leverage {SYMBOL}"]
