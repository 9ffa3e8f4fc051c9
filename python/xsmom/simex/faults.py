"""Faults: which request or event they meet, when, and what then happens.

A script is a list of faults, tried in order; the first that matches and is not used up acts. A seeded
profile makes faults at random, the same for the same seed and the same requests.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from xsmom.errors import DataError

When = Literal["before", "after_accept", "event"]
Deed = Literal[
    "http",
    "ret",
    "drop",
    "delay",
    "html200",
    "empty",
    "cut",
    "late",
    "duplicate",
    "reorder",
    "lose",
    "kill_socket",
    "silent_socket",
    "forget_closed",
]

REQUEST_DEEDS: dict[str, str] = {
    "http": "answers with `status` and a page of HTML",
    "ret": "answers with `code` and `text` in the usual envelope",
    "drop": "cuts the connection",
    "delay": "waits `delay_ms`, then goes on as if nothing were wrong",
    "html200": "answers with status 200 and a page of HTML",
    "empty": "answers with status 200 and nothing",
    "cut": "answers with status 200 and half of the JSON",
    "forget_closed": "forgets closed orders, as a restart does, and answers",
}
"""What can happen to a request; on the order entry socket, which has no bodies, all but `ret`, `delay` and
`forget_closed` cut the connection."""

EVENT_DEEDS: dict[str, str] = {
    "late": "sends the event `delay_ms` later",
    "duplicate": "sends it twice",
    "reorder": "sends it behind the next one of its topic, or a quarter of a second later where none comes",
    "lose": "never sends it",
    "kill_socket": "cuts every socket that listens to it",
    "silent_socket": "leaves those sockets open and never says a word on them again, not even a pong",
}
"""What can happen to an event of a stream."""

DONE_MAX = 10_000
"""Deeds that are remembered."""

_DRAWN: tuple[Deed, ...] = ("drop", "http", "html200", "empty", "cut", "ret", "delay")
_STATUS_MIN, _STATUS_MAX = 200, 599


@dataclass
class Fault:
    """One fault. `match` is a piece of a path (`/v5/order/create`) or of a topic (`execution`)."""

    do: Deed
    match: str = ""
    when: When = "before"
    #: Only for requests that carry this client order id.
    client_id: str = ""
    #: Only for requests whose query has this in it, such as `symbol=BTCUSDT`.
    query: str = ""
    #: The first `skip` matches pass; the next `times` are met. 0 times: always.
    skip: int = 0
    times: int = 1
    status: int = 503
    code: int = 10000
    text: str = "Server Timeout"
    delay_ms: int = 0
    met: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        on_event = self.do in EVENT_DEEDS
        if not on_event and self.do not in REQUEST_DEEDS:
            known = ", ".join(sorted({*REQUEST_DEEDS, *EVENT_DEEDS}))
            raise DataError(f"fault {self.do!r} is not known: one of {known}")
        if on_event:
            self.when = "event"
        elif self.when not in ("before", "after_accept"):
            raise DataError(f"fault {self.do!r} cannot act {self.when!r}: before or after_accept")
        self._check_types()
        if not _STATUS_MIN <= self.status <= _STATUS_MAX:
            raise DataError(f"fault {self.do!r} cannot answer with status {self.status}: 200 to 599")
        if self.skip < 0 or self.times < 0 or self.delay_ms < 0:
            raise DataError(f"fault {self.do!r}: skip, times and delay_ms are at least 0")

    def _check_types(self) -> None:
        for name in ("match", "client_id", "query", "text"):
            if not isinstance(getattr(self, name), str):
                raise DataError(f"fault {self.do!r}: {name} is text, not {getattr(self, name)!r}")
        for name in ("skip", "times", "status", "code", "delay_ms"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise DataError(f"fault {self.do!r}: {name} is a whole number, not {value!r}")

    def takes(self, where: str, when: When, client_id: str, query: str) -> bool:
        """Whether it meets this one; counts those that it sees."""
        if self.when != when or self.match not in where or (self.client_id and self.client_id != client_id):
            return False
        if self.query and self.query not in query:
            return False
        self.met += 1
        return self.met > self.skip and (self.times == 0 or self.met <= self.skip + self.times)


@dataclass
class Faults:
    """The script and the seeded profile of one exchange, and a list of what they did."""

    script: list[Fault] = field(default_factory=list)
    rate_frac: float = 0.0
    seed: int = 0
    #: The newest of what they did: an exchange that runs for weeks in bad weather must not grow by it.
    done: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=DONE_MAX))

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  faults, not secrets

    @property
    def idle(self) -> bool:
        """Whether nothing can happen: no script, no profile."""
        return not self.script and not self.rate_frac

    def set_profile(self, rate_frac: float, seed: int) -> None:
        """Meet a share of all requests and events at random; 0 ends it."""
        if not 0 <= rate_frac <= 1:
            raise DataError(f"a fault rate of {rate_frac} is not possible: 0 to 1")
        self.rate_frac, self.seed = rate_frac, seed
        self._random = random.Random(seed)  # noqa: S311  faults, not secrets

    def find(self, where: str, when: When, client_id: str = "", query: str = "") -> Fault | None:
        """Say what happens to this request or event, if anything."""
        for fault in self.script:
            if fault.takes(where, when, client_id, query):
                return self._note(fault, where)
        if self.rate_frac and self._random.random() < self.rate_frac:
            return self._note(self._draw(when), where)
        return None

    def _draw(self, when: When) -> Fault:
        if when == "event":
            return Fault(self._random.choice(("late", "duplicate", "reorder")), delay_ms=self._random.randrange(200))
        deed = self._random.choice(_DRAWN)
        status = self._random.choice((502, 503, 504, 524))
        return Fault(deed, when=when, status=status, delay_ms=self._random.randrange(300))

    def _note(self, fault: Fault, where: str) -> Fault:
        self.done.append({"do": fault.do, "when": fault.when, "where": where})
        return fault


def parse_faults(rows: Iterable[Any]) -> list[Fault]:
    """Faults of plain rows, as a script file or the control interface gives them."""
    known = {each.name for each in fields(Fault)} - {"met"}
    faults = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not isinstance(row.get("do"), str):
            raise DataError(f'fault {number} lacks \'do\': it says what happens, such as {{"do": "drop"}}')
        for name in row:
            if name not in known:
                raise DataError(f"fault {number} has {name!r}, which is not known: one of {', '.join(sorted(known))}")
        faults.append(Fault(**row))
    return faults


def read_faults(path: Path) -> list[Fault]:
    """Faults of a JSON file: one list."""
    try:
        rows = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"{path} holds no list of faults")
    return parse_faults(rows)
