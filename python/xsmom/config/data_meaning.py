"""From settings as written to what data become: how raw rows are judged, and which names are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xsmom.config.lists import list_symbols

if TYPE_CHECKING:
    from xsmom.config.schema import Config


def data_rules(config: Config) -> dict[str, object]:
    """How raw rows become a panel, beside the rules that are fixed."""
    return {
        "max_spike_frac": float(config.data.max_spike_frac),
        "max_stale_bars": config.data.max_stale_bars,
        "renames": dict(config.universe.renames),
    }


def excluded(config: Config) -> list[str]:
    """Names that are never traded: the banned ones, and those of the lists that nobody asked for by name."""
    universe = config.universe
    listed = set(list_symbols(universe.exclude, config.exchange.quote)) - set(universe.whitelist)
    return sorted(listed | set(universe.banlist))
