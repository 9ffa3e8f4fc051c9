"""Every answer of the exchange by fault script, through the unmodified client: what our port makes of it."""

from typing import Any

import pytest

from tests.e2e.simex.rig import NO_LAGS, SYMBOL, on_exchange
from tests.e2e.simex.test_port import limit_below, meet, port
from xsmom.domain.trading import (
    Ack,
    NoChange,
    OrderRequest,
    OrderState,
    Refusal,
    Rejected,
    TimeInForce,
    TriggerBy,
    Unknown,
)
from xsmom.errors import AuthFailed, RateLimited, Unavailable

CREATE, CANCEL, STOP, POSITIONS = (
    "/v5/order/create",
    "/v5/order/cancel",
    "/v5/position/trading-stop",
    "/v5/position/list",
)
AUTH_CODES = (10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 33004)

#: Situation: codes in the body of an answer to a mutation, and what each certainly means.
REFUSED = {
    "rate limit": (CREATE, (10006, 10018), Refusal.RATE),
    "timestamp or window": (CREATE, (10002, -1), Refusal.CLOCK),
    "margin": (CREATE, (110004, 110006, 110007, 110012, 110044, 110045), Refusal.MARGIN),
    "largest position": (CREATE, (110090,), Refusal.SIZE),
    "reduce-only": (CREATE, (110017,), Refusal.REDUCE_ONLY),
    "order not found": (CANCEL, (110001,), Refusal.NOT_FOUND),
    "done already": (CANCEL, (110008, 110010), Refusal.ALREADY_DONE),
    "duplicate client id": (CREATE, (110072, 10014), Refusal.DUPLICATE_ID),
    "trigger on the wrong side": (CREATE, (110092, 110093), Refusal.TRIGGER_SIDE),
    "least notional": (CREATE, (110094,), Refusal.NOTIONAL),
    "price band": (CREATE, (110003, 30208, 30209), Refusal.PRICE),
    "too many conditionals": (CREATE, (110009,), Refusal.TOO_MANY),
    "key, signature, address, permission, ban": (CREATE, AUTH_CODES, Refusal.AUTH),
}
#: The one code that stands for many mistakes; its text tells them apart.
BY_TEXT = {
    "position idx not match position mode": (CREATE, Refusal.MODE),
    "can not set tp/sl/ts for zero position": (STOP, Refusal.NO_POSITION),
    "params error: something else": (CREATE, Refusal.OTHER),
}
UNCHANGED = {"leverage": 110043, "position mode": 110025, "margin mode": 110026, "stop": 34040}
#: After these nobody knows whether a mutation took effect: busy, broken, or a code that no table has.
DOUBTFUL: dict[str, dict[str, Any]] = {
    **{f"code {code}": {"do": "ret", "code": code} for code in (10000, 10016, 429, 10429, 110079, 199_999)},
    **{f"status {code}": {"do": "http", "status": code} for code in (403, 408, 429, 500, 502, 503, 504, 520, 524)},
    **{do: {"do": do} for do in ("html200", "empty", "cut", "drop")},
    "no answer in time": {"do": "delay", "delay_ms": 1_500},
}
READS: dict[str, tuple[dict[str, Any], Any]] = {
    **{f"code {code}": ({"do": "ret", "code": code}, RateLimited) for code in (10006, 10018)},
    **{f"code {code}": ({"do": "ret", "code": code}, AuthFailed) for code in AUTH_CODES},
    **{f"code {code}": ({"do": "ret", "code": code}, Unavailable) for code in (10000, 10016, 429, 10002)},
    **{f"status {code}": ({"do": "http", "status": code}, Unavailable) for code in (408, 500, 502, 503, 504, 520, 524)},
    **{f"status {code}": ({"do": "http", "status": code}, RateLimited) for code in (403, 429)},
    **{do: ({"do": do}, Unavailable) for do in ("html200", "empty", "cut", "drop")},
}


