"""One task at work: what of it goes out now, at which price, and when it is looked at again."""

from __future__ import annotations

import math
from dataclasses import replace

from xsmom.domain.book import Mode
from xsmom.domain.effects import AmendOrder
from xsmom.domain.evolve import evolve
from xsmom.domain.market_data import Instrument
from xsmom.domain.orders import LiveOrder, Phase, Style, Task
from xsmom.domain.trading import AmendRequest, TimeInForce
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.cancel import ask_cancel, give_up
from xsmom.engine.execution.ending import settle
from xsmom.engine.execution.leaning import UNKNOWN, ask_depth, find_lean
from xsmom.engine.execution.pairs import Room
from xsmom.engine.execution.price import Touch, bound_ticks, rest_ticks, touch_of
from xsmom.engine.execution.send import send
from xsmom.engine.execution.size import LIVE_MAX, closable_lots, least_lots, most_lots, out_lots, pieces
from xsmom.engine.execution.styles import Pricing, Wish, ends_ms, urgent, wish
from xsmom.engine.rules import WorkRules

_LOOK_MS = 1_000
"""A task that waits for something else looks again after this time, unless it is woken."""
_WAIT_MS, _WAIT_MAX_MS = 1_000, 30_000
_DAY_MS = 86_400_000
_PART_OF_LEG = 10
"""Beside a live order, no less than this part of the leg is added."""


