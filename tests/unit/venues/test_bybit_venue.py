"""An account at Bybit through the real library: what goes out, what comes back, and what is unknown."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from pydantic import SecretStr

from tests.exchange.account import API_KEY, API_SECRET, Account, execution, order, position, wallet
from tests.exchange.market import Contract
from tests.exchange.server import HTML, Fault
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    FillKind,
    Modes,
    NoChange,
    OrderRequest,
    OrderState,
    Refusal,
    Rejected,
    TimeInForce,
    Trigger,
    TriggerBy,
    Unknown,
)
from xsmom.errors import AuthFailed, ConfigError, RateLimited, Unavailable
from xsmom.ports import Venue
from xsmom.venues.bybit.codes import NO_CHANGE, REFUSALS
from xsmom.venues.limiter import Lane
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access, Keys

KEYS = Keys(SecretStr(API_KEY), SecretStr(API_SECRET))
REST = "/v5/order/create"


@pytest.fixture
def server(serve):
    return serve(Contract("AAAUSDT"), Contract("BBBUSDT"), now_ms=None, account=Account())


def talk(server, question, **settings):
    """Ask one question of an account; addresses are the exchange's own."""

    async def conversation():
        given = {"pauses_s": (0.01,), "keys": KEYS, **server.library_access(), **settings}
        venue = await open_venue("bybit", Access(**given))
        try:
            return await question(venue)
        finally:
            await venue.close()

    return asyncio.run(asyncio.wait_for(conversation(), 60))


def buy(client_id="c-1", lots=15, **more):
    return OrderRequest(client_id, "AAAUSDT", lots, **more)


def sent(server, request):
    """The one request that a mutation becomes."""
    answer = talk(server, lambda venue: venue.submit(request))
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
    answer = talk(server, lambda venue: venue.submit(buy()))
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
    answer = talk(server, lambda venue: venue.submit(request_))
    assert isinstance(answer, Rejected)
    assert (answer.refusal, answer.code) == (refusal, "local")
    assert server.account.mutations == []


def test_amend_and_cancel_name_the_order_by_our_id_alone(server):
    async def question(venue):
        await venue.amend(AmendRequest("c-1", "AAAUSDT", lots=7, price_ticks=120_000))
        await venue.amend(AmendRequest("c-2", "AAAUSDT", trigger_ticks=90_000))
        await venue.cancel("AAAUSDT", "c-3")

    talk(server, question)
    base = {"category": "linear", "symbol": "AAAUSDT"}
    assert server.account.mutations == [
        ("/v5/order/amend", {**base, "orderLinkId": "c-1", "qty": "0.7", "price": "12.0000"}),
        ("/v5/order/amend", {**base, "orderLinkId": "c-2", "triggerPrice": "9.0000"}),
        ("/v5/order/cancel", {**base, "orderLinkId": "c-3"}),
    ]


def test_both_legs_of_a_position_go_out_together(server):
    talk(server, lambda venue: venue.set_position_stop("AAAUSDT", 95_000, None, TriggerBy.MARK))
    ((path, body),) = server.account.mutations
    assert path == "/v5/position/trading-stop"
    assert (body["stopLoss"], body["takeProfit"], body["tpslMode"]) == ("9.5000", "0", "Full")
    assert (body["slTriggerBy"], body["tpTriggerBy"], body["positionIdx"]) == ("MarkPrice", "MarkPrice", 0)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_every_known_refusal(server, code):
    server.account.refuse[REST] = (int(code), "no")
    answer = talk(server, lambda venue: venue.submit(buy()))
    assert answer == Rejected(REFUSALS[code], code, f"no (code {code})")
    assert len(server.calls(REST)) == 1


@pytest.mark.parametrize("code", sorted(NO_CHANGE))
def test_already_so_is_success(server, code):
    server.account.refuse["/v5/position/trading-stop"] = (int(code), "not modified")
    assert talk(server, lambda venue: venue.set_position_stop("AAAUSDT", 1, 2, TriggerBy.MARK)) == NoChange()


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
    assert talk(server, lambda venue: venue.submit(buy())).refusal is refusal


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
    answer = talk(server, lambda venue: venue.submit(buy()), send_timeout_ms=300)
    assert isinstance(answer, Unknown), answer
    assert len(server.calls(REST)) == 1


def test_a_lost_answer_is_found_by_its_client_id(server):
    server.faults.append(Fault("lost answer", REST))
    server.account.rows["/v5/order/realtime"] = [order(7, orderLinkId="c-1")]

    async def question(venue):
        return await venue.submit(buy()), await venue.order_by_client_id("AAAUSDT", "c-1")

    answer, found = talk(server, question)
    assert isinstance(answer, Unknown)
    assert found.order_id == "o7"


def test_nothing_is_sent_while_the_contracts_are_not_known(server):
    server.faults.append(Fault("answer", "instruments-info", status=502, times=-1))
    answer = talk(server, lambda venue: venue.submit(buy()))
    assert isinstance(answer, Rejected)
    assert "not sent" in answer.text
    assert server.calls(REST) == []


