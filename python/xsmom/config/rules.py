"""Settings that are fine one by one and contradict each other: refused, with the mend.

Each rule is a generator of problems; `RULES` is the list. A problem names the settings that take
part in it, the one to be changed first, so that the message can say where that one was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

from xsmom.config.meaning import BAR_MS, HOUR_MS, MARGIN_SHARE_MAX, bars, frac, gross_hard_cap
from xsmom.config.ramp import ramp_problems
from xsmom.config.tree import number
from xsmom.config.written import value

if TYPE_CHECKING:
    from xsmom.config.schema import Config

WARMUP_BARS_MAX = 2000
LOOKBACKS_MAX = 8


class Problem(NamedTuple):
    """A contradiction between settings."""

    names: tuple[str, ...]
    text: str


Problems = Iterator[Problem]


def contradictions(config: Config) -> list[Problem]:
    """All contradictions, in the order of the rules."""
    return [problem for rule in RULES for problem in rule(config)]


def _lookbacks(config: Config) -> Problems:
    strategy = config.strategy
    given, weights = strategy.lookbacks, strategy.lookback_weights
    names = ("strategy.lookbacks", "strategy.lookback_weights")
    if not 1 <= len(given) <= LOOKBACKS_MAX:
        yield Problem(names[:1], f"strategy.lookbacks has {len(given)} items, expected one to eight")
        return
    twice = sorted({bars for bars in given if given.count(bars) > 1})
    if twice:
        yield Problem(names[:1], f"strategy.lookbacks holds {twice[0]} twice; keep one and add up their weights")
    if len(weights) != len(given):
        yield Problem(
            names[::-1],
            f"strategy.lookback_weights has {len(weights)} items and strategy.lookbacks {len(given)}; "
            "give one weight for each look-back",
        )
    elif not any(weights):
        yield Problem(names[::-1], "strategy.lookback_weights are all 0; give at least one a weight above 0")
    if strategy.skip_bars >= min(given):
        yield Problem(
            ("strategy.skip_bars", names[0]),
            f"strategy.skip_bars {strategy.skip_bars} leaves nothing of the shortest look-back {min(given)}; "
            f"choose at most {min(given) - 1}",
        )


def _clock(config: Config) -> Problems:
    rebalance = config.strategy.rebalance
    if rebalance.offset_bars >= rebalance.every_bars:
        yield Problem(
            ("strategy.rebalance.offset_bars", "strategy.rebalance.every_bars"),
            f"strategy.rebalance.offset_bars {rebalance.offset_bars} must be below every_bars {rebalance.every_bars}",
        )


def _throttle(config: Config) -> Problems:
    strategy = config.strategy
    for name in ("max_new_positions_per_cycle", "max_open_positions"):
        if strategy.market_neutral and getattr(strategy.entry_throttle, name) == 1:
            key = f"strategy.entry_throttle.{name}"
            yield Problem(
                (key, "strategy.market_neutral"),
                f"{key} 1 allows a market-neutral book one leg only, so it would stay flat; choose at least 2",
            )


class _Order(NamedTuple):
    """Two settings of which the first must not be above the second."""

    low: str
    high: str
    strict: bool = False


_ORDERS = (
    _Order("strategy.k_min", "strategy.k_max"),
    _Order("strategy.portfolio_vol_target.min_scale", "strategy.portfolio_vol_target.max_scale"),
    _Order("strategy.atr_regime.low_atr_pct", "strategy.atr_regime.high_atr_pct"),
    _Order("strategy.drawdown_stepdown.start_pct", "strategy.drawdown_stepdown.end_pct", strict=True),
    _Order("strategy.router.corr_exit", "strategy.router.corr_enter"),
    _Order("strategy.router.dispersion_min_bps", "strategy.router.dispersion_exit_bps"),
    _Order("strategy.meta_labeller.min_scale", "strategy.meta_labeller.max_scale"),
    _Order("strategy.hysteresis.z_out", "strategy.entry_zscore_min"),
    # Reducing at the hard limit ends below the soft one.
    _Order("risk.margin_soft_limit_pct", "risk.margin_hard_limit_pct", strict=True),
)


def _orders(config: Config) -> Problems:
    for order in _ORDERS:
        low, high = value(config, order.low), value(config, order.high)
        if not isinstance(low, int | float) or not isinstance(high, int | float):
            continue
        if low > high or (order.strict and frac(low) >= frac(high)):
            yield Problem(
                (order.low, order.high),
                f"{order.low} {number(low)} must {'be below' if order.strict else 'not be above'} "
                f"{order.high} {number(high)}",
            )


def _gross(config: Config) -> Problems:
    gross, cap = config.strategy.gross_leverage, gross_hard_cap(config)
    leverage = config.exchange.leverage_x
    names = ("strategy.gross_hard_cap", "strategy.gross_leverage")
    written = config.strategy.gross_hard_cap is not None
    if written and cap > MARGIN_SHARE_MAX * leverage:
        yield Problem(
            names,
            f"strategy.gross_hard_cap {number(cap)} uses {cap / leverage:.0%} of the account's leverage "
            f"{number(leverage)}, at most {MARGIN_SHARE_MAX:.0%} may be; "
            f"choose at most {number(MARGIN_SHARE_MAX * leverage)}",
        )
    elif cap < gross and written:
        yield Problem(names, f"strategy.gross_hard_cap {number(cap)} must not be below gross_leverage {number(gross)}")
    elif cap < gross:
        yield Problem(
            names[::-1],
            f"strategy.gross_leverage {number(gross)} uses {gross / leverage:.0%} of the account's leverage "
            f"{number(leverage)}, at most {MARGIN_SHARE_MAX:.0%} may be; "
            f"choose at most {number(MARGIN_SHARE_MAX * leverage)}",
        )


def _majors(config: Config) -> Problems:
    strategy = config.strategy
    names = sorted(set(strategy.majors))
    users = [
        block
        for block, on in (("majors_gate", strategy.majors_gate.enabled), ("router", strategy.router.enabled))
        if on
    ]
    if users and not names:
        yield Problem(
            ("strategy.majors", f"strategy.{users[0]}.enabled"),
            f"strategy.{users[0]} needs strategy.majors, such as [BTCUSDT, ETHUSDT]",
        )
    elif strategy.majors_gate.enabled and strategy.majors_gate.min_count > len(names):
        yield Problem(
            ("strategy.majors_gate.min_count", "strategy.majors"),
            f"strategy.majors_gate.min_count {strategy.majors_gate.min_count} can never be met by "
            f"{len(names)} strategy.majors",
        )


def _universe(config: Config) -> Problems:
    universe = config.universe
    both = sorted(set(universe.whitelist) & set(universe.banlist))
    if both:
        yield Problem(
            ("universe.banlist", "universe.whitelist"),
            f"{both[0]} stands in universe.whitelist and in universe.banlist; keep it in one",
        )


def _stops(config: Config) -> Problems:
    risk = config.risk
    if risk.trailing_enabled and risk.trail_atr_mult <= 0:
        yield Problem(
            ("risk.trail_atr_mult", "risk.trailing_enabled"),
            "risk.trailing_enabled needs risk.trail_atr_mult above 0, such as 1.0",
        )
    if risk.risk_per_trade_frac > 0 and risk.atr_mult_sl <= 0:
        yield Problem(
            ("risk.risk_per_trade_frac", "risk.atr_mult_sl"),
            "risk.risk_per_trade_frac needs an initial stop: risk.atr_mult_sl above 0",
        )


def _profit_lock(config: Config) -> Problems:
    lock = config.risk.profit_lock
    names = ("risk.profit_lock.triggers_r", "risk.profit_lock.lock_to_r")
    if not lock.enabled:
        return
    gains, stops = lock.triggers_r, lock.lock_to_r
    if not gains or len(gains) != len(stops):
        text = f"has {len(gains)} triggers_r and {len(stops)} lock_to_r; give one lock for each trigger"
        yield Problem(names, f"risk.profit_lock {text}")
    elif not _rises(gains) or stops != sorted(stops):
        yield Problem(names, "risk.profit_lock: triggers_r must rise, and lock_to_r must not fall")
    elif any(stop >= gain for gain, stop in zip(gains, stops, strict=True)):
        yield Problem(names[::-1], "risk.profit_lock: each lock_to_r must be below its triggers_r")


def _ladder(config: Config) -> Problems:
    ladder = config.risk.ladder
    names = ("risk.ladder.levels", "risk.ladder.sizes")
    if not ladder.enabled:
        return
    if not ladder.levels:
        yield Problem((*names, "risk.ladder.enabled"), "risk.ladder needs levels, such as [1, 2, 3]")
    elif not _rises(ladder.levels):
        yield Problem(names, "risk.ladder.levels must rise")
    elif ladder.sizes and len(ladder.sizes) != len(ladder.levels):
        yield Problem(
            names[::-1],
            f"risk.ladder has {len(ladder.levels)} levels and {len(ladder.sizes)} sizes; "
            "give one size for each level, or none for equal shares",
        )
    elif sum(ladder.sizes) > 1 + 1e-9:
        yield Problem(names[::-1], f"risk.ladder.sizes sum to {sum(ladder.sizes):g}; a position has only 1 to close")


def _margin_tiers(config: Config) -> Problems:
    rows = config.costs.margin_tiers
    if not rows:
        return
    names = ("costs.margin_tiers", "costs.liquidation")
    values, rates = ([row[place] for row in rows] for place in (0, 1))
    if not config.costs.liquidation:
        yield Problem(names[::-1], "costs.margin_tiers act only with costs.liquidation: true")
    elif not _rises(values) or not _rises(rates):
        yield Problem(names, "costs.margin_tiers: values and rates must rise from row to row")
    elif rates[-1] >= 1:
        yield Problem(names, f"costs.margin_tiers has a rate of {rates[-1]:g}: write shares, such as 0.005 for 0.5 %")


def _ramp(config: Config) -> Problems:
    return (Problem(*one) for one in ramp_problems(config))


def _rises(values: list[float]) -> bool:
    # As shares: two levels may be so near that the conversion makes them one.
    return all(frac(low) < frac(high) for low, high in pairwise(values))


class _Hours(NamedTuple):
    """A time that becomes bars: a whole number of them, at least so many, at most so many."""

    name: str
    switch: str | None
    bars_min: int
    bars_max: int | None


_HOURS = (
    _Hours("strategy.portfolio_vol_target.lookback_hours", "strategy.portfolio_vol_target.enabled", 2, 2000),
    _Hours("strategy.funding_tilt.lookback_hours", "strategy.funding_tilt.enabled", 1, 2000),
    _Hours("strategy.funding_tilt.holding_hours", "strategy.funding_tilt.enabled", 1, 1_000_000),
    _Hours("risk.no_progress.after_hours", "risk.no_progress.enabled", 1, 1_000_000),
    _Hours("risk.max_hours_in_trade", None, 0, 1_000_000),
)


def _whole_bars(config: Config) -> Problems:
    timeframe = config.strategy.timeframe
    bar_hours = BAR_MS[timeframe] / HOUR_MS
    for rule in _HOURS:
        if rule.switch is not None and value(config, rule.switch) is not True:
            continue
        hours = cast("float", value(config, rule.name))
        count = bars(hours, timeframe)
        if abs(count * bar_hours - hours) > 1e-9 * max(hours, 1):
            yield Problem(
                (rule.name, "strategy.timeframe"),
                f"{rule.name} {number(hours)} is no whole number of {timeframe} bars; "
                f"the nearest is {number(max(count, rule.bars_min) * bar_hours)}",
            )
        elif count < rule.bars_min or (rule.bars_max is not None and count > rule.bars_max):
            yield Problem(
                (rule.name, "strategy.timeframe"),
                f"{rule.name} {number(hours)} is {count} bars of {timeframe}, expected "
                f"{rule.bars_min} to {rule.bars_max}",
            )


class Warmup(NamedTuple):
    """History that one feature of the decision looks back on."""

    bars: int
    names: tuple[str, ...]


def warmups(config: Config) -> list[Warmup]:
    """What every feature that is switched on needs, longest first."""
    return sorted(_warmups(config), key=lambda need: -need.bars)


def _warmups(config: Config) -> Iterator[Warmup]:
    strategy, risk, universe = config.strategy, config.risk, config.universe
    moves = strategy.skip_bars + max(strategy.lookbacks, default=0)
    yield Warmup(moves, ("strategy.lookbacks", "strategy.skip_bars"))
    yield Warmup(strategy.vol_lookback, ("strategy.vol_lookback",))
    yield Warmup(4 * (2 * risk.atr_len - 1) + 1, ("risk.atr_len",))
    if strategy.k_dispersion_lookback:
        yield Warmup(strategy.k_dispersion_lookback + moves, ("strategy.k_dispersion_lookback", "strategy.lookbacks"))
    if strategy.beta_neutral:
        yield Warmup(strategy.beta_lookback, ("strategy.beta_lookback",))
    yield from _warmups_of_overlays(config)
    day = BAR_MS["1d"] // BAR_MS[strategy.timeframe]
    if universe.max_symbols or universe.min_dollar_volume_usdt:
        yield Warmup(universe.dollar_volume_days * day, ("universe.dollar_volume_days", "strategy.timeframe"))
    if strategy.adv_cap_frac:
        yield Warmup(strategy.adv_days * day, ("strategy.adv_days", "strategy.timeframe"))
    if risk.trailing_enabled and risk.trail_kind == "ma_atr":
        yield Warmup(risk.trail_ma_len, ("risk.trail_ma_len",))


def _warmups_of_overlays(config: Config) -> Iterator[Warmup]:
    strategy = config.strategy
    regime, target = strategy.regime_filter, strategy.portfolio_vol_target
    users = (regime, strategy.majors_gate, strategy.router)
    if any(user.enabled for user in users) or config.risk.exit_on_regime_flip:
        names = ("strategy.regime_filter.ema_len", "strategy.regime_filter.slope_lookback")
        yield Warmup(4 * regime.ema_len + regime.slope_lookback, names)
    if strategy.adx_filter.enabled:
        yield Warmup(8 * (2 * strategy.adx_filter.len - 1) + 1, ("strategy.adx_filter.len",))
    if target.enabled:
        length = bars(target.lookback_hours, strategy.timeframe)
        yield Warmup(length, ("strategy.portfolio_vol_target.lookback_hours",))
    if strategy.breakout_filter.enabled:
        breakout = strategy.breakout_filter
        yield Warmup(breakout.fast_lookback + breakout.base_lookback, ("strategy.breakout_filter.base_lookback",))
    if strategy.vol_regime.enabled:
        change = strategy.vol_regime
        yield Warmup(change.fast_lookback + change.base_lookback, ("strategy.vol_regime.base_lookback",))
    if strategy.correlation_limit.enabled:
        yield Warmup(strategy.correlation_limit.lookback, ("strategy.correlation_limit.lookback",))
    if strategy.funding_tilt.enabled:
        length = bars(strategy.funding_tilt.lookback_hours, strategy.timeframe)
        yield Warmup(length, ("strategy.funding_tilt.lookback_hours",))
    if strategy.router.enabled:
        yield Warmup(strategy.router.lookback, ("strategy.router.lookback",))


def _warmup(config: Config) -> Problems:
    for need in warmups(config):
        if need.bars > WARMUP_BARS_MAX:
            yield Problem(
                need.names,
                f"{need.names[0]} looks back on {need.bars} bars of {config.strategy.timeframe} in all, "
                f"at most {WARMUP_BARS_MAX} are allowed; choose less, or longer bars",
            )


def _watchdog(config: Config) -> Problems:
    """A watchdog that bites before a heartbeat can be missed, or with the trader's own key, is none."""
    silent_s = config.notifications.monitoring.heartbeat_seconds
    name, beats = "notifications.monitoring.heartbeat_seconds", "live.heartbeat_seconds"
    if silent_s < 2 * config.live.heartbeat_seconds:
        yield Problem(
            (name, beats),
            f"{name} {silent_s} is less than two of {beats} {config.live.heartbeat_seconds}: one heartbeat that is "
            "late would latch the kill switch; choose at least twice as long",
        )
    after, flatten = config.risk.watchdog_flatten_after_minutes, "risk.watchdog_flatten_after_minutes"
    if after * 60 <= silent_s:
        yield Problem(
            (flatten, name), f"{flatten} {after} is not longer than the {silent_s} s of {name}; choose more minutes"
        )
    exchange = config.exchange
    names = ("exchange.watchdog_api_key", "exchange.watchdog_api_secret")
    if (exchange.watchdog_api_key is None) != (exchange.watchdog_api_secret is None):
        given, missing = names if exchange.watchdog_api_secret is None else names[::-1]
        yield Problem((given,), f"{given} is set and {missing} is not; give both")
    if exchange.watchdog_api_key is not None and exchange.watchdog_api_key == exchange.api_key:
        yield Problem(names[:1], f"{names[0]} is the trader's own key: make a second one, which may trade and no more")


RULES: tuple[Callable[[Config], Problems], ...] = (
    _lookbacks,
    _clock,
    _throttle,
    _orders,
    _gross,
    _majors,
    _universe,
    _stops,
    _profit_lock,
    _ladder,
    _margin_tiers,
    _ramp,
    _whole_bars,
    _warmup,
    _watchdog,
)