class Worker:
    """A task, and all that its next move depends on."""

    def __init__(self, bench: Bench, task: Task, room: Room) -> None:
        self.bench, self.task, self.room = bench, task, room
        self.intent = task.approved.intent
        self.opens = not self.intent.reduce_only
        self.side = 1 if task.approved.lots > 0 else -1
        self.rules = bench.turn.rules
        self.work: WorkRules = self.rules.work
        self.touch: Touch | None = touch_of(bench.book, self.intent.symbol, bench.now_ms)
        #: What crossing is bounded by; NaN where neither the decision nor the market tells a price.
        self.arrival = self.intent.reference_price
        if not self.arrival > 0.0:
            self.arrival = (self.touch.bid + self.touch.ask) / 2.0 if self.touch else math.nan

    def move(self) -> None:
        """Do what is due, and set the next moment."""
        bench, name, now_ms = self.bench, self.task.approved.client_order_id, self.bench.now_ms
        if not self.task.ending and not urgent(self.task) and now_ms >= ends_ms(self.task, self.work):
            give_up(bench, [name], "deadline")
        elif self.task.ending:
            for order in bench.live_of(self.task):
                ask_cancel(bench, order)
            settle(bench, name)
        else:
            self._move_on()
            settle(bench, name)
        if name in bench.tasks and bench.tasks[name].due_ms <= now_ms:
            bench.put_task(evolve(bench.tasks[name], due_ms=now_ms + _LOOK_MS))

    def _move_on(self) -> None:
        at = self.bench.book.roster.index(self.intent.symbol)
        if at is None:
            give_up(self.bench, [self.task.approved.client_order_id], "no longer in the roster")
            return
        contract = self.bench.book.roster.instruments[at]
        price = self.touch.bid if self.touch else self.arrival
        least = least_lots(contract, price, self.work, reduce_only=not self.opens)
        self._count_turnover()
        wanted = wish(self.task, self.bench.now_ms, self.rules, least=least, unit_usdt=float(contract.qty_step) * price)
        due_ms = min(wanted.until_ms, self.bench.now_ms + self.work.reprice_ms)
        if wanted.pricing is Pricing.CROSS and urgent(self.task) and math.isnan(self.arrival):
            wanted = replace(wanted, pricing=Pricing.MARKET)  # nothing to bound it by, and it has to get out
        live = self.bench.live_of(self.task)
        if wanted.pricing is not Pricing.REST:
            due_ms = min(due_ms, self._take_back_resting(live))
        elif self.touch is not None and not self._held_by_book(self.touch) and not (self.opens and self._barred_by()):
            self._reprice(live, contract)
        self._set_due(due_ms)
        if not self.task.left_lots:
            return
        lots = max(wanted.lots - out_lots(self.bench, self.task), 0)
        pause_ms = self._pause_until_ms(wanted.pricing)
        if lots and pause_ms > self.bench.now_ms:
            self._set_due(min(due_ms, pause_ms))
        elif lots:
            self._send(lots, wanted, contract, least)

    # --- what keeps it -----------------------------------------------------------------------

    def _waits_for(self, pricing: Pricing, contract: Instrument) -> str:
        """What keeps it from sending now; empty when nothing does."""
        busy = [task for task in self.bench.tasks_in(self.intent.symbol) if self._is_rival(task)]
        if self.opens and any(task.approved.intent.reduce_only for task in busy):
            return "closes"
        if not urgent(self.task) and any(self._is_older_opposite(task) for task in busy):
            return "opposite"
        if self.opens and (barred := self._barred_by()):
            return barred
        if self.touch is None:
            blind = self.opens or pricing is Pricing.REST or (pricing is Pricing.CROSS and math.isnan(self.arrival))
            return "quote" if blind else ""
        held = self._held_by_book(self.touch)
        if held:
            return held
        if pricing is Pricing.CROSS:
            bound = bound_ticks(self.side, self.arrival, self.work, float(contract.price_tick))
            far = self.touch.far(self.side) / float(contract.price_tick)
            if self.side * (far - bound) > 0.5:
                return "bound"
        return ""

    def _barred_by(self) -> str:
        """What speaks against opening now, whatever was approved: `standing` has asked the gates."""
        if self.bench.book.mode is not Mode.TRADING:
            return "mode"
        if self.bench.book.health.breaker_until_ms > 0:
            return "breaker"
        return "unknown" if self._symbol_in_doubt() else self.task.barred_by

    def _is_rival(self, task: Task) -> bool:
        if task.approved.client_order_id == self.task.approved.client_order_id:
            return False
        return bool(self.bench.live_of(task)) or (not task.ending and task.left_lots != 0)

    def _is_older_opposite(self, task: Task) -> bool:
        return task.started_ms < self.task.started_ms and task.approved.lots * self.side < 0

    def _symbol_in_doubt(self) -> bool:
        return any(order.phase is Phase.UNKNOWN for order in self.bench.orders_in(self.intent.symbol))

    def _held_by_book(self, touch: Touch) -> str:
        """What of the order book keeps an entry: a wide spread, or too much against it; a reduction nothing."""
        if not self.opens:
            return ""
        if self.work.spread_guard and touch.spread_frac > self.work.spread_max_frac:
            return "spread"
        if not self.work.imbalance_guard:
            return ""
        held = find_lean(self.bench.book, self.intent.symbol, self.side, self.work, self.bench.now_ms)
        if held == UNKNOWN:
            self.task = ask_depth(self.bench, self.task, self.work)
        return held

    def _pause_until_ms(self, pricing: Pricing) -> int:
        """A try that brought less than it asked for is followed by a pause, longer after refusals."""
        orders = self.bench.orders_of(self.task)
        if not orders:
            return 0
        last = orders[-1]
        if not last.phase.final:
            # Beside an order that stands more may be added; what crosses comes one at a time.
            return 0 if _rests(last) and pricing is Pricing.REST else self.bench.now_ms + self.work.reprice_ms
        if last.phase is Phase.FILLED or last.cancel_asked_ms is not None:
            return 0
        wait_ms = _WAIT_MS if pricing is Pricing.MARKET else self.work.reprice_ms
        if self.task.refusals:
            wait_ms = min(_WAIT_MS << min(self.task.refusals - 1, 10), _WAIT_MAX_MS)
        return (last.final_ms or 0) + wait_ms

    # --- what it does ------------------------------------------------------------------------

    def _send(self, lots: int, wanted: Wish, contract: Instrument, least: int) -> None:
        reason = self._waits_for(wanted.pricing, contract)
        if reason:
            self._wait(reason)
            return
        asked = lots
        lots = self._cut_to_room(lots, contract, least) if self.opens else self._cut_to_position(lots)
        if lots < least:
            return
        tick, price = float(contract.price_tick), self.arrival
        most = most_lots(contract, price, self.work, market=wanted.pricing is Pricing.MARKET)
        standing = len(self.bench.live_of(self.task))
        for piece in pieces(lots, most)[: max(LIVE_MAX - standing, 0)]:
            ticks, force = self._priced(wanted.pricing, tick)
            self.task = send(self.bench, self.task, self.side * piece, ticks, force)
            self.room.add(self.side, piece * float(contract.qty_step) * price)
        if lots < asked and self.opens:
            # The other side's next fill wakes it.
            due_ms = min(self.task.due_ms, self.bench.now_ms + _LOOK_MS)
            self.task = self.bench.put_task(evolve(self.task, waits_for="pair", due_ms=due_ms))
        if wanted.pricing is not Pricing.REST and not self.task.crossing:
            self.task = self.bench.put_task(evolve(self.task, crossing=True))

    def _priced(self, pricing: Pricing, tick: float) -> tuple[int | None, TimeInForce]:
        if pricing is Pricing.MARKET:
            return None, TimeInForce.IOC
        if pricing is Pricing.CROSS:
            return bound_ticks(self.side, self.arrival, self.work, tick), TimeInForce.IOC
        post_only = self.intent.style is Style.POST_ONLY
        assert self.touch is not None  # without one it waits
        ticks = rest_ticks(self.side, self.touch, self.work, tick, post_only=post_only)
        return ticks, TimeInForce.POST_ONLY if post_only else TimeInForce.GTC

    def _cut_to_room(self, lots: int, contract: Instrument, least: int) -> int:
        """Entries stay within the room that the net cap leaves, and leave no rest that is too small to send."""
        left = abs(self.task.approved.lots) - out_lots(self.bench, self.task)
        live = self.bench.live_of(self.task)
        if left < least and not live:
            give_up(self.bench, [self.task.approved.client_order_id], "what is left is less than the smallest order")
            return 0
        room = self.room.lots(self.side, float(contract.qty_step) * self.arrival, least)
        cut = min(lots, room)
        if 0 < left - cut < least:
            cut = left if left <= room and left <= lots else cut - (least - (left - cut))
        if cut < least or (cut < lots and live and cut < abs(self.task.approved.lots) // _PART_OF_LEG):
            if room < lots:
                self._wait("pair")
            return 0
        return cut

    def _cut_to_position(self, lots: int) -> int:
        """What reduces never reaches beyond 0, whatever else reduces the same position."""
        cut = min(lots, closable_lots(self.bench, self.intent.symbol, self.side, urgent=urgent(self.task)))
        if cut:
            return cut
        others = any(
            order.left_lots and order.request.reduce_only
            for order in self.bench.orders_in(self.intent.symbol)
            if not order.protective
        )
        if others:
            self._wait("closes")
        else:
            give_up(self.bench, [self.task.approved.client_order_id], "nothing is left to reduce")
        return 0

    def _wait(self, reason: str) -> None:
        if reason == UNKNOWN:
            reason = self.task.waits_for or reason  # the look at the book is on its way: what it waits for stands
        if self.task.waits_for != reason:
            self.bench.turn.note(
                "order.held",
                symbol=self.intent.symbol,
                client_order_id=self.task.approved.client_order_id,
                left_lots=self.task.left_lots,
                waits_for=reason,
            )
        due_ms = min(self.task.due_ms, self.bench.now_ms + _LOOK_MS)
        self.task = self.bench.put_task(evolve(self.task, waits_for=reason, due_ms=due_ms))

    def _take_back_resting(self, live: list[LiveOrder]) -> int:
        for order in live:
            if _rests(order):
                ask_cancel(self.bench, order)
        return self.bench.now_ms + (_LOOK_MS if live else self.work.reprice_ms)

    def _reprice(self, live: list[LiveOrder], contract: Instrument) -> None:
        """Move what rests to where it would be sent now."""
        for order in live:
            asked = order.cancel_asked_ms is not None or order.amend_asked_ms is not None
            placed = order.phase in {Phase.WORKING, Phase.PARTIAL, Phase.ACKED}
            due = self.bench.now_ms - order.priced_ms >= self.work.reprice_ms
            if due and placed and not asked:
                self._reprice_one(order, contract)

    def _reprice_one(self, order: LiveOrder, contract: Instrument) -> None:
        ticks, _ = self._priced(Pricing.REST, float(contract.price_tick))
        order = self.bench.put_order(evolve(order, priced_ms=self.bench.now_ms))
        if ticks == order.request.price_ticks:
            return
        if self.task.replaces:
            ask_cancel(self.bench, order)
            return
        self.bench.turn.send(AmendOrder(AmendRequest(order.client_order_id, order.symbol, price_ticks=ticks)))
        self.bench.put_order(
            evolve(order, request=replace(order.request, price_ticks=ticks), amend_asked_ms=self.bench.now_ms)
        )

    def _count_turnover(self) -> None:
        """What the market has traded since the last look, at the pace of its newest day."""
        quote = self.bench.book.quotes.get(self.intent.symbol)
        if self.intent.style is not Style.VWAP or quote is None or self.touch is None:
            return
        share = (self.bench.now_ms - self.task.turnover_ms) / _DAY_MS
        seen = self.task.seen_turnover_usdt + float(quote.turnover_usdt_day) * share
        self.task = self.bench.put_task(evolve(self.task, seen_turnover_usdt=seen, turnover_ms=self.bench.now_ms))

    def _set_due(self, due_ms: int) -> None:
        if self.task.due_ms != due_ms:
            self.task = self.bench.put_task(evolve(self.task, due_ms=due_ms))


def _rests(order: LiveOrder) -> bool:
    return order.request.time_in_force is not TimeInForce.IOC