async def mutate(venue, rig, path, name):
    """The mutation that uses a path."""
    if path == CANCEL:
        return await venue.cancel(SYMBOL, name)
    if path == STOP:
        return await venue.set_position_stop(SYMBOL, int(rig.world.prices.of[SYMBOL].last * 0.9), None, TriggerBy.MARK)
    return await venue.submit(limit_below(rig, name))


def quiet(rig, **more):
    """The port, with pauses and time-outs of a test."""
    return port(rig, pauses_s=(0.01,), send_timeout_ms=600, **more)


@on_exchange(lags_ms=NO_LAGS)
async def test_what_the_exchange_refuses_is_refused_for_its_reason(rig):
    for situation, (path, codes, refusal) in REFUSED.items():
        for code in codes:
            async with quiet(rig) as venue:  # a refusal for the rate closes its budget for a while
                meet(rig, do="ret", match=path, code=code, text=situation)
                answer = await mutate(venue, rig, path, f"o{code}".replace("-", "m"))
            assert isinstance(answer, Rejected), (situation, code, answer)
            assert (answer.refusal, answer.code) == (refusal, str(code)), (situation, answer)
            rig.world.faults.script.clear()
    assert rig.truth()["open_orders"] == []


@on_exchange(lags_ms=NO_LAGS)
async def test_the_code_for_every_mistake_is_told_apart_by_its_text(rig):
    async with quiet(rig) as venue:
        for text, (path, refusal) in BY_TEXT.items():
            meet(rig, do="ret", match=path, code=10001, text=text)
            answer = await mutate(venue, rig, path, "o")
            assert isinstance(answer, Rejected), text
            assert answer.refusal is refusal, text


@on_exchange(lags_ms=NO_LAGS)
async def test_what_is_so_already_is_success(rig):
    async with quiet(rig) as venue:
        for what, code in UNCHANGED.items():
            meet(rig, do="ret", match=STOP, code=code, text=what)
            assert isinstance(await mutate(venue, rig, STOP, "o"), NoChange), what


@on_exchange(lags_ms=NO_LAGS)
async def test_post_only_that_would_take_is_taken_and_then_cancelled(rig):
    async with quiet(rig) as venue:
        ticks = int(rig.world.prices.of[SYMBOL].last * 1.02)
        request = OrderRequest("maker", SYMBOL, 100, ticks, TimeInForce.POST_ONLY)
        assert isinstance(await venue.submit(request), Ack)
        found = await venue.order_by_client_id(SYMBOL, "maker")
        assert (found.state, found.reason) == (OrderState.CANCELLED, "EC_PostOnlyWillTakeLiquidity")


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after_accept"])
@on_exchange(lags_ms=NO_LAGS)
async def test_whatever_may_have_taken_effect_is_unknown(rig, when):
    for number, (situation, fault) in enumerate(DOUBTFUL.items()):
        async with quiet(rig) as venue:  # a barred address stays away, so each row has its own
            meet(rig, match=CREATE, when=when, **fault)
            answer = await venue.submit(limit_below(rig, f"doubt-{number}"))
        assert isinstance(answer, Unknown), (situation, answer)
        rig.world.faults.script.clear()
    there = {order["client_id"] for order in rig.truth()["open_orders"]}
    late = {f"doubt-{number}" for number, name in enumerate(DOUBTFUL) if name == "no answer in time"}
    expected = {f"doubt-{number}" for number in range(len(DOUBTFUL))}
    assert there - late == (expected - late if when == "after_accept" else set())


@pytest.mark.slow
@on_exchange(lags_ms=NO_LAGS)
async def test_a_read_that_is_not_whole_raises_its_error(rig):
    for situation, (fault, error) in READS.items():
        async with quiet(rig) as venue:
            meet(rig, match=POSITIONS, times=0, **fault)
            with pytest.raises(error):
                await venue.positions()
            rig.world.faults.script.clear()
        assert situation
