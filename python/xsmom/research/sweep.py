"""Many configurations over one panel, in the core; one row for each, and how much of the best is luck."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsmom import _core
from xsmom.config.load import Variations
from xsmom.config.meaning import Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin
from xsmom.domain.panel import Panel
from xsmom.errors import ConfigError, DataError, XsmomError
from xsmom.research.backtest import Contracts, check_fit
from xsmom.research.inert_settings import find_inert
from xsmom.research.luck import Luck, deflate, measure_luck, sharpe_a_day
from xsmom.research.turnover import make_yearly

if TYPE_CHECKING:
    import polars as pl

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
Floats = NDArray[np.float64]
Settings = Mapping[str, object]
Tell = Callable[[int, int], object]
_SHOWN_SETTINGS = 4


@dataclass(frozen=True)
class Trial:
    """One configuration, as the core takes it, and the settings by which it differs from the others."""

    settings: Settings
    config_hash: str
    params: _core.Params
    costs: Costs
    timing: Timing
    margin: Margin = field(default_factory=Margin)


class Sweep:
    """What every configuration of a sweep earned and cost. Frames are made when they are asked for."""

    def __init__(self, panel: Panel, trials: Sequence[Trial], run: dict[str, Any]) -> None:
        self.panel = panel
        self.trials = trials
        #: Ctrl-C came before all were done; `place` tells which are.
        self.interrupted: bool = run["interrupted"]
        #: Places of the configurations that are done, in the order in which they were given.
        self.place: NDArray[np.int64] = np.flatnonzero(run["done"])
        self._day = run["day"]
        self._daily: Floats | None = run.get("daily_returns")
        not_by_trial = ("day", "daily_returns", "interrupted", "done")
        self._run = {name: values[self.place] for name, values in run.items() if name not in not_by_trial}

    @cached_property
    def luck(self) -> Luck:
        """What so many trials are expected to reach without any skill."""
        return measure_luck(sharpe_a_day(self._run), len(self._day))

    @cached_property
    def figures(self) -> dict[str, NDArray[Any]]:
        """Every figure by its name, one entry for each configuration that is done."""
        run = self._run
        cash = np.array([self.trials[place].timing.cash_usdt for place in self.place])
        yearly = make_yearly(
            run,
            years=self.panel.bars * self.panel.bar_ms / YEAR_MS,
            equity_mean_usdt=run["equity_mean_usdt"],
            equity_usdt=run["equity_usdt"],
            cash_usdt=cash,
        )
        return {
            "sharpe": run["sharpe"],
            "psr": np.minimum(run["psr_2012"], run["psr_2025"]),
            "dsr": deflate(run, self.luck),
            **{name: run[name] for name in _MEASURES},
            **yearly,
            **{name: run[name] for name in _COUNTS},
            "bankrupt": run["bankrupt_at"] >= 0,
            "liquidated": run["liquidated_at"] >= 0,
        }

    @cached_property
    def settings(self) -> dict[str, list[object]]:
        """What was varied: setting by setting, one entry for each configuration that is done."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.settings)
        return {name: [self.trials[place].settings[name] for place in self.place] for name in names}

    @cached_property
    def inert(self) -> list[str]:
        """Settings whose values made no difference to any run."""
        told = (self._run["equity_usdt"].tolist(), self._run["trades"].tolist(), self._run["fills"].tolist())
        return find_inert(self.settings, list(zip(*told, strict=True)))

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row for each configuration that is done, in the order in which they were given.

        `config` is its place in the list; then what was varied, the figures, the number of trials and the
        Sharpe ratio that luck alone makes of so many.
        """
        import polars as pl

        columns: dict[str, Any] = {"config": self.place}
        columns |= {name: _series(name, values) for name, values in self.settings.items()}
        columns |= self.figures
        columns["sharpe_luck"] = np.full(len(self.place), self.luck.sharpe)
        columns["trials"] = np.full(len(self.place), self.luck.trials)
        columns["config_hash"] = [self.trials[place].config_hash for place in self.place]
        return pl.DataFrame(columns)

    @property
    def has_daily_returns(self) -> bool:
        """Whether they were kept."""
        return self._daily is not None

    @property
    def daily_returns(self) -> pl.DataFrame:
        """UTC-daily net returns: `day`, and a column for each configuration, named by its place."""
        import polars as pl

        if self._daily is None:
            raise DataError("the daily returns were not kept: run the sweep with daily_returns=True")
        day = pl.Series("day", self._day * DAY_MS).cast(pl.Datetime("ms", time_zone="UTC")).dt.date()
        return pl.DataFrame({"day": day, **{str(place): self._daily[place] for place in self.place}})

    def best(self) -> int | None:
        """Row of the frame with the highest Sharpe ratio; None where none is defined."""
        sharpe = self.figures["sharpe"]
        return int(np.nanargmax(sharpe)) if np.isfinite(sharpe).any() else None

    def trial(self, row: int) -> Trial:
        """The configuration of a row of the frame."""
        return self.trials[int(self.place[row])]


_MEASURES = (
    "total_return", "cagr", "volatility_ann", "max_drawdown", "sortino", "calmar", "ulcer", "hit_rate", "skew",
    "kurtosis", "gross_mean_frac", "net_mean_frac", "equity_usdt",
)  # fmt: skip
_COUNTS = ("trades", "fills", "decisions", "guarded_bars", "days")
_YEARLY = (
    "turnover_year_x", "cost_year_frac", "fee_year_frac", "spread_year_frac", "impact_year_frac", "funding_year_frac",
    "gross_usdt", "net_usdt", "cost_of_gross_frac",
)  # fmt: skip
FIGURES = ("sharpe", "psr", "dsr", *_MEASURES, *_YEARLY, *_COUNTS)
"""Figures that rows can be ordered by."""


def make_trials(
    panel: Panel,
    configs: Sequence[Resolved | Settings],
    base: Resolved | None,
    *,
    costs: Costs | None,
    timing: Mapping[str, Any],
) -> list[Trial]:
    """Check and convert every configuration before anything runs; the first that cannot run is named.

    A mapping holds settings that go over those of `base`.
    """
    trials: list[Trial] = []
    refused: list[str] = []
    why: type[XsmomError] = ConfigError
    for place, wish in enumerate(_read(configs, base)):
        try:
            config = wish.make()
            params = _core.Params(**config.params())
            check_fit(panel, config, params)
        except XsmomError as error:
            why = why if refused else type(error)
            refused.append(f"config {place}{_told(wish.given)}: {error}")
            continue
        when = config.timing()._replace(**timing)
        made = Trial(wish.settings, config.config_hash, params, costs or config.costs(), when, config.margin())
        trials.append(made)
    if refused:
        more = f" ({len(refused) - 1:,} more cannot be run either)" if len(refused) > 1 else ""
        raise why(refused[0] + more)
    return trials


def _told(settings: Settings) -> str:
    shown = [f"{name}={value}" for name, value in list(settings.items())[:_SHOWN_SETTINGS]]
    more = ", …" if len(settings) > _SHOWN_SETTINGS else ""
    return f" ({', '.join(shown)}{more})" if shown else ""


@dataclass(frozen=True)
class _Wish:
    """A configuration to be made: what was given for it, and what it has of all that is varied."""

    given: Settings
    settings: Settings
    make: Callable[[], Resolved]


def _read(configs: Sequence[Resolved | Settings], base: Resolved | None) -> list[_Wish]:
    whole = [config for config in configs if isinstance(config, Resolved)]
    if whole and len(whole) < len(configs):
        raise ConfigError("configs mixes configurations and mappings of settings: give one kind")
    if whole:
        names = _differing(whole)
        differences = [{name: config.value(name) for name in names} for config in whole]
        return [_Wish(own, own, _keep(config)) for own, config in zip(differences, whole, strict=True)]
    if base is None:
        raise ConfigError("configs holds settings that go over a configuration: name it, such as base='weekly'")
    variations = Variations(base)
    flat = [_flatten(given) for given in configs if isinstance(given, Mapping)]
    unset = {name: _written(base, name) for given in flat for name in given}
    return [_Wish(given, unset | given, partial(variations.vary, given)) for given in flat]


def _keep(config: Resolved) -> Callable[[], Resolved]:
    return lambda: config


def _written(base: Resolved, name: str) -> object:
    try:
        return base.value(name)
    except AttributeError:
        return None  # no setting: the configuration that names it is refused


def _flatten(given: Settings, prefix: str = "") -> dict[str, object]:
    """Nested mappings as dotted names."""
    found: dict[str, object] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            found |= _flatten(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value.tolist() if hasattr(value, "tolist") else value
    return found


def _differing(configs: Sequence[Resolved]) -> list[str]:
    """Settings that are not the same in all of them."""
    first = configs[0].settings()
    others = [config.settings() for config in configs[1:]]
    return [name for name, value in first.items() if any(other[name] != value for other in others)]


def _series(name: str, values: list[object]) -> pl.Series:
    import polars as pl

    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numbers and any(isinstance(value, float) for value in values):
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return pl.Series(name, values, strict=False)


def run_trials(
    panel: Panel,
    trials: Sequence[Trial],
    *,
    contracts: Contracts | None = None,
    threads: int | None = None,
    daily_returns: bool = False,
    progress: Tell | None = None,
) -> Sweep:
    """Run them all; Ctrl-C leaves those that are done."""
    setups, setup_of = _gather(
        (trial.costs, *trial.timing, trial.margin.maintenance_frac, trial.margin.rows(panel.symbols))
        for trial in trials
    )
    run = _core.sweep(
        panel,
        [trial.params for trial in trials],
        setups,
        setup_of,
        contracts=None if contracts is None else (list(map(float, contracts[0])), list(map(float, contracts[1]))),
        threads=threads or count_processors(),
        daily_returns=daily_returns,
        progress=progress,
    )
    return Sweep(panel, trials, run)


def _gather(all_: Iterable[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[int]]:
    """The different ones, and which of them each is."""
    number: dict[tuple[Any, ...], int] = {}
    of = [number.setdefault(one, len(number)) for one in all_]
    return list(number), of


def count_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
