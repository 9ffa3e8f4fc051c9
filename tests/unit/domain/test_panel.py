from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom.domain.panel import CELL_FIELDS, NEVER_MS, Panel
from xsmom.errors import DataError, KernelError

HOUR_MS = 3_600_000
FIRST_MS = 1_704_067_200_000 + HOUR_MS  # 2024-01-01 01:00Z


def arrays(bars: int = 6, symbols: tuple[str, ...] = ("AAA", "BBB", "CCC"), **changed: Any) -> dict[str, Any]:
    """Valid arguments of from_arrays: the price of cell (t, i) is 100 i + t + 1."""
    names = len(symbols)
    close = 100.0 * np.arange(names) + np.arange(1, bars + 1)[:, None]
    given_arrays = {
        "close_ms": FIRST_MS + HOUR_MS * np.arange(bars, dtype=np.int64),
        "symbols": symbols,
        "open": close - 0.25,
        "high": close + 0.5,
        "low": close - 0.5,
        "close": close,
        "volume_usdt": close * 1_000,
    }
    return {**given_arrays, **changed}


def make(**changed: Any) -> Panel:
    return Panel.from_arrays(**arrays(**changed))


def test_fields_have_one_layout() -> None:
    panel = make(close=np.asfortranarray(arrays()["close"]), volume_usdt=np.ones((6, 3), dtype=np.int32))
    for name in CELL_FIELDS:
        array = getattr(panel, name)
        assert array.dtype == np.float64, name
        assert array.shape == (6, 3), name
        assert array.flags.c_contiguous, name
        assert array.flags.aligned, name
        assert not array.flags.writeable, name
    for name in ("close_ms", "listed_ms", "delisted_ms"):
        assert getattr(panel, name).dtype == np.int64, name
        assert not getattr(panel, name).flags.writeable, name
    assert (panel.bars, panel.bar_ms) == (6, HOUR_MS)
    assert np.isnan(panel.funding_frac).all()


