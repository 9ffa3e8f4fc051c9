"""A trader that has run: a small market through the live engine into a SQLite journal, with its book beside it."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.databases.fixtures import HandClock
from xsmom.config.load import load_config
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book
from xsmom.lake.sample import SampleMarket
from xsmom.live.heartbeat import Heartbeat, write_heartbeat
from xsmom.live.process import heartbeat_of
from xsmom.live.replay import Replay, Replayed
from xsmom.store.journal import SqlJournal
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules

BAR_MS = 7_200_000
SETTINGS: dict[str, Any] = {
    "universe": {"exclude": []},
    "strategy": {
        "timeframe": "2h",
        "lookbacks": [3, 6, 12],
        "lookback_weights": [0.5, 0.3, 0.2],
        "vol_lookback": 24,
        "k_frac": 0.2,
        "k_min": 2,
        "k_max": 3,
        "max_weight_per_asset": 0.4,
    },
    "risk": {"atr_len": 5},
}


@dataclass
class Played:
    """Its folder, its configuration, and what it did."""

    folder: Path
    config: Resolved
    done: Replayed
    panel: Any
    journal: SqlJournal

    @property
    def book(self) -> Book:
        assert self.done.book is not None
        return self.done.book

    @property
    def options(self) -> list[str]:
        return ["--config", str(self.folder / "config.yaml"), "--mode", "paper"]

    def beat(self, at_ms: int) -> Heartbeat:
        """Write a sign of life by hand."""
        beat = heartbeat_of(self.book, at_ms, {})
        write_heartbeat(self.folder / "state/paper", beat)
        return beat


def play(folder: Path, *, bars: int = 76) -> Played:
    """Run it; its journal stays open, as that of a trader that goes on."""
    written = {**SETTINGS, "live": {"state_dir": str(folder / "state")}}
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(written), "utf-8")
    config = load_config(str(folder / "config.yaml"), ())
    panel = SampleMarket(12, bars, BAR_MS, 5, momentum=1.0).build()
    clock = HandClock(int(panel.close_ms[-1]))
    journal = open_journal(StoreRules.of(config), folder / "state/paper", "paper", clock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        done = Replay.of(panel, config, journal).run()
    return Played(folder, config, done, panel, journal)
