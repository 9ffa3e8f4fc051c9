"""A market that was recorded as commands of the exchange core, played again as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xsmom.domain.market_data import Instrument
from xsmom.domain.panel import Panel
from xsmom.venues.paper.panel_feed import PanelFeed

Moment = tuple[int, Sequence[Mapping[str, Any]]]


class RecordedFeed(PanelFeed):
    """Recorded moments in place of a panel's path; the panel gives candles and funding."""

    def __init__(self, panel: Panel, instruments: Mapping[str, Instrument], moments: Sequence[Moment]) -> None:
        super().__init__(panel, instruments)
        self._moments = moments
        self._next = 0

    def play(self, until_ms: int) -> None:
        """Give every recorded command that is due, in one moment what was one moment."""
        while self._next < len(self._moments) and self._moments[self._next][0] <= until_ms:
            at_ms, commands = self._moments[self._next]
            self._stage.apply_all(commands, at_ms)
            self._next += 1

    def freshen(self, symbol: int) -> str:  # noqa: ARG002  the feed's own
        """A recording says all there is."""
        return ""

    def state(self) -> dict[str, Any]:
        """Where the recording stands."""
        return {"next": self._next}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._next = int(state["next"])
