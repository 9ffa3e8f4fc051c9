"""A paper account as bytes and back: the same future, and nothing by halves."""

from decimal import Decimal

import pytest

from tests.unit.venues.paper_rig import at_close, do, make, order, panel_of, sample, ticks
from xsmom.domain.contracts import make_instruments
from xsmom.domain.trading import Ack, OrderRequest, TriggerBy
from xsmom.errors import DataError, JournalCorrupt
from xsmom.venues.paper.panel_feed import PanelFeed
from xsmom.venues.paper.paper_venue import PaperVenue

FLAT = (100.0, 100.5, 99.5, 100.0)


def long_stop():
    venue = make(panel_of(FLAT, FLAT, FLAT))
    at_close(venue, 2)
    assert isinstance(do(venue.submit(order(venue, stop_loss_ticks=ticks(venue, 95.0)))), Ack)
    return venue


def test_a_restored_account_has_the_same_future_and_the_same_hash():
    panel = sample()

    def act(venue, bar):
        at_close(venue, bar)
        venue.advance_to(int(panel.close_ms[bar - 1]) + 700_000)
        name = panel.symbols[bar % 4]
        do(venue.submit(OrderRequest(f"o-{bar}", name, 500 * (1 - bar % 3) or 300)))
        do(venue.submit(OrderRequest(f"l-{bar}", name, 400, price_ticks=10_000)))
        do(venue.set_position_stop(name, 9_000, None, TriggerBy.MARK))

    first = make(panel)
    for bar in range(5, 40):
        act(first, bar)
    second = make(panel)
    second.restore(first.snapshot())
    for bar in range(40, 80):
        act(first, bar)
        act(second, bar)
    assert first.log_hash == second.log_hash
    assert first.snapshot() == second.snapshot()
    assert len(do(first.fills(0))) > 50


def test_a_snapshot_that_is_not_ours_changes_nothing():
    venue = long_stop()
    good = venue.snapshot()
    head, body = good.split(b"\n", 1)
    for bad in (b"", good[:-9], head, b"{}\n" + body, good.replace(b'"version": 1', b'"version": 7')):
        with pytest.raises(JournalCorrupt):
            venue.restore(bad)
    assert venue.snapshot() == good


def test_a_contract_with_another_tick_is_taken_anew_unless_it_is_held():
    panel = sample()
    made = make_instruments(panel)
    finer = {**made}
    eth = made["ETHUSDT"]
    finer["ETHUSDT"] = type(eth)(
        **{**{name: getattr(eth, name) for name in eth.__slots__}, "price_tick": eth.price_tick / 10}
    )
    for held in (False, True):
        first = PaperVenue(PanelFeed(panel, made), made, cash_usdt=Decimal(10_000))
        at_close(first, 5)
        do(first.submit(OrderRequest("b", "BTCUSDT", 1_000)))
        if held:
            do(first.submit(OrderRequest("a", "ETHUSDT", 1_000)))
        second = PaperVenue(PanelFeed(panel, finer), finer, cash_usdt=Decimal(10_000))
        if held:
            with pytest.raises(JournalCorrupt, match="ETHUSDT"):
                second.restore(first.snapshot())
            continue
        second.restore(first.snapshot())
        at_close(second, 6)
        assert isinstance(do(second.submit(OrderRequest("c", "ETHUSDT", 1_000))), Ack)
        assert isinstance(do(second.submit(OrderRequest("d", "BTCUSDT", -1_000))), Ack)
        assert {fill.symbol for fill in do(second.fills(0))} == {"BTCUSDT", "ETHUSDT"}
        (eth_held,) = do(second.positions()).rows
        close = panel.close[5, panel.symbols.index("ETHUSDT")]
        assert float(eth_held.entry_price) == pytest.approx(close, rel=1e-3)


def test_steps_that_do_not_fit_a_bar_are_refused():
    panel = sample()
    with pytest.raises(DataError, match="multiple of 3"):
        PanelFeed(panel, make_instruments(panel), steps=4)
