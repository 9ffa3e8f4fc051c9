"""The market of an exchange as it is now: its quotes are asked for, and orders meet them here.

Only the best bid and ask are known; what stands behind them is assumed (`depth`). What happens between two
polls is not seen: a stop wakes at the first quote beyond it. Funding is paid at its instant, at the rate that was
told last before it and on what is held then; what fell due while nobody asked is paid by the settled prints.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from xsmom.domain.exchange_core import to_e8
from xsmom.domain.market_data import Candles, DepthSight, FundingPrints, Instrument, PriceKind, Quote, Trading
from xsmom.ports import MarketData
from xsmom.venues.paper.depth import Depth
from xsmom.venues.paper.feed import Clock
from xsmom.venues.paper.stage import Stage

_STATUS = {Trading.OPEN: "open", Trading.CLOSING: "closing", Trading.CLOSED: "closed", Trading.NOT_YET: "closed"}
FRESH_MS = 3_000
LISTING_EVERY_MS = 15 * 60_000
#: So long after its instant a settlement is still paid at the rate that was told before it.
_PROMPT_MS = 5 * 60_000


class LiveFeed:
    """Public data of an exchange before a stage."""

    polls = True

    def __init__(self, market: MarketData, *, depth: Depth | None = None, fresh_ms: int = FRESH_MS) -> None:
        self.market, self.assumed, self.fresh_ms = market, depth or Depth(), fresh_ms
        self._told: Mapping[str, Quote] = {}
        self._asked_ms: int | None = None
        self._listed_ms: int | None = None
        self._turn = 0
        self._priced: dict[int, int] = {}
        self._status: dict[str, Trading] = {}
        #: Next settlement of each contract and the rate that it is to have; the last one that was paid.
        self._due: dict[int, tuple[int, Decimal]] = {}
        self._paid_ms: dict[int, int] = {}
        self._lock = asyncio.Lock()

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        return self.market.candles_page_max

    def begin(self, stage: Stage, clock: Clock) -> None:
        """Take hold of the stage."""
        self._stage, self._clock = stage, clock
        self._status = {contract.symbol: Trading.OPEN for contract in stage.contracts}

    # --- time -----------------------------------------------------------------------------------

    def play(self, until_ms: int) -> None:
        """Pay the funding that is due."""
        for symbol, (due_ms, rate) in sorted(self._due.items()):
            if due_ms > until_ms:
                continue
            if symbol not in self._stage.held_lots:
                self._pay(symbol, Decimal(0), due_ms, until_ms)
            elif until_ms - due_ms <= _PROMPT_MS:
                self._pay(symbol, rate, due_ms, until_ms)

    def _pay(self, symbol: int, rate: Decimal, due_ms: int, at_ms: int) -> None:
        if rate:
            self._stage.apply({"do": "funding", "symbol": symbol, "rate_e8": to_e8(rate)}, at_ms)
        self._paid_ms[symbol] = due_ms
        self._due.pop(symbol, None)

    async def refresh(self) -> None:
        """Ask for quotes, unless those at hand are of this moment; then let everything meet them."""
        async with self._lock:
            if self._listed_ms is None or self._clock() - self._listed_ms > LISTING_EVERY_MS:
                await self.instruments()
            quotes = await self.market.quotes()
            missed = await self._read_missed()
            now_ms = self._clock()
            for symbol, prints in missed.items():
                for at_ms, rate in zip(prints.at_ms.tolist(), prints.rate_frac.tolist(), strict=True):
                    self._pay(symbol, Decimal(rate), at_ms, now_ms)
            self.play(now_ms)
            self._told, self._asked_ms, self._turn = quotes, now_ms, self._turn + 1
            self._note_due(now_ms)
            for symbol in self._stage.busy():
                self._set_price(symbol, now_ms)

    async def _read_missed(self) -> dict[int, FundingPrints]:
        """Settlements that fell due on what is held while nobody asked."""
        now_ms, found = self._clock(), {}
        for symbol, (due_ms, _) in sorted(self._due.items()):
            if symbol in self._stage.held_lots and now_ms - due_ms > _PROMPT_MS:
                name = self._stage.contracts[symbol].symbol
                found[symbol] = await self.market.funding(name, due_ms, now_ms + 1)
        return found

    def _note_due(self, now_ms: int) -> None:
        for symbol, contract in enumerate(self._stage.contracts):
            quote = self._told.get(contract.symbol)
            if quote is None or quote.next_funding_ms is None or quote.funding_frac is None:
                continue
            held, old = symbol in self._stage.held_lots, self._due.get(symbol)
            if held and old is not None and old[0] <= now_ms:
                continue  # not paid yet: its prints have not come
            if quote.next_funding_ms > self._paid_ms.get(symbol, 0):
                self._due[symbol] = (quote.next_funding_ms, quote.funding_frac)

    def freshen(self, symbol: int) -> str:
        """Let an order meet the newest quote, if it is new enough."""
        if self._asked_ms is None or self._stage.contracts[symbol].symbol not in self._told:
            return "there is no price yet"
        age_ms = self._clock() - self._asked_ms
        if age_ms > self.fresh_ms:
            return f"the newest price is {age_ms / 1000:.1f} s old"
        if self._priced.get(symbol) != self._turn:
            self._set_price(symbol, self._clock())
        return ""

    def stale(self) -> bool:
        """Whether quotes must be asked for before an order can meet them."""
        return self._asked_ms is None or self._clock() - self._asked_ms > self.fresh_ms // 2

    def _set_price(self, symbol: int, at_ms: int) -> None:
        contract = self._stage.contracts[symbol]
        quote = self._told.get(contract.symbol)
        if quote is None or not all(price > 0 for price in (quote.last, quote.mark, quote.index)):
            return
        tick = contract.price_tick
        last, mark, index = (_ticks(price, tick, ROUND_HALF_EVEN) for price in (quote.last, quote.mark, quote.index))
        bid = None if quote.bid is None else _ticks(quote.bid, tick, ROUND_FLOOR)
        ask = None if quote.ask is None else _ticks(quote.ask, tick, ROUND_CEILING)
        if bid is not None and ask is not None:
            ask = max(ask, bid + 1)
        bids, asks = self.assumed.between(bid, ask, contract, float(quote.turnover_usdt_day))
        prices = {"last": last, "mark": mark, "index": index, "bids": bids, "asks": asks}
        self._stage.apply({"do": "prices", "symbol": symbol, **prices}, at_ms)
        self._priced[symbol] = self._turn

    # --- public data ----------------------------------------------------------------------------

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every contract; new ones can be traded from now on, and those that have ended are closed."""
        contracts = await self.market.instruments()
        now_ms = self._clock()
        self._listed_ms = now_ms
        self._stage.list_new(contracts, now_ms)
        for symbol, number in self._stage.number.items():
            contract = contracts.get(symbol)
            trading = Trading.CLOSED if contract is None else contract.trading
            if trading is not self._status.get(symbol, Trading.OPEN):
                self._set_status(number, trading, now_ms)
            self._status[symbol] = trading
        return contracts

    def _set_status(self, symbol: int, trading: Trading, now_ms: int) -> None:
        if trading is Trading.CLOSED and symbol in self._stage.held_lots:
            ticks = self._stage.core.ask({"ask": "market", "symbol": symbol})["mark_ticks"]
            self._stage.apply({"do": "delist", "symbol": symbol, "ticks": ticks}, now_ms)
        else:
            self._stage.apply({"do": "status", "symbol": symbol, "status": _STATUS[trading]}, now_ms)

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars of the exchange."""
        return await self.market.candles(symbol, bar_ms, since_ms, bars, price)

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Settled prints of the exchange."""
        return await self.market.funding(symbol, since_ms, until_ms)

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices; orders meet them too."""
        await self.refresh()
        return self._told

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """The exchange's own order book: only what fills here is assumed."""
        return await self.market.depth(symbol, levels)

    async def close(self) -> None:
        """Give connections back."""
        await self.market.close()

    # --- restart --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What is due and what was paid; prices are asked for anew."""
        return {
            "due": {str(symbol): [due_ms, str(rate)] for symbol, (due_ms, rate) in self._due.items()},
            "paid_ms": {str(symbol): paid_ms for symbol, paid_ms in self._paid_ms.items()},
            "status": {symbol: trading.value for symbol, trading in self._status.items()},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._due = {int(symbol): (int(row[0]), Decimal(row[1])) for symbol, row in state["due"].items()}
        self._paid_ms = {int(symbol): int(paid_ms) for symbol, paid_ms in state["paid_ms"].items()}
        self._status = {symbol: Trading(word) for symbol, word in state["status"].items()}


def _ticks(price: Decimal, tick: Decimal, rounding: str) -> int:
    return max(1, int((price / tick).to_integral_value(rounding)))
