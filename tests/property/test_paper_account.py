"""Whatever is ordered: the fills add up to the account, and what is shown is whole."""

import asyncio
from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.venues.paper_rig import at_close, make, sample
from xsmom.domain.trading import (
    AmendRequest,
    FillKind,
    Modes,
    OrderRequest,
    OrderView,
    TimeInForce,
    Trigger,
    TriggerBy,
    VenueFill,
)

CASH = Decimal(10_000)

SIZES = st.integers(-4_000, 4_000)
SHARES = st.floats(0.93, 1.07)
ACTIONS = st.one_of(
    st.tuples(st.just("market"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("limit"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("stop"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("legs"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("amend"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("cancel"), st.integers(0, 3), SIZES, SHARES),
    st.tuples(st.just("leverage"), st.integers(0, 3), st.integers(1, 50), SHARES),
    st.tuples(st.just("wait"), st.integers(0, 3), st.integers(1, 5), SHARES),
)


class Player:
    """Turns what was drawn into calls of the port."""

    def __init__(self, venue):
        self.venue, self.bar, self.number = venue, 10, 0
        self.events = list(at_close(venue, 10))

    def price_ticks(self, symbol, share):
        contract = self.venue.stage.contracts[self.venue.stage.number[symbol]]
        close = self.venue.feed.panel.close[self.bar - 1, self.venue.feed.market.column[symbol]]
        return max(1, round(close * share / float(contract.price_tick)))

    async def act(self, kind, column, size, share):
        symbol = self.venue.feed.panel.symbols[column]
        ticks = self.price_ticks(symbol, share)
        self.number += 1
        name = f"o-{self.number}"
        if kind == "market":
            await self.venue.submit(OrderRequest(name, symbol, size, reduce_only=share < 0.95))
        elif kind == "limit":
            force = list(TimeInForce)[size % 4]
            await self.venue.submit(
                OrderRequest(name, symbol, size, ticks, force, stop_loss_ticks=ticks if size % 3 else None)
            )
        elif kind == "stop":
            trigger = Trigger(ticks, list(TriggerBy)[size % 3], rising=share > 1)
            await self.venue.submit(OrderRequest(name, symbol, size, trigger=trigger, close_on_trigger=size % 2 == 0))
        elif kind == "legs":
            await self.venue.set_position_stop(symbol, ticks, None if size % 2 else 2 * ticks, TriggerBy.MARK)
        elif kind == "amend":
            await self.venue.amend(AmendRequest(f"o-{abs(size) % self.number}", symbol, size, ticks))
        elif kind == "cancel":
            await self.venue.cancel(symbol, f"o-{abs(size) % self.number}")
        elif kind == "leverage":
            await self.venue.ensure_modes(Modes(Decimal(size), (symbol,)))
        else:
            self.bar = min(self.bar + size, 200)
            self.events += at_close(self.venue, self.bar)
        self.events += self.venue.advance_to(0)
        await self.check()

    async def check(self):
        account = await self.venue.account()
        rows = (await self.venue.positions()).rows
        fills = await self.venue.fills(0)
        steps = {contract.symbol: contract.qty_step for contract in self.venue.stage.contracts}
        cash = CASH
        held: Counter[str] = Counter()
        for fill in fills:
            cash -= fill.lots * steps[fill.symbol] * fill.price + fill.fee_usdt
            held[fill.symbol] += fill.lots
        assert {row.symbol: row.lots for row in rows} == {symbol: lots for symbol, lots in held.items() if lots}
        value = sum((row.lots * steps[row.symbol] * row.mark_price for row in rows), Decimal(0))
        covered = any(fill.kind is FillKind.LIQUIDATION for fill in fills)
        assert covered or account.equity_usdt == cash + value, "fills add up to the account"
        assert account.equity_usdt == account.wallet_usdt + sum((row.unrealised_usdt for row in rows), Decimal(0))
        assert account.available_usdt == account.equity_usdt - account.initial_margin_usdt
        assert account.maintenance_margin_usdt == sum((row.maintenance_margin_usdt for row in rows), Decimal(0))
        told = [event for event in self.events if isinstance(event, VenueFill)]
        assert told == list(fills), "each execution is told once, in its order"

    async def check_orders(self):
        """The last that was told of each order is what is shown of it."""
        newest = {event.order_id: event for event in self.events if isinstance(event, OrderView)}
        shown = {row.order_id: row for row in (await self.venue.open_orders()).rows}
        assert {number for number, one in newest.items() if not one.state.final} == set(shown)
        assert all(newest[number] == row for number, row in shown.items())
        for row in newest.values():
            assert abs(row.filled_lots) <= abs(row.lots)


@given(st.lists(ACTIONS, min_size=1, max_size=25))
def test_fills_add_up_to_the_account_and_events_to_the_orders(actions):
    async def play():
        player = Player(make(sample()))
        for action in actions:
            await player.act(*action)
        await player.check_orders()
        again = make(sample())
        again.restore(player.venue.snapshot())
        assert again.snapshot() == player.venue.snapshot()

    asyncio.run(play())
