"""Orders against the exchange core: they rest, are met, walk the book, are cut, and end."""

from random import Random

import pytest

from tests.orders.core import CoreVenue
from tests.orders.stage import PRICE, SYMBOLS, Stage, contract, rules
from xsmom.domain.effects import AmendOrder, SendOrder
from xsmom.domain.orders import Approved, Phase, Purpose, Style
from xsmom.engine import execution

STYLES = (Style.POST_ONLY, Style.LIMIT, Style.MARKET, Style.TWAP, Style.VWAP)
SECONDS = 150


def venue(seed: int, **work: object) -> CoreVenue:
    """Four contracts and 10,000 USDT."""
    changed = {"deadline_ms": 60_000, "twap_ms": 60_000, "vwap_ms": 60_000, "twap_slices": 4} | work
    made = rules(fields={"net_cap_frac": 0.15}, **changed)  # type: ignore[arg-type]
    return CoreVenue(Stage(rules=made, contracts=tuple(contract(symbol) for symbol in SYMBOLS)), Random(seed))


def start(core: CoreVenue, *approved: Approved) -> None:
    core.take(core.stage.start(*approved))


def live_through(core: CoreVenue, seconds: int = SECONDS, *, net_max: int = 1_600) -> None:
    for _ in range(seconds):
        core.move(1_000)
        lots = core.stage.book.lots
        assert lots.tolist() == [core.position(symbol) for symbol in SYMBOLS]
        assert abs(int(lots.sum())) <= net_max


def done(core: CoreVenue, approved: Approved) -> dict[str, object]:
    """What was told at its end."""
    told = [*core.stage.told("order.done"), *core.stage.told("order.given_up")]
    (one,) = [note.fields for note in told if note.fields["client_order_id"] == approved.client_order_id]
    return dict(one)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(3))
def test_a_rebalance_is_worked_whole(style: Style, seed: int) -> None:
    core = venue(seed)
    stage = core.stage
    legs = [stage.approve(lots, symbol, style) for lots, symbol in zip((900, 700, -800, -800), SYMBOLS, strict=True)]
    start(core, *legs)
    live_through(core)
    assert not stage.book.tasks
    assert not stage.live()
    assert not execution.working_lots(stage.book).any()
    for leg in legs:
        told = done(core, leg)
        if told["filled_lots"] == leg.lots:
            continue
        # What is missing was held back by the market: beyond the worst price, or for the other side's sake.
        assert told["why"] in {"deadline", "what is left is less than the smallest order"}
    assert abs(stage.book.lots).sum() > 1_600
    sent = [one.request.client_order_id for one in stage.sent(SendOrder)]
    assert len(sent) == len(set(sent))
    assert "duplicate_id" not in core.refused


@pytest.mark.parametrize("style", [Style.LIMIT, Style.TWAP, Style.VWAP, Style.POST_ONLY])
def test_no_fill_is_worse_than_the_bound(style: Style) -> None:
    core = venue(7, max_cross_frac=0.003)
    leg = core.stage.approve(900, style=style)
    start(core, leg)
    for _ in range(SECONDS):
        core.move(1_000, {SYMBOLS[0]: core.draw.choice((0, 0, 0, 0, 1))})
    told = done(core, leg)
    assert told["filled_lots"]
    assert float(str(told["slippage_bps"])) <= 30.0 + 1e-6


def test_a_maker_is_met_as_a_maker_and_follows_the_market() -> None:
    core = venue(3, deadline_ms=200_000)
    leg = core.stage.approve(300, style=Style.POST_ONLY)
    start(core, leg)
    for second in range(30):
        core.move(1_000, {SYMBOLS[0]: 2 if second % 10 == 0 else 0})
    assert not core.stage.book.lots.any()  # the market went away
    live_through(core, 150)
    assert core.stage.book.lots[0] == 300
    assert core.makers[True] > 0
    assert core.makers[False] == 0
    assert core.stage.sent(AmendOrder)


def test_a_flip_closes_and_then_opens() -> None:
    core = venue(5)
    stage = core.stage
    start(core, stage.approve(400, style=Style.MARKET))
    live_through(core, 20)
    assert stage.book.lots[0] == 400
    start(core, stage.approve(-400, style=Style.LIMIT, reduce_only=True), stage.approve(-300, style=Style.LIMIT))
    live_through(core, 180)
    assert stage.book.lots[0] == -300
    assert core.position(SYMBOLS[0]) == -300


def test_an_exit_gets_out_of_a_falling_market() -> None:
    core = venue(9)
    stage = core.stage
    start(core, stage.approve(400, style=Style.MARKET))
    live_through(core, 20)
    leg = stage.approve(-400, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.FLATTEN, price=PRICE)
    for _ in range(5):
        core.move(1_000, {SYMBOLS[0]: -2})  # far below the bound before the exit is even sent
    start(core, leg)
    for _ in range(90):
        core.move(1_000, {SYMBOLS[0]: 0})
    assert stage.book.lots[0] == 0
    assert not stage.book.tasks
    assert done(core, leg)["filled_lots"] == -400


def test_a_reduction_is_cut_by_the_core_when_the_position_shrinks_under_it() -> None:
    core = venue(2, deadline_ms=600_000)
    stage = core.stage
    start(core, stage.approve(400, style=Style.MARKET))
    live_through(core, 20)
    resting = stage.approve(-400, style=Style.LIMIT, reduce_only=True)
    start(core, resting)
    start(core, stage.approve(-400, style=Style.MARKET, reduce_only=True, purpose=Purpose.EXIT))
    live_through(core, 60)
    assert stage.book.lots[0] == 0
    assert not stage.book.tasks
    ended = [order for order in stage.book.orders.values() if order.parent_id == resting.client_order_id]
    assert {order.phase for order in ended} <= {Phase.CANCELLED, Phase.FILLED}


def test_an_entry_carries_its_stop_where_the_rules_attach_one() -> None:
    core = venue(4)
    stage = core.stage
    start(core, stage.approve(100, style=Style.MARKET))
    (sent,) = stage.sent(SendOrder)
    assert sent.request.stop_loss_ticks is not None
    assert sent.request.stop_loss_ticks < 1_000
    assert sent.request.stop_loss_by is stage.rules.protect.trigger
    live_through(core, 10)
    row = core.core.ask({"ask": "position", "account": 0, "symbol": 0})
    assert row["stop_loss_ticks"] == sent.request.stop_loss_ticks
    start(core, stage.approve(-100, style=Style.MARKET, reduce_only=True))
    assert stage.sent(SendOrder)[1].request.stop_loss_ticks is None