def test_a_caller_who_keeps_his_array_cannot_change_the_panel() -> None:
    given_arrays = arrays()
    panel = Panel.from_arrays(**given_arrays)
    given_arrays["close"][0, 0] = 77.0
    assert panel.close[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        panel.close[0, 0] = 77.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        panel.bar_ms = 1  # type: ignore[misc]


def test_read_only_arrays_are_taken_without_a_copy() -> None:
    given_arrays = arrays()
    for name in ("open", "close"):
        given_arrays[name].flags.writeable = False
    panel = Panel.from_arrays(**given_arrays)
    assert np.shares_memory(panel.close, given_arrays["close"])
    assert not np.shares_memory(panel.high, given_arrays["high"])


@given(order=st.permutations(range(5)))
def test_symbols_are_sorted_with_their_columns(order: list[int]) -> None:
    names = tuple("ABCDE"[i] for i in order)
    dates = [FIRST_MS - (i + 2) * HOUR_MS for i in order]
    funding = np.tile(np.array(order) / 1_000, (4, 1))
    close = np.tile(np.array(order) + 1.0, (4, 1))
    cells = {"open": close, "high": close, "low": close, "close": close, "volume_usdt": close}
    given_arrays = arrays(4, names, funding_frac=funding, listed_ms=dates, **cells)
    panel = Panel.from_arrays(**given_arrays)
    assert panel.symbols == ("A", "B", "C", "D", "E")
    assert panel.close[2].tolist() == [1, 2, 3, 4, 5]
    assert panel.funding_frac[3].tolist() == [0, 0.001, 0.002, 0.003, 0.004]
    assert panel.listed_ms.tolist() == [FIRST_MS - (i + 2) * HOUR_MS for i in range(5)]
    assert panel.close.flags.c_contiguous


def test_a_name_is_listed_at_the_open_of_its_first_bar() -> None:
    late = arrays()
    for name in ("open", "high", "low", "close", "volume_usdt"):
        late[name] = late[name].copy()
        late[name][:2, 1] = np.nan
        late[name][:, 2] = np.nan
    panel = Panel.from_arrays(**late)
    last_ms = FIRST_MS + 5 * HOUR_MS
    assert panel.listed_ms.tolist() == [FIRST_MS - HOUR_MS, FIRST_MS + HOUR_MS, last_ms]
    assert panel.delisted_ms.tolist() == [NEVER_MS] * 3


def test_one_bar_needs_its_length() -> None:
    with pytest.raises(DataError, match="bar_ms cannot be told from close_ms: give bar_ms="):
        make(bars=1)
    assert make(bars=1, bar_ms=HOUR_MS).bars == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"high": np.ones((5, 3))}, r"high has shape \(5, 3\), wants \(6, 3\): \(bars, symbols\)"),
        ({"close": np.ones((3, 6))}, r"close has shape \(3, 6\), wants \(6, 3\)"),
        ({"close": np.ones(6)}, r"close has shape \(6,\), wants \(6, 3\)"),
        ({"close": np.full((6, 3), "x")}, r"close holds <U1, wants numbers"),
        ({"listed_ms": [0.5, 1.5, 2.5]}, "listed_ms holds float64, wants whole UTC milliseconds as int64"),
        ({"listed_ms": [0, 1]}, r"listed_ms has shape \(2,\), wants \(3,\)"),
        ({"close_ms": np.arange(6.0)}, "close_ms is float64 of shape .*, wants whole UTC milliseconds"),
        ({"close_ms": np.zeros((6, 1), dtype=int)}, "close_ms is int64 of shape"),
        ({"symbols": ()}, "a panel of 6 bars and 0 symbols is empty"),
        (
            {"close_ms": 1_704_067_200 + 3600 * np.arange(6)},
            "close_ms looks like seconds .*2024-01-01 05:00Z",
        ),
    ],
)
def test_what_no_panel_can_be_is_refused_by_name(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        make(**changed)


def cell(name: str, value: float) -> dict[str, Any]:
    array = arrays()[name].copy() if name != "funding_frac" else np.zeros((6, 3))
    array[4, 1] = value
    return {name: array}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (cell("close", np.nan), "half there"),
        (cell("open", np.inf), "finite prices"),
        (cell("low", -1.0), "above 0"),
        (cell("high", 1.0), "contradict"),
        (cell("volume_usdt", -1.0), "volume_usdt"),
        (cell("funding_frac", 1.5), "funding_frac"),
    ],
)
def test_each_cell_is_checked_by_the_core(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(KernelError, match=words) as refused:
        make(**changed)
    assert "BBB" in str(refused.value)
    assert str(FIRST_MS + 4 * HOUR_MS) in str(refused.value)


@pytest.mark.parametrize(
    ("hours", "words"),
    [([1, 2, 4, 5, 6, 7], "absent bars are rows of NaN"), ([1, 2, 2, 3, 4, 5], "no bar stands twice")],
)
def test_the_clock_is_strictly_regular(hours: list[int], words: str) -> None:
    with pytest.raises(KernelError, match=words):
        make(close_ms=FIRST_MS + HOUR_MS * np.array(hours))


def test_a_bar_settles_where_a_rate_is_not_nothing_or_unknown() -> None:
    funding = np.zeros((6, 3))
    funding[1, 2], funding[3, 0], funding[4, 1] = 1e-9, np.nan, -0.0
    panel = make(funding_frac=funding)
    assert panel.settles.tolist() == [False, True, False, True, False, False]
    assert not panel.settles.flags.writeable
    assert panel.slice(1, 3).settles.tolist() == [True, False]


def test_a_symbol_stands_once() -> None:
    with pytest.raises(KernelError, match="AAA stands twice"):
        make(symbols=("AAA", "BBB", "AAA"))


def test_slices_are_views_that_keep_the_dates() -> None:
    panel = make(label="a label")
    part = panel.slice(2, 5)
    assert part.bars == 3
    assert part.label == "a label"
    assert part.close_ms[0] == FIRST_MS + 2 * HOUR_MS
    assert part.listed_ms.tolist() == panel.listed_ms.tolist()
    for name in (*CELL_FIELDS, "close_ms"):
        assert np.shares_memory(getattr(part, name), getattr(panel, name)), name
        np.testing.assert_array_equal(getattr(part, name), getattr(panel, name)[2:5])
    assert panel.slice(0, 6) is panel


@pytest.mark.parametrize(("t0", "t1"), [(-1, 3), (0, 7), (3, 3), (4, 2)])
def test_a_slice_outside_is_refused(t0: int, t1: int) -> None:
    with pytest.raises(DataError, match=r"are not within the panel's 0 to 6"):
        make().slice(t0, t1)


@pytest.mark.parametrize(("t", "bars", "closes"), [(5, 2, [5, 6]), (0, 1, [1]), (1, 99, [1, 2]), (3, 4, [1, 2, 3, 4])])
def test_a_window_ends_with_the_deciding_bar(t: int, bars: int, closes: list[float]) -> None:
    assert make().window(t, bars).close[:, 0].tolist() == closes


@pytest.mark.parametrize(("t", "bars"), [(6, 2), (-1, 2), (2, 0)])
def test_a_window_outside_is_refused(t: int, bars: int) -> None:
    with pytest.raises(DataError):
        make().window(t, bars)


def test_names_are_selected_in_the_panels_order() -> None:
    part = make(listed_ms=[1, 2, 3]).select(["CCC", "AAA"])
    assert part.symbols == ("AAA", "CCC")
    assert part.close[0].tolist() == [1, 201]
    assert part.listed_ms.tolist() == [1, 3]
    assert part.close.flags.c_contiguous
    part.check()
    with pytest.raises(DataError, match="ZZZ is not among the panel's 3 symbols"):
        make().select(["AAA", "ZZZ"])
    with pytest.raises(DataError, match="is empty"):
        make().select([])


def test_it_says_what_it_is() -> None:
    text = repr(make(label="made by hand"))
    assert text == "<Panel 6 bars of 1h x 3 symbols, 2024-01-01 01:00Z to 2024-01-01 06:00Z, made by hand>"


class TestHash:
    def test_is_pinned(self) -> None:
        """It stands in run folders and files: a change here is a change of format."""
        assert make().hash == "26514fa14537793db5ef3f8c0eaa68fa2a2c04ba7aa183ba129025d8ef0ca46e"

    def test_is_what_the_reference_page_says(self) -> None:
        panel, digests = make(), []
        for name in ("listed_ms", "delisted_ms", *CELL_FIELDS):
            array = getattr(panel, name)
            little = array.astype("<i8" if name.endswith("_ms") else "<f8")
            digests.append(hashlib.sha256(little.tobytes()).hexdigest())
        line = (
            '{"content":"xsmom panel 1","bars":6,"bar_ms":3600000,'
            '"first_close_ms":1704070800000,"symbols":["AAA","BBB","CCC"]}'
        )
        assert panel.hash == hashlib.sha256("\n".join([line, *digests]).encode()).hexdigest()

    def test_forgets_layout_order_label_and_the_bits_of_nan(self) -> None:
        reference = make().hash
        shuffled = [2, 0, 1]
        other = arrays(symbols=("CCC", "AAA", "BBB"), label="other")
        for name in ("open", "high", "low", "close", "volume_usdt"):
            other[name] = np.asfortranarray(arrays()[name][:, shuffled])
        odd_nan = np.full((6, 3), 0x7FF8_0000_0000_BEEF, dtype=np.int64).view(np.float64)
        assert Panel.from_arrays(**other, funding_frac=odd_nan).hash == reference

    def test_zero_has_one_sign(self) -> None:
        assert make(funding_frac=np.full((6, 3), -0.0)).hash == make(funding_frac=np.zeros((6, 3))).hash

    @pytest.mark.parametrize(
        "changed",
        [
            {"symbols": ("AAA", "BBB", "CCD")},
            {"close_ms": FIRST_MS + HOUR_MS * np.arange(1, 7)},
            {"listed_ms": [1, 2, 4]},
            {"delisted_ms": [NEVER_MS, NEVER_MS, NEVER_MS - 1]},
            {"funding_frac": np.zeros((6, 3))},
            {"open": np.nextafter(arrays()["open"], np.inf)},
        ],
    )
    def test_sees_every_content(self, changed: dict[str, Any]) -> None:
        dates = {"listed_ms": [1, 2, 3], "delisted_ms": [NEVER_MS] * 3}
        assert make(**{**dates, **changed}).hash != make(**dates).hash

    def test_bar_length_is_content(self) -> None:
        assert make(bars=1, bar_ms=HOUR_MS).hash != make(bars=1, bar_ms=HOUR_MS // 2, listed_ms=None).hash

    def test_a_part_has_its_own(self) -> None:
        panel = make()
        told = dataclasses.replace(panel, known_hash="told")
        assert told.hash == "told"
        assert told.slice(0, 5).hash == panel.slice(0, 5).hash != panel.hash
        assert told.select(["AAA"]).hash == panel.select(["AAA"]).hash

    def test_blocks_larger_than_a_piece_hash_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reference = make().hash
        monkeypatch.setattr("xsmom.domain.panel_hash._ROWS_BYTES", 30)
        assert make().hash == reference
