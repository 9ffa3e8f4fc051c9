"""The life of an order of ours as one table: where it stands, what happens, where it stands then.

Three rules are in it. What is final absorbs: nothing follows. What the venue has shown never goes back: an old word
that comes late changes nothing. And only an order of which no trace was ever seen can be proved absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xsmom.domain.orders import Phase
from xsmom.domain.trading import OrderState
from xsmom.domain.words import Word


class Happening(Word):
    """What can happen to an order."""

    #: The venue has taken the request.
    ACKED = "taken"
    #: It said no, before anything took effect.
    REFUSED = "refused"
    #: Nobody knows, or the name is already taken by an earlier send.
    UNCLEAR = "unclear"
    #: Seen in the venue's lists or streams.
    SEEN_UNTRIGGERED = "seen waiting"
    SEEN_WORKING = "seen working"
    SEEN_PARTIAL = "seen partly filled"
    SEEN_FILLED = "seen filled"
    SEEN_CANCELLED = "seen cancelled"
    SEEN_REJECTED = "seen rejected"
    SEEN_EXPIRED = "seen expired"
    #: An execution; some lots are left.
    TRADED = "traded"
    #: An execution; none are left.
    TRADED_OUT = "traded out"
    #: Proved absent, and sent again under the same name.
    RESENT = "absent, sent again"
    #: Proved absent, and no longer wanted.
    DROPPED = "absent, dropped"
    #: It was there, and the venue no longer knows it.
    FORGOTTEN = "forgotten"


_SEEN_FINAL = {
    Happening.SEEN_FILLED: Phase.FILLED,
    Happening.SEEN_CANCELLED: Phase.CANCELLED,
    Happening.SEEN_REJECTED: Phase.REJECTED,
    Happening.SEEN_EXPIRED: Phase.EXPIRED,
    Happening.TRADED_OUT: Phase.FILLED,
}
_SEEN = {
    Happening.SEEN_UNTRIGGERED: Phase.UNTRIGGERED,
    Happening.SEEN_WORKING: Phase.WORKING,
    Happening.SEEN_PARTIAL: Phase.PARTIAL,
    Happening.TRADED: Phase.PARTIAL,
    **_SEEN_FINAL,
}

_ROWS: dict[Phase, dict[Happening, Phase]] = {
    Phase.SENT: {
        Happening.ACKED: Phase.ACKED,
        Happening.REFUSED: Phase.REJECTED,
        Happening.UNCLEAR: Phase.UNKNOWN,
        Happening.RESENT: Phase.SENT,
        Happening.DROPPED: Phase.REJECTED,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
    },
    Phase.ACKED: {
        Happening.ACKED: Phase.ACKED,
        Happening.REFUSED: Phase.ACKED,
        Happening.UNCLEAR: Phase.ACKED,
        Happening.RESENT: Phase.ACKED,
        Happening.DROPPED: Phase.ACKED,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
    },
    Phase.UNKNOWN: {
        Happening.ACKED: Phase.ACKED,
        # The answer to this send was that nobody knows; a refusal after it is of another one and proves nothing.
        Happening.REFUSED: Phase.UNKNOWN,
        Happening.UNCLEAR: Phase.UNKNOWN,
        Happening.RESENT: Phase.SENT,
        Happening.DROPPED: Phase.REJECTED,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
    },
    Phase.UNTRIGGERED: {
        Happening.ACKED: Phase.UNTRIGGERED,
        Happening.REFUSED: Phase.UNTRIGGERED,
        Happening.UNCLEAR: Phase.UNTRIGGERED,
        Happening.RESENT: Phase.UNTRIGGERED,
        Happening.DROPPED: Phase.UNTRIGGERED,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
    },
    Phase.WORKING: {
        Happening.ACKED: Phase.WORKING,
        Happening.REFUSED: Phase.WORKING,
        Happening.UNCLEAR: Phase.WORKING,
        Happening.RESENT: Phase.WORKING,
        Happening.DROPPED: Phase.WORKING,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
        Happening.SEEN_UNTRIGGERED: Phase.WORKING,
    },
    Phase.PARTIAL: {
        Happening.ACKED: Phase.PARTIAL,
        Happening.REFUSED: Phase.PARTIAL,
        Happening.UNCLEAR: Phase.PARTIAL,
        Happening.RESENT: Phase.PARTIAL,
        Happening.DROPPED: Phase.PARTIAL,
        Happening.FORGOTTEN: Phase.EXPIRED,
        **_SEEN,
        Happening.SEEN_UNTRIGGERED: Phase.PARTIAL,
        Happening.SEEN_WORKING: Phase.PARTIAL,
    },
    **{phase: dict.fromkeys(Happening, phase) for phase in Phase if phase.final},
}

TABLE: Mapping[tuple[Phase, Happening], Phase] = MappingProxyType(
    {(phase, happening): after for phase, row in _ROWS.items() for happening, after in row.items()}
)
"""Every pair."""

_BY_STATE = {
    OrderState.UNTRIGGERED: Happening.SEEN_UNTRIGGERED,
    OrderState.WORKING: Happening.SEEN_WORKING,
    OrderState.PARTIAL: Happening.SEEN_PARTIAL,
    OrderState.FILLED: Happening.SEEN_FILLED,
    OrderState.CANCELLED: Happening.SEEN_CANCELLED,
    OrderState.REJECTED: Happening.SEEN_REJECTED,
    OrderState.EXPIRED: Happening.SEEN_EXPIRED,
}


def seen(state: OrderState) -> Happening:
    """What it is to see an order in a state of the venue."""
    return _BY_STATE[state]


def diagram() -> str:
    """The table as a Mermaid state diagram: every arrow that leads somewhere else, with all that leads along it."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for (phase, happening), after in TABLE.items():
        if phase is not after:
            arrows.setdefault((phase, after), []).append(happening.value)
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SENT.value}"]
    lines += [f"    {one.value} --> {to.value}: {', '.join(words)}" for (one, to), words in arrows.items()]
    lines += [f"    {phase.value} --> [*]" for phase in Phase if phase.final]
    return "\n".join(lines)


def grid() -> str:
    """The whole table in Markdown: a row for each happening, a column for each phase that is not final."""
    phases = [phase for phase in Phase if not phase.final]
    head = ["| | " + " | ".join(f"`{phase.value}`" for phase in phases) + " |", "|---|" + "---|" * len(phases)]
    rows = []
    for happening in Happening:
        cells = [TABLE[phase, happening] for phase in phases]
        told = ["·" if cell is phase else cell.value for cell, phase in zip(cells, phases, strict=True)]
        rows.append(f"| {happening.value} | " + " | ".join(told) + " |")
    return "\n".join(head + rows)
