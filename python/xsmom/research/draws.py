"""Which configurations a sweep tries: every combination of values, or draws from ranges.

A draw places each range in [0, 1) and then on its scale. `random` draws are independent; `halton` fills the
space evenly: coordinate j counts in the j-th prime, its digits mirrored behind the point, and each digit
goes through a random permutation of its own (Owen, A randomized Halton algorithm in R, 2017; the plain
sequence has stripes from some ten ranges on).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scale = Literal["linear", "log"]
_DOUBLE_BITS = 54


@dataclass(frozen=True)
class Choices:
    """Values of a setting that are tried."""

    name: str
    values: tuple[object, ...]


@dataclass(frozen=True)
class Range:
    """A stretch that a setting is drawn from, ends included; whole numbers where `whole`."""

    name: str
    low: float
    high: float
    scale: Scale = "linear"
    whole: bool = False


Axis = Choices | Range


def combine(axes: Sequence[Choices]) -> Iterator[dict[str, object]]:
    """Every combination; the last axis turns fastest."""
    names = [axis.name for axis in axes]
    return (dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in axes)))


def draw(axes: Sequence[Axis], count: int, *, seed: int, evenly: bool) -> list[dict[str, object]]:
    """So many points of the space, those that come again left out."""
    rng = np.random.default_rng(seed)
    places = halton(count, len(axes), rng) if evenly else rng.random((count, len(axes)))
    drawn = ({axis.name: place_on(axis, at) for axis, at in zip(axes, row, strict=True)} for row in places.tolist())
    return list({tuple(map(repr, point.values())): point for point in drawn}.values())


def place_on(axis: Axis, at: float) -> object:
    """The value at a share `at` in [0, 1) of the axis; each choice and each whole number has an equal share."""
    if isinstance(axis, Choices):
        return axis.values[int(at * len(axis.values))]
    if axis.scale == "log":
        if axis.whole:
            low, high = math.log(axis.low), math.log(axis.high + 1)
            return min(int(math.exp(low + at * (high - low)) + 1e-9), int(axis.high))
        low, high = math.log(axis.low), math.log(axis.high)
        return min(max(math.exp(low + at * (high - low)), axis.low), axis.high)
    if axis.whole:
        return int(axis.low) + int(at * (int(axis.high) - int(axis.low) + 1))
    return axis.low + at * (axis.high - axis.low)


def halton(count: int, dimensions: int, rng: np.random.Generator | None) -> Floats:
    """The first points of the Halton sequence, count by dimensions; without a generator the plain one."""
    columns = [radical_inverse(count, base, rng) for base in primes(dimensions)]
    return np.stack(columns, axis=1) if columns else np.empty((count, 0))


def radical_inverse(count: int, base: int, rng: np.random.Generator | None) -> Floats:
    """The numbers 0, 1, 2 … with their digits mirrored behind the point, each digit permuted."""
    left = np.arange(count, dtype=np.int64)
    found = np.zeros(count)
    weight = 1.0 / base
    # As many digits as a double tells apart: permuted zeros behind the number count, too.
    for _ in range(math.ceil(_DOUBLE_BITS / math.log2(base)) - 1):
        digit = left % base
        found += weight * (digit if rng is None else rng.permutation(base)[digit])
        left //= base
        weight /= base
    return found


def primes(count: int) -> list[int]:
    """The first prime numbers."""
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def count_combinations(axes: Sequence[Choices]) -> int:
    """How many points a grid has."""
    return math.prod(len(axis.values) for axis in axes)
