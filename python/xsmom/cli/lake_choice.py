"""Which lake a command works on, and what the project's configuration says about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, cast

import typer

from xsmom.errors import ConfigError

DEFAULT_CONFIG = Path("config.yaml")

LakeDir = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        metavar="DIR",
        help="Folder of the lake.  [default: data.dir of ./config.yaml, else lake]",
        show_default=False,
    ),
]


def choose_lake(flag: Path | None) -> Path:
    """The folder that was named; else the one of the project's configuration."""
    return flag if flag is not None else Path(cast("str", _setting("data.dir") or "lake"))


def choose_venue(flag: str | None) -> str | None:
    """The exchange that was named; else the one that the project's configuration names, and only if it does."""
    return flag if flag is not None else cast("str | None", _setting("data.venue"))


def choose_since(flag: str | None) -> str:
    """The first day that was named; else the one of the project's configuration."""
    since = flag if flag is not None else cast("str | None", _setting("data.since"))
    if since is None:
        raise ConfigError("no first day is given: add --since 2023-01-01, or set data.since in config.yaml")
    return since


def choose_kinds(flag: str | None, known: Iterable[str]) -> list[str]:
    """The kinds that were named by commas; else those of the project's configuration, else all."""
    if flag is None:
        return [*(cast("list[str] | None", _setting("data.kinds")) or known)]
    return [word.strip() for word in flag.split(",") if word.strip()]


def _setting(name: str) -> object:
    """What ./config.yaml says; None where there is none or it is silent."""
    if not DEFAULT_CONFIG.exists():
        return None
    from xsmom.config.load import load_config

    resolved = load_config(str(DEFAULT_CONFIG))
    return None if resolved.origin(name) == "default" else resolved.value(name)
