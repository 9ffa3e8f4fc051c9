"""A stage for the room of orders: a small book, a clock, and the order of things of one step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

import xsmom as xs
from xsmom import kernel
from xsmom.domain.book import Book, Cycle, Mode, Money, Names, Roster
from xsmom.domain.effects import Effect, Note, SendOrder
from xsmom.domain.events import Ask, OrderLookedUp, OrderUpdated, VenueReplied
from xsmom.domain.market_data import Instrument, Quote, Trading
from xsmom.domain.orders import Approved, Intent, LiveOrder, Purpose, Style, Task, client_order_id
from xsmom.domain.trading import Ack, Answer, FillKind, OrderRequest, OrderState, OrderView, VenueFill
from xsmom.engine import execution
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

START_MS = 1_700_000_000_000
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT")
PRICE = 100.0
_RULES = Rules.of(xs.load_config(None, env={}))


def contract(symbol: str, **changes: Any) -> Instrument:
    """Ticks of 0.1, lots of 0.01: at a price of 100, a lot is 1 USDT."""
    made = Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        price_tick=Decimal("0.1"),
        qty_step=Decimal("0.01"),
        lots_min=1,
        lots_max=100_000,
        lots_max_market=100_000,
        notional_usdt_min=Decimal(5),
        contract_size=Decimal(1),
        leverage_x_max=Decimal(50),
        funding_interval_ms=28_800_000,
        trading=Trading.OPEN,
        listed_ms=0,
    )
    return replace(made, **changes)


def rules(*, fields: dict[str, Any] | None = None, gates: dict[str, Any] | None = None, **work: Any) -> Rules:
    """Rules of the default configuration, with some changed."""
    return replace(
        _RULES,
        work=replace(_RULES.work, **work),
        gates=replace(_RULES.gates, **(gates or {})),
        fields={**_RULES.fields, "net_cap_frac": 100.0, **(fields or {})},
    )


def make_book(contracts: tuple[Instrument, ...], lots: dict[str, int], *, cash_usdt: float = 10_000.0) -> Book:
    """A book that trades, with these positions at the common price."""
    roster = Roster.of(contracts)
    count = len(roster)
    held = np.array([lots.get(symbol, 0) for symbol in roster.symbols], dtype=np.int64)
    return Book(
        seq=1,
        as_of_ms=START_MS,
        run_id="run",
        mode=Mode.TRADING,
        mode_ms=START_MS,
        mode_why="",
        started_ms=START_MS - 1_000_000,
        first_ms=START_MS - 1_000_000,
        config_hash="",
        roster=roster,
        money=Money(cash_usdt=cash_usdt - float((held * roster.qty_step).sum()) * PRICE, units=cash_usdt),
        names=replace(Names.blank(count), mark=np.full(count, PRICE)),
        cycle=Cycle(),
        positions={**kernel.flat_positions(count), "lots": held},
        records={},
        guards={},
        decision={},
    )


def quote(symbol: str, bid: float | None, ask: float | None, at_ms: int, turnover_usdt_day: float = 1e8) -> Quote:
    """Prices of a symbol."""
    middle = Decimal(str(((bid or ask or PRICE) + (ask or bid or PRICE)) / 2))
    return Quote(
        symbol=symbol,
        at_ms=at_ms,
        last=middle,
        mark=middle,
        index=middle,
        bid=None if bid is None else Decimal(str(bid)),
        ask=None if ask is None else Decimal(str(ask)),
        turnover_usdt_day=Decimal(str(turnover_usdt_day)),
        funding_frac=None,
        next_funding_ms=None,
    )


@dataclass
class Stage:
    """Plays one event after another; keeps all that went out."""

    rules: Rules = field(default_factory=rules)
    lots: dict[str, int] = field(default_factory=dict)
    contracts: tuple[Instrument, ...] = tuple(contract(symbol) for symbol in SYMBOLS)
    book: Book = field(init=False)
    now_ms: int = START_MS
    effects: list[Effect] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    _legs: int = 0
    _fills: int = 0

    def __post_init__(self) -> None:
        self.book = make_book(self.contracts, self.lots)
        for symbol in self.book.roster.symbols:
            self.price(symbol, 100.0, 100.1)

    # --- what comes in -----------------------------------------------------------------------

    def price(self, symbol: str, bid: float | None, ask: float | None, turnover_usdt_day: float = 1e8) -> None:
        """New prices, without a step."""
        one = quote(symbol, bid, ask, self.now_ms, turnover_usdt_day)
        self.book = replace(self.book, quotes={**self.book.quotes, symbol: one})

    def tick(self, ms: int = 0, *, fresh: bool = True) -> list[Effect]:
        """Time passes; prices stay, and stay fresh."""
        self.now_ms += ms
        if fresh:
            quotes = {name: replace(one, at_ms=self.now_ms) for name, one in self.book.quotes.items()}
            self.book = replace(self.book, quotes=quotes)
        return self._play(lambda _: None)

    def run_to(self, ms: int) -> None:
        """Let timers fire until so long after the start."""
        while self.book.work_due_ms and self.book.work_due_ms <= START_MS + ms:
            self.tick(self.book.work_due_ms - self.now_ms)
        self.tick(START_MS + ms - self.now_ms)

    def placed(self, approved: Approved) -> LiveOrder:
        """Start, and let the venue take the first order."""
        self.start(approved)
        order = self.live()[0]
        self.reply(order, Ack("v1", "", 0))
        self.update(view(order, OrderState.WORKING))
        return self.live()[0]

    def start(self, *approved: Approved) -> list[Effect]:
        """Approved orders come from the review."""
        return self._play(lambda turn: execution.start(turn, list(approved)))

    def reply(
        self, order: LiveOrder | str, answer: Answer, ask: Ask = Ask.SUBMIT, sent_ms: int | None = None
    ) -> list[Effect]:
        """The venue answers."""
        name = order if isinstance(order, str) else order.client_order_id
        event = VenueReplied(ask, "", name, self.now_ms if sent_ms is None else sent_ms, answer)
        return self._play(lambda turn: execution.on_reply(turn, event))

    def update(self, view: OrderView) -> list[Effect]:
        """Word about an order."""
        return self._play(lambda turn: execution.on_update(turn, OrderUpdated(view)))

    def lookup(self, order: LiveOrder | str, view: OrderView | None, asked_ms: int | None = None) -> list[Effect]:
        """The answer to a lookup."""
        name = order if isinstance(order, str) else order.client_order_id
        asked = self.now_ms if asked_ms is None else asked_ms
        event = OrderLookedUp("", name, asked, view)
        return self._play(lambda turn: execution.on_lookup(turn, event))

    def fill(self, order: LiveOrder, lots: int, price: float = PRICE) -> list[Effect]:
        """An execution: the position moves, then the order."""
        self._fills += 1
        fill = VenueFill(
            exec_id=f"e{self._fills}",
            order_id="",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            kind=FillKind.TRADE,
            lots=lots,
            price=Decimal(str(price)),
            fee_usdt=Decimal("0.01"),
            is_maker=False,
            seq=self._fills,
            at_ms=self.now_ms,
        )
        return self._play(lambda turn: fold(turn, fill))

    def _play(self, event: Any) -> list[Effect]:
        turn = Turn(self.book, self.rules, self.now_ms)
        event(turn)
        execution.work(turn)
        self.book = replace(turn.book, seq=self.book.seq + 1, as_of_ms=self.now_ms)
        self.effects += turn.effects
        self.notes += turn.notes
        return turn.effects

    # --- what is asked for -------------------------------------------------------------------

    def approve(
        self,
        lots: int,
        symbol: str = SYMBOLS[0],
        style: Style = Style.MARKET,
        *,
        reduce_only: bool = False,
        purpose: Purpose = Purpose.REBALANCE,
        price: float = PRICE,
    ) -> Approved:
        """An order as the review would make it; legs are numbered."""
        self._legs += 1
        intent = Intent(
            symbol=symbol,
            lots=lots,
            reduce_only=reduce_only,
            purpose=purpose,
            style=style,
            reference_price=price,
            atr=1.0,
            decided_ms=START_MS,
            leg=self._legs,
        )
        return Approved(intent, lots, client_order_id("run", intent))

    # --- what there is -----------------------------------------------------------------------

    def live(self, symbol: str | None = None) -> list[LiveOrder]:
        """Orders that may still fill."""
        return [
            order
            for order in self.book.orders.values()
            if not order.phase.final and (symbol is None or order.symbol == symbol)
        ]

    def task(self, approved: Approved) -> Task | None:
        """The task of an approved order, while it is there."""
        return self.book.tasks.get(approved.client_order_id)

    def told(self, name: str) -> list[Note]:
        """Notes of a name so far."""
        return [note for note in self.notes if note.name == name]

    @property
    def requests(self) -> list[OrderRequest]:
        """Orders sent so far, as they were asked for."""
        return [one.request for one in self.sent(SendOrder)]

    def sent(self, kind: type[Effect]) -> list[Any]:
        """Effects of a kind so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]


def fold(turn: Turn, fill: VenueFill) -> None:
    """Position and cash move by the fill, as the book's own fold does it, and the order after it."""
    at = turn.book.roster.index(fill.symbol)
    assert at is not None
    lots = turn.book.lots.copy()
    lots[at] += fill.lots
    paid = fill.lots * float(turn.book.roster.qty_step[at]) * float(fill.price)
    money = replace(turn.book.money, cash_usdt=turn.book.money.cash_usdt - paid)
    turn.put(positions={**turn.book.positions, "lots": lots}, money=money)
    execution.on_fill(turn, fill)


def view(order: LiveOrder, state: OrderState, filled: int = 0, at_ms: int | None = None, **changes: Any) -> OrderView:
    """An order as the venue shows it."""
    request = order.request
    made = OrderView(
        order_id=f"v-{order.client_order_id}",
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        lots=request.lots,
        filled_lots=filled,
        average_price=None,
        price_ticks=request.price_ticks,
        trigger=None,
        reduce_only=request.reduce_only,
        of_position=False,
        state=state,
        reason="",
        created_ms=order.sent_ms,
        at_ms=order.sent_ms + 1 if at_ms is None else at_ms,
    )
    return replace(made, **changes)
