"""The demo's verdict: what the live engine did, beside what the backtest's own account would have done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xsmom.cli.amounts import usdt
from xsmom.cli.output import print_table

if TYPE_CHECKING:
    from xsmom.cli.demo_trading import Traded
    from xsmom.config.resolved import Resolved
    from xsmom.domain.book import Book

PAGE_FILE = "parity.html"


@dataclass(frozen=True, slots=True)
class BarParity:
    """One decision of both."""

    close_ms: int
    names: int
    names_same: int
    #: Largest difference of a target, share of equity.
    difference_frac: float
    gross_frac: float
    features_same: bool
    live_usdt: float
    model_usdt: float
    #: Names that hold what was planned, once the orders were done.
    reached: int


@dataclass(frozen=True, slots=True)
class DemoParity:
    """All decisions, and what the accounts say in the end."""

    bars: tuple[BarParity, ...]
    entries: int
    entries_same: int
    books_agree: bool
    live_costs: dict[str, float]
    model_costs: dict[str, float]
    #: Targets and plans of the trader, and what the backtest's own loop, given its fills, made otherwise.
    targets: int
    plans: int
    followed_apart: tuple[str, ...]
    #: Largest relative difference between a close of the panel and its candle, since an exchange's prices have ticks.
    price_frac: float

    @property
    def passed(self) -> bool:
        """The journal comes out again, features are those of the backtest, and the first targets are the same."""
        exact = self.entries_same == self.entries and all(bar.features_same for bar in self.bars)
        exact = exact and self.targets > 0 and not self.followed_apart
        return exact and self.books_agree and bool(self.bars) and self.bars[0].names_same == self.bars[0].names

    def document(self) -> dict[str, Any]:
        """The same as one JSON object."""
        rows = [{name: getattr(bar, name) for name in bar.__dataclass_fields__} for bar in self.bars]
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "bars"}
        return {"passed": self.passed, **told, "bars": rows}


def compare(traded: Traded, config: Resolved, market: Any, progress: Callable[[int, int], object]) -> DemoParity:
    """Lead the bars that the trader saw through the backtest's account, from the same first decision on."""
    from xsmom.engine import money
    from xsmom.live.replay import Replay

    done = traded.done
    seen, book = done.panel, done.book
    assert seen is not None, "a trader that decided has seen bars"
    assert book is not None
    begin = (done.decided[0].close_ms - int(seen.close_ms[0])) // seen.bar_ms
    replay = Replay.of(seen, config, begin=begin)
    model: dict[int, tuple[Any, float]] = {}

    def keep(bars: int, total: int) -> None:
        now: Book | None = replay.book
        if now is not None and now.cycle.decided_ms == int(seen.close_ms[bars - 1]):
            model[now.cycle.decided_ms] = (now.cycle.weight_frac, money.equity_usdt(now))
        progress(bars, total)

    replayed = replay.run(keep)
    assert replayed.book is not None
    rows = [_row(one, *model[one.close_ms]) for one in done.decided if one.close_ms in model]
    followed = done.followed
    assert followed is not None, "the demo begins with a first start, and keeps its names"
    columns = [market.symbols.index(symbol) for symbol in seen.symbols]
    at = np.searchsorted(market.close_ms, seen.close_ms)
    return DemoParity(
        bars=tuple(rows),
        entries=done.entries,
        entries_same=done.entries - len(done.differences),
        books_agree=traded.truth_lots == traded.held_lots,
        live_costs=_costs(book),
        model_costs=_costs(replayed.book),
        targets=followed.decisions,
        plans=followed.plans,
        followed_apart=tuple(followed.differences),
        price_frac=float(np.nanmax(np.abs(seen.close / market.close[at][:, columns] - 1.0))),
    )


def _row(one: Any, weights: Any, equity_usdt: float) -> BarParity:
    there = (one.weight_frac != 0.0) | (weights != 0.0)
    return BarParity(
        close_ms=one.close_ms,
        names=len(weights),
        names_same=int((one.weight_frac == weights).sum()),
        difference_frac=float(np.abs(one.weight_frac - weights)[there].max(initial=0.0)),
        gross_frac=float(np.abs(one.weight_frac).sum()),
        features_same=one.features_same,
        live_usdt=one.equity_usdt,
        model_usdt=equity_usdt,
        reached=int((one.goal_lots == one.held_lots).sum()),
    )


def _costs(book: Book) -> dict[str, float]:
    money = book.money
    return {
        "traded_usdt": money.traded_usdt,
        "fee_usdt": money.fee_usdt,
        "slippage_usdt": money.slippage_usdt,
        "funding_usdt": money.funding_usdt,
    }


def print_demo_parity(found: DemoParity, traded: Traded) -> None:
    """One row a decision, one a cost, and the sentence that sums them up."""
    from xsmom.domain.stamps import format_ms

    rows = [
        (
            format_ms(bar.close_ms),
            f"{bar.names_same} of {bar.names}",
            f"{bar.difference_frac:.4%}",
            f"{bar.reached} of {bar.names}",
            usdt(bar.live_usdt),
            usdt(bar.model_usdt),
        )
        for bar in found.bars
    ]
    titles = ("decided", "targets same", "largest difference", "plan reached", "equity live", "equity backtest")
    print_table(titles, rows, [None] * len(rows))
    print()
    costs = [
        (name.removesuffix("_usdt"), usdt(found.live_costs[name]), usdt(found.model_costs[name]))
        for name in found.live_costs
    ]
    print_table(("USDT", "live", "backtest"), costs, [None] * len(costs))
    same = "are" if all(bar.features_same for bar in found.bars) else "are NOT"
    print(
        f"\n{found.entries_same:,} of {found.entries:,} journal entries come out the same when they are taken again; "
        f"the features of every decision {same} those of the backtest, bit for bit."
    )
    apart = "".join(f" NOT: {one}." for one in found.followed_apart) or " come out of it, bit for bit."
    print(
        f"The backtest's loop, given the fills, funding and verdicts of this run: {found.targets} targets and "
        f"{found.plans} plans in whole lots{apart}"
    )
    agree = "agree" if found.books_agree else "DO NOT agree"
    print(f"Journal and exchange {agree} on {len(traded.truth_lots)} positions, each with its stop on the exchange.")
    if any(bar.names_same < bar.names for bar in found.bars):
        _explain_difference()


def _explain_difference() -> None:
    print(
        "Where targets differ, the accounts do: fills of the exchange are not those that the cost model assumed, so "
        "shares of equity drift apart."
    )


def draw_page(found: DemoParity, label: str) -> str:
    """Equity of both, and how far targets were apart, as one offline page."""
    from plotly.graph_objects import Bar, Figure, Scatter
    from plotly.subplots import make_subplots

    times = np.array([bar.close_ms for bar in found.bars], dtype="datetime64[ms]")
    figure: Figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        row_heights=[0.65, 0.35],
        subplot_titles=("Equity at each decision, USDT", "Largest difference of a target, % of equity"),
    )
    for name, values, dash in (
        ("live engine on the exchange", [bar.live_usdt for bar in found.bars], "solid"),
        ("the backtest's account", [bar.model_usdt for bar in found.bars], "dot"),
    ):
        figure.add_trace(Scatter(x=times, y=values, name=name, line={"dash": dash}), row=1, col=1)
    apart = [100 * bar.difference_frac for bar in found.bars]
    figure.add_trace(Bar(x=times, y=apart, name="difference", showlegend=False), row=2, col=1)
    figure.update_layout(title=f"Live against backtest on a {label}", template="plotly_white", height=700)
    text: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return text
