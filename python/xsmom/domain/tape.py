"""What moved the book in a step, in the order in which it did: enough for the core to lead a book of its own by it.

Fills, funding and transfers are as the book took them: known executions are left out, one that crossed 0 is two. What
only this side can know stands beside them: prices that called an exit, the operator's hand, and what the modes and
gates let a plan do. `kernel.follow` takes a tape; `live.follow` holds what comes out against what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Filled:
    """A fill, or one side of a fill that crossed 0. `at` is the place of its name in the roster."""

    at: int
    lots: int
    price: float
    fee_usdt: float
    reference_price: float
    atr: float
    at_ms: int
    exit_by: str
    #: It left on its own, inside a bar; what the plan closes has been counted when it was planned.
    on_its_own: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Funding of one name, and what it cost."""

    at: int
    paid_usdt: float


@dataclass(frozen=True, slots=True)
class Corrected:
    """A result that the operator named."""

    amount_usdt: float


@dataclass(frozen=True, slots=True)
class Transferred:
    """Money in or out; the shares of the book after it, and what one was worth last."""

    amount_usdt: float
    shares: float
    share_last: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """A price that called an exit, or a rung that the exchange had taken."""

    at: int
    price: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """A name came under the operator's hand, or left it."""

    at: int
    on: bool


@dataclass(frozen=True, slots=True)
class CloseOrdered:
    """The operator wants a position closed."""

    at: int


@dataclass(frozen=True, slots=True)
class Rearmed:
    """The operator let a guard go."""

    guard: str


@dataclass(frozen=True, slots=True, eq=False)
class Specified:
    """The contracts as they are from now on."""

    qty_step: NDArray[np.float64]
    notional_usdt_min: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Touched:
    """The range of a bar met the stops of what was held."""

    close_ms: int


@dataclass(frozen=True, slots=True)
class Marked:
    """The book was valued at the close of a bar."""

    close_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """A bar closed, and this was known beside it."""

    close_ms: int
    #: Too old to be decided.
    late: bool
    #: The mode let a plan be made.
    plans: bool
    #: What a plan was told of guards and gates together.
    guard: str
    #: Signed lots by name that still worked at the venue.
    waiting_lots: NDArray[np.int64]
    #: Something worked there, though it may have had no lots left.
    works: bool


Tape: TypeAlias = (
    Filled
    | Settled
    | Corrected
    | Transferred
    | Ticked
    | Held
    | CloseOrdered
    | Rearmed
    | Specified
    | Touched
    | Marked
    | Closed
)
