"""An account at Bybit through the real library: what goes out, what comes back, and what is unknown."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from pydantic import SecretStr

from tests.exchange.account import API_KEY, Account, order, position
from tests.exchange.market import Contract
from tests.exchange.server import HTML, Fault
from tests.unit.venues.conftest import buy, trade
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    Modes,
    NoChange,
    OrderRequest,
    Refusal,
    Rejected,
    TimeInForce,
    Trigger,
    TriggerBy,
    Unknown,
)
from xsmom.errors import AuthFailed, ConfigError, RateLimited
from xsmom.ports import Venue
from xsmom.venues.bybit.codes import NO_CHANGE, REFUSALS
from xsmom.venues.limiter import Lane
from xsmom.venues.wire import Access, Keys

REST = "/v5/order/create"


@pytest.fixture
def server(serve):
    return serve(Contract("AAAUSDT"), Contract("BBBUSDT"), now_ms=None, account=Account())


def sent(server, request):
    """The one request that a mutation becomes."""
    answer = trade(server, lambda venue: venue.submit(request))
    assert isinstance(answer, Ack), answer
    ((path, body),) = server.account.mutations
    assert path == REST
    return body


def test_the_adapter_is_a_venue():
    from xsmom.venues.bybit.venue import BybitVenue

    promised = {name for name in dir(Venue) if not name.startswith("_")}
    assert promised <= set(dir(BybitVenue))


def test_a_limit_order(server):
    body = sent(server, buy(price_ticks=123_456, time_in_force=TimeInForce.POST_ONLY))
    assert body == {
        "category": "linear", "symbol": "AAAUSDT", "side": "Buy", "orderType": "Limit", "qty": "1.5",
        "price": "12.3456", "timeInForce": "PostOnly", "positionIdx": 0, "reduceOnly": False,
        "closeOnTrigger": False, "orderLinkId": "c-1",
    }  # fmt: skip


def test_a_market_order_that_reduces(server):
    body = sent(server, buy(lots=-3, reduce_only=True))
    assert (body["side"], body["orderType"], body["qty"], body["timeInForce"]) == ("Sell", "Market", "0.3", "IOC")
    assert body["reduceOnly"] is True
    assert "price" not in body


def test_an_entry_carries_its_stop_by_the_mark_price(server):
    body = sent(server, buy(price_ticks=100_000, stop_loss_ticks=95_000))
    assert (body["stopLoss"], body["slTriggerBy"], body["tpslMode"]) == ("9.5000", "MarkPrice", "Full")


@pytest.mark.parametrize(
    ("by", "word"), [(TriggerBy.MARK, "MarkPrice"), (TriggerBy.LAST, "LastPrice"), (TriggerBy.INDEX, "IndexPrice")]
)
@pytest.mark.parametrize(("rising", "direction"), [(True, 1), (False, 2)])
def test_a_conditional_order(server, by, word, rising, direction):
    request = buy(lots=-5, trigger=Trigger(90_000, by, rising), reduce_only=True, close_on_trigger=True)
    body = sent(server, request)
    assert (body["triggerPrice"], body["triggerBy"], body["triggerDirection"]) == ("9.0000", word, direction)
    assert body["closeOnTrigger"] is True


def test_an_acknowledgement(server):
    answer = trade(server, lambda venue: venue.submit(buy()))
    assert (answer.order_id, answer.client_order_id) == ("id-1", "c-1")
    assert abs(answer.at_ms - server.clock_ms()) < 60_000


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (buy(lots=0), Refusal.SIZE),
        (buy(client_id=""), Refusal.OTHER),
        (buy(client_id="x" * 37), Refusal.OTHER),
        (buy(client_id="a b"), Refusal.OTHER),
        (buy(lots=25_001), Refusal.SIZE),
        (buy(lots=100_001, price_ticks=1), Refusal.SIZE),
        (buy(price_ticks=0), Refusal.PRICE),
        (buy(reduce_only=True, stop_loss_ticks=5), Refusal.OTHER),
        (OrderRequest("c", "NOPEUSDT", 1), Refusal.NOT_TRADING),
    ],
)
def test_what_the_exchange_would_misread_is_not_sent(server, request_, refusal):
    answer = trade(server, lambda venue: venue.submit(request_))
    assert isinstance(answer, Rejected)
    assert (answer.refusal, answer.code) == (refusal, "local")
    assert server.account.mutations == []


def test_amend_and_cancel_name_the_order_by_our_id_alone(server):
    async def question(venue):
        await venue.amend(AmendRequest("c-1", "AAAUSDT", lots=7, price_ticks=120_000))
        await venue.amend(AmendRequest("c-2", "AAAUSDT", trigger_ticks=90_000))
        await venue.cancel("AAAUSDT", "c-3")

    trade(server, question)
    base = {"category": "linear", "symbol": "AAAUSDT"}
    assert server.account.mutations == [
        ("/v5/order/amend", {**base, "orderLinkId": "c-1", "qty": "0.7", "price": "12.0000"}),
        ("/v5/order/amend", {**base, "orderLinkId": "c-2", "triggerPrice": "9.0000"}),
        ("/v5/order/cancel", {**base, "orderLinkId": "c-3"}),
    ]


def test_both_legs_of_a_position_go_out_together(server):
    trade(server, lambda venue: venue.set_position_stop("AAAUSDT", 95_000, None, TriggerBy.MARK))
    ((path, body),) = server.account.mutations
    assert path == "/v5/position/trading-stop"
    assert (body["stopLoss"], body["takeProfit"], body["tpslMode"]) == ("9.5000", "0", "Full")
    assert (body["slTriggerBy"], body["tpTriggerBy"], body["positionIdx"]) == ("MarkPrice", "MarkPrice", 0)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_every_known_refusal(server, code):
    server.account.refuse[REST] = (int(code), "no")
    answer = trade(server, lambda venue: venue.submit(buy()))
    assert answer == Rejected(REFUSALS[code], code, f"no (code {code})")
    assert len(server.calls(REST)) == 1


@pytest.mark.parametrize("code", sorted(NO_CHANGE))
def test_already_so_is_success(server, code):
    server.account.refuse["/v5/position/trading-stop"] = (int(code), "not modified")
    assert trade(server, lambda venue: venue.set_position_stop("AAAUSDT", 1, 2, TriggerBy.MARK)) == NoChange()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("position idx not match position mode", Refusal.MODE),
        ("can not set tp/sl/ts for zero position", Refusal.NO_POSITION),
        ("Qty invalid", Refusal.OTHER),
    ],
)
def test_the_one_code_for_every_mistake_is_told_apart_by_its_text(server, text, refusal):
    server.account.refuse[REST] = (10_001, text)
    assert trade(server, lambda venue: venue.submit(buy())).refusal is refusal


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("code", status=code, body="?") for code in (10_000, 10_016, 429, 10_019, 110_079, 987_654, 3_400_214)),
        *(Fault("answer", status=status, body=HTML) for status in (200, 403, 408, 418, 429, 500, 502, 503, 504, 524)),
        Fault("answer", body=""),
        Fault("answer", body='{"retCode":0,"retMsg":"OK","result":{"orderId":"x"'),
        Fault("answer", body='{"retCode":0,"result":{"orderId":"","orderLinkId":"c-1"},"time":1}'),
        Fault("answer", body='{"retCode":0,"result":{"orderId":"x","orderLinkId":"other"},"time":1}'),
        Fault("answer", body='{"retCode":0,"result":{},"time":1}'),
        Fault("lost answer"),
        Fault("drop"),
        Fault("slow", seconds=5.0),
    ],
    ids=lambda fault: f"{fault.do}-{fault.status}-{fault.body[:20]}",
)
def test_whatever_may_have_taken_effect_is_unknown_and_is_not_sent_twice(server, fault):
    fault.path, fault.times = REST, -1
    server.faults.append(fault)
    answer = trade(server, lambda venue: venue.submit(buy()), send_timeout_ms=300)
    assert isinstance(answer, Unknown), answer
    assert len(server.calls(REST)) == 1


def test_a_lost_answer_is_found_by_its_client_id(server):
    server.faults.append(Fault("lost answer", REST))
    server.account.rows["/v5/order/realtime"] = [order(7, orderLinkId="c-1")]

    async def question(venue):
        return await venue.submit(buy()), await venue.order_by_client_id("AAAUSDT", "c-1")

    answer, found = trade(server, question)
    assert isinstance(answer, Unknown)
    assert found.order_id == "o7"


def test_nothing_is_sent_while_the_contracts_are_not_known(server):
    server.faults.append(Fault("answer", "instruments-info", status=502, times=-1))
    answer = trade(server, lambda venue: venue.submit(buy()))
    assert isinstance(answer, Rejected)
    assert "not sent" in answer.text
    assert server.calls(REST) == []


def test_modes_are_set_only_where_they_differ(server):
    rows = [position(leverage="5", size="0", side=""), position("BBBUSDT", leverage="10", size="0", side="")]
    server.account.rows["/v5/position/list"] = rows
    server.account.refuse["/v5/position/switch-mode"] = (110_025, "Position mode has not been modified")
    wanted = Modes(Decimal(5), ("AAAUSDT", "BBBUSDT"))
    report = trade(server, lambda venue: venue.ensure_modes(wanted))
    assert report.changed == ("leverage BBBUSDT",)
    assert report.unchanged == ("margin mode", "position mode", "leverage AAAUSDT")
    assert report.failed == ()
    ((path, body),) = server.account.mutations
    assert (path, body["buyLeverage"], body["sellLeverage"]) == ("/v5/position/set-leverage", "5", "5")


def test_modes_that_cannot_be_set_are_told(server):
    server.account.rows["/v5/position/list"] = [position(positionIdx=1), position(positionIdx=2)]
    server.account.margin_mode = "ISOLATED_MARGIN"
    server.account.refuse |= {
        "/v5/position/switch-mode": (110_024, "You have an existing position"),
        "/v5/account/set-margin-mode": (3_400_045, "Set margin mode failed"),
    }
    report = trade(server, lambda venue: venue.ensure_modes(Modes(Decimal(5), ("AAAUSDT", "NOPEUSDT"))))
    assert dict(report.failed).keys() == {"margin mode", "position mode", "leverage AAAUSDT", "leverage NOPEUSDT"}
    assert "existing position" in dict(report.failed)["position mode"]
    assert (report.changed, report.unchanged) == ((), ())


@pytest.mark.parametrize("skew_ms", [-7_000, 1_500, 3_600_000])
def test_a_clock_that_is_off_does_not_matter(serve, skew_ms):
    server = serve(now_ms=None, skew_ms=skew_ms, account=Account())
    assert isinstance(trade(server, lambda venue: venue.submit(buy())), Ack)


def test_a_clock_that_moves_is_measured_again(server):
    async def question(venue):
        await venue.instruments()
        server.skew_ms = 30_000
        return await venue.submit(buy("c-1")), await venue.submit(buy("c-2"))

    first, second = trade(server, question)
    assert first.refusal is Refusal.CLOCK
    assert isinstance(second, Ack)


def test_a_wrong_secret_is_told_and_never_shown(server):
    keys = Keys(SecretStr(API_KEY), SecretStr("another-secret-99"))
    with pytest.raises(AuthFailed, match="10004") as caught:
        trade(server, lambda venue: venue.account(), keys=keys)
    assert "another-secret-99" not in str(caught.value)
    assert "another-secret-99" not in repr(Access(keys=keys))
    assert trade(server, lambda venue: venue.submit(buy()), keys=keys).refusal is Refusal.AUTH


def test_without_keys_the_mend_is_told(server):
    with pytest.raises(ConfigError, match="set XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET"):
        trade(server, lambda venue: venue.account(), keys=None)


def test_a_barred_address_is_left_alone(server):
    server.faults.append(Fault("answer", "wallet", status=403, times=-1))

    async def question(venue):
        with pytest.raises(RateLimited):
            await venue.account()
        await asyncio.wait_for(venue.wire.limiter.take(Lane.STOP, ""), 0.2)

    with pytest.raises(TimeoutError):
        trade(server, question)
    assert len(server.calls("wallet")) == 1


def test_a_stop_does_not_wait_behind_candles(server):
    from xsmom.domain.market_data import PriceKind

    async def question(venue):
        await venue.instruments()
        candles = [
            asyncio.ensure_future(venue.candles("AAAUSDT", 60_000, 1_700_000_000_000, 10, PriceKind.LAST))
            for _ in range(300)
        ]
        await asyncio.sleep(0.3)
        began_s = time.monotonic()
        await venue.wire.limiter.take(Lane.STOP, "v5/position/trading-stop")
        waited_s = time.monotonic() - began_s
        left = sum(not task.done() for task in candles)
        for task in candles:
            task.cancel()
        await asyncio.gather(*candles, return_exceptions=True)
        return waited_s, left

    waited_s, left = trade(server, question)
    assert left > 50
    assert waited_s < 0.05
