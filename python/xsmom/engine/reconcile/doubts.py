"""A difference is believed once later readings have shown the very same, for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xsmom.domain.book import Book, Doubt


@dataclass(slots=True)
class Doubts:
    """Those of one reading; what is not doubted again is forgotten."""

    before: Mapping[str, Doubt]
    seen_ms: int
    stable_ms: int
    now: dict[str, Doubt] = field(default_factory=dict)

    @classmethod
    def of(cls, book: Book, seen_ms: int, stable_ms: int) -> Doubts:
        """Go on with those of the book."""
        return cls(book.venue.doubts, seen_ms, stable_ms)

    def is_believed(self, key: str, what: str, known_until_ms: int | None = None) -> bool:
        """Whether a difference has stood long enough; and, where that is told, all was known when it had."""
        old = self.before.get(key)
        if old is None or old.what != what:
            self.now[key] = Doubt(what, self.seen_ms, self.seen_ms)
            return False
        self.now[key] = Doubt(what, old.first_ms, max(old.last_ms, self.seen_ms))
        if known_until_ms is not None and known_until_ms < old.first_ms + self.stable_ms:
            return False
        return self.seen_ms - old.first_ms >= self.stable_ms

    def needs_fills(self, key: str, fills_asked_ms: int) -> bool:
        """Whether executions are to be read for its sake: when it is new, and once more when it has stood."""
        first_ms = self.now[key].first_ms
        if first_ms == self.seen_ms:
            return True
        settled_ms = first_ms + self.stable_ms
        return self.seen_ms >= settled_ms > fills_asked_ms

    def settle(self, key: str) -> None:
        """It has become a finding, or was corrected."""
        self.now.pop(key, None)

    def keep(self, *numbers: str) -> None:
        """What this reading could not look at stands as it was."""
        for key, old in self.before.items():
            if key.split(" ", 1)[0] in numbers:
                self.now.setdefault(key, old)
