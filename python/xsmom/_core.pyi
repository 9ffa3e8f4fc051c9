"""Stub of the Rust core, written by hand and checked against the module by stubtest."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, final, type_check_only

import numpy as np
from numpy.typing import NDArray

__version__: str

@type_check_only
class PanelLike(Protocol):
    """What the core reads of a panel: any object with these attributes.

    A simulation asks for `settles` as well, which need not be there: whether any funding rate of a bar is other than 0,
    one bool a bar.
    """

    @property
    def bar_ms(self) -> int: ...
    @property
    def close_ms(self) -> NDArray[np.int64]: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def open(self) -> NDArray[np.float64]: ...
    @property
    def high(self) -> NDArray[np.float64]: ...
    @property
    def low(self) -> NDArray[np.float64]: ...
    @property
    def close(self) -> NDArray[np.float64]: ...
    @property
    def volume_usdt(self) -> NDArray[np.float64]: ...
    @property
    def funding_frac(self) -> NDArray[np.float64]: ...
    @property
    def listed_ms(self) -> NDArray[np.int64]: ...
    @property
    def delisted_ms(self) -> NDArray[np.int64]: ...

@final
class Params:
    def __new__(cls, **fields: object) -> Params: ...

def build_info() -> dict[str, Any]: ...
def params_fields() -> list[str]: ...
def params_defaults() -> dict[str, Any]: ...
def check_panel(panel: PanelLike) -> None: ...

@type_check_only
class CostFields(Protocol):
    """Cost assumptions as fractions: any object with these attributes."""

    @property
    def taker_fee_frac(self) -> float: ...
    @property
    def maker_fee_frac(self) -> float: ...
    @property
    def maker_share_frac(self) -> float: ...
    @property
    def half_spread_frac(self) -> float: ...
    @property
    def impact_y(self) -> float: ...
    @property
    def funding(self) -> bool: ...

def run_weights(
    panel: PanelLike,
    weights: NDArray[np.float64],
    costs: CostFields,
    *,
    fill_at: str,
    delay_bars: int,
    cash_usdt: float,
    depth: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    keep_units: bool = False,
) -> dict[str, Any]: ...
def metrics(returns: NDArray[np.float64], periods: float) -> dict[str, Any]: ...
def hac_sharpe(returns: NDArray[np.float64], lags: int) -> float: ...
def newey_west_t(returns: NDArray[np.float64], lags: int) -> float: ...
def automatic_lags(n: int) -> int: ...
def psr(
    sharpe: float,
    n: float,
    skew: float,
    kurtosis: float,
    *,
    benchmark: float = 0.0,
    rho: float = 0.0,
) -> tuple[float, float]: ...
def min_track_record(
    sharpe: float,
    skew: float,
    kurtosis: float,
    *,
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> float: ...
def expected_max(trials: float) -> float: ...
def sharpe_draws(returns: NDArray[np.float64], fresh: float, draws: int, seed: int) -> NDArray[np.float64]: ...
def table_rows(columns: Sequence[NDArray[np.float64] | NDArray[np.int64] | Sequence[str]]) -> bytes: ...

@type_check_only
class FactsLike(Protocol):
    """What a decision must know of the names: any object with these attributes."""

    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def listed_ms(self) -> NDArray[np.int64]: ...
    @property
    def delisted_ms(self) -> NDArray[np.int64]: ...

def reasons() -> dict[int, tuple[str, str]]: ...
def warmup_bars(params: Params) -> int: ...
def features(panel: PanelLike, params: Params) -> dict[str, NDArray[np.float64]]: ...

@final
class Scratch:
    """What the features of one window need to go on from bar to bar."""

    def __new__(cls, params: Params, names: int) -> Self: ...
    def fits(self, params: Params) -> bool: ...

def features_last(panel: PanelLike, params: Params, scratch: Scratch | None = None) -> dict[str, Any]: ...
def decide(
    row: dict[str, Any],
    book: dict[str, Any],
    state: dict[str, Any],
    params: Params,
    facts: FactsLike,
) -> tuple[NDArray[np.float64], NDArray[np.uint8], dict[str, Any]]: ...
def execute_fill(
    units: float, reference_price: float, costs: CostFields, sigma_day_frac: float, adv_usdt: float
) -> tuple[float, float, float, float]: ...
def value_book(units: NDArray[np.float64], mark: NDArray[np.float64]) -> tuple[float, float]: ...
def fine_lot_steps(panel: PanelLike, cash_usdt: float) -> list[float]: ...
def exit_reasons() -> dict[int, str]: ...
def flat_positions(symbols: int) -> dict[str, NDArray[Any]]: ...
def advance_stops(
    positions: dict[str, NDArray[Any]], event: dict[str, Any], params: Params
) -> tuple[dict[str, NDArray[Any]], list[tuple[int, int, int, int, float, int]]]: ...
def fold_fill(
    positions: dict[str, NDArray[Any]],
    symbol: int,
    lots: int,
    price: float,
    atr: float,
    at_ms: int,
    params: Params,
) -> tuple[dict[str, NDArray[Any]], float, dict[str, Any] | None]: ...
def rung_cap_lots(positions: dict[str, NDArray[Any]], params: Params) -> NDArray[np.float64]: ...
def plan(
    weight_frac: NDArray[np.float64], reasons: NDArray[np.uint8], book: dict[str, Any], params: Params
) -> dict[str, Any]: ...
def new_guards(symbols: int) -> dict[str, Any]: ...
def evaluate_guards(
    state: dict[str, Any], moment: dict[str, Any], params: Params
) -> tuple[dict[str, Any], dict[str, Any]]: ...
def note_guard_stop(state: dict[str, Any], at_ms: int, params: Params) -> dict[str, Any]: ...
def rearm_guard(state: dict[str, Any], guard: str) -> tuple[dict[str, Any], bool]: ...
def guard_table() -> dict[str, tuple[str, str, str, str]]: ...
def new_records(symbols: int) -> dict[str, Any]: ...
def note_stop(
    records: dict[str, Any],
    state: dict[str, Any],
    symbol: int,
    side: int,
    bar_close_ms: int,
    params: Params,
) -> tuple[dict[str, Any], NDArray[np.bool_]]: ...
def note_round_trip(
    records: dict[str, Any], symbol: int, net_usdt: float, bar_close_ms: int, params: Params
) -> dict[str, Any]: ...
def barred(records: dict[str, Any], close_ms: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]: ...
def new_labels(symbols: int, params: Params) -> dict[str, Any]: ...
def observe_labels(state: dict[str, Any], row: dict[str, Any], params: Params) -> dict[str, Any]: ...
def estimate_labels(state: dict[str, Any], row: dict[str, Any], params: Params) -> NDArray[np.float64]: ...
def enter_labels(
    state: dict[str, Any],
    row: dict[str, Any],
    weight_frac: NDArray[np.float64],
    reasons: NDArray[np.uint8],
    params: Params,
) -> dict[str, Any]: ...
def report_labels(state: dict[str, Any], params: Params) -> dict[str, Any]: ...
def new_state(symbols: int, params: Params) -> dict[str, Any]: ...
def follow(
    panel: PanelLike,
    params: Params,
    tape: list[tuple[Any, ...]],
    *,
    contracts: tuple[list[float], list[float]],
    cash_usdt: float,
) -> dict[str, Any]: ...
def model_book(panel: PanelLike, params: Params, *, cash_usdt: float = 10000.0) -> dict[str, Any]: ...
def model_weights(
    panel: PanelLike,
    params: Params,
    *,
    cash_usdt: float = 10000.0,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def simulate(
    panel: PanelLike,
    params: Params,
    costs: CostFields,
    *,
    fill_at: str,
    delay_bars: int,
    cash_usdt: float,
    contracts: tuple[list[float], list[float]] | None = None,
    maintenance_frac: float = 0.01,
    tiers: Sequence[Sequence[tuple[float, float]]] | None = None,
    keep_fills: bool = False,
    keep_trips: bool = True,
    keep_units: bool = False,
) -> dict[str, Any]: ...
def margin_due(
    values: NDArray[np.float64],
    tiers: Sequence[Sequence[tuple[float, float]]],
    gross_usdt: float,
    close_fee_frac: float,
    equity_usdt: float,
) -> bool: ...

@final
class Exchange:
    """A derivatives exchange as one state machine: whole ticks, whole lots, money in 1e-8 USDT.

    Commands, questions, events and answers are JSON; their names are those of the manual's page on the
    exchange core. A command that is refused says so in an event; one that cannot be read raises
    `KernelError`.
    """

    def __new__(cls, setup: bytes) -> Self: ...
    def apply(self, command: bytes, at_ms: int) -> bytes:
        """Carry out one command, and give the events that it made."""

    def apply_all(self, commands: bytes, at_ms: int) -> bytes:
        """Carry out a list of commands of one moment, and give their events in one list."""

    def ask(self, query: bytes) -> bytes:
        """Answer a question; `null` when there is no such thing."""

    @property
    def log_hash(self) -> str: ...
    @property
    def now_ms(self) -> int: ...
    def snapshot(self) -> bytes:
        """All of the state; `restore` goes on from there with the same future."""

    @staticmethod
    def restore(snapshot: bytes) -> Exchange: ...

def sweep(
    panel: PanelLike,
    params: Sequence[Params],
    setups: Sequence[tuple[CostFields, str, int, float, float, Sequence[Sequence[tuple[float, float]]] | None]],
    setup_of: Sequence[int],
    *,
    contracts: tuple[list[float], list[float]] | None = None,
    threads: int = 1,
    daily_returns: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Run many configurations over one panel: `done`, and a column for each figure.

    `setups` are (costs, fill price, delay, cash, maintenance rate, tiers), and `setup_of` says which of them
    each of `params` has.
    Ctrl-C stops the work and gives back what is done (`interrupted`).
    """

