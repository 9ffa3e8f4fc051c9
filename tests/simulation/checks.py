"""What must hold after every step, judged by what the exchange has and not by what the engine believes."""

from __future__ import annotations

from tests.simulation.market import STEP, SYMBOLS
from tests.simulation.venue import CASH, Exchange
from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Effect, Note, SendOrder
from xsmom.domain.events import Command, CommandGiven, Event
from xsmom.domain.orders import Purpose
from xsmom.domain.trading import OrderView, PositionView
from xsmom.engine.rules import Rules

_SLACK_X = 1.1
"""Prices move between a plan and its fills."""
_SMALL_USDT = 50.0
_SENT_EXITS = frozenset({Purpose.EXIT, Purpose.FLATTEN, Purpose.TRIM})


class BrokenRuleError(AssertionError):
    """A rule that did not hold, by its name."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


def _bare(exchange: Exchange) -> set[str]:
    """Names whose position has neither a stop of its own nor an order of ours that stands in for one."""
    bare = [one for one in exchange.account.positions() if one.stop_loss_ticks is None]
    orders = exchange.account.open_orders() if bare else ()
    return {one.symbol for one in bare if not any(_stands_in(order, one) for order in orders)}


def _stands_in(order: OrderView, position: PositionView) -> bool:
    """Whether it closes all of the position where the price goes against it."""
    if order.symbol != position.symbol or order.trigger is None or not order.reduce_only or order.of_position:
        return False
    against = order.trigger.rising == (position.lots < 0)
    return against and order.lots * position.lots < 0 and abs(order.lots - order.filled_lots) >= abs(position.lots)


class Checks:
    """The rules, and what they have to remember."""

    def __init__(self, rules: Rules) -> None:
        protect = rules.protect
        self._rules = rules
        self._grace_ms = protect.blind_max_ms + protect.naked_max_ms + 2 * protect.poll_ms
        self._naked_ms: dict[str, int] = {}
        self._exit_ms: dict[str, int] = {}
        self._killed = False
        self.bare_ms_max = 0

    def begin(self, now_ms: int) -> None:
        """A process starts, or sees again: what stood bare while nobody could see it counts from now."""
        self._naked_ms = dict.fromkeys(self._naked_ms, now_ms)

    def after_step(
        self,
        now_ms: int,
        book: Book,
        event: Event,
        effects: tuple[Effect, ...],
        notes: tuple[Note, ...],
        exchange: Exchange,
    ) -> None:
        """All of them, after one step."""
        if isinstance(event, CommandGiven) and event.command is Command.KILL:
            self._killed = True
        for note in notes:
            if note.name == "order.approved" and not note.fields["reduce_only"] and self._shut(book):
                raise BrokenRuleError("approved_while_halted", f"{note.fields['client_order_id']}, {self._shut(book)}")
        sent = [one for one in effects if isinstance(one, SendOrder)]
        for one in sent:
            self._opening(book, one)
            self._sent_again(now_ms, one, exchange)
            if one.request.reduce_only and one.approved.intent.purpose in _SENT_EXITS:
                self._exit_ms[one.request.symbol] = now_ms
        for name, times in exchange.accepted.items():
            if times > 1:
                raise BrokenRuleError("accepted_twice", f"{name} was taken {times} times")
        held = exchange.account.positions()
        if not exchange.dark:
            self._naked(now_ms, _bare(exchange))
        self._gross(held, exchange)

    def at_rest(self, book: Book, exchange: Exchange) -> None:
        """Calm has lasted: both sides know the same, to the last lot and the last 1e-6 USDT."""
        held = {one.symbol: one.lots for one in exchange.account.positions()}
        ours = {symbol: int(book.lots[at]) for at, symbol in enumerate(SYMBOLS) if book.lots[at]}
        if ours != held:
            raise BrokenRuleError("ledger_lots", f"we hold {ours}, the exchange says {held}")
        self._cash(book, exchange)
        self._resolved(book, exchange)
        self._safe(book, exchange)

    def _resolved(self, book: Book, exchange: Exchange) -> None:
        for order in book.orders.values():
            if not order.phase.final and not order.protective:
                raise BrokenRuleError("unresolved", f"{order.client_order_id} is {order.phase.value}")
            if order.untold_lots:
                raise BrokenRuleError(
                    "unresolved", f"{order.client_order_id} lacks executions of {order.untold_lots} lots"
                )
        if book.tasks:
            raise BrokenRuleError("unresolved", f"tasks are left: {sorted(book.tasks)}")
        left = {one.client_order_id: one for one in exchange.account.open_orders() if not one.of_position}
        for one in exchange.account.positions():
            if one.stop_loss_ticks is None:
                left = {name: order for name, order in left.items() if not _stands_in(order, one)}
        for symbol, kept in book.protection.items():
            self._ladder(
                symbol, int(book.lots[SYMBOLS.index(symbol)]), [left.pop(one.order_id, None) for one in kept.rungs]
            )
        if left:
            raise BrokenRuleError("unresolved", f"the exchange still works {[*left]}")

    def _ladder(self, symbol: str, lots: int, rungs: list[OrderView | None]) -> None:
        """Rungs reduce, each once, and together no more than is held."""
        standing = [one for one in rungs if one is not None]
        if any(not one.reduce_only or one.lots * lots >= 0 for one in standing):
            raise BrokenRuleError("ladder", f"{symbol} holds {lots}, and a rung would not close it")
        if sum(abs(one.lots - one.filled_lots) for one in standing) > abs(lots):
            raise BrokenRuleError("ladder", f"rungs of {symbol} close more than {lots}")

    def _safe(self, book: Book, exchange: Exchange) -> None:
        held = exchange.account.positions()
        for symbol in _bare(exchange):
            raise BrokenRuleError("naked", f"{symbol} stands without a stop at rest")
        if self._killed and book.kill.flatten and held:
            raise BrokenRuleError("flatten", f"killed, and {[one.symbol for one in held]} is held")
        if self._killed and not book.kill.active:
            raise BrokenRuleError("kill", "the kill switch was forgotten")
        if not self._killed and book.mode is Mode.HALTED:
            raise BrokenRuleError("halted", book.mode_why)

    def _opening(self, book: Book, sent: SendOrder) -> None:
        request = sent.request
        held = int(book.lots[SYMBOLS.index(request.symbol)])
        reduces = request.reduce_only or request.trigger is not None
        if reduces or (held * request.lots < 0 and abs(request.lots) <= abs(held)):
            return
        if self._shut(book):
            text = f"{request.client_order_id} {request.symbol} {request.lots}, {self._shut(book)}"
            raise BrokenRuleError("opened_while_halted", text)

    def _shut(self, book: Book) -> str:
        """Why nothing may be opened; empty where it may."""
        if self._killed:
            return "killed"
        return "" if book.mode is Mode.TRADING else book.mode.value

    def _sent_again(self, now_ms: int, sent: SendOrder, exchange: Exchange) -> None:
        name = sent.request.client_order_id
        if name in exchange.accepted or exchange.under_way.get(name, -1) >= now_ms:
            raise BrokenRuleError("sent_again", f"{name} was sent again, and may be there twice")

    def _naked(self, now_ms: int, bare: set[str]) -> None:
        self._naked_ms = {one: self._naked_ms.get(one, now_ms) for one in sorted(bare)}
        for symbol, since_ms in self._naked_ms.items():
            bare_ms = now_ms - since_ms
            self.bare_ms_max = max(self.bare_ms_max, bare_ms)
            if bare_ms > self._grace_ms and self._exit_ms.get(symbol, 0) < since_ms:
                raise BrokenRuleError(
                    "naked", f"{symbol} stands without a stop for {bare_ms} ms, and no exit is on its way"
                )

    def _gross(self, held: tuple[PositionView, ...], exchange: Exchange) -> None:
        if not held:
            return
        gross = sum(abs(one.lots) * STEP * one.mark_price for one in held)
        equity = exchange.account.money(0).equity_usdt
        cap = float(equity) * self._rules.fields["gross_hard_cap_x"] * _SLACK_X
        if float(gross) > cap:
            raise BrokenRuleError("gross", f"{gross:.2f} USDT are held on {equity:.2f}")

    def _cash(self, book: Book, exchange: Exchange) -> None:
        fills = exchange.account.fills(0)
        cash = CASH - sum(one.lots * STEP * one.price + one.fee_usdt for one in fills)
        cash += exchange.moved_usdt
        if abs(float(cash) - book.money.cash_usdt) > 1e-6:
            raise BrokenRuleError("ledger_cash", f"cash is {book.money.cash_usdt!r}, the executions make it {cash}")
        if book.money.corrections_usdt:
            raise BrokenRuleError("ledger_cash", f"corrections of {book.money.corrections_usdt} USDT")
        if book.money.transfers_usdt != exchange.moved_usdt:
            text = f"{book.money.transfers_usdt} USDT were moved, the exchange says {exchange.moved_usdt}"
            raise BrokenRuleError("ledger_transfers", text)
        # Executions that were told in another order than they happened leave another average price, and some
        # USDT of it between wallet and position; no transfer is as small.
        if abs(book.venue.unexplained_usdt) >= _SMALL_USDT:
            raise BrokenRuleError("ledger_transfers", f"{book.venue.unexplained_usdt} USDT are unexplained at rest")
