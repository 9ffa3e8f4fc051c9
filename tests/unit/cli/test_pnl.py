"""`xsmom pnl` and `xsmom export`: parts that add up to what the replay's book has won and lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.cli.played import Played
from xsmom.cli.main import main
from xsmom.cli.trader_choice import Trader
from xsmom.domain.ledger import FillRow, TransferRow
from xsmom.domain.stamps import format_ms
from xsmom.engine import money
from xsmom.live.income import income
from xsmom.live.picture import holdings
from xsmom.live.results import results_since

DAY_MS = 86_400_000


def told(capsys, trader: Played, *arguments: str) -> Any:
    assert main([*arguments, "--json", *trader.options]) == 0
    return json.loads(capsys.readouterr().out)


def exported(trader: Played, tmp_path, what: str, *more: str) -> list[dict[str, str]]:
    file = tmp_path / f"{what}.csv"
    assert main(["export", what, "--csv", str(file), "--force", *more, *trader.options]) == 0
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def looking(trader: Played):
    return Trader.of(trader.options[1], "paper", None).looking()


@pytest.mark.parametrize("name", ["today", "week"])
def test_the_parts_are_those_of_the_replay(trader, capsys, name) -> None:
    """A week is longer than this market: it begins at the first close; today begins at midnight."""
    document, run, closes = told(capsys, trader, "pnl", name), trader.done.run, trader.panel.close_ms
    today_ms = trader.book.as_of_ms // DAY_MS * DAY_MS
    at = int(np.flatnonzero(closes == today_ms)[0]) if name == "today" else 0
    assert document["since_ms"] == closes[at]
    assert document["equity_before_usdt"] == run["equity_usdt"][at]
    assert document["equity_usdt"] == run["equity_usdt"][-1] == money.equity_usdt(trader.book)
    for part in ("fee_usdt", "funding_usdt", "traded_usdt"):
        assert document[part] == pytest.approx(run[part][-1] - run[part][at]), part
    assert document["slippage_usdt"] == pytest.approx(
        sum(run[part][-1] - run[part][at] for part in ("spread_usdt", "impact_usdt")), rel=1e-6
    )
    assert document["fee_usdt"] > 0.0
    whole = (
        document["price_usdt"] - document["slippage_usdt"] - document["fee_usdt"] - document["funding_usdt"]
        + document["transfers_usdt"] + document["corrections_usdt"]
    )  # fmt: skip
    assert whole == pytest.approx(document["equity_usdt"] - document["equity_before_usdt"], abs=1e-9)
    assert document["result_usdt"] == pytest.approx(whole, abs=1e-9)
    assert document["return_frac"] == pytest.approx(run["equity_usdt"][-1] / run["equity_usdt"][at] - 1.0)


def test_the_names_add_up_to_the_whole(trader, capsys) -> None:
    document = told(capsys, trader, "pnl", "today")
    names = document["names"]
    assert len(names) > 3
    for part in ("fee_usdt", "funding_usdt", "result_usdt"):
        assert sum(one[part] for one in names) == pytest.approx(document[part], abs=1e-6), part
    price = sum(one["price_usdt"] for one in names)
    assert price == pytest.approx(document["price_usdt"] - document["slippage_usdt"], abs=1e-6)


def test_a_name_without_a_mark_at_the_beginning_is_left_open(trader) -> None:
    with looking(trader) as reader:
        blind = SimpleNamespace(
            equity=reader.equity, fills=reader.fills, funding=reader.funding, decisions=lambda _: []
        )
        since_ms = trader.book.as_of_ms // DAY_MS * DAY_MS
        whole = results_since(reader, trader.book, since_ms)
        found = results_since(blind, trader.book, since_ms)
    assert found is not None
    assert whole is not None
    assert found.result_usdt == whole.result_usdt
    open_ = [one.symbol for one in found.names if one.result_usdt is None]
    assert open_
    assert all(one.result_usdt is not None for one in whole.names)
    known = {one.symbol: one for one in whole.names}
    assert all(one == known[one.symbol] for one in found.names if one.result_usdt is not None)


def test_a_deposit_is_no_result(trader) -> None:
    book = trader.book
    value = money.unit_value(book)
    more = replace(
        book,
        money=replace(
            book.money,
            cash_usdt=book.money.cash_usdt + 500.0,
            transfers_usdt=500.0,
            units=book.money.units + 500.0 / value,
        ),
    )
    since_ms = book.as_of_ms // DAY_MS * DAY_MS
    with looking(trader) as reader:
        before, after = results_since(reader, book, since_ms), results_since(reader, more, since_ms)
    assert before is not None
    assert after is not None
    assert after.equity_usdt == before.equity_usdt + 500.0
    assert after.result_usdt == pytest.approx(before.result_usdt)
    assert after.price_usdt == pytest.approx(before.price_usdt)
    assert after.return_frac == pytest.approx(before.return_frac)


def test_no_mark_no_result(trader) -> None:
    book = trader.book
    blind = replace(book, names=replace(book.names, mark=np.full(len(book.roster), np.nan)))
    with looking(trader) as reader:
        assert results_since(reader, blind, 0) is None
        later = results_since(reader, book, book.as_of_ms + 40 * DAY_MS)
    assert later is not None
    assert later.since_ms == book.cycle.marked_ms
    assert later.result_usdt == pytest.approx(0.0, abs=1e-9)


def test_pnl_for_people(trader, capsys) -> None:
    document = told(capsys, trader, "pnl", "today")
    assert main(["pnl", "today", *trader.options]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"from {format_ms(document['since_ms'])} until" in text
    assert f"fees {-document['fee_usdt']:+,.2f}" in text
    assert f"result {document['result_usdt']:+,.2f}" in text
    assert "a backtest assumes" in text
    assert main(["pnl", "week", *trader.options]) == 0
    assert "the first close of all" in capsys.readouterr().out


def test_fills_are_those_of_the_replay(trader, tmp_path) -> None:
    rows, fills = exported(trader, tmp_path, "fills"), trader.done.run["fills"]
    assert len(rows) == len(fills["price"]) > 50
    np.testing.assert_allclose(sorted(float(row["price"]) for row in rows), sorted(fills["price"]))
    units = [float(row["qty"]) * (1 if row["side"] == "buy" else -1) for row in rows]
    np.testing.assert_allclose(sorted(units), sorted(fills["units"]))
    assert sum(float(row["fee_usdt"]) for row in rows) == pytest.approx(trader.book.money.fee_usdt)
    values = [Decimal(row["qty"]) * Decimal(row["price"]) for row in rows]
    assert all(Decimal(row["value_usdt"]) == value for row, value in zip(rows, values, strict=True))
    assert {row["purpose"] for row in rows} >= {"rebalance"}
    assert all(row["time"].endswith("Z") and row["client_order_id"] for row in rows)


def test_a_time_is_half_open(trader, tmp_path) -> None:
    rows = exported(trader, tmp_path, "fills")
    days = sorted({row["time"][:10] for row in rows})
    some = exported(trader, tmp_path, "fills", "--from", days[1], "--to", days[2])
    assert some == [row for row in rows if row["time"][:10] == days[1]]
    assert exported(trader, tmp_path, "funding", "--from", "2031-01-01") == []


def test_funding_adds_up(trader, tmp_path) -> None:
    rows = exported(trader, tmp_path, "funding")
    assert sum(float(row["paid_usdt"]) for row in rows) == pytest.approx(trader.book.money.funding_usdt)
    assert {float(row["paid_usdt"]) > 0.0 for row in rows} == {True, False}


def test_income_and_what_is_open_are_the_change_of_equity(trader, tmp_path, capsys) -> None:
    rows, book = exported(trader, tmp_path, "income"), trader.book
    assert capsys.readouterr().err == ""
    assert {row["kind"] for row in rows} == {"realised", "fee", "funding"}
    came = sum(Decimal(row["amount_usdt"]) for row in rows)
    unrealised = sum(one.unrealised_usdt or 0.0 for one in holdings(book))
    initial = trader.config.timing()[2]
    assert float(came) + unrealised == pytest.approx(money.equity_usdt(book) - initial, abs=1e-6)
    assert [row["at_ms"] for row in rows] == sorted(row["at_ms"] for row in rows)


def test_a_name_whose_fills_do_not_add_up_has_no_realised_profit(trader) -> None:
    book = trader.book
    at = int(np.flatnonzero(book.lots)[0])
    lots = book.lots.copy()
    lots[at] += 1
    odd = replace(book, positions={**book.positions, "lots": lots})
    symbol = book.roster.symbols[at]
    with looking(trader) as reader:
        told = income(reader, odd, 0, 2**62)
    assert set(told.untold) == {symbol}
    assert "are held" in told.untold[symbol]
    kinds = {row.kind for row in told.rows if row.symbol == symbol}
    assert "realised" not in kinds
    assert "fee" in kinds


def fill(seq: int, symbol: str, lots: int, price: str) -> FillRow:
    return FillRow(
        seq, seq, symbol, "trade", f"e{seq}", "", "", lots, Decimal(price), Decimal("0.1"), True, "", None
    )  # fmt: skip


def test_realised_profit_by_average_cost_through_zero(played) -> None:
    """By hand: 4 at 15 sold at 25 is 40; the 2 sold short at 25 beyond it, half bought back at 20, is 5."""
    book, symbol = played.book, played.book.roster.symbols[0]
    rows = [
        fill(n, symbol, lots, price) for n, (lots, price) in enumerate(((2, "10"), (2, "20"), (-6, "25"), (1, "20")))
    ]
    lots = np.zeros_like(book.lots)
    lots[0] = -1
    held = replace(book, positions={**book.positions, "lots": lots})
    strange = fill(9, "GONEUSDT", 1, "3")
    left = [fill(10, "LEFTUSDT", 4, "10"), fill(11, "LEFTUSDT", -4, "12")]
    reader = SimpleNamespace(
        fills=lambda: [*rows, strange, *left],
        qty_steps=lambda: {"LEFTUSDT": Decimal("0.5")},
        funding=list,
        transfers=lambda: [TransferRow(3, 3, "t", Decimal("-7.5"))],
    )
    told = income(reader, held, 1, 2**62)
    step = book.roster.instruments[0].qty_step
    realised = [(row.id, row.amount_usdt) for row in told.rows if row.kind == "realised"]
    assert realised == [("e2", 40 * step), ("e3", 5 * step), ("e11", Decimal(4))]
    assert [row.amount_usdt for row in told.rows if row.kind == "transfer"] == [Decimal("-7.5")]
    assert [row.id for row in told.rows if row.kind == "fee"] == ["e1", "e2", "e3", "e9", "e10", "e11"]
    assert set(told.untold) == {"GONEUSDT"}


def test_a_file_that_is_there_stays(trader, tmp_path, capsys) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("mine", "utf-8")
    assert main(["export", "fills", "--csv", str(file), *trader.options]) != 0
    assert "is there already" in capsys.readouterr().err
    assert file.read_text("utf-8") == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_written_is_a_sentence(trader, tmp_path, capsys) -> None:
    assert main(["export", "income", "--csv", str(tmp_path / "no/where.csv"), *trader.options]) != 0
    caught = capsys.readouterr()
    assert "cannot write" in caught.err
    assert caught.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_time_that_ends_before_it_begins(trader, tmp_path, capsys) -> None:
    file = tmp_path / "f.csv"
    options = ["--from", "2024-01-02", "--to", "2024-01-02", *trader.options]
    assert main(["export", "fills", "--csv", str(file), *options]) == 2
    assert "--to" in capsys.readouterr().err
    assert not file.exists()


def test_export_for_programs(trader, tmp_path, capsys) -> None:
    document = told(capsys, trader, "export", "fills", "--csv", str(tmp_path / "f.csv"))
    assert document["rows"] == len(trader.done.run["fills"]["price"])
    assert document["columns"][0] == "time"
