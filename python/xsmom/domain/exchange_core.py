"""The exchange core behind names: commands and answers as plain dictionaries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Self

from xsmom._core import Exchange
from xsmom.domain.market_data import Instrument
from xsmom.errors import DataError

E8 = Decimal(100_000_000)
ONE_E8 = 100_000_000


def to_e8(value: Decimal) -> int:
    """Turn money or a share into whole 1e-8, halves to even, whatever rounding the process has set."""
    return int((value * E8).to_integral_value(ROUND_HALF_EVEN))


def from_e8(value: int) -> Decimal:
    """Turn whole 1e-8 back."""
    return Decimal(value) / E8


def specify(instrument: Instrument, *, maker_frac: Decimal, taker_frac: Decimal) -> dict[str, Any]:
    """Tell the core of a contract; its tick times its step must be whole 1e-8 USDT."""
    unit = instrument.price_tick * instrument.qty_step * E8
    if unit != unit.to_integral_value() or unit < 1:
        raise DataError(
            f"{instrument.symbol}: a lot of {instrument.qty_step} at a tick of {instrument.price_tick} is no whole "
            "1e-8 USDT, give a coarser tick or step"
        )
    return {
        "symbol": instrument.symbol,
        "unit_e8": int(unit),
        "lots_min": instrument.lots_min,
        "lots_max": instrument.lots_max,
        "lots_max_market": instrument.lots_max_market,
        "notional_min_e8": to_e8(instrument.notional_usdt_min),
        "maker_e8": to_e8(maker_frac),
        "taker_e8": to_e8(taker_frac),
        "band_e8": ONE_E8 // 10,
        "protection_e8": ONE_E8 // 20,
        "orders_max": 500,
        "conditional_max": 10,
        "partial_stops_max": 20,
        "tiers": [
            {
                "value_max_e8": to_e8(tier.notional_usdt_max),
                "maintenance_e8": to_e8(tier.maintenance_frac),
                "deduction_e8": to_e8(tier.deduction_usdt),
                "leverage_max_e8": to_e8(tier.leverage_x_max),
            }
            for tier in instrument.tiers
        ],
    }


class Core:
    """One exchange; every command carries the market's time."""

    def __init__(self, specs: Sequence[Mapping[str, Any]]) -> None:
        self._exchange = Exchange(json.dumps({"specs": list(specs)}).encode())

    def apply(self, command: Mapping[str, Any], at_ms: int) -> list[dict[str, Any]]:
        """Carry out a command; give its events."""
        events: list[dict[str, Any]] = json.loads(self._exchange.apply(json.dumps(command).encode(), at_ms))
        return events

    def apply_all(self, commands: Sequence[Mapping[str, Any]], at_ms: int) -> list[dict[str, Any]]:
        """Carry out the commands of one moment; give all their events."""
        events: list[dict[str, Any]] = json.loads(self._exchange.apply_all(json.dumps(commands).encode(), at_ms))
        return events

    def ask(self, query: Mapping[str, Any]) -> Any:
        """Answer a question."""
        return json.loads(self._exchange.ask(json.dumps(query).encode()))

    def snapshot(self) -> bytes:
        """All of the state."""
        return self._exchange.snapshot()

    @classmethod
    def restored(cls, snapshot: bytes) -> Self:
        """Go on from a snapshot, with the same future."""
        core = cls.__new__(cls)
        core._exchange = Exchange.restore(snapshot)  # noqa: SLF001  its own
        return core

    @property
    def now_ms(self) -> int:
        """Market time: that of the newest command."""
        return self._exchange.now_ms

    @property
    def log_hash(self) -> str:
        """Hash over every command so far."""
        return self._exchange.log_hash
