"""The imbalance guard: entries wait for the order book, and while it leans against them; reductions never do."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, rules
from tests.unit.engine.execution.test_step import Engine
from xsmom.domain.effects import AmendOrder, FetchDepth, SendOrder
from xsmom.domain.events import DepthSeen
from xsmom.domain.market_data import DepthSight
from xsmom.domain.orders import Style
from xsmom.domain.trading import Ack
from xsmom.engine import execution
from xsmom.engine.execution.leaning import find_lean
from xsmom.engine.rules import WorkRules

ON: dict[str, Any] = {"imbalance_guard": True, "imbalance_max_frac": 0.5, "spread_guard": False}


def depth(bid: float, ask: float, at_ms: int = START_MS, symbol: str = SYMBOLS[0]) -> DepthSight:
    return DepthSight(symbol, at_ms, Decimal(str(bid)), Decimal(str(ask)))


def see(stage: Stage, bid: float, ask: float) -> None:
    event = DepthSeen(depth(bid, ask, stage.now_ms))
    stage._play(lambda turn: execution.on_depth(turn, event))


@pytest.mark.parametrize(
    ("side", "bid", "ask", "held"),
    [
        (1, 10, 10, ""),
        (1, 1, 3, ""),  # leans by -0.5, which is the limit
        (1, 1, 3.01, "imbalance"),
        (-1, 3.01, 1, "imbalance"),
        (-1, 1, 9, ""),  # with it
        (1, 9, 1, ""),
        (1, 0, 0, "depth"),  # an empty book tells nothing
    ],
)
def test_how_a_book_leans(side: int, bid: float, ask: float, held: str) -> None:
    stage, work = Stage(), WorkRules(imbalance_max_frac=0.5)
    book = replace(stage.book, depths={SYMBOLS[0]: depth(bid, ask)})
    assert find_lean(book, SYMBOLS[0], side, work, START_MS) == held
    assert find_lean(book, SYMBOLS[0], side, work, START_MS + work.depth_age_ms + 1) == "depth"
    assert find_lean(book, SYMBOLS[1], side, work, START_MS) == "depth"


@pytest.mark.parametrize("style", [Style.LIMIT, Style.POST_ONLY, Style.MARKET, Style.TWAP])
def test_an_entry_asks_for_the_book_and_goes_when_it_leans_with_it(style: Style) -> None:
    stage = Stage(rules=rules(**ON))
    stage.start(stage.approve(50, style=style))
    assert not stage.requests
    assert stage.sent(FetchDepth) == [FetchDepth(SYMBOLS[0], 5)]
    assert stage.told("order.held")[0].fields["waits_for"] == "depth"
    see(stage, 12, 10)
    assert len(stage.requests) == 1


def test_it_waits_while_the_book_leans_against_it_and_looks_again() -> None:
    stage = Stage(rules=rules(**ON))
    stage.start(stage.approve(-50, style=Style.LIMIT))
    see(stage, 10, 1)
    assert stage.told("order.held")[-1].fields["waits_for"] == "imbalance"
    stage.run_to(10_000)
    assert not stage.requests
    assert [note.fields["waits_for"] for note in stage.told("order.held")] == ["depth", "imbalance"]
    assert 3 <= len(stage.sent(FetchDepth)) <= 6, "asked again every few seconds, and no oftener"
    see(stage, 10, 9)
    assert len(stage.requests) == 1


def test_an_answer_that_never_comes_lets_nothing_in() -> None:
    stage = Stage(rules=rules(**ON, deadline_ms=60_000))
    approved = stage.approve(50, style=Style.LIMIT)
    stage.start(approved)
    stage.run_to(120_000)
    assert not stage.requests
    assert stage.task(approved) is None, "the next plan counts anew"


def test_an_older_book_is_no_news() -> None:
    stage = Stage(rules=rules(**ON))
    stage.start(stage.approve(50, style=Style.LIMIT))
    stage.run_to(1_000)
    see(stage, 1, 10)
    older = DepthSeen(depth(10, 1, START_MS))
    stage._play(lambda turn: execution.on_depth(turn, older))
    assert not stage.requests


def test_one_that_rests_is_moved_only_when_the_book_allows_it() -> None:
    stage = Stage(rules=rules(**ON))
    stage.start(stage.approve(50, style=Style.LIMIT))
    see(stage, 10, 10)
    stage.reply(stage.live()[0], Ack("v1", "", 0))
    stage.price(SYMBOLS[0], 101.0, 101.1)
    stage.run_to(15_000)
    assert not stage.sent(AmendOrder)
    see(stage, 1, 10)
    assert not stage.sent(AmendOrder)
    stage.run_to(20_000)
    see(stage, 10, 10)
    assert len(stage.sent(AmendOrder)) == 1


def test_a_reduction_asks_nobody() -> None:
    stage = Stage(lots={SYMBOLS[0]: 50}, rules=rules(**ON))
    stage.start(stage.approve(-50, reduce_only=True, style=Style.LIMIT))
    assert len(stage.requests) == 1
    assert not stage.sent(FetchDepth)


def test_it_is_off_unless_it_is_switched_on() -> None:
    stage = Stage()
    stage.start(stage.approve(50, style=Style.LIMIT))
    assert len(stage.requests) == 1
    assert not stage.sent(FetchDepth)


def test_through_the_engines_own_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.engine.execution import test_step as stepping

    work = replace(stepping.RULES.work, **ON)
    monkeypatch.setattr(stepping, "RULES", replace(stepping.RULES, work=work))
    engine = Engine()
    effects = engine.ask_for(50)
    assert [one for one in effects if isinstance(one, FetchDepth)]
    against = engine.take(DepthSeen(depth(1, 10, engine.now_ms)))
    assert not [one for one in against if isinstance(one, SendOrder)]
    assert engine.notes[-1].fields["waits_for"] == "imbalance"
    sent = engine.take(DepthSeen(depth(10, 10, engine.now_ms + 10)))
    assert len([one for one in sent if isinstance(one, SendOrder)]) == 1