def test_a_lookup_asks_the_open_ones_first_and_then_the_history(server):
    server.account.rows["/v5/order/history"] = [order(3, orderStatus="Filled", cumExecQty="1.5", avgPrice="12.3")]
    found = talk(server, lambda venue: venue.order_by_client_id("AAAUSDT", "c3"))
    assert (found.state, found.filled_lots, found.average_price) == (OrderState.FILLED, 15, Decimal("12.3"))
    paths = [path for path, query, _ in server.log if "orderLinkId" in query]
    assert paths == ["/v5/order/realtime", "/v5/order/history"]
    assert all("orderId" not in query for _, query, _ in server.log)
    assert talk(server, lambda venue: venue.order_by_client_id("AAAUSDT", "never")) is None


def test_a_lookup_that_gets_no_answer_does_not_say_absent(server):
    server.faults.append(Fault("answer", "/v5/order/history", body=HTML, times=-1))
    with pytest.raises(Unavailable):
        talk(server, lambda venue: venue.order_by_client_id("AAAUSDT", "c1"))


def test_open_orders_of_every_page(server):
    stop = order(
        500, qty="0", orderStatus="Untriggered", stopOrderType="StopLoss", orderType="Market", reduceOnly=True,
        side="Sell", triggerPrice="9.5", triggerBy="MarkPrice", triggerDirection=2, price="0",
    )  # fmt: skip
    server.account.rows["/v5/order/realtime"] = [*(order(number) for number in range(120)), stop]
    snapshot = talk(server, lambda venue: venue.open_orders())
    assert len(snapshot.rows) == 121
    (protection,) = [one for one in snapshot.rows if one.of_position]
    assert protection.trigger == Trigger(95_000, TriggerBy.MARK, rising=False)
    assert protection.price_ticks is None
    assert abs(snapshot.as_of_ms - server.clock_ms()) < 60_000


@pytest.mark.parametrize("do", ["no list", "cut", "drop"])
@pytest.mark.parametrize(
    ("path", "read"), [("order/realtime", "open_orders"), ("position/list", "positions"), ("wallet", "account")]
)
def test_a_read_that_is_not_complete_raises(server, do, path, read):
    server.account.rows["/v5/order/realtime"] = [order(number) for number in range(120)]
    server.account.rows["/v5/position/list"] = [position()]
    if do == "no list":
        server.faults.append(Fault(do, path, times=-1, skip=1 if read == "open_orders" else 0))
    elif do == "cut":
        server.faults.append(Fault("answer", path, times=-1, body='{"retCode":0,"result":{"list":[{"symbol"'))
    else:
        server.faults.append(Fault(do, path, times=-1))
    with pytest.raises(Unavailable):
        talk(server, lambda venue: getattr(venue, read)())


def test_positions(server):
    server.account.rows["/v5/position/list"] = [
        position(stopLoss="30.0001", takeProfit="20", liqPrice="33.5"),
        position("BBBUSDT", side="", size="0", avgPrice="0"),
    ]
    (one,) = talk(server, lambda venue: venue.positions()).rows
    assert (one.lots, one.entry_price, one.stop_loss_ticks, one.take_profit_ticks) == (
        -300,
        Decimal("27.4645"),
        300_001,
        200_000,
    )
    assert (one.liquidation_price, one.leverage_x, one.seq) == (Decimal("33.5"), Decimal(5), 5723621632)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"positionIdx": 1}, "hedge mode"),
        ({"size": "30.05"}, "no whole number of lots"),
        ({"symbol": "NEWUSDT"}, "none of the contracts that we know"),
        ({"side": "Both"}, "cannot be read"),
    ],
)
def test_a_position_that_cannot_be_read_raises_and_is_never_left_out(server, row, words):
    server.account.rows["/v5/position/list"] = [position(), position(**row)]
    with pytest.raises(Unavailable, match=words):
        talk(server, lambda venue: venue.positions())


def test_the_account_is_read_from_raw_fields(server):
    account = talk(server, lambda venue: venue.account())
    assert (account.equity_usdt, account.wallet_usdt) == (Decimal("1012.5"), Decimal("1000.25"))
    assert (account.initial_margin_usdt, account.maintenance_margin_usdt) == (Decimal(113), Decimal("10.25"))
    assert (account.available_usdt, account.maintenance_rate_frac) == (Decimal("899.43"), Decimal("0.0101"))


def test_an_account_without_the_coin_has_none_of_it(server):
    row = {**wallet(), "coin": []}
    server.account.results["/v5/account/wallet-balance"] = {"list": [row]}
    assert talk(server, lambda venue: venue.account()).equity_usdt == 0
    server.account.results["/v5/account/wallet-balance"] = {"list": []}
    with pytest.raises(Unavailable):
        talk(server, lambda venue: venue.account())


