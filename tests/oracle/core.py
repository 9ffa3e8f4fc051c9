"""The real core behind the twin's own signatures, so that either can stand in a test."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.params import Params
from tests.oracle.simulation import Setup
from xsmom import _core, kernel
from xsmom.domain.panel import Panel

Array = NDArray[np.float64]

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


def to_params(params: Params) -> kernel.Params:
    """The core's own parameters."""
    return kernel.Params(**params)


def to_panel(panel: dict[str, Any], bar_ms: int) -> Panel:
    """The package's own panel, checked at its door."""
    return Panel.from_arrays(**{name: panel[name] for name in PANEL_FIELDS}, bar_ms=bar_ms)


def features(panel: dict[str, Any], params: Params) -> dict[str, Array]:
    """Dense features; the moves of each look-back as [T, J, N]."""
    return kernel.features(to_panel(panel, params["bar_ms"]), to_params(params))


def features_last(panel: dict[str, Any], params: Params) -> dict[str, Any]:
    """The row of the panel's last bar."""
    return kernel.features_last(to_panel(panel, params["bar_ms"]), to_params(params))


def to_row(row: dict[str, Any], symbols: int) -> dict[str, Any]:
    """The twin's row as the core takes it: what nothing needs is left out."""
    known = {name: x for name, x in row.items() if np.size(x) and name != "ret_rows"}
    if "moves" in known:
        known["moves"] = np.reshape(known["moves"], (-1, symbols))
    return known


def decide(
    row: dict[str, Any],
    book: dict[str, Any],
    state: dict[str, Any],
    params: Params,
    facts: dict[str, Any],
) -> tuple[Array, list[str], dict[str, Any]]:
    """Target weights, a reason for each name, and the state for the next decision."""
    known = to_row(row, len(facts["symbols"]))
    weights, codes, after = kernel.decide(known, book, state, to_params(params), SimpleNamespace(**facts))
    return weights, [kernel.REASONS[int(code)] for code in codes], after


def warmup_bars(params: Params) -> int:
    """Bars, the decided one included, that can change it."""
    return kernel.warmup_bars(to_params(params))


def simulate(panel: dict[str, Any], params: Params, setup: Setup) -> dict[str, Any]:
    """The fast loop, with its fills and units."""
    return simulate_panel(to_panel(panel, params["bar_ms"]), params, setup)


def simulate_panel(panel: Panel, params: Params, setup: Setup) -> dict[str, Any]:
    """The same of a panel as the core takes it."""
    return _core.simulate(
        panel,
        to_params(params),
        SimpleNamespace(**setup.costs),
        fill_at=setup.fill_at,
        delay_bars=setup.delay_bars,
        cash_usdt=setup.cash_usdt,
        contracts=setup.contracts,
        maintenance_frac=setup.maintenance_frac,
        tiers=setup.tiers,
        keep_fills=True,
        keep_units=True,
    )
