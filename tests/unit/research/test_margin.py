"""When a simulated account is liquidated: by one rate, by tiers, by symbol, or never."""

from __future__ import annotations

from typing import Any

import pytest

import xsmom as xs
from xsmom.errors import ConfigError, KernelError
from xsmom.lake.sample import SampleMarket

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DAY_MS = 86_400_000
LEVERED: dict[str, Any] = {
    "strategy.gross_leverage": 2.4,
    "strategy.max_weight_per_asset": 0.5,
    "strategy.max_weight_short": 0.5,
    "strategy.portfolio_vol_target.enabled": False,
}


@pytest.fixture(scope="module")
def panel() -> xs.Panel:
    return SampleMarket(20, 420, DAY_MS, 7).build()


def ended(panel: xs.Panel, margin: xs.Margin | None = None, settings: dict[str, Any] | None = None) -> int | None:
    config = xs.load_config("weekly", set=LEVERED | (settings or {}))
    return xs.backtest(panel, config, margin=margin).liquidated_at


def test_the_default_rate_is_far_from_this_book(panel: xs.Panel) -> None:
    assert ended(panel) is None
    assert ended(panel, None, {"costs.maintenance_margin_pct": 50.0}) is not None


def test_tiers_bind_where_their_bracket_is_reached(panel: xs.Panel) -> None:
    """A position is worth up to about 2,000 USDT: what lies above that asks nothing."""
    assert ended(panel, None, {"costs.margin_tiers": [[1e6, 0.01], [1e7, 0.9]]}) is None
    early = ended(panel, None, {"costs.margin_tiers": [[100, 0.01], [1e7, 0.9]]})
    assert early is not None
    half = ended(panel, None, {"costs.margin_tiers": [[100, 0.01], [1e7, 0.5]]})
    assert half is None or half >= early


def test_a_symbol_has_its_own_and_the_rest_what_is_left(panel: xs.Panel) -> None:
    hard: list[tuple[float, float]] = [(1e9, 0.9)]
    everyone = ended(panel, xs.Margin(tiers={"*": hard}))
    assert everyone is not None
    assert ended(panel, xs.Margin(0.01, {panel.symbols[0]: hard})) is None
    spared = xs.Margin(tiers={"*": hard, **{name: [(1e9, 0.001)] for name in panel.symbols}})
    assert ended(panel, spared) is None


def test_without_liquidation_only_bankruptcy_ends_a_run(panel: xs.Panel) -> None:
    assert ended(panel, None, {"costs.liquidation": False, "costs.maintenance_margin_pct": 50.0}) is None
    assert ended(panel, xs.Margin(0.0)) is None


def test_what_no_venue_has_is_refused(panel: xs.Panel) -> None:
    with pytest.raises(KernelError, match="wants limits and rates that rise"):
        ended(panel, xs.Margin(tiers={"*": [(1e6, 0.02), (1e5, 0.03)]}))
    with pytest.raises(ConfigError, match="bankruptcy alone"):
        xs.backtest(panel, weights=0.0 * panel.close, margin=xs.Margin())


def test_a_sweep_liquidates_as_each_backtest_does(panel: xs.Panel) -> None:
    points: list[dict[str, Any]] = [
        {"costs.maintenance_margin_pct": 50.0, "costs.margin_tiers": []},
        {"costs.maintenance_margin_pct": 1.0, "costs.margin_tiers": []},
        {"costs.maintenance_margin_pct": 1.0, "costs.margin_tiers": [[100, 0.01], [1e7, 0.9]]},
    ]
    frame = xs.sweep(panel, points, base=xs.load_config("weekly", set=LEVERED))
    alone = [xs.backtest(panel, xs.load_config("weekly", set=LEVERED | point)) for point in points]
    assert [result.liquidated_at is not None for result in alone] == [True, False, True]
    assert frame["total_return"].to_list() == [result.metrics["total_return"] for result in alone]
