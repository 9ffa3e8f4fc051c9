"""The shipped configurations, as package data."""

from __future__ import annotations

from pathlib import Path

from xsmom.errors import ConfigError

_NAMES = ("classic", "weekly")


def profile_names() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    return _NAMES


def read_profile_text(name: str) -> str:
    """Commented YAML of a shipped profile."""
    if name not in _NAMES:
        raise ConfigError(f"there is no profile {name!r}; expected one of {', '.join(_NAMES)}")
    return Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")
