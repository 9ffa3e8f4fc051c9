"""What is remembered for good: each event with the effects that it had, numbered without a gap."""

from __future__ import annotations

from dataclasses import dataclass

from xsmom.domain.effects import Effect, Note
from xsmom.domain.events import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the engine. `seq` counts from 1; `book` of a snapshot bears the same number."""

    seq: int
    #: The clock of the loop when the event was taken: the `now_ms` of the step.
    at_ms: int
    event: Event
    effects: tuple[Effect, ...]
    notes: tuple[Note, ...] = ()
