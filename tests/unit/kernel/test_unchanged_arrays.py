"""What a fill or a stop leaves as it was is given back as the very array that came; bits are compared, not numbers."""

from __future__ import annotations

import numpy as np
import pytest

from xsmom import _core, kernel

PARAMS = kernel.Params(**{**_core.params_defaults(), "stop_atr_x": 2.0, "streak_losses": 3})


def opened() -> dict[str, np.ndarray]:
    """Three names, one of them held."""
    positions, _, _ = kernel.fold_fill(kernel.flat_positions(3), 1, 5, 100.0, 2.0, 1_000, PARAMS)
    return positions


def test_a_fill_shares_what_it_does_not_change() -> None:
    before = opened()
    kept = {name: values.copy() for name, values in before.items()}
    after, _, _ = kernel.fold_fill(dict(before), 1, 5, 110.0, 2.0, 2_000, PARAMS)
    changed = {name for name in before if after[name] is not before[name]}
    assert changed == {"lots", "lots_initial", "entry_price", "cost_price_lots"}
    for name, values in kept.items():
        np.testing.assert_array_equal(before[name].view(np.uint8), values.view(np.uint8), err_msg=name)
    assert after["lots"].tolist() == [0, 10, 0]


def test_what_is_shared_is_what_a_whole_copy_would_hold() -> None:
    """Against the same fill with arrays that share nothing: NaN, -0 and all."""
    before = opened()
    before["funding_usdt_cum"] = np.array([0.0, -0.0, 0.0])
    before["basis_bps_entry"] = np.array([np.nan, np.nan, 1.0])
    after, _, _ = kernel.fold_fill(before, 1, -5, 90.0, 2.0, 2_000, PARAMS)
    assert np.signbit(before["funding_usdt_cum"]).tolist() == [False, True, False]
    # The position is gone: its -0 has become the 0 of no position, which is no equal number here.
    assert after["funding_usdt_cum"] is not before["funding_usdt_cum"]
    assert np.signbit(after["funding_usdt_cum"]).tolist() == [False, False, False]
    assert np.isnan(after["basis_bps_entry"]).tolist() == [True, True, False]
    for name, values in kernel.flat_positions(3).items():
        if name != "basis_bps_entry":
            np.testing.assert_array_equal(after[name], values, err_msg=name)


@pytest.mark.parametrize("side", [1, -1])
def test_a_stop_and_a_round_trip_change_no_array_that_was_given(side: int) -> None:
    records, state = kernel.new_records(3), kernel.new_state(3, PARAMS)
    kept = {name: np.array(values) for name, values in records.items()}
    after, awaiting = kernel.note_stop(records, state, 1, side, 3_600_000, PARAMS)
    assert after["until_ms"] is not records["until_ms"]
    assert not np.asarray(state["awaiting_reentry"]).any()
    assert awaiting[1].tolist() == [side > 0, side < 0]
    lost = kernel.note_round_trip(dict(after), 2, -5.0, 3_600_000, PARAMS)
    assert (lost["losses"].tolist(), after["losses"].tolist()) == ([0, 0, 1], [0, 0, 0])
    assert lost["wins"] is after["wins"]
    for name, values in kept.items():
        np.testing.assert_array_equal(records[name], values, err_msg=name)
