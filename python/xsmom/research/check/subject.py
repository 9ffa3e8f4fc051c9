"""What is examined: a configuration, or somebody's own function from a panel to target weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom import _core
from xsmom.config.meaning import Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.errors import DataError
from xsmom.research.backtest import check_fit, run_weights
from xsmom.research.turnover import COST_KINDS

Floats = NDArray[np.float64]
Weights = Callable[[Any], ArrayLike]
"""From a panel to signed shares of equity, bars by symbols; row t is decided at the close of bar t."""

# Every rule by which a position leaves inside a bar, or on account of what it has made.
_NO_EXITS: dict[str, Any] = {
    "stop_atr_x": 0.0,
    "catastrophic_atr_x": 0.0,
    "trailing_enabled": False,
    "breakeven_after_r": 0.0,
    "profit_locks_r": [],
    "ladder": [],
    "no_progress_bars": 0,
    "hold_bars_max": 0,
    "regime_flip_exit": False,
}


@dataclass(frozen=True)
class Books:
    """A run as an accountant gets it: what was held, what was traded at which price, what it cost."""

    cash_usdt: float
    equity: Floats
    paid: dict[str, Floats]
    traded: Floats
    units: Floats
    fills: dict[str, Any]
    ended_at: int | None

    @property
    def bars(self) -> int:
        """Bars before the account came to an early end."""
        return len(self.equity) if self.ended_at is None else self.ended_at

    @property
    def paid_usdt(self) -> Floats:
        """All costs so far, at every close."""
        total: Floats = np.sum([self.paid[kind] for kind in COST_KINDS], axis=0)
        return total


class Subject(Protocol):
    """A way from a panel to decisions, and through the ledger."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def tolerance(self) -> float:
        """Greatest difference between two ways to the same decision."""

    @property
    def timing(self) -> Timing:
        """When and at what price it is filled, and what it starts with."""

    @property
    def costs(self) -> Costs:
        """What trading costs it."""

    @property
    def warmup_bars(self) -> int | None:
        """Bars that a decision may look back on; None when nobody said."""

    def decisions(self, panel: Panel) -> dict[str, Floats]:
        """What was decided up to each bar, and what came of it: arrays with a row a bar."""

    def settled(self, panel: Panel, t: int, first: int) -> dict[str, Floats]:
        """What the decision at bar `t` rests on, when history begins at bar `first`."""

    def run(self, panel: Panel, costs: Costs, timing: Timing | None = None) -> Books:
        """Through the ledger."""


@dataclass(frozen=True)
class ConfigSubject:
    """The strategy of a configuration. It is held to the last bit."""

    config: Resolved
    timing: Timing
    costs: Costs
    changes: dict[str, Any] = field(default_factory=dict)
    name: str = "configuration"
    tolerance: float = 0.0

    @property
    def params(self) -> _core.Params:
        """The core's own parameters."""
        fields: dict[str, object] = self.config.params() | self.changes
        return _core.Params(**fields)

    @property
    def warmup_bars(self) -> int:
        """Bars, the decided one included, that can change a decision."""
        return _core.warmup_bars(self.params)

    def decisions(self, panel: Panel) -> dict[str, Floats]:
        """The run as configured; and filled at the close, where a decision shows at its own bar."""
        books = self.run(panel, self.costs)
        told = {"equity": books.equity, "units": books.units, **books.paid}
        if self.timing[:2] == ("close", 0):
            return told | {"decided units": books.units}
        at_close = self.run(panel, self.costs, self.timing._replace(fill_at="close", delay_bars=0))
        return told | {"decided units": at_close.units}

    def settled(self, panel: Panel, t: int, first: int) -> dict[str, Floats]:
        """Every feature of the row."""
        found = _core.features(panel.slice(first, t + 1), self.params)
        return {name: cells[-1:] for name, cells in found.items()}

    def run(self, panel: Panel, costs: Costs, timing: Timing | None = None) -> Books:
        """The strategy over the panel."""
        timing = timing or self.timing
        kept: dict[str, Any] = {"keep_units": True, "keep_fills": True, "keep_trips": False}
        limits = self.config.margin()
        kept |= {"maintenance_frac": limits.maintenance_frac, "tiers": limits.rows(panel.symbols)}
        done = _core.simulate(panel, self.params, costs, **timing._asdict(), **kept)
        ended = [place for key in ("bankrupt_at", "liquidated_at") if (place := done[key]) is not None]
        return _books(done, timing, done["units"], done["fills"], min(ended, default=None))

    def without_exits(self) -> ConfigSubject:
        """The same rules of entry; what a stop earns hangs on the way inside a bar, which nobody shuffles."""
        return ConfigSubject(self.config, self.timing, self.costs, self.changes | _NO_EXITS)

    def with_fixed_capital(self) -> ConfigSubject:
        """Sized by a capital that no cost can touch, so that costs change no fill."""
        cash = self.timing.cash_usdt
        rich = self.timing._replace(cash_usdt=min(cash * 1_000.0, 1e12))
        return ConfigSubject(self.config, rich, self.costs, self.changes | {"capital_usdt_max": cash})


