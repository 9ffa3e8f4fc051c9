"""The real core behind the twin's own signatures, so that either can stand in a test."""

import importlib
import importlib.util
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.oracle.params import Params

Array = NDArray[np.float64]

READY = importlib.util.find_spec("xsmom.kernel") is not None
PANEL_FIELDS = (
    "close_ms",
    "symbols",
    "open",
    "high",
    "low",
    "close",
    "volume_usdt",
    "funding_frac",
    "listed_ms",
    "delisted_ms",
)


def kernel() -> Any:
    """The module of decision functions."""
    return importlib.import_module("xsmom.kernel")


def to_params(params: Params) -> Any:
    """The core's own parameters."""
    return importlib.import_module("xsmom._core").Params(**params)


def to_panel(panel: dict[str, Any]) -> Any:
    """The core's own panel, checked at its door."""
    arrays = {name: panel[name] for name in PANEL_FIELDS}
    return importlib.import_module("xsmom").Panel.from_arrays(**arrays)


def features(panel: dict[str, Any], params: Params) -> dict[str, Array]:
    """Dense features; the moves of each look-back as [T, J, N]."""
    found = dict(kernel().features(to_panel(panel), to_params(params)))
    return {name: shape_moves(name, np.asarray(x), panel, params) for name, x in found.items()}


def shape_moves(name: str, x: Array, panel: dict[str, Any], params: Params) -> Array:
    """Look-backs on an axis of their own, however they were laid out."""
    if name != "moves" or x.size == 0:
        return x
    return x.reshape(len(panel["close_ms"]), len(params["lookback_bars"]), len(panel["symbols"]))


def features_last(panel: dict[str, Any], params: Params) -> dict[str, Any]:
    """The row of the panel's last bar."""
    return dict(kernel().features_last(to_panel(panel), to_params(params)))


def decide(
    row: dict[str, Any],
    book: dict[str, Any],
    state: dict[str, Any],
    params: Params,
    facts: dict[str, Any],
) -> tuple[Array, list[str], dict[str, Any]]:
    """Target weights, a reason for each name, and the state for the next decision."""
    module = kernel()
    known = SimpleNamespace(**facts)
    weights, codes, after = module.decide(row, book, state, to_params(params), known)
    count = len(facts["symbols"])
    return (
        np.asarray(weights),
        [module.REASONS[int(code)] for code in codes],
        {
            "tranche_weight": np.asarray(after["tranche_weight"], dtype=float).reshape(-1, count),
            "member": np.asarray(after["member"], dtype=bool),
            "awaiting_reentry": np.asarray(after["awaiting_reentry"], dtype=bool).reshape(-1, 2),
            "router_called": bool(after["router_called"]),
            "router_mix": float(after["router_mix"]),
        },
    )


def warmup_bars(params: Params) -> int:
    """Bars before the decided one that can change it."""
    return int(kernel().warmup_bars(to_params(params)))
