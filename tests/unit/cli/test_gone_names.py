"""A name that is traded no more, in `xsmom ledger` and `xsmom orders`; and amounts that are less than a cent."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.cli.played import play
from xsmom.cli.amounts import about_usdt, usdt
from xsmom.cli.main import main
from xsmom.cli.orders import _share
from xsmom.cli.preflight_checks import check_bounds
from xsmom.domain.events import Started
from xsmom.domain.journal import Entry
from xsmom.domain.limits import Limits
from xsmom.engine.rules import Rules
from xsmom.engine.step import step


def test_a_name_that_left_the_configuration_keeps_its_sizes_and_its_result(tmp_path: Path, capsys) -> None:
    trader = play(tmp_path)
    book, rules = trader.book, Rules.of(trader.config)
    assert main(["ledger", "--json", *trader.options]) == 0
    before = {one["symbol"]: one for one in json.loads(capsys.readouterr().out)["names"]}
    at = next(int(at) for at in np.flatnonzero(book.lots == 0) if book.roster.symbols[at] in before)
    gone = book.roster.symbols[at]
    others = tuple(one for one in book.roster.instruments if one.symbol != gone)
    event = Started(book.run_id, book.as_of_ms, book.config_hash, "", "1", others, 0.0)
    after, effects, notes = step(book, None, event, book.as_of_ms, rules)  # type: ignore[arg-type]
    trader.journal.append(Entry(after.seq, book.as_of_ms, event, effects, notes), after)

    assert main(["ledger", "--json", *trader.options]) == 0
    now = {one["symbol"]: one for one in json.loads(capsys.readouterr().out)["names"]}
    assert now[gone]["slippage_usdt"] is None
    for name in ("result_usdt", "fee_usdt", "funding_usdt"):
        assert now[gone][name] == pytest.approx(before[gone][name], abs=1e-6), name
    assert main(["orders", "--all", "--symbol", gone, *trader.options]) == 0
    shown = capsys.readouterr().out
    assert gone in shown
    assert "lots" not in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "0.0001"),
        (-0.0042, "-0.0042"),
        (0.00000123, "0.0000012"),
        (0.005, "0.01"),
        (1e-12, "0.00"),
        (-1e-12, "0.00"),
        (0.0, "0.00"),
        (1234.5, "1,234.50"),
        (None, "not known"),
    ],
)
def test_what_is_not_nothing_never_looks_like_it(value: float | None, text: str) -> None:
    assert usdt(value) == text


def test_signs_and_round_figures() -> None:
    assert usdt(0.0001, sign=True) == "+0.0001"
    assert usdt(-0.0001, sign=True) == "-0.0001"
    assert usdt(-1e-12, sign=True) == "+0.00"
    assert (about_usdt(0.2), about_usdt(99.4), about_usdt(12_345.6)) == ("0.20", "99.40", "12,346")


def test_a_part_is_neither_nothing_nor_all() -> None:
    assert [_share(*some) for some in ((0, 900), (1, 900), (450, 900), (899, 900), (900, 900), (0, 0))] == [
        "0%", "< 1%", "50%", "99%", "100%", "",
    ]  # fmt: skip


def test_a_small_bound_is_told_as_it_is() -> None:
    case = SimpleNamespace(limits=Limits(order_usdt_max=0.0001, capital_usdt=0.5), now_ms=0)
    (found,) = check_bounds(case)  # type: ignore[arg-type]
    assert found.detail == "no ramp, sized by 0.50 USDT, orders to 0.0001"
