"""The public functions of the package: what `import xsmom as xs` offers beside its nouns."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from numpy.typing import ArrayLike

from xsmom.config.load import load_config
from xsmom.config.meaning import FillAt, Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.errors import ConfigError, DataError
from xsmom.research.backtest import Contracts, run_config, run_weights
from xsmom.research.result import Result

if TYPE_CHECKING:
    from xsmom.research.check import Examination

__all__ = ["backtest", "check", "load_config"]

_WEIGHTS_TIMING = Timing("open", 0, 10_000.0)


def backtest(
    panel: Panel,
    config: Resolved | str | os.PathLike[str] | None = None,
    *,
    weights: ArrayLike | None = None,
    costs: Costs | None = None,
    fill_at: FillAt | None = None,
    delay_bars: int | None = None,
    cash_usdt: float | None = None,
    contracts: Contracts | None = None,
) -> Result:
    """Simulate a configuration, or any target weights, through the same ledger.

    Give `config` (what `load_config` returned, a path, or a profile's name) or `weights` (bars by
    symbols, signed shares of equity decided at each close). Costs, fill price, delay and cash are those
    of the configuration unless they are given here; with weights they are `Costs()`, the next open, no
    delay and 10,000 USDT.

    With weights, impact reads each name's volatility and mean daily dollar volume over 30 days (as many
    as 2,000 bars hold); where they are not known yet a trade pays the most, 10 % of the price.
    `contracts` are lots and least notionals, one a symbol; without them nothing is rounded.

    A run that trades nothing, or that ends early, says so as a RuntimeWarning and in `Result.notes`.
    """
    _check_panel(panel)
    if (config is None) == (weights is None):
        said = "neither" if config is None else "both"
        raise ConfigError(f"a backtest wants a config or weights, and was given {said}: give one of them")
    changed = _read_terms(costs, fill_at, delay_bars, cash_usdt)
    if config is None:
        if contracts is not None:
            raise ConfigError("contracts round the lots of a config; weights are held as they are")
        assert weights is not None
        result = run_weights(panel, weights, costs or Costs(), _WEIGHTS_TIMING._replace(**changed))
    else:
        resolved = config if isinstance(config, Resolved) else load_config(config)
        timing = resolved.timing()._replace(**changed)
        result = run_config(panel, resolved, costs or resolved.costs(), timing, contracts)
    for note in result.notes:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    return result


def check(
    panel: Panel,
    what: Resolved | str | os.PathLike[str] | Callable[[Any], ArrayLike],
    *,
    costs: Costs | None = None,
    fill_at: FillAt | None = None,
    delay_bars: int | None = None,
    cash_usdt: float | None = None,
    warmup_bars: int | None = None,
    only: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Examination:
    """Examine a configuration, or a signal of your own, for what makes a backtest lie.

    `what` is a configuration (as `backtest` takes it), or a function that takes a panel and returns
    weights, bars by symbols. It is called with panels that are cut short, spoiled after a bar, begun later
    and shuffled; what it decides for a bar must not change with what comes after. `warmup_bars` is how far
    a function looks back, its own bar included. `only` takes some of the groups "future", "warm-up",
    "account", "shuffled".

    The answer has `passed`, `findings` and `frame()`, and prints as one line a check.
    """
    from xsmom.research.check import examine

    _check_panel(panel)
    changed = _read_terms(costs, fill_at, delay_bars, cash_usdt)
    if warmup_bars is not None and warmup_bars < 1:
        raise ConfigError(f"warmup_bars is {warmup_bars}: a decision looks at 1 bar at least, its own")
    how: dict[str, Any] = {"only": only, "seed": seed, "progress": progress}
    if callable(what):
        timing = _WEIGHTS_TIMING._replace(**changed)
        return examine(panel, what, costs=costs or Costs(), timing=timing, warmup_bars=warmup_bars, **how)
    resolved = what if isinstance(what, Resolved) else load_config(what)
    timing = resolved.timing()._replace(**changed)
    return examine(panel, resolved, costs=costs or resolved.costs(), timing=timing, **how)


def _check_panel(panel: object) -> None:
    if not isinstance(panel, Panel):
        raise DataError(f"panel is a {_name(panel)}, wants an xsmom Panel: Panel.from_frame makes one")


def _read_terms(costs: object, fill_at: str | None, delay_bars: int | None, cash_usdt: float | None) -> dict[str, Any]:
    """What was given of fill price, delay and cash; what no simulation can do is refused."""
    if costs is not None and not isinstance(costs, Costs):
        raise ConfigError(f"costs is a {_name(costs)}, wants xsmom.Costs, such as Costs(taker_bps=5.5)")
    if fill_at not in {None, *get_args(FillAt)}:
        raise ConfigError(f"fill_at is {fill_at!r}, wants one of {', '.join(get_args(FillAt))}")
    if delay_bars is not None and delay_bars < 0:
        raise ConfigError(f"delay_bars is {delay_bars}: a fill cannot come before its decision; give 0 or more")
    given = {"fill_at": fill_at, "delay_bars": delay_bars, "cash_usdt": cash_usdt}
    return {name: value for name, value in given.items() if value is not None}


def _name(thing: object) -> str:
    return type(thing).__name__
