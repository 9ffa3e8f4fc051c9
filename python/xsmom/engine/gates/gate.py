"""What a gate is: a row with a function that may only shrink or refuse an opening order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from xsmom.domain.book import Book
from xsmom.domain.effects import Severity
from xsmom.domain.orders import Allow, Intent, Refuse, Verdict, Veto
from xsmom.domain.words import Word
from xsmom.engine.rules import Rules

Judge: TypeAlias = Callable[[Intent, Book, Rules, int], Verdict]

ALLOW = Allow()


class Standing(Word):
    """What becomes of an entry that was approved before, and still works when a gate begins to refuse."""

    #: It was a matter of its size or of its decision, and was judged then.
    STAYS = "stays"
    #: What rests stays, as it is protected from its first fill on; nothing more of it goes out meanwhile.
    WAITS = "waits"
    #: What rests is taken back, because nobody would see it fill; it goes on when the gate is silent in time.
    TAKEN_BACK = "taken back"
    #: It must not be opened any more: the next plan decides anew.
    CALLED_OFF = "called off"


@dataclass(frozen=True, slots=True)
class Row:
    """What there is to say about a gate. Gates look at openings alone: none ever sees a reduction."""

    veto: Veto
    #: How loudly it is told that it fires.
    severity: Severity
    #: It judges facts that only a venue out there tells.
    of_venue: bool
    #: When it fires, and what to do then; the manual's table and runbook are made of these.
    fires: str
    mend: str

    @property
    def alert(self) -> str:
        """Name of the note, metric and alert."""
        return f"gate.{self.veto.value}"


@dataclass(frozen=True, slots=True)
class Gate(Row):
    """A row that judges one intent at a time."""

    judge: Judge
    standing: Standing
    #: Its verdict is about that name; else it is the same for all.
    by_name: bool = False


def blind(why: str) -> Refuse:
    """A gate lacks what it needs to judge."""
    return Refuse(Veto.BLIND, why)
