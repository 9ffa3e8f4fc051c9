"""Which names a live account may trade: those that the configuration admits, as many as can matter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from xsmom.domain.market_data import Instrument, Quote, Trading
from xsmom.engine.rules import Rules
from xsmom.errors import ConfigError

_SPARE_X = 2.0
"""Candidates for each place of the universe: who may rise into it until the next start."""


def choose_names(
    instruments: Mapping[str, Instrument],
    quotes: Mapping[str, Quote],
    rules: Rules,
    *,
    held: Collection[str],
    ignored: Collection[str] = (),
) -> tuple[Instrument, ...]:
    """Admitted names by the day's turnover; what is held stays in whatever its turnover is."""
    fields = rules.fields
    included, excluded = set(fields["universe_include"]), set(fields["universe_exclude"])
    open_now = {name for name, one in instruments.items() if one.trading is Trading.OPEN}
    admitted = (open_now & included if included else open_now) - excluded - set(ignored)
    if included and (missing := sorted(included - instruments.keys())):
        raise ConfigError(f"universe.whitelist names {', '.join(missing)}, which the exchange does not list")
    ranked = sorted(admitted, key=lambda name: (-_turnover(quotes.get(name)), name))
    top = int(fields["universe_top_n"])
    if top:
        ranked = ranked[: int(top * max(_SPARE_X, float(fields["universe_leave_x"])))]
    chosen = set(ranked) | {name for name in held if name in instruments}
    if len(chosen) < 2:
        raise ConfigError(
            f"{len(chosen)} names are left after universe.whitelist, banlist and exclude: a cross-section wants two"
        )
    return tuple(replace(instruments[name]) for name in sorted(chosen))


def _turnover(quote: Quote | None) -> float:
    return float(quote.turnover_usdt_day) if quote is not None else 0.0
