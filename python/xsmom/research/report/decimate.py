"""Long series made short for the eye: the lowest and the highest point of each stretch stay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

POINTS_MAX = 2_000


def pick(values: NDArray[np.float64], most: int = POINTS_MAX) -> NDArray[np.int64]:
    """Places to draw, at most `most`: first, last, and of every stretch its minimum and maximum.

    A stretch without any known value keeps one place, so that a gap stays a gap.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    stretches = (most - 2) // 2
    edges = np.linspace(1, count - 1, stretches + 1).astype(np.int64)
    kept = {0, count - 1}
    for start, end in pairwise(edges):
        part = values[start:end]
        if np.isnan(part).all():
            kept.add(int(start))
        else:
            kept |= {int(start + np.nanargmin(part)), int(start + np.nanargmax(part))}
    return np.array(sorted(kept))
