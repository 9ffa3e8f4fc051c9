"""The market that a simulation runs on: a panel file, a lake or the sample, and the days it is cut to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.progress import ProgressBar
from xsmom.errors import DataError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.lake.panel import Panel

DEFAULT_FILE = Path("config.yaml")
DEFAULT_PROFILE = "weekly"
SAMPLE_SYMBOLS = 40
SAMPLE_DAYS = 730
SAMPLE_BARS_MAX = 8_760

ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A YAML file, or a shipped profile: classic or weekly.  [default: ./config.yaml, else weekly]",
    ),
]
PanelFile = Annotated[
    Path | None,
    typer.Option(
        "--panel",
        metavar="PATH",
        help="Panel file.  [default: data.panel of the configuration, else a synthetic sample market]",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="A lake, whose market is compiled first; its panel is kept there."),
]
Timeframe = Annotated[
    str | None, typer.Option(metavar="TF", help="Length of a bar, in place of the configuration's: 1h, 4h, 1d.")
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First day, UTC; its history is cut off too.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day, UTC, included.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
]


def choose_source(config: str | None) -> str:
    """What was named, or the configuration of this folder, or the default profile."""
    return config or (str(DEFAULT_FILE) if DEFAULT_FILE.exists() else DEFAULT_PROFILE)


def with_timeframe(overrides: list[str] | None, timeframe: str | None) -> list[str]:
    """`--timeframe` is `--set strategy.timeframe`, said shortly."""
    return [*(overrides or ()), *([] if timeframe is None else [f"strategy.timeframe={timeframe}"])]


def choose_panel(path: Path | None, data: Path | None, config: Resolved) -> Path | None:
    """The panel file that was named; else, where no lake was named either, that of the configuration."""
    written = config.value("data.panel")
    if path is not None or data is not None or written is None:
        return path
    return Path(str(written))


def open_market(path: Path | None, data: Path | None, venue: str | None, config: Resolved) -> Panel:
    """A panel file, the market of a lake, or a sample market; both of the latter in the configuration's bars."""
    from xsmom.lake.panel import Panel

    if path is not None and data is not None:
        raise typer.BadParameter("give one of --panel and --data", param_hint="--data")
    if venue is not None and data is None:
        raise typer.BadParameter("a venue is chosen in a lake: give --data too", param_hint="--venue")
    if data is not None:
        from xsmom.cli.survey_choice import open_cached

        return open_cached(data, venue, config)
    if path is not None:
        return Panel.open(path)
    from xsmom.domain.timeframe import DAY_MS
    from xsmom.lake.sample import SampleMarket

    bar_ms: Any = config.params()["bar_ms"]
    bars = min(SAMPLE_DAYS * DAY_MS // bar_ms, SAMPLE_BARS_MAX)
    with ProgressBar("making a sample market") as tell:
        return SampleMarket(SAMPLE_SYMBOLS, bars, bar_ms).build(tell)


def cut_market(panel: Panel, since: str | None, until: str | None) -> Panel:
    """Bars that lie wholly within the days from `since` to `until`."""
    from xsmom.domain.stamps import format_ms
    from xsmom.domain.timeframe import DAY_MS

    first = 0 if since is None else int((panel.close_ms - panel.bar_ms < day_ms("--from", since)).sum())
    end = panel.bars if until is None else int((panel.close_ms <= day_ms("--to", until) + DAY_MS).sum())
    if first >= end:
        span = f"{format_ms(int(panel.close_ms[0]) - panel.bar_ms)} to {format_ms(int(panel.close_ms[-1]))}"
        raise DataError(f"no bar lies within --from {since} --to {until}: the panel spans {span}")
    return panel.slice(first, end)


def day_ms(option: str, text: str) -> int:
    """Read a date as the millisecond at which it begins, in UTC."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write it as 2024-01-31", param_hint=option) from None
    return int(day.timestamp()) * 1000
