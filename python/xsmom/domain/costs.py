"""Cost assumptions of a simulation, in the units that venues print: basis points."""

from __future__ import annotations

from dataclasses import dataclass

from xsmom.errors import ConfigError

_BPS = 1e-4
_RANGES = (
    ("taker_bps", 0.0, 500.0),
    ("maker_bps", -100.0, 500.0),
    ("maker_share_frac", 0.0, 1.0),
    ("half_spread_bps", 0.0, 1_000.0),
    ("impact_y", 0.0, 10.0),
)


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade and a night cost. The defaults are the lowest tier of a large venue, all taker."""

    taker_bps: float = 5.5
    maker_bps: float = 2.0
    maker_share_frac: float = 0.0
    half_spread_bps: float = 1.0
    impact_y: float = 1.0
    funding: bool = True

    def __post_init__(self) -> None:
        """Refuse what no venue charges, by the name and in the unit in which it was given."""
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"{name} is {value}, wants {least:g} to {most:g}: costs are no income")

    @classmethod
    def free(cls) -> Costs:
        """No costs at all, funding included: for comparing price results."""
        return cls(taker_bps=0.0, maker_bps=0.0, half_spread_bps=0.0, impact_y=0.0, funding=False)

    @property
    def taker_fee_frac(self) -> float:
        """Fee of a taker, share of the executed notional."""
        return self.taker_bps * _BPS

    @property
    def maker_fee_frac(self) -> float:
        """Fee of a maker; negative is a rebate."""
        return self.maker_bps * _BPS

    @property
    def half_spread_frac(self) -> float:
        """Half the bid-ask spread, share of price."""
        return self.half_spread_bps * _BPS
