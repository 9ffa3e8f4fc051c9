"""Blocks of `strategy`: clock, selection aids and overlays, each with its own switch."""

from typing import Literal

from xsmom.config.setting import Section, Whole, setting


class Rebalance(Section):
    """When targets are decided anew."""

    every_bars: Whole = setting(
        1, "Targets are decided every so many bars, at absolute bar numbers.", unit="bars", ge=1, le=2000
    )
    offset_bars: Whole = setting(
        0, "Shift of the rebalance within its period; below every_bars.", unit="bars", ge=0, le=1999
    )


class Tranches(Section):
    """Overlapping holdings (Jegadeesh-Titman)."""

    count: Whole = setting(
        1,
        "Each rebalance renews one of so many tranches; the net of all is traded. 1 is off.",
        unit="tranches",
        example=7,
        ge=1,
        le=64,
    )


class Hysteresis(Section):
    """Names leave later than they enter; both widen the hold, none delays an entry."""

    z_out: float | None = setting(
        None,
        "A held name stays while its side's z is at least this. Left out: as entry_zscore_min.",
        unit="z",
        ge=0,
        le=10,
    )
    rank_buffer: Whole = setting(
        0, "A held name stays while it ranks within K plus this.", unit="ranks", ge=0, le=10_000
    )


class PortfolioVolTarget(Section):
    """Ex-ante volatility of the book; caps come after it."""

    enabled: bool = setting(False, "Scale the book to target_ann_vol.")
    target_ann_vol: float = setting(
        0.30,
        "Expected volatility aimed at.",
        unit="share a year",
        search=(0.20, 0.50),
        ge=0.001,
        le=10,
    )
    lookback_hours: float = setting(72, "Window of the covariance; a whole number of bars.", unit="hours", gt=0)
    min_scale: float = setting(0.6, "Least scale.", unit="x", ge=0, le=10)
    max_scale: float = setting(1.4, "Greatest scale.", unit="x", gt=0, le=10)
    shrinkage: float = setting(0.2, "Share of the diagonal in the shrunk covariance.", unit="share", ge=0, le=1)


class RegimeFilter(Section):
    """Side-aware: a down-trend bars longs, never shorts."""

    enabled: bool = setting(False, "Ask for an EMA slope on the entry's side.")
    ema_len: Whole = setting(200, "Length of the EMA.", unit="bars", search=(100, 300), ge=1, le=450)
    slope_lookback: Whole = setting(24, "Bars over which the slope is measured.", unit="bars", ge=1, le=200)
    slope_min_bps_per_day: float = setting(
        2.0, "Least slope on the entry's side.", unit="bps a day", search=(1, 5), ge=0, le=10_000
    )


class AdxFilter(Section):
    """Wilder's ADX of the name itself, without a direction."""

    enabled: bool = setting(False, "Ask for a least ADX.")
    len: Whole = setting(14, "Wilder length.", unit="bars", ge=2, le=100)
    min_adx: float = setting(25.0, "Least ADX.", ge=0, le=100)


class MajorsGate(Section):
    """Works both ways: rising majors block shorts, falling ones block longs."""

    enabled: bool = setting(False, "Block entries against the majors named in strategy.majors.")
    min_count: Whole = setting(
        2, "So many majors moving one way block entries the other way.", unit="names", ge=1, le=1000
    )
    slope_min_bps_per_day: float = setting(
        1.0, "Slope from which a major counts as moving.", unit="bps a day", ge=0, le=10_000
    )


class BreadthGate(Section):
    """Breadth of raw trends, before scores are centred."""

    enabled: bool = setting(False, "Ask for breadth on the entry's side.")
    long_min_frac: float = setting(0.2, "Longs need this share of eligible names rising.", unit="share", ge=0, le=1)
    short_min_frac: float = setting(0.2, "Shorts need this share of eligible names falling.", unit="share", ge=0, le=1)


class BreakoutFilter(Section):
    """Recent range against the range before it (two windows that do not overlap)."""

    enabled: bool = setting(False, "Ask for a range that has widened.")
    fast_lookback: Whole = setting(14, "Window of the recent range.", unit="bars", ge=1, le=500)
    base_lookback: Whole = setting(48, "Window before it.", unit="bars", ge=1, le=1000)
    expansion_mult: float = setting(1.5, "Least ratio of the two.", unit="x", ge=0, le=100)


class VolRegime(Section):
    """Recent market volatility against the time before it."""

    enabled: bool = setting(False, "Scale the book down when market volatility jumps.")
    fast_lookback: Whole = setting(24, "Window of recent volatility.", unit="bars", ge=2, le=500)
    base_lookback: Whole = setting(480, "Window before it.", unit="bars", ge=2, le=1400)
    ratio_start: float = setting(1.5, "Ratio from which the scale falls.", unit="x", gt=0, le=100)
    slope: float = setting(0.5, "Fall of the scale per unit of ratio above the start, in units of it.", ge=0, le=100)
    min_scale: float = setting(0.5, "Least scale.", unit="x", ge=0, le=1)