def test_executions_of_every_kind_page_and_week_once(server):
    now_ms = int(time.time() * 1_000)
    since_ms = now_ms - 20 * 86_400_000
    kinds = {"Trade": FillKind.TRADE, "Funding": FillKind.FUNDING, "BustTrade": FillKind.LIQUIDATION}
    kinds |= {"AdlTrade": FillKind.ADL, "Delivery": FillKind.DELIVERY}
    rows = [
        execution(number, execTime=str(since_ms + number * 3_600_000), execType=list(kinds)[number % 5])
        for number in range(470)
    ]
    foreign = execution(999, symbol="ETHPERP", execTime=str(now_ms - 1_000))
    liquidated = execution(1_000, createType="CreateByLiq", side="Sell", execTime=str(now_ms - 500))
    server.account.rows["/v5/execution/list"] = [*rows, rows[-1], foreign, liquidated]
    fills = talk(server, lambda venue: venue.fills(since_ms))
    assert [one.exec_id for one in fills] == [f"e{number}" for number in range(470)] + ["e1000"]
    assert [one.kind for one in fills[:5]] == list(kinds.values())
    assert (fills[-1].kind, fills[-1].lots) == (FillKind.LIQUIDATION, -1)
    assert {one.lots for one in fills if one.kind is FillKind.FUNDING} == {0}
    assert fills[0].fee_usdt == Decimal("0.071409")


def test_an_execution_of_a_kind_that_nobody_knows_raises(server):
    server.account.rows["/v5/execution/list"] = [execution(execType="Teleport", execTime=str(int(time.time() * 1_000)))]
    with pytest.raises(Unavailable, match="Teleport"):
        talk(server, lambda venue: venue.fills(int(time.time() * 1_000) - 60_000))


def test_fees_and_key(server):
    account = server.account
    assert talk(server, lambda venue: venue.fees()) == {"AAAUSDT": (Decimal("0.0002"), Decimal("0.00055"))}
    facts = talk(server, lambda venue: venue.key())
    assert (facts.can_trade, facts.can_withdraw, facts.read_only, facts.ip_bound) == (True, False, False, True)
    assert (facts.expires_ms, facts.account) == (None, "24617703")
    account.permissions = {"ContractTrade": ["Order"], "Wallet": ["AccountTransfer", "Withdraw"]}
    account.read_only, account.ips, account.expires = 1, ["*"], "2027-01-01T00:00:00Z"
    facts = talk(server, lambda venue: venue.key())
    assert (facts.can_trade, facts.can_withdraw, facts.read_only, facts.ip_bound) == (False, True, True, False)
    assert facts.expires_ms == 1_798_761_600_000


def test_modes_are_set_only_where_they_differ(server):
    rows = [position(leverage="5", size="0", side=""), position("BBBUSDT", leverage="10", size="0", side="")]
    server.account.rows["/v5/position/list"] = rows
    server.account.refuse["/v5/position/switch-mode"] = (110_025, "Position mode has not been modified")
    wanted = Modes(Decimal(5), ("AAAUSDT", "BBBUSDT"))
    report = talk(server, lambda venue: venue.ensure_modes(wanted))
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
    report = talk(server, lambda venue: venue.ensure_modes(Modes(Decimal(5), ("AAAUSDT", "NOPEUSDT"))))
    assert dict(report.failed).keys() == {"margin mode", "position mode", "leverage AAAUSDT", "leverage NOPEUSDT"}
    assert "existing position" in dict(report.failed)["position mode"]
    assert (report.changed, report.unchanged) == ((), ())


@pytest.mark.parametrize("skew_ms", [-7_000, 1_500, 3_600_000])
def test_a_clock_that_is_off_does_not_matter(serve, skew_ms):
    server = serve(now_ms=None, skew_ms=skew_ms, account=Account())
    assert isinstance(talk(server, lambda venue: venue.submit(buy())), Ack)


def test_a_clock_that_moves_is_measured_again(server):
    async def question(venue):
        await venue.instruments()
        server.skew_ms = 30_000
        return await venue.submit(buy("c-1")), await venue.submit(buy("c-2"))

    first, second = talk(server, question)
    assert first.refusal is Refusal.CLOCK
    assert isinstance(second, Ack)


def test_a_wrong_secret_is_told_and_never_shown(server):
    keys = Keys(SecretStr(API_KEY), SecretStr("another-secret-99"))
    with pytest.raises(AuthFailed, match="10004") as caught:
        talk(server, lambda venue: venue.account(), keys=keys)
    assert "another-secret-99" not in str(caught.value)
    assert "another-secret-99" not in repr(Access(keys=keys))
    assert talk(server, lambda venue: venue.submit(buy()), keys=keys).refusal is Refusal.AUTH


def test_without_keys_the_mend_is_told(server):
    with pytest.raises(ConfigError, match="set XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET"):
        talk(server, lambda venue: venue.account(), keys=None)


def test_a_barred_address_is_left_alone(server):
    server.faults.append(Fault("answer", "wallet", status=403, times=-1))

    async def question(venue):
        with pytest.raises(RateLimited):
            await venue.account()
        await asyncio.wait_for(venue.wire.limiter.take(Lane.STOP, ""), 0.2)

    with pytest.raises(TimeoutError):
        talk(server, question)
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

    waited_s, left = talk(server, question)
    assert left > 50
    assert waited_s < 0.05
