"""Why nothing was held: the differences of runs that end earlier, against reasons noted decision by decision."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.oracle import core
from tests.oracle.simulation import Simulation
from tests.oracle.simulation_cases import random_setup, rough_market, scenario
from xsmom import _core
from xsmom.research import flat_bars
from xsmom.research.flat_bars import ENDED, WAITING, explain_flat_bars

RULES = ("not_selected", "selected", "kept", "older_tranche")
ABSENT = ("not_listed", "delisted", "excluded", "not_included")


class Noting(Simulation):
    """The slow twin, that remembers what each decision said of each name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decided: dict[int, list[str]] = {}

    def decide(self, t, close_ms):
        super().decide(t, close_ms)
        self.decided[t] = list(self.reasons)


def counted_by_hand(said):
    """The reasons that count: rules first, else what is not there, else any."""
    for left_out in (RULES + ABSENT, RULES, ()):
        counted = [reason for reason in said if reason not in left_out]
        if counted:
            return counted
    return [WAITING]


def share_by_hand(held, decided, lag, ended_at):
    """Bar by bar and name by name; the book is flat at a close for what was decided `lag` bars before."""
    total: dict[str, float] = {}
    stretch: list[int] = []
    for t in range(len(held) + 1):
        if t < len(held) and not held[t]:
            stretch.append(t)
            continue
        said = [reason for at in stretch for reason in decided.get(at - lag, [])]
        over = bool(stretch) and ended_at is not None and stretch[0] >= ended_at
        counted = [ENDED] if over else counted_by_hand(said)
        for reason in counted:
            total[reason] = total.get(reason, 0.0) + len(stretch) / len(counted)
        stretch = []
    bars = sum(total.values())
    return {reason: shared / bars for reason, shared in total.items() if shared}


@pytest.mark.parametrize("fill_at", ["open", "close"])
@pytest.mark.parametrize("name", ["classic", "stops", "drawdown", "daily_loss"])
def test_shares_are_those_of_the_decisions(name, fill_at, monkeypatch, proof):
    monkeypatch.setattr(flat_bars, "LONGEST", 10_000)
    flat = 0
    for seed in range(200, 230 if proof else 204):
        rng = np.random.default_rng([5, seed])
        panel = rough_market(rng, 150, 10, rough=seed % 3 > 0)
        params, setup = scenario(name), random_setup(rng, panel, fill_at=fill_at)
        twin = Noting(panel, params, setup)
        ran = twin.run()
        whole = core.to_panel(panel, params["bar_ms"])

        def given_until(bars, whole=whole, params=params, setup=setup):
            if bars <= 0:
                return Counter(), 0
            cut = core.simulate_panel(whole.slice(0, bars), params, setup)
            return Counter(dict(cut["reason_counts"])), cut["decisions"]

        held = np.array(ran["gross_usdt"]) > 0
        lag = setup.delay_bars + (fill_at != "close")
        ended_at = ran["liquidated_at"] if ran["bankrupt_at"] is None else ran["bankrupt_at"]
        found = explain_flat_bars(held, given_until, lag_bars=lag, ended_at=ended_at)
        wanted = share_by_hand(held.tolist(), twin.decided, lag, ended_at)
        assert found.bars == int((~held).sum())
        assert found.told_from == found.stretches
        assert {cause.key: cause.share_frac for cause in found.causes} == pytest.approx(wanted, abs=1e-12)
        flat += found.bars
    assert flat > 100, "hardly a bar was flat: nothing was compared"


def test_every_reason_that_keeps_a_name_out_is_known() -> None:
    keys = {key for key, _ in _core.reasons().values()}
    assert {*RULES, *ABSENT} <= keys
    assert not {ENDED, WAITING} & keys
