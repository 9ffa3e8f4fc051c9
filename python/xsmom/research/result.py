"""The result of a simulation: equity, costs, positions and their measures, as frames and plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.research import statistics
from xsmom.research.flat_bars import FlatBars, Given, explain_flat_bars
from xsmom.research.trips import Trips, measure
from xsmom.research.turnover import COST_KINDS, make_yearly

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

    from xsmom.config.meaning import Timing
    from xsmom.config.resolved import Resolved

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
Floats = NDArray[np.float64]


class Result:
    """What a run earned and what it cost. Frames are made when they are asked for.

    A run of a configuration also knows its decisions: `reasons`, `round_trips` and its own fills.
    """

    def __init__(
        self,
        panel: Panel,
        costs: Costs,
        cash_usdt: float,
        run: dict[str, Any],
        dense_units: Callable[[], Floats],
        *,
        timing: Timing | None = None,
        rerun: Callable[[Costs], Result] | None = None,
        own_fills: Callable[[], dict[str, Any]] | None = None,
        given_until: Callable[[int], Given] | None = None,
        config: Resolved | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.panel = panel
        self.assumed_costs = costs
        self.timing = timing
        self.cash_usdt = cash_usdt
        self.config = config
        self.notes = notes
        #: The same run at other costs; None where nobody told how.
        self.rerun = rerun
        self._run = run
        self._dense_units = dense_units
        self._own_fills = own_fills
        self._given_until = given_until

    @property
    def bankrupt_at(self) -> int | None:
        """Bar at whose close equity was gone; None when it never was."""
        place: int | None = self._run["bankrupt_at"]
        return place

    @property
    def liquidated_at(self) -> int | None:
        """Bar at whose close the margin was gone; None when it never was."""
        place: int | None = self._run.get("liquidated_at")
        return place

    @property
    def traded_usdt(self) -> float:
        """Notional traded in all."""
        return float(self._run["traded_usdt"][-1])

    def series(self) -> dict[str, Floats]:
        """What the core told of every close, by name: equity, cumulative costs, values held."""
        return {name: array for name, array in self._run.items() if isinstance(array, np.ndarray)}

    @cached_property
    def reasons(self) -> dict[str, int] | None:
        """How often each reason stood behind a name at a decision, most frequent first; None of weights."""
        counts: list[tuple[str, int]] | None = self._run.get("reason_counts")
        return None if counts is None else dict(sorted(counts, key=lambda count: -count[1]))

    @cached_property
    def flat_bars(self) -> FlatBars | None:
        """Bars at whose close nothing was held, by cause; None of weights. Runs again for what it needs."""
        if self._given_until is None or self.timing is None:
            return None
        lag_bars = self.timing.delay_bars + (self.timing.fill_at != "close")
        ended = self.liquidated_at if self.bankrupt_at is None else self.bankrupt_at
        return explain_flat_bars(self._held, self._given_until, lag_bars=lag_bars, ended_at=ended)

    @property
    def _held(self) -> NDArray[np.bool_]:
        """At which closes anything was held."""
        if "gross_usdt" in self._run:
            return np.asarray(self._run["gross_usdt"] > 0)
        return np.asarray(self.units.any(axis=1))

    @property
    def meta_labeller(self) -> dict[str, Any] | None:
        """What became of the meta-labeller, None where it was off.

        `promoted` now, and `bars_promoted` of `bars`; `gain_nats`, the log-loss of the base rate less that of the
        model, both as predicted before each outcome, mean of the newest `blocks`, with its `statistic` (2.5
        promotes); `labels` with an outcome, the `base_rate` of those that paid, `pending` and `lost` ones.
        """
        found: dict[str, Any] | None = self._run.get("labels")
        return found

    @cached_property
    def trips(self) -> Trips | None:
        """Closed round trips as arrays; None for a run of weights, which knows none."""
        found = self._run.get("trips")
        return None if found is None else Trips(self.panel.symbols, found)

    @cached_property
    def round_trips(self) -> pl.DataFrame | None:
        """Every closed round trip, in the order in which they ended; None for a run of weights."""
        return None if self.trips is None else self.trips.frame()

    @cached_property
    def exposure(self) -> pl.DataFrame:
        """`time, gross_frac, net_frac`: values held as shares of equity at every close."""
        import polars as pl

        gross, net = self._exposure
        return pl.DataFrame({"time": self._time, "gross_frac": gross, "net_frac": net})

    @cached_property
    def _exposure(self) -> tuple[Floats, Floats]:
        if "gross_usdt" in self._run:
            gross, net = self._run["gross_usdt"], self._run["net_usdt"]
        else:
            value = self.units * self._marks
            gross, net = np.abs(value).sum(axis=1), value.sum(axis=1)
        equity = self._run["equity_usdt"]
        alive = equity > 0
        nothing = np.zeros_like(equity)
        return (
            np.divide(gross, equity, out=nothing.copy(), where=alive),
            np.divide(net, equity, out=nothing, where=alive),
        )

    @cached_property
    def _time(self) -> pl.Series:
        import polars as pl

        stamps = pl.Series("time", self.panel.close_ms)
        return stamps.cast(pl.Datetime("ms", time_zone="UTC"))

    @cached_property
    def equity(self) -> pl.DataFrame:
        """`time, equity_usdt, drawdown_frac` at every close; drawdown counts from the start's cash."""
        import polars as pl

        equity: Floats = self._run["equity_usdt"]
        high = np.maximum(np.maximum.accumulate(equity), self.cash_usdt)
        return pl.DataFrame({"time": self._time, "equity_usdt": equity, "drawdown_frac": equity / high - 1.0})

    @cached_property
    def costs(self) -> pl.DataFrame:
        """Cumulative costs by kind at every close, and the notional traded, in USDT."""
        import polars as pl

        return pl.DataFrame({"time": self._time, **{name: self._run[name] for name in (*COST_KINDS, "traded_usdt")}})

    @cached_property
    def units(self) -> Floats:
        """Units held after each close, bars by symbols; computed when first asked for."""
        return self._dense_units()

    @cached_property
    def _marks(self) -> Floats:
        """Last known close of every symbol at every bar; 0 before the first."""
        close = np.array(self.panel.close)
        for t in range(1, len(close)):
            row = close[t]
            np.copyto(row, close[t - 1], where=np.isnan(row))
        return np.nan_to_num(close, nan=0.0)

    @cached_property
    def positions(self) -> pl.DataFrame:
        """Every open position at every close: `time, symbol, units, mark, value_usdt, weight_frac`."""
        import polars as pl

        bar, column = np.nonzero(self.units)
        units, mark = self.units[bar, column], self._marks[bar, column]
        equity = self._run["equity_usdt"][bar]
        return pl.DataFrame(
            {
                "time": self._time.gather(bar),
                "symbol": pl.Series(self.panel.symbols).gather(column),
                "units": units,
                "mark": mark,
                "value_usdt": units * mark,
                "weight_frac": units * mark / equity,
            }
        )

    @cached_property
    def weights(self) -> pl.DataFrame:
        """Share of equity of each symbol at each close, one column a symbol; weights drift with prices."""
        import polars as pl

        equity = self._run["equity_usdt"][:, None]
        value = self.units * self._marks
        share = np.divide(value, equity, out=np.zeros_like(value), where=equity > 0)
        return pl.DataFrame(share, schema=list(self.panel.symbols)).insert_column(0, self._time)

    def own_fills(self) -> dict[str, Any] | None:
        """Every fill as the core booked it, in columns by its own names; None for a run of weights."""
        return None if self._own_fills is None else self._own_fills()

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Every fill. Of a configuration: `time, symbol, units, price, reference_price, fee_usdt, exit`.

        Of weights: every change of units as `time` (close of the bar in which it fell), `symbol, units`.
        """
        import polars as pl

        if self._own_fills is not None:
            found = self._own_fills()
            told = ("units", "price", "reference_price", "fee_usdt", "exit")
            time = pl.Series(found["at_ms"]).cast(pl.Datetime("ms", time_zone="UTC"))
            symbol = pl.Series(self.panel.symbols, dtype=pl.String).gather(found["symbol"])
            return pl.DataFrame({"time": time, "symbol": symbol, **{name: found[name] for name in told}})
        steps = np.diff(self.units, axis=0, prepend=0.0)
        bar, column = np.nonzero(steps)
        return pl.DataFrame(
            {
                "time": self._time.gather(bar),
                "symbol": pl.Series(self.panel.symbols).gather(column),
                "units": steps[bar, column],
            }
        )

    @cached_property
    def daily_returns(self) -> pl.DataFrame:
        """Net returns from one UTC midnight to the next: `day` (the day that ended), `return_frac`.

        The first and last stretch may be shorter than a day; they count, so that the product of all
        is the whole return.
        """
        import polars as pl

        day, change = self._daily
        days = pl.Series("day", day * DAY_MS).cast(pl.Datetime("ms", time_zone="UTC")).dt.date()
        return pl.DataFrame({"day": days, "return_frac": change})

    @cached_property
    def _daily(self) -> tuple[NDArray[np.int64], Floats]:
        """Days since 1970, and the return of each."""
        # A close at midnight ends the day before it.
        day = (self.panel.close_ms - 1) // DAY_MS
        last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
        equity = np.concatenate([[self.cash_usdt], self._run["equity_usdt"][last]])
        before = equity[:-1]
        change = np.divide(equity[1:], before, out=np.ones(len(last)), where=before > 0) - 1.0
        return day[last], change

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every figure: UTC-daily measures, turnover and costs a year, intervals beside the Sharpe ratio."""
        _, returns = self._daily
        found = statistics.metrics(returns)
        low, high = statistics.sharpe_interval(returns)
        found |= {
            "sharpe_low": low,
            "sharpe_high": high,
            "sharpe_hac": statistics.hac_sharpe(returns),
            **statistics.psr(returns),
            **self._yearly(),
            "bankrupt": self.bankrupt_at is not None,
        }
        if self.trips is not None:
            gross, net = self._exposure
            found |= {
                "liquidated": self.liquidated_at is not None,
                "gross_mean_frac": float(gross.mean()),
                "net_mean_frac": float(net.mean()),
                "flat_frac": float(1.0 - self._held.mean()),
                "decisions": self._run["decisions"],
                "guarded_bars": self._run["guarded_bars"],
                **measure(self.trips),
            }
        return found

    def _yearly(self) -> dict[str, float]:
        """Turnover and costs made yearly, as shares of mean equity; costs as a share of gross result."""
        run = self._run
        found = make_yearly(
            {name: float(run[name][-1]) for name in (*COST_KINDS, "traded_usdt")},
            years=len(self.panel.close_ms) * self.panel.bar_ms / YEAR_MS,
            equity_mean_usdt=float(np.mean(run["equity_usdt"])),
            equity_usdt=float(run["equity_usdt"][-1]),
            cash_usdt=self.cash_usdt,
        )
        return {name: float(value) for name, value in found.items()}

    def report(self, folder_or_path: str | Path, *, provenance: Mapping[str, object] | None = None) -> Path:
        """Write the run as one HTML page with its numbers as JSON beside it; tells where the page is."""
        from xsmom.research.report import write_report

        return write_report(self, folder_or_path, provenance=provenance)

    def plot_equity(self) -> go.Figure:
        """Equity over drawdown, as a plotly figure."""
        import plotly.graph_objects as go
        from plotly.subplots import make_subplots

        frame = self.equity
        figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.04)
        equity = go.Scatter(x=frame["time"], y=frame["equity_usdt"], name="equity", line={"width": 1.6})
        drawdown = go.Scatter(
            x=frame["time"], y=frame["drawdown_frac"], name="drawdown", fill="tozeroy", line={"width": 1}
        )
        figure.add_trace(equity, row=1, col=1)
        figure.add_trace(drawdown, row=2, col=1)
        figure.update_yaxes(title_text="USDT", row=1, col=1)
        figure.update_yaxes(title_text="drawdown", tickformat=".0%", row=2, col=1)
        title = self.panel.label or f"{len(self.panel.symbols)} symbols, {self.panel.bars} bars"
        figure.update_layout(title=title, showlegend=False, margin={"t": 48, "r": 16})
        return figure
