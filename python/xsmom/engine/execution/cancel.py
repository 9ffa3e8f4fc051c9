"""Taking orders back. Protective orders are not this room's, and are never touched here."""

from __future__ import annotations

from collections.abc import Mapping

from xsmom.domain.effects import CancelOrder, Severity
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Task
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.ending import call_off, settle
from xsmom.engine.turn import Turn


def cancel_symbol(turn: Turn, symbol: str, why: str) -> None:
    """Give up all that is being worked in a symbol, closing orders too."""
    bench = Bench(turn)
    give_up(bench, [name for name, task in bench.tasks.items() if task.approved.intent.symbol == symbol], why)
    for order in list(bench.orders.values()):
        if order.symbol == symbol and not order.protective:
            ask_cancel(bench, order)
    bench.put_back()


def cancel_entries(turn: Turn, why: str) -> None:
    """Give up all that opens or increases a position."""
    bench = Bench(turn)
    give_up(bench, entries(bench), why)
    bench.put_back()


def call_off_entries(turn: Turn, whys: Mapping[str, str]) -> None:
    """Give up entries by name, each for its reason."""
    bench = Bench(turn)
    for name, why in whys.items():
        give_up(bench, [name], why)
    bench.put_back()


def bar_entries(turn: Turn, gates: Mapping[str, str], taken_back: frozenset[str]) -> None:
    """Entries by name that send nothing more, each with the gate that bars it; what rests of some is taken back.

    An empty gate lets an entry go on.
    """
    bench = Bench(turn)
    for name, gate in gates.items():
        task = bench.tasks[name]
        if gate and task.barred_by != gate:
            _tell_held(bench, task, gate)
        waits_for = gate or ("" if task.waits_for == task.barred_by else task.waits_for)
        task = bench.put_task(evolve(task, barred_by=gate, waits_for=waits_for, due_ms=bench.now_ms))
        for order in bench.live_of(task) if name in taken_back else ():
            ask_cancel(bench, order)
    bench.put_back()


def _tell_held(bench: Bench, task: Task, gate: str) -> None:
    bench.turn.note(
        "order.held",
        symbol=task.approved.intent.symbol,
        client_order_id=task.approved.client_order_id,
        left_lots=task.left_lots,
        waits_for=gate,
    )


def entries(bench: Bench) -> list[str]:
    """Tasks that open or increase a position and are not given up yet."""
    return [name for name, task in bench.tasks.items() if not task.approved.intent.reduce_only and not task.ending]


def give_up(bench: Bench, names: list[str], why: str) -> None:
    """Call tasks off and take back what works of them."""
    for name in names:
        task = bench.tasks[name]
        if not task.ending:
            bench.turn.note(
                "order.called_off",
                Severity.WARNING,
                symbol=task.approved.intent.symbol,
                client_order_id=name,
                left_lots=task.left_lots,
                why=why,
            )
        task = call_off(bench, task, why)
        for order in bench.live_of(task):
            ask_cancel(bench, order)
        settle(bench, name)


def ask_cancel(bench: Bench, order: LiveOrder) -> None:
    """Ask once; the answer, or a lookup when none comes, tells what to do next."""
    if order.phase.final or order.cancel_asked_ms is not None:
        return
    bench.turn.send(CancelOrder(order.symbol, order.client_order_id))
    bench.put_order(evolve(order, cancel_asked_ms=bench.now_ms))
