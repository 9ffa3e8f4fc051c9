"""What the report of a run costs, in units of the NumPy form of the run itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benches_reference import BAR_MS, cpu_medians, make_market, numpy_equity, numpy_weights

import xsmom as xs

BARS, NAMES = 8_760, 50


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_report_over_numpy(tmp_path: Path, budgets) -> None:
    """Everything that the page needs: the run again for its fills and at twice the costs, attribution, bootstrap."""
    market = make_market(BARS, NAMES)
    close_ms = (np.arange(BARS, dtype=np.int64) + 400_000) * BAR_MS
    panel = xs.Panel.from_arrays(close_ms=close_ms, symbols=[f"S{i:03}USDT" for i in range(NAMES)], **market._asdict())
    config = xs.load_config("classic", env={})

    def report() -> None:
        xs.backtest(panel, config).report(tmp_path)

    spent = cpu_medians(
        {"report": report, "numpy": lambda: numpy_equity(numpy_weights(market.close), market)}, rounds=3
    )
    print({name: f"{1e3 * seconds:.0f} ms" for name, seconds in spent.items()})
    budgets.hold("report.over_numpy", spent["report"] / spent["numpy"])
