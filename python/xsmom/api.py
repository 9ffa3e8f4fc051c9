"""The public functions of the package: what `import xsmom as xs` offers beside its nouns."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from numpy.typing import ArrayLike

from xsmom.config.load import load_config
from xsmom.config.meaning import FillAt, Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin
from xsmom.domain.panel import Panel
from xsmom.errors import ConfigError, DataError
from xsmom.research.backtest import Contracts, run_config, run_weights
from xsmom.research.result import Result

if TYPE_CHECKING:
    import polars as pl

    from xsmom.live.parity import Parity
    from xsmom.research.check import Examination
    from xsmom.research.sweep import Sweep

__all__ = ["backtest", "check", "load_config", "replay", "sweep"]

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
    margin: Margin | None = None,
) -> Result:
    """Simulate a configuration, or any target weights, through the same ledger.

    Give `config` (what `load_config` returned, a path, or a profile's name) or `weights` (bars by
    symbols, signed shares of equity decided at each close). Costs, fill price, delay and cash are those
    of the configuration unless they are given here; with weights they are `Costs()`, the next open, no
    delay and 10,000 USDT.

    With weights, impact reads each name's volatility and mean daily dollar volume over 30 days (as many
    as 2,000 bars hold); where they are not known yet a trade pays the most, 10 % of the price.
    `contracts` are lots and least notionals, one a symbol; without them nothing is rounded. `margin` tells
    when the account is liquidated, such as `Margin(tiers={"BTCUSDT": [(2e6, 0.005), (1e7, 0.0056)]})`; without it
    the configuration does, and a run of weights knows bankruptcy only.

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
        if margin is not None:
            raise ConfigError("margin liquidates the account of a config; a run of weights ends in bankruptcy alone")
        assert weights is not None
        result = run_weights(panel, weights, costs or Costs(), _WEIGHTS_TIMING._replace(**changed))
    else:
        resolved = config if isinstance(config, Resolved) else load_config(config)
        timing = resolved.timing()._replace(**changed)
        result = run_config(panel, resolved, costs or resolved.costs(), timing, contracts, margin)
    for note in result.notes:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    return result


def replay(
    panel: Panel,
    config: Resolved | str | os.PathLike[str],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[Result, Parity]:
    """Lead a configuration through the panel with the live engine, and compare it with `backtest`.

    Every bar becomes the events that a live account would have had: the same step, gates and order states, a
    venue that fills at bars. Slower than `backtest` by a thousand times; both hold the same lots at every bar unless
    a gate of the live engine refused something, which `Parity.refused` then names.
    """
    from xsmom.live.parity import compare
    from xsmom.live.replay import Replay
    from xsmom.research.backtest import check_fit

    _check_panel(panel)
    resolved = config if isinstance(config, Resolved) else load_config(config)
    played = Replay.of(panel, resolved)
    check_fit(panel, resolved, played.rules.params)
    done = played.run(progress)
    fast = backtest(panel, resolved)
    result = Result(
        panel,
        played.costs,
        played.timing.cash_usdt,
        done.run,
        lambda: done.run["units"],
        timing=resolved.timing(),
        own_fills=lambda: done.run["fills"],
        config=resolved,
        notes=fast.notes,
    )
    return result, compare(panel, done, fast.units, fast.series()["equity_usdt"], fast.fills.height)


@overload
def sweep(
    panel: Panel,
    configs: Sequence[Resolved | Mapping[str, object] | str | os.PathLike[str]],
    *,
    base: Resolved | str | os.PathLike[str] | None = None,
    costs: Costs | None = None,
    fill_at: FillAt | None = None,
    delay_bars: int | None = None,
    cash_usdt: float | None = None,
    contracts: Contracts | None = None,
    threads: int | None = None,
    daily_returns: Literal[False] = False,
    progress: Callable[[int, int], object] | None = None,
) -> pl.DataFrame: ...
@overload
def sweep(
    panel: Panel,
    configs: Sequence[Resolved | Mapping[str, object] | str | os.PathLike[str]],
    *,
    base: Resolved | str | os.PathLike[str] | None = None,
    costs: Costs | None = None,
    fill_at: FillAt | None = None,
    delay_bars: int | None = None,
    cash_usdt: float | None = None,
    contracts: Contracts | None = None,
    threads: int | None = None,
    daily_returns: Literal[True],
    progress: Callable[[int, int], object] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]: ...
def sweep(
    panel: Panel,
    configs: Sequence[Resolved | Mapping[str, object] | str | os.PathLike[str]],
    *,
    base: Resolved | str | os.PathLike[str] | None = None,
    costs: Costs | None = None,
    fill_at: FillAt | None = None,
    delay_bars: int | None = None,
    cash_usdt: float | None = None,
    contracts: Contracts | None = None,
    threads: int | None = None,
    daily_returns: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> pl.DataFrame | tuple[pl.DataFrame, pl.DataFrame]:
    """Simulate many configurations over one panel, and tell one row of figures for each.

    `configs` are configurations (what `load_config` returned, paths, or profiles' names), or mappings of
    settings that go over the configuration `base`: `[{"strategy.k_max": k} for k in (4, 8)]`. All are
    checked before any is run, and the first that cannot run is refused by its place and settings. Each
    ends with the figures that `backtest` gives it alone, on any number of `threads` (all processors).

    Returns a polars frame: `config` (the place in the list), what was varied, the figures by the names of
    `Result.metrics`, and what the number of trials makes of them: `psr`, `dsr` (the chance that the
    true Sharpe ratio is above what luck makes of so many), `sharpe_luck`, `trials`. A run that ended in
    bankruptcy or liquidation is a row like any other and says so. With `daily_returns=True` it returns
    that frame and a second one of UTC-daily net returns: `day`, and a column a configuration.

    `progress` is called with (done, all) from this thread. Ctrl-C gives back the rows that are done, and
    a RuntimeWarning.
    """
    from xsmom.research.sweep import make_trials, run_trials

    _check_panel(panel)
    timing = _read_terms(costs, fill_at, delay_bars, cash_usdt)
    if isinstance(configs, str | Mapping | Resolved) or not len(configs):
        raise ConfigError("a sweep wants a list of configurations, or of mappings of settings over a base")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}, wants at least 1, or None for all processors")
    named = [load_config(each) if isinstance(each, str | os.PathLike) else each for each in configs]
    under = base if base is None or isinstance(base, Resolved) else load_config(base)
    trials = make_trials(panel, named, under, costs=costs, timing=timing)
    done = run_trials(
        panel, trials, contracts=contracts, threads=threads, daily_returns=daily_returns, progress=progress
    )
    if done.interrupted:
        warnings.warn(_interrupted(done), RuntimeWarning, stacklevel=2)
    return (done.frame, done.daily_returns) if daily_returns else done.frame


def _interrupted(done: Sweep) -> str:
    return f"interrupted: {len(done.place):,} of {len(done.trials):,} configurations are done; the others have no row"


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
