"""The watchdog's judgement: what to do about a trader that is silent, from what is known and nothing else."""

from xsmom.engine.watchdog.coverage import uncovered
from xsmom.engine.watchdog.policy import judge, listen, look_is_due
from xsmom.engine.watchdog.watch import (
    Action,
    Beat,
    CancelEntry,
    Close,
    Latch,
    Look,
    Tell,
    Watch,
    WatchRules,
)

__all__ = [
    "Action",
    "Beat",
    "CancelEntry",
    "Close",
    "Latch",
    "Look",
    "Tell",
    "Watch",
    "WatchRules",
    "judge",
    "listen",
    "look_is_due",
    "uncovered",
]
