"""What must hold of any simulation, whoever wrote it: identities of the account, no future, no free lunch."""

import numpy as np
import pytest

from tests.oracle import core, markets
from tests.oracle.account import FREE
from tests.oracle.core import PANEL_FIELDS
from tests.oracle.simulation import Setup
from tests.oracle.simulation_cases import (
    COSTS,
    QUIET,
    SCENARIOS,
    STOPS,
    contracts_of,
    random_run,
    random_setup,
    rough_market,
    scenario,
)
from xsmom.lake.sample import SampleMarket

TIMINGS = [("open", 0), ("open", 2), ("close", 0), ("close", 1), ("vwap", 0), ("vwap", 1)]
SERIES = ("equity_usdt", "gross_usdt", "net_usdt", "fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt", "units")


def marks_of(panel):
    """The last known close of each name at each bar."""
    marks = panel["close"].copy()
    for t in range(1, len(marks)):
        marks[t] = np.where(np.isnan(marks[t]), marks[t - 1], marks[t])
    return marks


# ---- the account -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["classic", "stops", "daily_loss", "tranches"])
@pytest.mark.parametrize(("fill_at", "delay_bars"), TIMINGS)
def test_every_dollar_is_in_the_fills(name, fill_at, delay_bars):
    rng = np.random.default_rng(21)
    panel = rough_market(rng, 400, 14)
    setup = Setup(COSTS["mixed"], fill_at, delay_bars, 10_000.0, contracts_of(panel, 0.4, 5.0), 0.0)
    run = core.simulate(panel, scenario(name), setup)
    fills, marks = run["fills"], marks_of(panel)
    assert len(fills["bar"]) > 300
    for t in range(len(marks)):
        past = fills["bar"] <= t
        units, symbol = fills["units"][past], fills["symbol"][past]
        held = np.bincount(symbol, units, minlength=14)
        np.testing.assert_allclose(run["units"][t], held, atol=1e-9 * (1.0 + np.abs(units).max(initial=0.0)))
        live = run["units"][t] != 0.0
        value = run["units"][t][live] * marks[t][live]
        cash = 10_000.0 - (units * fills["price"][past]).sum() - fills["fee_usdt"][past].sum() - run["funding_usdt"][t]
        assert run["net_usdt"][t] == pytest.approx(value.sum(), abs=1e-7)
        assert run["gross_usdt"][t] == pytest.approx(np.abs(value).sum(), abs=1e-7)
        assert run["equity_usdt"][t] == pytest.approx(cash + value.sum(), abs=1e-6)
        result = (units * (marks[t][symbol] - fills["reference_price"][past])).sum()
        paid = run["fee_usdt"][t] + run["spread_usdt"][t] + run["impact_usdt"][t] + run["funding_usdt"][t]
        assert run["equity_usdt"][t] - 10_000.0 == pytest.approx(result - paid, abs=1e-6)


def test_funding_is_paid_on_what_is_held_after_the_open():
    rng = np.random.default_rng(22)
    panel = rough_market(rng, 300, 12, rough=False)
    setup = Setup(FREE | {"funding": True}, contracts=contracts_of(panel, 0.4, 5.0))
    run = core.simulate(panel, scenario("classic") | {"catastrophic_atr_x": 0.0}, setup)
    # Without exits inside the bar, what is held at the close was held when it settled.
    paid = (run["units"] * panel["close"] * panel["funding_frac"]).sum(axis=1).cumsum()
    np.testing.assert_allclose(run["funding_usdt"], paid, atol=1e-9)
    assert np.abs(paid).max() > 0.1


def test_round_trips_add_up_to_the_account():
    rng = np.random.default_rng(23)
    panel = rough_market(rng, 400, 12, rough=False)
    flat_at_end = scenario("stops") | {"blackout_hours": []}
    panel["delisted_ms"] = np.full(12, panel["close_ms"][-3])  # everything is sold by then
    run = core.simulate(panel, flat_at_end, Setup(COSTS["mixed"], contracts=contracts_of(panel, 0.4, 0.0)))
    assert not run["units"][-1].any()
    trips = run["trips"]
    assert trips["net_usdt"].sum() == pytest.approx(run["equity_usdt"][-1] - 10_000.0, abs=1e-6)
    assert -trips["funding_usdt"].sum() == pytest.approx(run["funding_usdt"][-1], abs=1e-9)


