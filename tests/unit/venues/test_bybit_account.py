"""What an account at Bybit holds, through the real library: complete, or an error."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest

from tests.exchange.account import MONEY, Account, execution, movement, order, position, wallet
from tests.exchange.market import Contract
from tests.exchange.server import HTML, Fault
from tests.unit.venues.conftest import trade
from xsmom.domain.trading import (
    FillKind,
    MoveKind,
    OrderState,
    Trigger,
    TriggerBy,
)
from xsmom.errors import Unavailable


@pytest.fixture
def server(serve):
    return serve(Contract("AAAUSDT"), Contract("BBBUSDT"), now_ms=None, account=Account())


def test_a_lookup_asks_the_open_ones_first_and_then_the_history(server):
    server.account.rows["/v5/order/history"] = [order(3, orderStatus="Filled", cumExecQty="1.5", avgPrice="12.3")]
    found = trade(server, lambda venue: venue.order_by_client_id("AAAUSDT", "c3"))
    assert (found.state, found.filled_lots, found.average_price) == (OrderState.FILLED, 15, Decimal("12.3"))
    paths = [path for path, query, _ in server.log if "orderLinkId" in query]
    assert paths == ["/v5/order/realtime", "/v5/order/history"]
    assert all("orderId" not in query for _, query, _ in server.log)
    assert trade(server, lambda venue: venue.order_by_client_id("AAAUSDT", "never")) is None


def test_a_lookup_that_gets_no_answer_does_not_say_absent(server):
    server.faults.append(Fault("answer", "/v5/order/history", body=HTML, times=-1))
    with pytest.raises(Unavailable):
        trade(server, lambda venue: venue.order_by_client_id("AAAUSDT", "c1"))


def test_open_orders_of_every_page(server):
    stop = order(
        500, qty="0", orderStatus="Untriggered", stopOrderType="StopLoss", orderType="Market", reduceOnly=True,
        side="Sell", triggerPrice="9.5", triggerBy="MarkPrice", triggerDirection=2, price="0",
    )  # fmt: skip
    server.account.rows["/v5/order/realtime"] = [*(order(number) for number in range(120)), stop]
    snapshot = trade(server, lambda venue: venue.open_orders())
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
        trade(server, lambda venue: getattr(venue, read)())


def test_positions(server):
    server.account.rows["/v5/position/list"] = [
        position(stopLoss="30.0001", takeProfit="20", liqPrice="33.5"),
        position("BBBUSDT", side="", size="0", avgPrice="0"),
    ]
    (one,) = trade(server, lambda venue: venue.positions()).rows
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
        trade(server, lambda venue: venue.positions())


def test_the_account_is_read_from_raw_fields(server):
    account = trade(server, lambda venue: venue.account())
    assert (account.equity_usdt, account.wallet_usdt) == (Decimal("1012.5"), Decimal("1000.25"))
    assert (account.initial_margin_usdt, account.maintenance_margin_usdt) == (Decimal(113), Decimal("10.25"))
    assert (account.available_usdt, account.maintenance_rate_frac) == (Decimal("899.43"), Decimal("0.0101"))


def test_an_account_without_the_coin_has_none_of_it(server):
    row = {**wallet(), "coin": []}
    server.account.results["/v5/account/wallet-balance"] = {"list": [row]}
    assert trade(server, lambda venue: venue.account()).equity_usdt == 0
    server.account.results["/v5/account/wallet-balance"] = {"list": []}
    with pytest.raises(Unavailable):
        trade(server, lambda venue: venue.account())


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
    fills = trade(server, lambda venue: venue.fills(since_ms))
    assert [one.exec_id for one in fills] == [f"e{number}" for number in range(470)] + ["e1000"]
    assert [one.kind for one in fills[:5]] == list(kinds.values())
    assert (fills[-1].kind, fills[-1].lots) == (FillKind.LIQUIDATION, -1)
    assert {one.lots for one in fills if one.kind is FillKind.FUNDING} == {0}
    assert fills[0].fee_usdt == Decimal("0.071409")


def test_an_execution_of_a_kind_that_nobody_knows_raises(server):
    server.account.rows["/v5/execution/list"] = [execution(execType="Teleport", execTime=str(int(time.time() * 1_000)))]
    with pytest.raises(Unavailable, match="Teleport"):
        trade(server, lambda venue: venue.fills(int(time.time() * 1_000) - 60_000))


def test_movements_of_money_of_every_page_and_week_once(server):
    now_ms = int(time.time() * 1_000)
    since_ms = now_ms - 20 * 86_400_000
    ours = {"category": "linear", "symbol": "AAAUSDT"}
    rows = [
        movement(number, transactionTime=str(since_ms + number * 3_600_000), change="-5", type="TRANSFER_OUT")
        if number % 9 == 0
        else movement(number, transactionTime=str(since_ms + number * 3_600_000), type="TRADE", **ours)
        for number in range(470)
    ]
    strange = [
        movement(501, type="SETTLEMENT", change="-0.5", **ours),
        movement(502, type="BONUS", change="0", bonusChange="7"),  # no cash moved
        movement(503, currency="BTC", change="1"),
        movement(504, type="INTEREST", change="-1.25"),
        movement(505, type="TRADE", category="spot", symbol="AAAUSDT", change="-40"),
        movement(506, type="TRADE", category="linear", symbol="AAAUSDT-26DEC25", change="3"),
        movement(507, type="LAUNCHPOOL_YIELD", change="2"),
    ]
    stamped = [{**row, "transactionTime": str(now_ms - 10_000 + at)} for at, row in enumerate(strange)]
    early = movement(999, transactionTime=str(since_ms - 1))
    server.account.rows[MONEY] = [early, *rows, rows[-2], *stamped]
    moves = trade(server, lambda venue: venue.transfers(since_ms))
    outs = [one for one in moves if one.kind is MoveKind.TRANSFER]
    assert [one.move_id for one in outs] == [f"m{number}" for number in range(0, 470, 9)]
    assert {one.amount_usdt for one in outs} == {Decimal(-5)}
    assert [(one.word, one.amount_usdt) for one in moves if one.kind is MoveKind.OTHER] == [
        ("INTEREST", Decimal("-1.25")),
        ("TRADE spot AAAUSDT", Decimal(-40)),
        ("TRADE AAAUSDT-26DEC25", Decimal(3)),
        ("LAUNCHPOOL_YIELD", Decimal(2)),
    ]
    asked = [query for path, query, _ in server.log if path == MONEY]
    assert len(asked) > 9, "weeks and pages"
    assert all("category" not in query for query in asked), "with a category, transfers are left out"
    assert all(int(one["endTime"]) - int(one["startTime"]) < 7 * 86_400_000 for one in asked)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"type": "TRANSFER_OUT", "change": "5"}, "TRANSFER_OUT of 5"),
        ({"type": "TRANSFER_IN", "change": "-5"}, "TRANSFER_IN of -5"),
        ({"change": ""}, "cannot be read"),
        ({"id": ""}, "without its id"),
    ],
)
def test_a_movement_that_cannot_be_read_raises_and_is_never_left_out(server, row, words):
    now_ms = int(time.time() * 1_000)
    server.account.rows[MONEY] = [movement(transactionTime=str(now_ms - 1_000), **row)]
    with pytest.raises(Unavailable, match=words):
        trade(server, lambda venue: venue.transfers(now_ms - 60_000))


def test_movements_of_which_a_page_is_missing_raise(server):
    now_ms = int(time.time() * 1_000)
    server.account.rows[MONEY] = [
        movement(number, transactionTime=str(now_ms - 60_000 + number)) for number in range(70)
    ]
    server.faults.append(Fault("no list", MONEY, times=-1, skip=1))
    with pytest.raises(Unavailable):
        trade(server, lambda venue: venue.transfers(now_ms - 60_000))


def test_fees_and_key(server):
    account = server.account
    assert trade(server, lambda venue: venue.fees()) == {"AAAUSDT": (Decimal("0.0002"), Decimal("0.00055"))}
    facts = trade(server, lambda venue: venue.key())
    assert (facts.can_trade, facts.can_withdraw, facts.read_only, facts.ip_bound) == (True, False, False, True)
    assert (facts.expires_ms, facts.account) == (None, "24617703")
    account.permissions = {"ContractTrade": ["Order"], "Wallet": ["AccountTransfer", "Withdraw"]}
    account.read_only, account.ips, account.expires = 1, ["*"], "2027-01-01T00:00:00Z"
    facts = trade(server, lambda venue: venue.key())
    assert (facts.can_trade, facts.can_withdraw, facts.read_only, facts.ip_bound) == (False, True, True, False)
    assert facts.expires_ms == 1_798_761_600_000


@pytest.mark.parametrize("read", ["open_orders", "positions"])
def test_pages_without_an_end_raise(server, read):
    rows = {"open_orders": [order()], "positions": [position()]}[read]
    body = {"retCode": 0, "retMsg": "OK", "time": 1, "result": {"list": rows, "nextPageCursor": "again"}}
    path = {"open_orders": "order/realtime", "positions": "position/list"}[read]
    server.faults.append(Fault("answer", path, body=json.dumps(body), times=-1))
    with pytest.raises(Unavailable, match="the pages have no end"):
        trade(server, lambda venue: getattr(venue, read)())


def test_a_clock_that_cannot_be_measured_again_does_not_stop_a_read(server):
    async def question(venue):
        server.faults.append(Fault("answer", "market/time", status=502, times=-1))
        bearing = venue.wire.clock._bearing
        venue.wire.clock._bearing = type(bearing)(
            bearing.exchange_ms - 4_000_000, bearing.at_s - 4_000, bearing.round_trip_ms, bearing.skew_ms
        )
        assert not venue.wire.clock.known
        return await venue.account()

    assert trade(server, question).equity_usdt == Decimal("1012.5")
    assert len(server.calls("market/time")) > 3
