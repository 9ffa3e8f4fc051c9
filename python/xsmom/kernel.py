"""The core's functions under public names: features, decisions, and the reasons they give.

Everything here takes and returns plain arrays and dictionaries of arrays; the meaning of each key is in
the manual's page on the decision.
"""

from __future__ import annotations

from xsmom import _core
from xsmom._core import Params, decide, features, features_last, model_book, model_weights, warmup_bars

__all__ = [
    "REASONS",
    "REASON_TEXTS",
    "Params",
    "decide",
    "features",
    "features_last",
    "model_book",
    "model_weights",
    "warmup_bars",
]

REASONS: dict[int, str] = {code: key for code, (key, _) in _core.reasons().items()}
"""Reason codes and their stable names."""

REASON_TEXTS: dict[str, str] = dict(_core.reasons().values())
"""One sentence for each reason."""