def test_doubled_fees_double_the_fee_line():
    rng = np.random.default_rng(24)
    panel = rough_market(rng, 300, 12)
    # The sizing equity is bound, and no rule looks at results: fees change no decision.
    params = scenario("stops") | {"capital_usdt_max": 5_000.0}
    runs = []
    for fee in (5e-4, 1e-3):
        setup = Setup(COSTS["fees"] | {"taker_fee_frac": fee}, cash_usdt=1e6, contracts=contracts_of(panel, 0.4, 5.0))
        runs.append(core.simulate(panel, params, setup))
    np.testing.assert_array_equal(runs[0]["units"], runs[1]["units"])
    assert runs[0]["fee_usdt"][-1] > 100.0
    np.testing.assert_allclose(2.0 * runs[0]["fee_usdt"], runs[1]["fee_usdt"], rtol=1e-12)
    lost = runs[0]["equity_usdt"] - runs[1]["equity_usdt"]
    np.testing.assert_allclose(lost, runs[0]["fee_usdt"], atol=1e-6)


# ---- no future ---------------------------------------------------------------------------------


def check_same_until(found, wanted, rows):
    for name in SERIES:
        np.testing.assert_array_equal(found[name][:rows], wanted[name][:rows], err_msg=name)
    past = wanted["fills"]["bar"] < rows
    for name in ("bar", "symbol", "units", "price"):
        early = found["fills"][name][found["fills"]["bar"] < rows]
        np.testing.assert_array_equal(early, wanted["fills"][name][past], err_msg=name)


def spoil(panel, rows, rng):
    """Everything from bar `rows` on is another market, with holes."""
    out = dict(panel)
    shape = panel["close"][rows:].shape
    scale, absent = np.exp(rng.normal(0.0, 0.5, shape)), rng.random(shape) < 0.3
    for name in markets.FIELDS:
        late = panel[name][rows:] * scale
        out[name] = np.concatenate([panel[name][:rows], np.where(absent, np.nan, late)])
    return out


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_scenario_knows_the_future(name):
    rng = np.random.default_rng(31)
    panel = rough_market(rng, 300, 12)
    for timing in TIMINGS:
        contracts = None if timing[1] else contracts_of(panel, 0.4, 5.0)
        setup = random_setup(rng, panel, fill_at=timing[0], delay_bars=timing[1], contracts=contracts)
        whole = core.simulate(panel, scenario(name), setup)
        for rows in rng.integers(40, 300, size=3):
            check_same_until(core.simulate(markets.cut(panel, 0, rows), scenario(name), setup), whole, rows)
            check_same_until(core.simulate(spoil(panel, rows, rng), scenario(name), setup), whole, rows)


def test_no_mixture_knows_the_future(proof):
    for seed in range(2_000 if proof else 100):
        rng = np.random.default_rng([32, seed])
        panel, params, setup = random_run(seed)
        rows = int(rng.integers(30, 120))
        whole = core.simulate(panel, params, setup)
        check_same_until(core.simulate(spoil(panel, rows, rng), params, setup), whole, rows)
        check_same_until(core.simulate(markets.cut(panel, 0, rows), params, setup), whole, rows)


