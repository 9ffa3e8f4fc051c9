"""The venue's answers to what was sent, changed and taken back.

An answer is an acknowledgement, a definite no, or nothing that one can know: then the order is looked up. "Not found"
in answer to a cancel or a change never means that there is no such order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from xsmom.domain.effects import FetchAccount, Severity
from xsmom.domain.events import Ask, VenueReplied
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Style, Task
from xsmom.domain.trading import Ack, NoChange, Refusal, Rejected
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.ending import call_off
from xsmom.engine.execution.progress import advance
from xsmom.engine.execution.table import Happening
from xsmom.engine.turn import Turn

REFUSALS_MAX = 5
"""So many refusals in a row end a task."""

_PASSING = frozenset({Refusal.RATE, Refusal.CLOCK, Refusal.POST_ONLY, Refusal.PRICE})
"""Refusals that another try may not meet."""
_GONE = frozenset({Refusal.REDUCE_ONLY, Refusal.NO_POSITION})
_LATE = frozenset({Refusal.NOT_FOUND, Refusal.ALREADY_DONE})


def on_reply(turn: Turn, event: VenueReplied) -> None:
    """An answer to a submit, an amend or a cancel; any other is not about an order."""
    bench = Bench(turn)
    order = bench.orders.get(event.client_order_id)
    handle = _HANDLERS.get(event.ask)
    if order is None or handle is None:
        return
    handle(bench, order, event)
    bench.put_back()


def _submitted(bench: Bench, order: LiveOrder, event: VenueReplied) -> None:
    answer = event.answer
    if isinstance(answer, Ack):
        advance(bench, order, Happening.ACKED, order_id=answer.order_id, seen=True)
        return
    if order.phase.final or event.sent_ms < order.sent_ms:
        return  # of an earlier send, which was resolved since
    if isinstance(answer, Rejected) and answer.refusal is not Refusal.DUPLICATE_ID:
        why = f"{answer.refusal.value}: {answer.text}"
        task = bench.task_of(order)
        if task is not None and task.approved.intent.style is not Style.WHOLE:
            _refuse(bench, task, answer.refusal)
        advance(bench, order, Happening.REFUSED, why=why)
        return
    # A name that is taken proves that an earlier send has arrived; only lookups tell what became of it.
    taken = isinstance(answer, Rejected)
    order = evolve(
        order,
        seen=order.seen or taken,
        sent_ms=max(order.sent_ms, event.sent_ms),
        doubted_ms=bench.now_ms if order.doubted_ms is None else order.doubted_ms,
    )
    bench.turn.note(
        "order.unknown",
        Severity.WARNING,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        lots=order.request.lots,
        why="the name is taken" if taken else str(getattr(answer, "why", "no answer")),
    )
    advance(bench, order, Happening.UNCLEAR)


def _refuse(bench: Bench, task: Task, refusal: Refusal) -> None:
    refusals, opens = task.refusals + 1, not task.approved.intent.reduce_only
    task = bench.put_task(evolve(task, refusals=refusals))
    if refusal is Refusal.WATCHED:
        call_off(bench, task, refusal.value)
    elif refusal in _GONE:
        bench.turn.send(FetchAccount("a reduction was refused"))
        call_off(bench, task, refusal.value)
    elif (opens and refusal not in _PASSING) or refusals >= REFUSALS_MAX:
        call_off(bench, task, refusal.value)
        if not opens:
            bench.turn.note(
                "exit.refused",
                Severity.CRITICAL,
                symbol=task.approved.intent.symbol,
                client_order_id=task.approved.client_order_id,
                refusal=refusal.value,
                refusals=refusals,
            )


def _amended(bench: Bench, order: LiveOrder, event: VenueReplied) -> None:
    answer = event.answer
    if order.phase.final:
        return
    if isinstance(answer, Ack | NoChange):
        bench.put_order(evolve(order, amend_asked_ms=None))
        return
    task = bench.task_of(order)
    if isinstance(answer, Rejected) and answer.refusal not in _PASSING | _LATE and task is not None:
        bench.put_task(evolve(task, replaces=True))
    # Which price stands now is for a lookup to say.
    asked_ms = None if isinstance(answer, Rejected) else order.amend_asked_ms
    bench.put_order(evolve(order, amend_asked_ms=asked_ms, doubted_ms=order.doubted_ms or bench.now_ms))


def _cancelled(bench: Bench, order: LiveOrder, event: VenueReplied) -> None:
    if not order.phase.final and not isinstance(event.answer, Ack):
        bench.put_order(evolve(order, doubted_ms=order.doubted_ms or bench.now_ms))


_HANDLERS: Final[Mapping[Ask, Callable[[Bench, LiveOrder, VenueReplied], None]]] = {
    Ask.SUBMIT: _submitted,
    Ask.AMEND: _amended,
    Ask.CANCEL: _cancelled,
}
