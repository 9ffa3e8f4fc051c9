"""The order book that an entry would meet: held while it leans against it, and while nobody knows how it leans.

    lean   (bids - asks) / (bids + asks), over the first levels of either side
    held   side * lean < -max_imbalance: a buy where far more is asked than bid, a sale where it is the other way round

The book is asked for when an entry is about to be sent or moved, and counts for a few seconds.
"""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.effects import FetchDepth
from xsmom.domain.events import DepthSeen
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import Task
from xsmom.engine.execution.bench import Bench
from xsmom.engine.rules import WorkRules
from xsmom.engine.turn import Turn

UNKNOWN, AGAINST = "depth", "imbalance"
"""What an entry waits for: to know the order book, and for it to turn."""


def find_lean(book: Book, symbol: str, side: int, work: WorkRules, now_ms: int) -> str:
    """What of the order book keeps an entry of this side; empty where nothing does."""
    depth = book.depths.get(symbol)
    lean_frac = None if depth is None or now_ms - depth.at_ms > work.depth_age_ms else depth.lean_frac
    if lean_frac is None:
        return UNKNOWN
    return AGAINST if side * lean_frac < -work.imbalance_max_frac else ""


def ask_depth(bench: Bench, task: Task, work: WorkRules) -> Task:
    """Ask for the order book, unless an answer may still be on its way."""
    if bench.now_ms - task.depth_asked_ms < work.depth_every_ms:
        return task
    bench.turn.send(FetchDepth(task.approved.intent.symbol, work.imbalance_levels))
    return bench.put_task(evolve(task, depth_asked_ms=bench.now_ms))


def on_depth(turn: Turn, event: DepthSeen) -> None:
    """Remember the order book, and wake who waits for it."""
    depth = event.depth
    before = turn.book.depths.get(depth.symbol)
    if before is not None and depth.at_ms < before.at_ms:
        return
    turn.set_item("depths", depth.symbol, depth)
    for name, task in turn.book.tasks.items():
        if task.approved.intent.symbol == depth.symbol and task.depth_asked_ms:
            turn.set_item("tasks", name, evolve(task, due_ms=min(task.due_ms, turn.now_ms)))
