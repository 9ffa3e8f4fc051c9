"""Maintenance margin of a simulated cross account: one rate for all, or tiers by the value of a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Tier = tuple[float, float]
"""Largest value of a position in USDT, and the maintenance rate up to it as a share of the value."""

ALL = "*"
"""In place of a symbol: every contract that is not named."""

_NO_LIMIT_USDT = 1e300


@dataclass(frozen=True, slots=True)
class Margin:
    """When a venue closes the book: at a maintenance margin that reaches equity.

    `tiers` has rising rows of (largest value, rate) by symbol, or by "*" for all others; a contract without
    any has `maintenance_frac` throughout. With tiers the fee of closing is part of what is needed, as venues
    reckon it. A rate of 0 and no tiers: no liquidation, only bankruptcy.
    """

    maintenance_frac: float = 0.01
    tiers: Mapping[str, Sequence[Tier]] = field(default_factory=dict)

    def rows(self, symbols: Sequence[str]) -> tuple[tuple[Tier, ...], ...] | None:
        """Tiers of each symbol for the core; None where one rate says it all."""
        if not self.tiers:
            return None
        flat = ((_NO_LIMIT_USDT, self.maintenance_frac),)
        plain = {name: tuple((float(most), float(rate)) for most, rate in rows) for name, rows in self.tiers.items()}
        rest = plain.get(ALL, flat)
        return tuple(plain.get(symbol, rest) for symbol in symbols)
