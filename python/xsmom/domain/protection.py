"""What protects a position on the exchange: its stop, and the rungs of its ladder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung of the ladder of one position, and the conditional order that stands for it."""

    #: From 1, as the kernel counts them.
    number: int
    #: Signed lots that it trades: below 0 it closes a long.
    lots: int
    level: float
    ticks: int
    exit_by: str
    order_id: str = ""
    #: The position still has it before it; what is not wanted is taken back.
    wanted: bool = True
    tries: int = 0
    next_ms: int = 0
    #: When the venue's list first showed it as it is wanted.
    seen_ms: int | None = None
    #: Since when the kernel has called it, by a price of ours.
    due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """What stands on the exchange for one position, as last seen, and what was tried."""

    stop_ticks: int | None = None
    #: Time of the newest fill, and whether the venue's position has caught up with it.
    fill_ms: int = 0
    fill_seq: int = 0
    #: Seen right in both views, and since when.
    verified_ms: int | None = None
    naked_since_ms: int | None = None
    #: A stop that was asked for and is not answered yet, and when it was; and when the newest answer came.
    asked_ms: int = 0
    asked_ticks: int | None = None
    answered_ms: int = 0
    #: Earliest time of the next try.
    next_ms: int = 0
    tries: int = 0
    emergency: bool = False
    #: Client id of a conditional order of ours that stands in for the position's own stop.
    order_id: str = ""
    why: str = ""
    #: Signed lots that this is about; a change of them is a fill.
    lots: int = 0
    #: The level wanted on the exchange; it only tightens.
    goal_ticks: int | None = None
    #: When the venue first said, by a reading or a refusal, that it stands without a stop.
    sighted_ms: int | None = None
    #: Time of the reading in which both views agreed for the first time since they had not.
    matched_ms: int | None = None
    #: Since when the watched price has been beyond the stop.
    crossed_ms: int | None = None
    #: Orders of the exchange that stood as this position's stop: fills of theirs are stops.
    stop_order_ids: tuple[str, ...] = ()
    #: Emergency exits asked for, and when the newest was.
    exits: int = 0
    exit_ms: int = 0
    #: The ladder, and the position that it was asked for.
    rungs: tuple[Rung, ...] = ()
    rungs_key: tuple[float, ...] = ()