class AtrRegime(Section):
    """Calm names must score higher to enter, wild ones may score lower."""

    enabled: bool = setting(False, "Move entry_zscore_min with the name's ATR.")
    low_atr_pct: float = setting(0.5, "ATR below this is calm.", unit="% of price", ge=0, le=100)
    high_atr_pct: float = setting(1.5, "ATR above this is wild.", unit="% of price", ge=0, le=100)
    low_shift: float = setting(0.05, "Added to the threshold in calm.", unit="z", ge=-10, le=10)
    high_shift: float = setting(-0.03, "Added to the threshold when wild.", unit="z", ge=-10, le=10)


class SymbolFilter(Section):
    """Ban when win rate and profit factor both fail, at 80 % posterior."""

    enabled: bool = setting(False, "Ban names whose own round trips keep losing.")
    min_trades: Whole = setting(
        8, "Fewest round trips since the last ban before a ban.", unit="trades", ge=1, le=100_000
    )
    win_rate_threshold: float = setting(0.40, "Win rate below which a name fails.", unit="share", ge=0, le=1)
    pf_threshold: float = setting(1.2, "Profit factor below which a name fails.", ge=0, le=100)
    ban_hours: float = setting(24, "Length of the ban.", unit="hours", gt=0, le=87_600)


class CorrelationLimit(Section):
    """Pairs of one side with a high rolling correlation."""

    enabled: bool = setting(False, "Limit names of one side that move together.")
    lookback: Whole = setting(50, "Window of the correlation.", unit="bars", ge=10, le=2000)
    max_corr: float = setting(0.8, "Above this two names are one bet.", ge=-1, le=1)
    action: Literal["halve", "cap"] = setting(
        "halve", "Halve the smaller of a pair, or cap the cluster's summed weight."
    )
    cluster_max_weight: float = setting(
        0.30, "Cap of a cluster's summed |weight|, for action cap.", unit="share of equity", gt=0, le=20
    )


class EntryThrottle(Section):
    """Only entries are held back; reductions never are."""

    max_new_positions_per_cycle: Whole = setting(
        0, "Most entries in one decision; 0 is off.", unit="positions", ge=0, le=10_000
    )
    max_open_positions: Whole = setting(0, "Most open positions; 0 is off.", unit="positions", ge=0, le=10_000)


class FundingTilt(Section):
    """Rates published by the decision's close, each at its own interval."""

    enabled: bool = setting(False, "Charge expected funding against the score.")
    weight: float = setting(1.0, "Weight of that cost; 1 charges it whole.", unit="x", gt=0, le=100)
    lookback_hours: float = setting(
        72, "Window from which funding is expected; a whole number of bars.", unit="hours", gt=0
    )
    holding_hours: float = setting(
        24, "Holding period that it is charged for; a whole number of bars.", unit="hours", gt=0
    )


class DrawdownStepdown(Section):
    """Continuous, and undone as equity recovers."""

    enabled: bool = setting(False, "Scale the book down as the drawdown deepens.")
    start_pct: float = setting(5, "Drawdown from which the scale falls.", unit="%", ge=0, le=100)
    end_pct: float = setting(15, "Drawdown at which it is least.", unit="%", ge=0.01, le=100)
    min_scale: float = setting(0.25, "Least scale.", unit="x", ge=0, le=1)


class Router(Section):
    """Time series when all moves together and trends, or when names hardly differ."""

    enabled: bool = setting(False, "Mix in time-series momentum by regime; needs strategy.majors.")
    lookback: Whole = setting(96, "Window of correlation and dispersion.", unit="bars", ge=10, le=2000)
    corr_enter: float = setting(0.60, "Average correlation from which trending majors call for it.", ge=-1, le=1)
    corr_exit: float = setting(0.50, "Average correlation below which that ends.", ge=-1, le=1)
    trend_min_bps_per_day: float = setting(
        2.0, "Mean |slope| of the majors that is a trend.", unit="bps a day", ge=0, le=10_000
    )
    dispersion_min_bps: float = setting(
        35, "Dispersion of past moves below which names hardly differ.", unit="bps", ge=0
    )
    dispersion_exit_bps: float = setting(45, "Dispersion above which that ends.", unit="bps", ge=0)
    step_frac: float = setting(0.1, "Share of the way that the mix moves at each rebalance.", unit="share", ge=0, le=1)
    net_cap_frac: float = setting(
        0.0, "|Sum of weights| allowed while the mix holds time series.", unit="share of equity", ge=0, le=20
    )


class MetaLabeller(Section):
    """Online logistic regression that learns only once an outcome is known."""

    enabled: bool = setting(False, "Scale entries by the estimated chance that they pay.")
    learning_rate: float = setting(0.05, "Learning rate of the coefficients.", gt=0, le=1)
    intercept_learning_rate: float = setting(0.01, "Learning rate of the intercept.", gt=0, le=1)
    l2: float = setting(0.001, "Ridge penalty.", ge=0, le=1)
    horizon_bars: Whole = setting(24, "Bars after which an entry's outcome is known.", unit="bars", ge=1, le=2000)
    min_labels: Whole = setting(200, "Outcomes needed before a size may change.", unit="outcomes", ge=1, le=1_000_000)
    min_scale: float = setting(0.5, "Least multiplier.", unit="x", ge=0, le=10)
    max_scale: float = setting(1.5, "Greatest multiplier.", unit="x", gt=0, le=10)
