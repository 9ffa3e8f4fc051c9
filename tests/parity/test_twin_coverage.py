"""The runs that the core is compared on do meet the rules: else agreement would say little."""

from collections import Counter

import numpy as np

from tests.oracle import loop, markets

# Every reason of a decision. Reasons of the plan and of exits are not a decision's.
REASONS = {
    "not_selected",
    "selected",
    "kept",
    "older_tranche",
    "not_listed",
    "delisted",
    "excluded",
    "not_included",
    "no_data",
    "too_young",
    "price_too_low",
    "volume_too_low",
    "outside_top_n",
    "short_history",
    "flat_price",
    "too_small",
    "stale",
    "stale_too_long",
    "operator_hold",
    "universe_too_small",
    "no_dispersion",
    "below_entry",
    "wrong_sign",
    "entries_blocked",
    "breadth",
    "blackout",
    "cooldown",
    "banned",
    "streak_pause",
    "symbol_pause",
    "awaiting_reentry",
    "majors",
    "regime",
    "adx",
    "breakout",
    "throttle",
    "positions_max",
    "weight_cap",
    "squeeze_cap",
    "risk_cap",
    "notional_cap",
    "adv_cap",
    "rung_cap",
    "correlated",
    "cluster_cap",
    "leg_short",
    "net_cap",
    "gross_cap",
    "stale_room",
    "flattened",
}


def test_every_reason_is_met():
    met: Counter[str] = Counter()
    for seed, overlay in enumerate([*markets.OVERLAYS, *["age_price"] * 4]):
        panel = markets.random_panel(np.random.default_rng([9, seed]), 140, 14)
        for step in loop.run(panel, markets.make_params(overlay), seed):
            met.update(step.reasons)
    rng = np.random.default_rng(9)
    tied = markets.make_panel(np.repeat(markets.walk_prices(rng, 40, 1), 4, axis=1), rng)
    tied["symbols"] = ("A", "B", "C", "D")
    for step in loop.run(tied, markets.make_params(), 9):
        met.update(step.reasons)
    assert REASONS - set(met) == set()
    assert set(met) - REASONS == set()


def test_the_call_for_time_series_comes_and_goes():
    calls, mixes = set(), []
    for seed in range(6):
        panel = markets.random_panel(np.random.default_rng([8, seed]), 160, 10, rough=False)
        for step in loop.run(panel, markets.make_params("router"), seed, start=40):
            calls.add((step.state["router_called"], step.after["router_called"]))
            mixes.append(step.after["router_mix"])
    assert calls == {(a, b) for a in (False, True) for b in (False, True)}
    assert min(mixes) < 0.3
    assert max(mixes) == 1.0
