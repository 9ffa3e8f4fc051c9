"""What still waits to become a position: a plan counts it as filled."""

from __future__ import annotations

import numpy as np

from xsmom.domain.book import Book, Lots


def working_lots(book: Book) -> Lots:
    """Signed lots by name: what tasks still mean to trade, what orders may still fill, and fills not yet seen.

    With the position of the book, whose only source are executions, it adds up to what will be held when all is done.
    Protective orders are left out: they are not meant to fill.
    """
    lots = np.zeros(len(book.roster), dtype=np.int64)
    places = {symbol: at for at, symbol in enumerate(book.roster.symbols)} if book.orders or book.tasks else {}
    for task in book.tasks.values():
        at = places.get(task.approved.intent.symbol)
        if at is not None and not task.ending:
            lots[at] += task.left_lots
    for order in book.orders.values():
        at = places.get(order.symbol)
        if at is None or order.protective:
            continue
        lots[at] += order.untold_lots
        parent = book.tasks.get(order.parent_id)
        if parent is None or parent.ending:
            lots[at] += order.left_lots
    return lots
