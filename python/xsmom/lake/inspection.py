"""Reading a lake with suspicion: each series is held against the hashes of its manifests as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xsmom.lake.rules import Finding

if TYPE_CHECKING:
    import polars as pl

    from xsmom.lake.series import SeriesInfo, SeriesKey
    from xsmom.lake.store import Lake


class Inspection:
    """What was read in one look at a lake, each part hashed once, and what was wrong with it."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        #: Sentences on each series that was read; none where it is what was written.
        self.faults: dict[SeriesKey, list[str]] = {}

    def load(self, key: SeriesKey) -> tuple[SeriesInfo, pl.DataFrame] | None:
        """All that `Lake.load` gives; nothing of a series that is not what was written."""
        if key in self.faults:
            return None if self.faults[key] else self._lake.load(key)
        told, self.faults[key] = self._lake.load_verified(key)
        return told

    def broken(self) -> set[SeriesKey]:
        """Series that are not what was written."""
        return {key for key, faults in self.faults.items() if faults}

    def findings(self) -> list[Finding]:
        """What was wrong, by series."""
        return [
            Finding(key.symbol, "hash_differs" if "sha256 differs" in fault else "unreadable", 0, 0, 0, fault)
            for key, faults in sorted(self.faults.items())
            for fault in faults
        ]