# ---- other names -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["classic", "stops", "trade_loss", "slow_tranches"])
def test_a_name_that_may_not_be_traded_changes_nothing(name):
    for seed in range(6):
        rng = np.random.default_rng([41, seed])
        panel = rough_market(rng, 250, 11, rough=seed % 2 > 0)
        more = markets.take(panel, [*range(11), 10])
        for field in markets.FIELDS:  # a market of its own
            more[field][:, 11] = more[field][::-1, 3]
        more["symbols"] = (*panel["symbols"], "ZZUSDT")
        params = scenario(name) | {"universe_exclude": ["ZZUSDT"]}
        lots = contracts_of(panel, 0.4, 5.0)
        wider = ([*lots[0], lots[0][3]], [*lots[1], 0.0])
        alone = core.simulate(panel, params, Setup(COSTS["mixed"], contracts=lots))
        beside = core.simulate(more, params, Setup(COSTS["mixed"], contracts=wider))
        np.testing.assert_array_equal(beside["units"][:, :11], alone["units"])
        assert not beside["units"][:, 11].any()
        np.testing.assert_allclose(beside["equity_usdt"], alone["equity_usdt"], rtol=1e-12)


# ---- no free lunch -----------------------------------------------------------------------------


def sample_panel(seed, momentum, symbols=14, bars=900):
    market = SampleMarket(symbols=symbols, bars=bars, seed=seed, momentum=momentum, churn=False).build()
    return {name: getattr(market, name) for name in PANEL_FIELDS}


def shuffled(panel, rng):
    """Each bar's moves dealt out to other names: what was foretold of one now happens to another."""
    rows, cols = panel["close"].shape
    before = np.vstack([panel["open"][:1], marks_of(panel)[:-1]])
    dealt = np.array([rng.permutation(cols) for _ in range(rows)])
    bar = {}
    for name in ("open", "high", "low", "close"):  # in an absent bar nothing moves
        bar[name] = np.take_along_axis(np.nan_to_num(panel[name] / before, nan=1.0), dealt, axis=1)
    close = 100.0 * bar["close"].cumprod(axis=0)
    start = np.vstack([np.full(cols, 100.0), close[:-1]])
    opened = bar["open"] * start
    high = np.maximum(bar["high"] * start, np.maximum(opened, close))
    low = np.minimum(bar["low"] * start, np.minimum(opened, close))
    still = {name: np.nan_to_num(panel[name]) for name in ("volume_usdt", "funding_frac")}
    return dict(panel) | still | {"open": opened, "high": high, "low": low, "close": close}


def net_returns(panels, params, costs):
    """What each run has made, with and without its costs, as shares of the cash."""
    net, gross = [], []
    for panel in panels:
        run = core.simulate(panel, params, Setup(costs, maintenance_frac=0.0))
        paid = sum(run[name][-1] for name in ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt"))
        net.append(run["equity_usdt"][-1] / 10_000.0 - 1.0)
        gross.append(net[-1] + paid / 10_000.0)
    return np.array(net), np.array(gross)


def t_value(returns):
    return returns.mean() / (returns.std(ddof=1) / np.sqrt(len(returns)))


def lunch_params(**changes):
    return markets.make_params(**QUIET | {"gross_hard_cap_x": 2.0} | changes)


@pytest.mark.parametrize("exits", [{"catastrophic_atr_x": 0.0}, STOPS | {"ladder": []}])
def test_a_market_without_momentum_earns_nothing_but_its_costs(exits, proof):
    panels = [sample_panel(seed, 0.0) for seed in range(400 if proof else 40)]
    free, _ = net_returns(panels, lunch_params(**exits), FREE)
    assert free.std() > 0.01
    assert abs(t_value(free)) < 3.0, f"{free.mean():.5f} of equity out of nothing"
    net, gross = net_returns(panels, lunch_params(**exits), COSTS["fees"])
    assert abs(t_value(gross)) < 3.0
    assert t_value(net) < -5.0, "costs do not hurt"


def test_shuffled_names_earn_nothing_and_strong_momentum_pays(proof):
    rng = np.random.default_rng(51)
    panels = [sample_panel(seed, 5.0) for seed in range(200 if proof else 30)]
    params = lunch_params(catastrophic_atr_x=0.0)
    pays, _ = net_returns(panels, params, FREE)
    assert t_value(pays) > 5.0, "the test could not fail"
    nothing, _ = net_returns([shuffled(panel, rng) for panel in panels], params, FREE)
    assert abs(t_value(nothing)) < 3.0, f"{nothing.mean():.5f} of equity out of nothing"
