"""Which trader a command means: its configuration, its mode, its state folder, and the journal there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.domain.book import Book
    from xsmom.live.heartbeat import Heartbeat
    from xsmom.ports import JournalReader
    from xsmom.store.rules import StoreRules

MODES = ("live", "paper", "shadow")

ConfigFile = Annotated[str, typer.Option("--config", metavar="FILE", help="Configuration of the trader that is meant.")]
ModeName = Annotated[Literal["live", "paper", "shadow"], typer.Option("--mode", help="Which of its traders is meant.")]


@dataclass(frozen=True, slots=True)
class Trader:
    """One trader of a configuration, running or not."""

    config: Resolved
    mode: str

    @classmethod
    def of(cls, config: str, mode: str, overrides: list[str] | None) -> Trader:
        """The one that these options mean."""
        from xsmom.config.load import load_config

        return cls(load_config(config, overrides or ()), mode)

    @property
    def state_dir(self) -> Path:
        """Where it keeps its state."""
        return self._folder(self.mode)

    @property
    def stop_file(self) -> Path:
        """The file that activates the kill switch."""
        return Path(str(self.config.value("risk.kill_switch.file")))

    def heartbeat(self) -> Heartbeat | None:
        """What it told last."""
        from xsmom.live.heartbeat import read_heartbeat

        return read_heartbeat(self.state_dir)

    @property
    def silent_max_s(self) -> int:
        """Silence after which it counts as dead."""
        return self.config.written.notifications.monitoring.heartbeat_seconds

    def silent_s(self, beat: Heartbeat) -> float:
        """Seconds since its last sign of life.

        The time of an exchange of your own may run faster than the wall: there the file's own time counts.
        """
        from xsmom.live.heartbeat import FILE

        if not self._own_time:
            return max(time.time() - beat.at_ms / 1_000, 0.0)
        try:
            return max(time.time() - (self.state_dir / FILE).stat().st_mtime, 0.0)
        except OSError:
            return float("inf")

    def now_ms(self, book: Book) -> int:
        """The time that it lives in: the wall's, or, on an exchange of your own, that of its newest event."""
        return book.as_of_ms if self._own_time else time.time_ns() // 1_000_000

    @contextmanager
    def looking(self) -> Iterator[JournalReader]:
        """Read its journal, which it may go on writing; one of somebody else is refused."""
        from xsmom.store.readers import open_reader
        from xsmom.store.rules import StoreRules

        rules = StoreRules.of(self.config)
        self._refuse_wrong_mode(rules)
        reader = open_reader(rules, self.state_dir)
        try:
            self._refuse_other_account(reader.account)
            yield reader
        finally:
            reader.close()

    @property
    def _own_time(self) -> bool:
        return self.config.written.exchange.base_url is not None

    def _folder(self, mode: str) -> Path:
        base = Path(str(self.config.value("live.state_dir")))
        return base if mode == "live" else base / mode

    def _refuse_wrong_mode(self, rules: StoreRules) -> None:
        from xsmom.errors import StateError
        from xsmom.store.database import find_place

        def has(mode: str) -> bool:
            file = find_place(rules.plain_url, self._folder(mode)).file
            return file is None or file.exists()

        others = [mode for mode in MODES if mode != self.mode and has(mode)]
        if others and not has(self.mode):
            told = " and ".join(f"--mode {mode}" for mode in others)
            raise StateError(f"there is no journal of --mode {self.mode} in {self.state_dir}; there is one of {told}")

    def _refuse_other_account(self, account: str) -> None:
        from xsmom.errors import StateError

        meant = "paper" if self.mode == "paper" else str(self.config.value("exchange.id"))
        if account and account.partition(":")[0] != meant:
            raise StateError(
                f"the journal of {self.state_dir} is that of the account {account}, and --mode {self.mode} of this "
                f"configuration means one of {meant}: give the configuration that it was written with"
            )


def known_book(reader: JournalReader) -> Book:
    """The newest book; a journal without one is a sentence."""
    from xsmom.errors import StateError

    book = reader.newest_book()
    if book is None:
        raise StateError("the journal is empty: its trader has not taken the first step yet")
    return book


def ago(seconds: float) -> str:
    """`12 s ago`, `5 min ago`, `7 h ago`, `3 days ago`."""
    return f"{lasting(seconds)} ago"


def lasting(seconds: float) -> str:
    """How long, in the unit that fits."""
    for limit_s, unit_s, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit_s:
            return f"{max(seconds, 0.0) / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"