def ema(x: NDArray[np.float64], period: int, *, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]: ...
def wilder(x: NDArray[np.float64], period: int, *, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]: ...
def sma(x: NDArray[np.float64], period: int, *, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]: ...
def rolling_mean(
    x: NDArray[np.float64], period: int, *, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]: ...
def rolling_median(x: NDArray[np.float64], period: int) -> NDArray[np.float64]: ...
def rolling_mad(x: NDArray[np.float64], period: int) -> NDArray[np.float64]: ...
def rolling_std(
    x: NDArray[np.float64], period: int, ddof: int, *, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]: ...
def rolling_zscore(
    x: NDArray[np.float64], period: int, ddof: int, *, out: NDArray[np.float64] | None = None
) -> NDArray[np.float64]: ...
def atr(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def plus_dm(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def minus_dm(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def plus_di(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def minus_di(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def dx(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def adx(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    period: int,
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def true_range(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    *,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def rolling_correlation(x: NDArray[np.float64], y: NDArray[np.float64], period: int) -> NDArray[np.float64]: ...
def rolling_beta(y: NDArray[np.float64], x: NDArray[np.float64], period: int) -> NDArray[np.float64]: ...
def ranks(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
def zscores(x: NDArray[np.float64], ddof: int) -> NDArray[np.float64]: ...
def robust_zscores(x: NDArray[np.float64]) -> NDArray[np.float64]: ...
