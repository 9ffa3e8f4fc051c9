"""The map of `data check` in a real browser: it draws offline, in both colours, and fits a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.lake.market_lakes import put_bars
from tests.unit.lake.market_rows import healthy
from xsmom.lake.checkup import check_market
from xsmom.lake.store import Lake
from xsmom.research.report.coverage import write_coverage

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")

# Imported behind the skip: that module needs the same.
from tests.browser.test_report_page import CHROMIUM, OUTSIDE, OVERFLOW, OVERLAPS, Visit, browser  # noqa: E402, F401

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coverage")
    lake = Lake.open(folder / "lake", create=True)
    for number in range(30):
        columns = healthy(2_000, number)
        if number == 3:
            columns["close"][500] = -1
        if number == 4:
            columns = {name: np.delete(column, range(700, 900)) for name, column in columns.items()}
        put_bars(lake, "LONGNAME" * 6 if number == 7 else f"N{number:02d}USDT", columns)
    market = check_market(lake, "acme", "1h")
    assert market is not None
    write_coverage(folder / "check.html", "lake", [market], [])
    return folder / "check.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_280])
def test_it_draws_and_nothing_overlaps(browser: Any, page_path: Path, width: int, scheme: str) -> None:  # noqa: F811
    with Visit(browser, page_path, width=width, scheme=scheme) as visit:
        assert visit.complaints == []
        assert [url for url in visit.asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert visit.page.query_selector("#chart-coverage-0 .heatmaplayer image, #chart-coverage-0 .hm")
        assert visit.page.evaluate(OVERFLOW) == {"wide": [], "page": 0}
        assert visit.page.evaluate(OVERLAPS) == []
        assert visit.page.evaluate(OUTSIDE) == []
        labels = visit.page.eval_on_selector_all(".ytick text", "all => all.map((each) => each.textContent)")
        assert len(labels) == 30
        assert "bad_price" in visit.page.inner_text("body")
