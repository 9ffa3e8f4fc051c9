"""`xsmom positions`, `xsmom orders`, `xsmom ledger` against the book of the engine that wrote the journal."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.oracle import nouns
from xsmom.cli.main import main
from xsmom.domain.protection import Protection
from xsmom.domain.trading import PositionView
from xsmom.engine import money
from xsmom.live.picture import holdings, next_decision_ms


def told(capsys, trader, *arguments: str):
    assert main([*arguments, "--json", *trader.options]) == 0
    return json.loads(capsys.readouterr().out)


def test_positions_are_those_of_the_book(trader, capsys) -> None:
    rows, book = told(capsys, trader, "positions")["positions"], trader.book
    assert {row["symbol"]: row["lots"] for row in rows} == {
        book.roster.symbols[at]: int(book.lots[at]) for at in np.flatnonzero(book.lots)
    }
    net, gross = money.value_usdt(book)
    assert sum(row["value_usdt"] for row in rows) == pytest.approx(net, abs=1e-6)
    assert sum(abs(row["value_usdt"]) for row in rows) == pytest.approx(gross)
    for row in rows:
        at = book.roster.index(row["symbol"])
        assert at is not None
        assert row["side"] == ("long" if row["lots"] > 0 else "short")
        assert row["stop_price"] == book.positions["stop_price"][at]
        assert row["entry_price"] == book.positions["entry_price"][at]
        assert (row["stop_verified"], row["stop_on_exchange"]) == (False, None)
        # A long's stop lies below the mark, a short's above it.
        assert (row["stop_price"] < row["mark"]) == (row["side"] == "long")
        assert row["stop_distance_frac"] > 0.0


def test_positions_for_people(trader, capsys) -> None:
    assert main(["positions", *trader.options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["symbol", "side", "qty"]
    assert len(lines) == 1 + np.count_nonzero(trader.book.lots)
    assert all("NOT SEEN" in line for line in lines[1:])


def test_the_basis_is_shown_where_an_index_is_known(trader, capsys, monkeypatch) -> None:
    assert {row["basis_bps_now"] for row in told(capsys, trader, "positions")["positions"]} == {None}
    assert main(["ledger", *trader.options]) == 0
    assert "basis" not in capsys.readouterr().out
    bent: Any = {"basis_bps_entry": 4.0, "basis_bps_now": -2.5}
    monkeypatch.setattr("xsmom.live.picture.mean_basis_bps", lambda _book: bent)
    for command in ("ledger", "status"):
        assert main([command, *trader.options]) == 0
        assert "-2.5 bps above spot by side, +4.0 bps when opened" in capsys.readouterr().out
    held = [replace(one, **bent) for one in holdings(trader.book)]
    monkeypatch.setattr("xsmom.live.picture.holdings", lambda _book: held)
    assert main(["positions", *trader.options]) == 0
    assert capsys.readouterr().out.count("+4.0 -> -2.5") == len(held)


def test_what_the_exchange_shows_of_a_position(played) -> None:
    book = played.book
    at = int(np.flatnonzero(book.lots > 0)[0])
    symbol, tick = book.roster.symbols[at], float(book.roster.price_tick[at])
    mark, none = Decimal(100), Decimal(0)
    view = PositionView(
        symbol, int(book.lots[at]), None, mark, none, none, none, Decimal(80), Decimal(5), 7, None, 1, 1
    )  # fmt: skip
    seen = replace(
        book,
        protection={symbol: Protection(stop_ticks=7, verified_ms=5)},
        venue=replace(book.venue, positions={symbol: view}),
        held_by_hand={symbol: "bought by hand"},
    )
    one = next(row for row in holdings(seen) if row.symbol == symbol)
    assert one.stop_verified
    assert one.stop_on_exchange == 7 * tick
    assert one.liquidation_distance_frac == pytest.approx(0.2)
    assert one.by_hand == "bought by hand"


def test_orders_that_stand_are_those_of_the_book(trader, capsys) -> None:
    rows = told(capsys, trader, "orders")["orders"]
    assert {row["client_order_id"] for row in rows} == set(trader.book.orders)
    assert all(row["open"] for row in rows)


def test_all_orders_and_how_they_ended(trader, capsys) -> None:
    everything = told(capsys, trader, "orders", "--all")["orders"]
    done = [row for row in everything if not row["open"]]
    assert len(everything) > len(done) > 20
    fills = trader.done.run["fills"]
    assert sum(row["phase"] == "filled" for row in done) > 20
    assert all(row["filled_lots"] == row["lots"] for row in done if row["phase"] == "filled")
    assert len({row["symbol"] for row in done}) == len(np.unique(fills["symbol"]))
    symbol = done[0]["symbol"]
    some = told(capsys, trader, "orders", "--all", "--symbol", symbol.lower())["orders"]
    assert some == [row for row in everything if row["symbol"] == symbol]
    assert main(["orders", "--all", *trader.options]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) == 1 + len(everything)
    assert "-0%" not in text


def test_no_order_is_a_sentence(trader, capsys) -> None:
    assert main(["orders", "--all", "--from", "2030-01-01", *trader.options]) == 0
    assert "no such order was sent" in capsys.readouterr().out


def test_the_ledger_adds_up_to_the_book(trader, capsys) -> None:
    document, book = told(capsys, trader, "ledger"), trader.book
    purse, names = document["money"], document["names"]
    for name in ("cash_usdt", "fee_usdt", "slippage_usdt", "funding_usdt", "traded_usdt", "fills"):
        assert purse[name] == getattr(book.money, name), name
    assert purse["equity_usdt"] == money.equity_usdt(book)
    assert purse["unit_value"] == money.unit_value(book)
    assert sum(one["fee_usdt"] for one in names) == pytest.approx(book.money.fee_usdt)
    assert sum(one["slippage_usdt"] for one in names) == pytest.approx(book.money.slippage_usdt)
    assert sum(one["funding_usdt"] for one in names) == pytest.approx(book.money.funding_usdt)
    initial = trader.config.timing()[2]
    assert sum(one["result_usdt"] for one in names) == pytest.approx(money.equity_usdt(book) - initial)
    assert min(one["funding_paid_usdt"] for one in names) >= 0.0 <= min(one["funding_received_usdt"] for one in names)
    assert any(one["funding_received_usdt"] > 0.0 for one in names)
    costs = trader.config.costs()
    taken = 1.0 - costs.maker_share_frac
    assumed = costs.maker_share_frac * costs.maker_fee_frac + taken * (costs.taker_fee_frac + costs.half_spread_frac)
    assert purse["assumed_cost_frac"] == pytest.approx(assumed)


def test_the_ledger_for_people(trader, capsys) -> None:
    assert main(["ledger", *trader.options]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"fees {trader.book.money.fee_usdt:,.2f}" in text
    assert "bps of what was traded; a backtest assumes" in text
    assert "exchange says" not in text  # a replay's venue has no wallet


def test_the_next_decision_is_at_a_rebalance(played) -> None:
    from xsmom.engine.rules import Rules

    rules, book = Rules.of(played.config), played.book
    fields = {**rules.fields, "rebalance_bars": 12, "rebalance_offset_bars": 3}
    weekly = replace(rules, fields=fields)
    due_ms = next_decision_ms(book, weekly, 0)
    bar_ms = rules.pace.bar_ms
    closes = [book.cycle.closed_ms + n * bar_ms for n in range(1, 13)]
    assert due_ms == next(close for close in closes if close // bar_ms % 12 == 3)
    young = replace(book, cycle=replace(book.cycle, closed_ms=0))
    assert next_decision_ms(young, rules, nouns.BEGIN_MS) > nouns.BEGIN_MS
