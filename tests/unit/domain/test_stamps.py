from __future__ import annotations

import numpy as np
import pytest

from xsmom.domain.stamps import format_ms, parse_ms, refuse_seconds
from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01 00:00Z"),
        (1_709_164_800_000, "2024-02-29 00:00Z"),
        (1_709_164_861_000, "2024-02-29 00:01:01Z"),
        (1_709_164_861_020, "2024-02-29 00:01:01.020Z"),
        (-86_400_000, "1969-12-31 00:00Z"),
        (2**63 - 1, "9223372036854775807 ms"),
    ],
)
def test_stamps_read_as_utc(at_ms: int, text: str) -> None:
    assert format_ms(at_ms) == text


def test_seconds_are_refused() -> None:
    hours_s = 1_704_067_200 + 3_600 * np.arange(3)
    with pytest.raises(DataError, match=r"ts looks like seconds .*: multiply it by 1000"):
        refuse_seconds("ts", hours_s, 3_600)


@pytest.mark.parametrize(
    ("stamps", "bar_ms"),
    [
        (1_704_067_200_000 + 3_600_000 * np.arange(3), 3_600_000),
        (1_704_067_200_000 + 1_000 * np.arange(3), 1_000),  # bars of a second
        (60_000 * np.arange(5_000), 60_000),  # a made-up clock that begins at the epoch
        (np.arange(3), 1),
        (np.array([], dtype=np.int64), 60_000),
    ],
)
def test_milliseconds_pass(stamps: np.ndarray[tuple[int], np.dtype[np.int64]], bar_ms: int) -> None:
    refuse_seconds("ts", stamps, bar_ms)


@pytest.mark.parametrize(
    ("text", "bar_ms"),
    [
        ("1s", 1_000),
        ("15m", 900_000),
        ("1h", 3_600_000),
        ("36h", 129_600_000),
        ("1d", 86_400_000),
        ("1w", 604_800_000),
    ],
)
def test_timeframes_go_both_ways(text: str, bar_ms: int) -> None:
    assert parse_timeframe(text) == bar_ms
    assert format_timeframe(bar_ms) == text


def test_lengths_without_a_unit_stay_numbers() -> None:
    assert format_timeframe(1_500) == "1500ms"


@pytest.mark.parametrize("text", ["", "h", "0h", "1.5h", "-1h", "1M", "1 h", "1hour", "1000000000h"])
def test_unknown_timeframes_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not known: write a number and s, m, h, d or w"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01.5Z", 1_500),
        (" 1970-01-01 02:00+02:00 ", 0),
        ("1970-01-01T00:00-01:00", 3_600_000),
    ],
)
def test_a_time_is_read_with_its_zone(text: str, at_ms: int) -> None:
    assert parse_ms(text) == at_ms


@pytest.mark.parametrize("text", ["1970-01-01T00:00", "1970-01-01 12:00:00"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="has no zone: write"):
        parse_ms(text)


@pytest.mark.parametrize("text", ["", "noon", "1970-13-01", "01/02/1970"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is no time: write 2024-03-01"):
        parse_ms(text)
