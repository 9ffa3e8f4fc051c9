"""`strategy`: what is bought and sold, and how much. All of it is decided in the Rust kernel."""

from typing import Literal

from xsmom.config.sections.carry import Carry
from xsmom.config.sections.overlays import (
    AdxFilter,
    AtrRegime,
    BreadthGate,
    BreakoutFilter,
    CorrelationLimit,
    DrawdownStepdown,
    EntryThrottle,
    FundingTilt,
    Hysteresis,
    MajorsGate,
    MetaLabeller,
    PortfolioVolTarget,
    Rebalance,
    RegimeFilter,
    Router,
    SymbolFilter,
    Tranches,
    VolRegime,
)
from xsmom.config.setting import Bars, Hour, Name, Section, Weight, Whole, block, planned, setting

Timeframe = Literal["1m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]


class Strategy(Section):
    """Signal, selection, size and overlays."""

    timeframe: Timeframe = setting("1h", "Length of a signal bar. Every setting counted in bars counts these.")
    rebalance: Rebalance = block(Rebalance, "When targets are decided anew.")
    tranches: Tranches = block(Tranches, "Overlapping holdings, so that no single day decides.")

    lookbacks: list[Bars] = setting(
        [12, 24, 48, 96],
        "Look-backs of the momentum signal, one to eight, all different. "
        "The optimiser's usual ranges are 6-24, 12-48 and 24-96 hours.",
        unit="bars",
        search=(6, 96),
        example=[7, 14, 21, 28],
    )
    lookback_weights: list[Weight] = setting(
        [0.4, 0.3, 0.2, 0.1],
        "Weight of each look-back. Weights that do not sum to 1 are divided by their sum.",
        unit="share",
        example=[1, 1, 1, 1],
    )
    skip_bars: Whole = setting(
        0, "Newest bars left out of the signal; below the shortest look-back.", unit="bars", ge=0, le=1999
    )
    signal_kind: Literal["raw", "log", "vol_scaled"] = setting(
        "raw",
        "How a past move becomes a score: simple return, log return, or log return over the "
        "size that its volatility lets expect.",
    )
    vol_scaled_clip: float = setting(
        3.0,
        "Bound of a vol-scaled move; 0 leaves it unbounded.",
        unit="standard deviations",
        ge=0,
        le=100,
    )
    signal_combine: Literal["mean", "rank"] = setting(
        "mean",
        "How the look-backs become one score: weighted mean of the values, or of their ranks across names.",
    )
    standardise: Literal["z", "robust", "rank_normal"] = setting(
        "z",
        "How scores are made comparable across names: mean and standard deviation, median and "
        "MAD, or normal quantile of the rank.",
    )
    zscore_clip: float = setting(3.0, "Bound of the standardised score; 0 leaves it unbounded.", unit="z", ge=0, le=100)
    signal_power: float = setting(
        1.35,
        "Exponent p of the amplifier sign(z)*|z|^p: above 1, strong scores weigh more.",
        search=(1, 2),
        ge=0.1,
        le=5,
    )
    redemean: bool = setting(True, "Take the mean out of the scores again after the amplifier.")

    k_frac: float = setting(
        0.12,
        "Names a side as a share of the eligible names, before k_min and k_max.",
        unit="share",
        ge=0,
        le=0.5,
    )
    k_min: Whole = setting(2, "Fewest names a side.", unit="names", search=(2, 4), ge=1, le=10_000)
    k_max: Whole = setting(4, "Most names a side.", unit="names", search=(4, 8), ge=1, le=10_000)
    k_dispersion_lookback: Whole = setting(
        0,
        "History against which today's dispersion scales the names a side; 0 is off.",
        unit="bars",
        ge=0,
        le=2000,
    )
    entry_zscore_min: float = setting(0.0, "An entry needs |z| of at least this.", unit="z", search=(0, 1), ge=0, le=10)
    hysteresis: Hysteresis = block(Hysteresis, "Names leave later than they enter.")

    market_neutral: bool = setting(True, "Equal legs; longs only with a positive, shorts only with a negative score.")
    beta_neutral: bool = setting(False, "Balance the legs in market beta rather than in dollars.")
    beta_lookback: Whole = setting(720, "Window of the beta.", unit="bars", ge=10, le=2000)
    size_power: float = setting(1.0, "Exponent a of the raw weight |score|^a / volatility.", ge=0, le=5)
    vol_lookback: Whole = setting(
        96,
        "Window of each name's volatility, for sizing and for vol_scaled signals.",
        unit="bars",
        search=(48, 336),
        ge=2,
        le=2000,
    )
    vol_floor_ann: float = setting(
        0.05, "Sizing never assumes less volatility than this.", unit="share a year", ge=0, le=10
    )
    gross_leverage: float = setting(
        1.5,
        "Sum of |weights| aimed at before the volatility target scales it.",
        unit="x equity",
        search=(1, 2),
        gt=0,
        le=20,
    )
    gross_hard_cap: float | None = setting(
        None,
        "Sum of |weights| is never above this. Left out: gross_leverage times "
        "portfolio_vol_target.max_scale while that target is on, else gross_leverage; "
        "and never more than half of exchange.leverage_x.",
        unit="x equity",
        gt=0,
        le=20,
    )
    net_cap_frac: float = setting(0.15, "|Sum of weights| is never above this.", unit="share of equity", ge=0, le=20)
    max_weight_per_asset: float = setting(
        0.20,
        "Cap of one name's |weight|.",
        unit="share of equity",
        search=(0.10, 0.30),
        gt=0,
        le=20,
    )
    max_weight_short: float | None = setting(
        None,
        "Cap of one short's |weight|. Left out: as max_weight_per_asset.",
        unit="share of equity",
        gt=0,
        le=20,
    )
    squeeze_loss_frac: float = setting(
        0.0,
        "A short whose price triples may cost at most this; caps shorts at half of it. 0 is off.",
        unit="share of equity",
        example=0.10,
        ge=0,
        le=10,
    )
    notional_cap_usdt: float = setting(
        0.0, "Cap of one position's value; 0 is off.", unit="USDT", example=10_000, ge=0, le=1e15
    )
    adv_cap_frac: float = setting(
        0.0,
        "Cap of one position as a share of the name's average daily dollar volume; 0 is off.",
        unit="share",
        example=0.002,
        ge=0,
        le=1,
    )
    adv_days: Whole = setting(30, "Days in that average.", unit="days", ge=1, le=120)
    capital_usdt_max: float = setting(
        0.0, "Equity above this is not used for sizing; 0 is off.", unit="USDT", ge=0, le=1e15
    )
    capital_frac: float = setting(1.0, "Share of equity used for sizing.", unit="share", gt=0, le=1)
    no_trade_band_frac: float = setting(
        0.25,
        "Half-width of the no-trade band around a target; a trade goes to its edge.",
        unit="share of the target",
        ge=0,
        le=10,
    )
    portfolio_vol_target: PortfolioVolTarget = block(
        PortfolioVolTarget, "Scale the whole book to an expected volatility."
    )

    majors: list[Name] = setting(
        [],
        "Names that stand for the market in the majors gate and the router.",
        example=["BTCUSDT", "ETHUSDT"],
    )
    blackout_hours: list[Hour] = setting(
        [], "UTC hours, of the decision's bar close, without entries.", unit="hours", example=[0]
    )
    regime_filter: RegimeFilter = block(RegimeFilter, "Entries need the name's own trend.")
    adx_filter: AdxFilter = block(AdxFilter, "Entries need a trend that is strong.")
    majors_gate: MajorsGate = block(MajorsGate, "No entries against the majors.")
    breadth_gate: BreadthGate = block(BreadthGate, "Entries need enough names moving that way.")
    breakout_filter: BreakoutFilter = block(BreakoutFilter, "Entries need a range that widens.")
    vol_regime: VolRegime = block(VolRegime, "Less size when market volatility jumps.")
    atr_regime: AtrRegime = block(AtrRegime, "Entry threshold moved by the name's own ATR.")
    symbol_filter: SymbolFilter = block(SymbolFilter, "Ban names whose round trips keep losing.")
    correlation_limit: CorrelationLimit = block(
        CorrelationLimit, "Names of one side that move together count as one bet."
    )
    entry_throttle: EntryThrottle = block(EntryThrottle, "Limits on how fast and how wide.")
    funding_tilt: FundingTilt = block(FundingTilt, "Expected funding as a cost in the score.")
    drawdown_stepdown: DrawdownStepdown = block(DrawdownStepdown, "Less size as the drawdown deepens.")
    router: Router = block(Router, "A smooth mix of cross-sectional and time-series momentum.")
    meta_labeller: MetaLabeller = block(MetaLabeller, "Size entries by the learned chance that they pay.")
    carry: Carry = block(Carry, "A sleeve of hedged carry beside momentum.")
    residual_momentum: bool = planned(False, "Rank on returns after taking out each name's market beta.")
