"""What the store obeys of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import SecretStr

from xsmom.config.resolved import Resolved

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class StoreRules:
    """Where the journal lies, how often the book is kept, how long the past."""

    #: May hold a password; left out it is a file in the state folder.
    url: SecretStr | None = None
    snapshot_every_events: int = 10_000
    #: 0 keeps all.
    keep_ms: int = 0
    #: A writer gives a sign at least so often; three that fail to come, and it counts as dead.
    beat_ms: int = 60_000

    @classmethod
    def of(cls, config: Resolved) -> Self:
        """Rules as the configuration means them."""
        url = config.value("storage.url")
        return cls(
            url=url if url is None or isinstance(url, SecretStr) else SecretStr(str(url)),
            snapshot_every_events=int(str(config.value("storage.snapshot_every_events"))),
            keep_ms=int(str(config.value("storage.keep_days"))) * _DAY_MS,
            beat_ms=int(str(config.value("live.heartbeat_seconds"))) * 1_000,
        )

    @property
    def plain_url(self) -> str | None:
        """The URL with its password; never printed."""
        return None if self.url is None else self.url.get_secret_value()
