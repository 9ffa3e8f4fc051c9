"""The exchange as a whole: market, core, accounts, clock, faults, and what each view shows."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom.domain.contracts import make_instruments
from xsmom.domain.exchange_core import ONE_E8, Core, from_e8, specify, to_e8
from xsmom.domain.market_data import Instrument, Trading
from xsmom.domain.panel import NEVER_MS, Panel
from xsmom.errors import DataError
from xsmom.simex.bybit import market_rows, rows
from xsmom.simex.bybit.signing import Key
from xsmom.simex.clock import VenueClock
from xsmom.simex.faults import Faults
from xsmom.simex.funding import Funding
from xsmom.simex.limits import Limits
from xsmom.simex.market import Candles, Moment, Tape
from xsmom.simex.modes import OTHER_MOVES, AccountModes
from xsmom.simex.prices import Prices
from xsmom.simex.truth import tell_truth
from xsmom.simex.views import HISTORY_MAX, LAGS_MS, Row, Views, check_lag

MAKER_FRAC, TAKER_FRAC = Decimal("0.0002"), Decimal("0.00055")
_STATUS = {Trading.OPEN: "open", Trading.CLOSING: "closing", Trading.CLOSED: "closed", Trading.NOT_YET: "closed"}
_DELISTED_LOSS_FRAC = 0.05
_PRICE_MAX = 1e12
_SHOCK_MIN = 0.01
_LAST_MS = 4_102_444_800_000

Push = Callable[[str, dict[str, Any]], None]
PushAccount = Callable[[str, str, list[dict[str, Any]]], None]


class World:
    """One exchange on one panel. Everything happens in one thread, between two awaits."""

    def __init__(
        self,
        panel: Panel,
        *,
        start_ms: int | None = None,
        speed: float = 1.0,
        faults: Faults | None = None,
        limits: Limits | None = None,
        lags_ms: Mapping[str, int] | None = None,
        think_ms: int = 0,
    ) -> None:
        self.tape = Tape(panel)
        self.candles = Candles(panel, self.tape)
        self.funding = Funding(self.tape, self.candles)
        self.instruments: dict[str, Instrument] = make_instruments(panel)
        self.symbols = panel.symbols
        self.number = {symbol: number for number, symbol in enumerate(panel.symbols)}
        self.prices = Prices(self.instruments)
        self.fees = (MAKER_FRAC, TAKER_FRAC)
        begin_ms = int(panel.close_ms[0]) - panel.bar_ms if start_ms is None else start_ms
        self.clock = VenueClock(begin_ms, speed)
        specs = [specify(self.instruments[s], maker_frac=MAKER_FRAC, taker_frac=TAKER_FRAC) for s in self.symbols]
        self.core = Core(specs)
        self.faults, self.limits = faults or Faults(), limits or Limits()
        self.lags_ms = LAGS_MS | dict(lags_ms or {})
        self.keys: dict[str, Key] = {}
        self.accounts: list[str] = []
        self.modes = AccountModes()
        self.views: list[Views] = []
        self.on_public: Push = lambda _topic, _message: None
        self.on_private: PushAccount = lambda _account, _topic, _rows: None
        self.listened: Callable[[str], bool] = lambda _topic: False
        self.account_listened: Callable[[str, str], bool] = lambda _account, _topic: False
        self.ended = False
        self.announced: list[dict[str, Any]] = []
        self.closed_results_e8: dict[int, int] = {}
        #: What the list of money calls entries that are no transfers of the owner, by their number.
        self.words: dict[int, str] = {}
        self._think_ms = think_ms
        self._forced: dict[str, Trading] = {}
        self._announced: set[str] = set()
        self._versions = itertools.count(1)
        self._moments = self.tape.moments(begin_ms)
        self._next: Moment | None = next(self._moments, None)
        self._woken = asyncio.Event()
        self._set_first_prices(begin_ms)

    # --- accounts and commands ------------------------------------------------------------------

    def open_account(self, name: str, wallet_usdt: Decimal, key: Key) -> None:
        """Open an account with money and a key."""
        self.accounts.append(name)
        self.views.append(Views(self.lags_ms))
        self.keys[key.key] = key
        self.command({"do": "open_account", "name": name, "wallet_e8": to_e8(wallet_usdt)})

    def account_number(self, name: str) -> int:
        """Find an account by its name."""
        if name not in self.accounts:
            raise DataError(f"no account {name!r}: one of {', '.join(self.accounts)}")
        return self.accounts.index(name)

    def symbol_number(self, symbol: str) -> int:
        """Find a contract by its name."""
        if symbol not in self.number:
            raise DataError(f"no contract {symbol!r}")
        return self.number[symbol]

    def command(self, command: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Carry out a command of the core, and let every view and stream know."""
        events = self.core.apply(command, self.clock.now_ms())
        self._digest(events)
        return events

    async def think(self) -> None:
        """Take the time that an acknowledgement takes."""
        if self._think_ms:
            await asyncio.sleep(self._think_ms / 1000)

    def _digest(self, events: list[dict[str, Any]]) -> None:
        """Hand events on: to the lists, and to whoever listens, each when it is due."""
        self._note_results(events)
        for event in events:
            kind = event["event"]
            if kind == "order":
                order = event["order"] | {"version": next(self._versions)}
                self.views[order["account"]].note_order(order)
                self._tell(order["account"], "order", rows.order_event, order)
            elif kind == "executed":
                self.views[event["account"]].note_execution(event)
                self._tell(event["account"], "execution", rows.execution_event, event)
            elif kind == "position":
                position = event | {"version": next(self._versions)}
                self.views[event["account"]].note_position(position)
                self._tell(event["account"], "position", rows.position_event, position)
            elif kind == "wallet":
                self._tell(event["account"], "wallet", rows.wallet_event, event)

    def _note_results(self, events: list[dict[str, Any]]) -> None:
        """Add up what each order has closed; the order is told before its execution is."""
        for event in events:
            if event["event"] == "executed" and event["closed_lots"]:
                results = self.closed_results_e8
                result = event["realised_e8"] - event["fee_e8"]
                results[event["order"]] = results.pop(event["order"], 0) + result
                if len(results) > HISTORY_MAX:
                    del results[next(iter(results))]

    def _tell(self, account: int, topic: str, make: Callable[[World, Row], Row], event: Row) -> None:
        """Push a row to the account's topic once it is due; it is made now, as things are now."""
        name = self.accounts[account]
        if self.account_listened(name, topic):
            told = make(self, event)
            self.views[account].later(f"{topic}_event", lambda: self.on_private(name, topic, [told]))

    # --- market time ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Walk the market as its clock goes, until the panel ends."""
        while self._next is not None:
            wait_s = self.clock.wall_seconds_until(self._next.at_ms)
            if wait_s > 0:
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), None if wait_s == float("inf") else wait_s)
                continue
            self._step(self._next)
            await asyncio.sleep(0)
        self.ended = True

    async def advance(self, to_ms: int) -> None:
        """Go ahead to a time, with every moment on the way."""
        if not self.clock.now_ms() <= to_ms <= _LAST_MS:
            raise DataError(f"market time goes from {self.clock.now_ms()} on to 2100 at most, not to {to_ms}")
        while self._next is not None and self._next.at_ms <= to_ms:
            self.clock.advance_to(self._next.at_ms)
            self._step(self._next)
            await asyncio.sleep(0)
        self.clock.advance_to(to_ms)
        self._woken.set()

    def set_speed(self, speed: float) -> None:
        """Let market time go at another speed."""
        self.clock.set_speed(speed)
        self._woken.set()

    def _step(self, moment: Moment) -> None:
        """Live through one moment: prices first, then funding of a bar that ends, then its end."""
        panel = self.tape.panel
        commands = []
        for number, symbol in enumerate(self.symbols):
            last = float(moment.last[number])
            if np.isnan(last) or self.trading(symbol, moment.at_ms) in (Trading.CLOSED, Trading.NOT_YET):
                continue
            self.prices.move(symbol, last, last, last, float(moment.volume_usdt[number]) * self.tape.steps)
            commands.append(self._price_command(symbol))
        commands += self._funding(moment)
        if moment.closes:
            commands += self._leavings(panel, moment)
        self._next = next(self._moments, None)
        self._digest(self.core.apply_all(commands, moment.at_ms))
        for topic, message in market_rows.market_messages(self, moment):
            self.on_public(topic, message)

    def _set_first_prices(self, begin_ms: int) -> None:
        """Give every listed contract the price it opens with, so that one can trade at once."""
        panel = self.tape.panel
        bar = min(max(0, int((begin_ms - int(panel.close_ms[0])) // panel.bar_ms + 1)), panel.bars - 1)
        commands = []
        for number, symbol in enumerate(self.symbols):
            price = float(panel.open[bar, number])
            if not np.isnan(price) and self.trading(symbol, begin_ms) is Trading.OPEN:
                self.prices.move(symbol, price, price, price, float(np.nan_to_num(panel.volume_usdt[bar, number])))
                commands.append(self._price_command(symbol))
        self.core.apply_all(commands, begin_ms)

    def _price_command(self, symbol: str) -> dict[str, Any]:
        price = self.prices.of[symbol]
        bids, asks = self.prices.levels(symbol)
        prices = {"last": price.last, "mark": price.mark, "index": price.index}
        return {"do": "prices", "symbol": self.number[symbol], **prices, "bids": bids, "asks": asks}

    def _funding(self, moment: Moment) -> Iterator[dict[str, Any]]:
        for number, symbol in enumerate(self.symbols):
            if symbol in self.prices.of:
                rate = self.funding.due(symbol, moment.bar, moment.at_ms, closes=moment.closes)
                if rate:
                    yield {"do": "funding", "symbol": number, "rate_e8": round(rate * ONE_E8)}

    def _leavings(self, panel: Panel, moment: Moment) -> Iterator[dict[str, Any]]:
        """Contracts that end with this bar: positions go at the last price, less what the last ones out lose."""
        for number in np.flatnonzero(panel.delisted_ms <= moment.at_ms):
            price = self.prices.of.pop(self.symbols[number], None)
            if price is not None:
                ticks = max(1, int(price.last * (1 - _DELISTED_LOSS_FRAC)))
                yield {"do": "delist", "symbol": int(number), "ticks": ticks}

    # --- the hand on the exchange ---------------------------------------------------------------

    def inject_price(self, symbol: str, last: float, mark: float, index: float) -> None:
        """Set prices of one contract now; the next moment of the market takes them back."""
        self.symbol_number(symbol)
        if not all(0 < price < _PRICE_MAX for price in (last, mark, index)):
            raise DataError("prices are above 0 and below 1e12")
        if self.trading(symbol, self.clock.now_ms()) in (Trading.CLOSED, Trading.NOT_YET):
            raise DataError(f"{symbol} does not trade now, so it has no price")
        self.prices.move(symbol, last, mark, index, 0.0)
        self._lay_book(symbol)

    def lean(self, symbol: str, share: float) -> None:
        """Let the book of one contract lean for good: near 1 hardly anything is asked, near -1 hardly anything bid."""
        self.symbol_number(symbol)
        if not -1.0 < share < 1.0:
            raise DataError(f"a book cannot lean by {share}: above -1 and below 1, for both sides are there")
        self.prices.leans[symbol] = share
        if symbol in self.prices.of:
            self._lay_book(symbol)

    def _lay_book(self, symbol: str) -> None:
        self.command(self._price_command(symbol))
        for topic, message in market_rows.price_messages(self, symbol):
            self.on_public(topic, message)

    def shock(self, symbol: str, share: float) -> None:
        """Move the price of one contract to this share of itself for good: what comes after starts from there."""
        number = self.symbol_number(symbol)
        if not _SHOCK_MIN <= share <= 1.0 / _SHOCK_MIN:
            raise DataError(f"a price cannot go to {share} of itself at once: 0.01 to 100")
        now_ms = self.clock.now_ms()
        price = self.prices.of.get(symbol)
        if price is None:
            raise DataError(f"{symbol} does not trade now, so it has no price")
        self.tape.shock(number, now_ms, share)
        self.candles.panel = self.tape.panel
        self._moments = self.tape.moments(now_ms)
        self._next = next(self._moments, None)
        self._woken.set()
        moved = float(self.price_of(symbol, price.last)) * share
        self.inject_price(symbol, moved, moved, moved)

    def delist(self, symbol: str, at_ms: int) -> None:
        """Announce the last trade of a contract; what is held then goes at the last price, less a little."""
        number = self.symbol_number(symbol)
        if at_ms <= self.clock.now_ms():
            raise DataError(f"the last trade of {symbol} is to come, not past")
        gone = np.array(self.tape.panel.delisted_ms)
        gone[number] = at_ms
        self.tape.panel = self.candles.panel = replace(self.tape.panel, known_hash="", delisted_ms=gone)
        self.instruments[symbol] = replace(self.instruments[symbol], delisted_ms=at_ms)
        self._announced.add(symbol)

    def announce(self, title: str, begin_ms: int, end_ms: int) -> None:
        """Announce an interruption; another of the same title takes its place."""
        if not title or begin_ms >= end_ms:
            raise DataError("an interruption has a title, and ends after it begins")
        others = [one for one in self.announced if one["title"] != title]
        self.announced = [*others, {"title": title, "begin_ms": begin_ms, "end_ms": end_ms}]

    def set_funding_interval(self, symbol: str, interval_ms: int) -> None:
        """Announce another interval of settlements."""
        self.symbol_number(symbol)
        instrument = self.instruments[symbol]
        self.funding.change(symbol, instrument.funding_interval_ms, interval_ms, self.clock.now_ms())
        self.instruments[symbol] = replace(instrument, funding_interval_ms=interval_ms)

    def set_trading(self, symbol: str, trading: str) -> None:
        """Halt a contract, let it only be closed, or open it again."""
        number = self.symbol_number(symbol)
        try:
            wanted = Trading(trading)
        except ValueError:
            known = ", ".join(each.value for each in Trading)
            raise DataError(f"{trading!r} is no status: one of {known}") from None
        self._forced[symbol] = wanted
        if wanted is Trading.CLOSING:
            self._announced.add(symbol)
        self.command({"do": "status", "symbol": number, "status": _STATUS[wanted]})

    def deleverage(self, account: str, symbol: str, lots: int) -> None:
        """Reduce a position for somebody else's liquidation."""
        numbers = {"account": self.account_number(account), "symbol": self.symbol_number(symbol)}
        self._demand({"do": "deleverage", **numbers, "lots": lots})

    def transfer(self, account: str, usdt: str, word: str = "") -> None:
        """Bring money in, or take it out below 0; `word` is what the list of money calls it, of the exchange's own."""
        if word and word not in OTHER_MOVES:
            raise DataError(f"{word!r} is no movement of money: one of {', '.join(OTHER_MOVES)}")
        change = {"account": self.account_number(account), "change_e8": to_e8(Decimal(usdt))}
        for event in self._demand({"do": "transfer", **change}):
            if event["event"] == "wallet" and word:
                self.words[event["transaction"]["id"]] = word

    def set_lag(self, view: str, lag_ms: int) -> None:
        """Let a view show things later."""
        check_lag(self.lags_ms, view, lag_ms)

    def forget_closed(self) -> None:
        """Restart: closed orders are forgotten."""
        for views in self.views:
            views.forget_closed()
        self.command({"do": "forget_closed"})

    def _demand(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        events = self.command(command)
        for event in events:
            if event["event"] == "refused":
                raise DataError(f"{command['do']} was refused: {event['refusal']}")
        return events

    def truth(self) -> dict[str, Any]:
        """Show everything as the core knows it, without any lag."""
        return tell_truth(self)

    # --- what the dialect asks ------------------------------------------------------------------

    def trading(self, symbol: str, now_ms: int) -> Trading:
        """What may be done with a contract at a time."""
        if symbol in self._forced:
            return self._forced[symbol]
        instrument = self.instruments[symbol]
        if now_ms < instrument.listed_ms:
            return Trading.NOT_YET
        if instrument.delisted_ms != NEVER_MS and now_ms >= instrument.delisted_ms:
            return Trading.CLOSED
        return Trading.OPEN

    def told_delisting(self, symbol: str) -> bool:
        """Whether the end of a contract is known by now: announced, or come."""
        return symbol in self._announced or self.trading(symbol, self.clock.now_ms()) is Trading.CLOSED

    def price_of(self, symbol: str, ticks: int) -> Decimal:
        """Give a price of whole ticks as a number."""
        return self.instruments[symbol].price_tick * ticks

    def size_of(self, symbol: str, lots: int) -> Decimal:
        """Give a size of whole lots as a number."""
        return self.instruments[symbol].qty_step * lots

    def wallet(self, account: int) -> dict[str, Decimal]:
        """Ask for money and margin, in USDT."""
        row = self.core.ask({"ask": "wallet", "account": account})
        return {name.removesuffix("_e8"): from_e8(value) for name, value in row.items()}

    def snapshots(self, topic: str) -> list[dict[str, Any]]:
        """What a new listener to a public topic is told first."""
        return market_rows.snapshots(self, topic)

    def ticker(self, symbol: str) -> dict[str, Any] | None:
        """Give the newest prices of a contract, or none where it has no price yet."""
        return market_rows.ticker_row(self, symbol)

    def book(self, symbol: str, depth: int) -> dict[str, Any]:
        """Give the book around a contract's price."""
        return market_rows.book_row(self, symbol, depth)