@dataclass(frozen=True)
class WeightsSubject:
    """Somebody's function. Its arithmetic may round differently on arrays of another length."""

    function: Weights
    timing: Timing
    costs: Costs
    warmup_bars: int | None = None
    name: str = "weights"
    tolerance: float = 1e-9

    def decisions(self, panel: Panel) -> dict[str, Floats]:
        """The weights themselves: a look ahead shows in the row that took it."""
        return {"weights": self._weigh(panel)}

    def settled(self, panel: Panel, t: int, first: int) -> dict[str, Floats]:
        """The row of weights."""
        return {"weights": self._weigh(panel.slice(first, t + 1))[-1:]}

    def run(self, panel: Panel, costs: Costs, timing: Timing | None = None) -> Books:
        """The weights through the ledger; what is unknown before anything is known counts as flat."""
        timing = timing or self.timing
        result = run_weights(panel, self._weigh(panel), costs, timing)
        fills = _steps(panel, result.units, timing)
        return _books(result.series(), timing, result.units, fills, result.bankrupt_at)

    def _weigh(self, panel: Panel) -> Floats:
        found = np.array(self.function(panel), dtype=np.float64)
        shape = (panel.bars, len(panel.symbols))
        if found.shape != shape:
            raise DataError(
                f"the function gave weights of shape {found.shape}, the panel wants {shape}: (bars, symbols)"
            )
        return found


def _books(run: dict[str, Any], timing: Timing, units: Floats, fills: dict[str, Any], ended_at: int | None) -> Books:
    paid = {kind: run[kind] for kind in COST_KINDS}
    return Books(timing.cash_usdt, run["equity_usdt"], paid, run["traded_usdt"], units, fills, ended_at)


def _steps(panel: Panel, units: Floats, timing: Timing) -> dict[str, Any]:
    """Fills of a run of weights: every change of units, at the price that its bar was filled at."""
    steps = np.diff(units, axis=0, prepend=0.0)
    bar, symbol = np.nonzero(steps)
    prices = {
        "open": panel.open,
        "close": panel.close,
        "vwap": (panel.open + panel.high + panel.low + panel.close) / 4,
    }[timing.fill_at]
    return {"bar": bar, "symbol": symbol, "units": steps[bar, symbol], "reference_price": prices[bar, symbol]}


def make_subject(
    what: Resolved | Weights, panel: Panel, timing: Timing, costs: Costs, warmup_bars: int | None = None
) -> ConfigSubject | WeightsSubject:
    """What `examine` examines; a panel that cannot carry it is refused here."""
    if isinstance(what, Resolved):
        subject = ConfigSubject(what, timing, costs)
        check_fit(panel, what, subject.params)
        return subject
    return WeightsSubject(what, timing, costs, warmup_bars)
