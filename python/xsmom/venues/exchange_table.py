"""What there is to know of one exchange, as data: one table per exchange, no code that asks its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from xsmom.domain.trading import Capabilities
from xsmom.venues.limiter import Window


class Meaning(Enum):
    """What an exchange's own error code says about the request that it answers."""

    BUSY = "busy"  # the exchange could not cope; a mutation may have taken effect
    RATE = "rate"  # refused before it was looked at: too many calls
    CLOCK = "clock"  # refused before it was looked at: stamped too early or too late
    AUTH = "auth"  # the key, its signature or its permissions
    SYMBOL = "symbol"  # no such contract
    REFUSED = "refused"  # understood, and refused


class Network(str, Enum):
    """Which of the exchange's worlds."""

    MAIN = "main"
    TEST = "test"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request: the library's name for it, and the budget that it draws on."""

    method: str
    path: str
    budget: str = ""


#: From a decoded body: None where the exchange says that all is well, else its code and text; an empty
#: code where the body is not the exchange's format.
Envelope = Callable[[dict[str, Any]], tuple[str, str] | None]


@dataclass(frozen=True)
class ExchangeTable:
    """An exchange as its documentation describes it."""

    name: str
    library_id: str
    networks: frozenset[Network]
    endpoints: Mapping[str, Endpoint]
    #: Windows that all calls of one address share, whatever they ask.
    shared: tuple[Window, ...]
    budgets: Mapping[str, Window]
    #: Statuses that mean "this address is barred for a while", with the seconds to keep away.
    barred: Mapping[int, float]
    #: Bar length to the exchange's word for it.
    timeframes: Mapping[int, str]
    candles_page_max: int
    funding_page_max: int
    #: A bar counts as closed this long after its end: the last trades are still being added.
    bar_final_after_ms: int
    envelope: Envelope
    #: The exchange's time, from the answer to `time`.
    clock_of: Callable[[dict[str, Any]], int]
    meanings: Mapping[str, Meaning]
    capabilities: Capabilities
    #: Where the account's events come from, and the path below another server's address.
    stream_urls: Mapping[Network, str]
    stream_path: str
    #: Answer headers: (calls left, stamp of the reset), by the exchange's clock.
    rate_headers: tuple[str, str] | None = None
    #: What the library is told when it is made.
    library_options: Mapping[str, Any] = field(default_factory=dict)
