"""Grids and draws: every combination once; draws that stay in range, repeat by their seed, and fill the space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from xsmom.research.draws import (
    Axis,
    Choices,
    Range,
    combine,
    count_combinations,
    draw,
    halton,
    place_on,
    primes,
    radical_inverse,
)

AXES: tuple[Axis, ...] = (
    Range("a", 0.5, 2.0),
    Range("b", 10, 1000, "log"),
    Range("c", 3, 9, whole=True),
    Range("d", 1, 64, "log", whole=True),
    Choices("e", ("raw", "log", "vol_scaled")),
)


def test_a_grid_is_every_combination_once() -> None:
    axes = [Choices("a", (1, 2, 3)), Choices("b", ("x", "y"))]
    points = list(combine(axes))
    assert points[:3] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}]
    assert len(points) == len({tuple(point.values()) for point in points}) == count_combinations(axes) == 6


def test_the_plain_sequence_is_that_of_scipy() -> None:
    ours = halton(500, 12, None)
    theirs = qmc.Halton(12, scramble=False).random(500)
    np.testing.assert_allclose(ours, theirs, atol=1e-15)


@pytest.mark.parametrize("base", [2, 3, 7, 29])
def test_a_scrambled_digit_sequence_is_that_of_scipy(base: int) -> None:
    from scipy.stats._qmc import van_der_corput

    digits = int(np.ceil(54 / np.log2(base))) - 1
    rng = np.random.default_rng(5)
    permutations = np.stack([rng.permutation(base) for _ in range(digits)])
    theirs = van_der_corput(300, base, scramble=True, permutations=permutations)
    ours = radical_inverse(300, base, np.random.default_rng(5))
    np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_scrambled_points_fill_the_space_better_than_random_ones() -> None:
    rng = np.random.default_rng(3)
    even = [qmc.discrepancy(halton(256, 5, rng)) for _ in range(10)]
    loose = [qmc.discrepancy(rng.random((256, 5))) for _ in range(10)]
    assert max(even) < 0.5 * min(loose)


def test_each_stratum_has_its_share() -> None:
    points = halton(3**5, 2, np.random.default_rng(8))
    assert (np.bincount((points[:, 1] * 3**5).astype(int), minlength=3**5) == 1).all()


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_a_value_stays_on_its_axis(places: list[float]) -> None:
    a, b, c, d, e = (place_on(axis, at) for axis, at in zip(AXES, places, strict=True))
    assert isinstance(a, float)
    assert 0.5 <= a <= 2.0
    assert isinstance(b, float)
    assert 10 <= b <= 1000
    assert c in range(3, 10)
    assert d in range(1, 65)
    assert isinstance(c, int)
    assert isinstance(d, int)
    assert e in ("raw", "log", "vol_scaled")


def test_whole_numbers_have_equal_shares_on_their_scale() -> None:
    at = (np.arange(70_000) + 0.5) / 70_000
    linear = np.bincount([int(str(place_on(AXES[2], x))) for x in at])[3:]
    assert (linear == 10_000).all()
    log = np.bincount([int(str(place_on(AXES[3], x))) for x in at], minlength=65)
    # From 1 to under 2 and from 32 to under 64 are both one octave.
    assert abs(log[1] - log[32:64].sum()) <= 2
    assert log[64] > 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), evenly=st.booleans())
def test_a_seed_gives_the_same_draws_and_none_twice(seed: int, evenly: bool) -> None:
    axes = (AXES[2], AXES[4])
    points = draw(axes, 40, seed=seed, evenly=evenly)
    assert points == draw(axes, 40, seed=seed, evenly=evenly)
    assert len({tuple(point.values()) for point in points}) == len(points) <= 21


def test_primes() -> None:
    assert primes(10) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
