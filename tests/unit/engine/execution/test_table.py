"""Every pair of the order's state machine, against a table written by hand."""

import pytest

from xsmom.domain.orders import Phase
from xsmom.domain.trading import OrderState
from xsmom.engine.execution.table import TABLE, Happening, diagram, grid, seen

S, A, U, T, W, P = Phase.SENT, Phase.ACKED, Phase.UNKNOWN, Phase.UNTRIGGERED, Phase.WORKING, Phase.PARTIAL
F, C, R, E = Phase.FILLED, Phase.CANCELLED, Phase.REJECTED, Phase.EXPIRED

# fmt: off
#                               SENT ACKED UNKNOWN UNTRIGGERED WORKING PARTIAL FILLED CANCELLED REJECTED EXPIRED
EXPECTED = {
    Happening.ACKED:            (A,   A,    A,      T,          W,      P,      F,     C,        R,       E),
    Happening.REFUSED:          (R,   A,    U,      T,          W,      P,      F,     C,        R,       E),
    Happening.UNCLEAR:          (U,   A,    U,      T,          W,      P,      F,     C,        R,       E),
    Happening.SEEN_UNTRIGGERED: (T,   T,    T,      T,          W,      P,      F,     C,        R,       E),
    Happening.SEEN_WORKING:     (W,   W,    W,      W,          W,      P,      F,     C,        R,       E),
    Happening.SEEN_PARTIAL:     (P,   P,    P,      P,          P,      P,      F,     C,        R,       E),
    Happening.SEEN_FILLED:      (F,   F,    F,      F,          F,      F,      F,     C,        R,       E),
    Happening.SEEN_CANCELLED:   (C,   C,    C,      C,          C,      C,      F,     C,        R,       E),
    Happening.SEEN_REJECTED:    (R,   R,    R,      R,          R,      R,      F,     C,        R,       E),
    Happening.SEEN_EXPIRED:     (E,   E,    E,      E,          E,      E,      F,     C,        R,       E),
    Happening.TRADED:           (P,   P,    P,      P,          P,      P,      F,     C,        R,       E),
    Happening.TRADED_OUT:       (F,   F,    F,      F,          F,      F,      F,     C,        R,       E),
    Happening.RESENT:           (S,   A,    S,      T,          W,      P,      F,     C,        R,       E),
    Happening.DROPPED:          (R,   A,    R,      T,          W,      P,      F,     C,        R,       E),
    Happening.FORGOTTEN:        (E,   E,    E,      E,          E,      E,      F,     C,        R,       E),
}
# fmt: on
COLUMNS = (S, A, U, T, W, P, F, C, R, E)
PAIRS = [(phase, happening) for happening in Happening for phase in Phase]


def test_the_hand_written_table_is_whole() -> None:
    assert set(EXPECTED) == set(Happening)
    assert tuple(Phase) == COLUMNS


@pytest.mark.parametrize(("phase", "happening"), PAIRS, ids=[f"{p.value}-{h.name.lower()}" for p, h in PAIRS])
def test_every_pair(phase: Phase, happening: Happening) -> None:
    assert TABLE[phase, happening] is EXPECTED[happening][COLUMNS.index(phase)]


def test_there_is_no_other_pair() -> None:
    assert set(TABLE) == set(PAIRS)


def test_the_table_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        TABLE[S, Happening.ACKED] = F  # type: ignore[index]


def test_every_state_of_the_venue_is_seen_as_itself() -> None:
    for state in OrderState:
        assert TABLE[Phase.ACKED, seen(state)].value == state.value


def test_the_diagram_has_every_arrow() -> None:
    text = diagram()
    for (phase, happening), after in TABLE.items():
        if phase is not after:
            line = next(line for line in text.splitlines() if f"    {phase.value} --> {after.value}: " in line)
            assert happening.value in line.split(": ")[1].split(", ", maxsplit=99) or happening.value in line
    assert text.count("--> [*]") == 4
    assert len(grid().splitlines()) == 2 + len(Happening)
