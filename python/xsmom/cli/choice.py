"""What commands that decide let the user choose: a configuration, and a panel or the sample market."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xsmom.cli.progress import ProgressBar

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.lake.panel import Panel
    from xsmom.lake.sample import SampleMarket

SAMPLE_SEED = 7
_SAMPLE_SYMBOLS = 60  # more than a profile trades, so that its universe has something to choose from
_SAMPLE_DAYS_MAX = 730
_SAMPLE_BARS_MAX = 8_760

ConfigSource = Annotated[
    str, typer.Option("--config", metavar="FILE", help="A YAML file, or a shipped profile: classic or weekly.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def load_choice(source: str, overrides: list[str] | None) -> Resolved:
    """The configuration as every other command reads it."""
    from xsmom.config.load import load_config

    return load_config(source, overrides or ())


def sample_market(bar_ms: int, seed: int = SAMPLE_SEED) -> SampleMarket:
    """The market of `xsmom demo`: two years of names, or as many bars as are made in a moment."""
    from xsmom.domain.timeframe import DAY_MS
    from xsmom.lake.sample import SampleMarket

    bars = min(_SAMPLE_DAYS_MAX * DAY_MS // bar_ms, _SAMPLE_BARS_MAX)
    return SampleMarket(symbols=_SAMPLE_SYMBOLS, bars=max(bars, 1), bar_ms=bar_ms, seed=seed)


def open_panel(path: Path | None, bar_ms: int) -> Panel:
    """A panel file, or the seeded sample market in memory."""
    from xsmom.lake.panel import Panel

    if path is not None:
        return Panel.open(path)
    with ProgressBar("making a sample market") as tell:
        return sample_market(bar_ms).build(tell)
