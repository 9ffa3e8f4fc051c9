"""The report in a real browser without a network: it draws, in both colours, and fits a telephone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from tests.unit.research.runs import draw_weights, flat_panel, run, sample_run
from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket
from xsmom.research.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]

HOSTILE = ("<img src=x onerror='window.hacked=1'>", "</script><script>window.hacked=1</script>", "LONG" * 30)

OVERFLOW = """() => {
  const wide = [];
  for (const element of document.body.querySelectorAll('*')) {
    const hidden = element.closest('svg') || element.closest('details:not([open]) > :not(summary)');
    if (hidden || element.closest('.scroll') !== null && !element.matches('.scroll')) continue;
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 1 || box.left < -1)) wide.push(element.outerHTML.slice(0, 80));
  }
  return {wide, page: document.documentElement.scrollWidth - innerWidth};
}"""

OVERLAPS = """() => {
  const found = [];
  for (const chart of document.querySelectorAll('.chart')) {
    const kinds = '.xtick text, .ytick text, .y2tick text, .y3tick text, .annotation-text';
    const labels = [...chart.querySelectorAll(kinds)];
    const boxes = labels.filter((label) => label.textContent).map((label) => [label, label.getBoundingClientRect()]);
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 3) found.push([chart.id, boxes[i][0].textContent, boxes[j][0].textContent]);
    }
  }
  return found;
}"""

OUTSIDE = """() => [...document.querySelectorAll('.chart')].flatMap((chart) => {
  const frame = chart.getBoundingClientRect();
  return [...chart.querySelectorAll('svg text')].filter((label) => {
    const box = label.getBoundingClientRect();
    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
  }).map((label) => [chart.id, label.textContent]);
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # Its sandbox wants rights that a container seldom gives; the page is our own file.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = sample_run(bars=24 * 200, symbols=30)
    result.reasons = {"selected": 9_000, "below_threshold": 3_000}
    return write_report(result, tmp_path_factory.mktemp("page"))


class Visit:
    """A page opened offline, with everything it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1_280, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 844}, offline=True, timezone_id="Asia/Tokyo"
        )
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def background(self) -> str:
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_opens_without_a_network_and_without_complaint(browser: Any, page_path: Path) -> None:
    with Visit(browser, page_path) as visit:
        assert visit.complaints == []
        assert [url for url in visit.asked if not url.startswith(("file:", "data:", "blob:"))] == []
        charts = visit.page.query_selector_all(".chart")
        assert len(charts) == 8
        for chart in charts:
            assert chart.query_selector(".main-svg"), chart.get_attribute("id")
            assert chart.query_selector_all(".trace, .point"), chart.get_attribute("id")


def test_it_follows_the_system_and_the_toggle(browser: Any, page_path: Path, tmp_path: Path) -> None:
    white, ink = "rgb(255, 255, 255)", "document.querySelector('.xtick text').style.fill"
    with Visit(browser, page_path, scheme="light") as light, Visit(browser, page_path, scheme="dark") as dark:
        assert light.background() == white
        assert dark.background() != white
        assert light.page.evaluate(ink) != dark.page.evaluate(ink)
        shots = [visit.page.screenshot(path=tmp_path / f"{i}.png") for i, visit in enumerate((light, dark))]
        assert shots[0] != shots[1]
        dark.page.click("#theme")
        assert dark.background() == white
        assert dark.page.evaluate(ink) == light.page.evaluate(ink)
        dark.page.click("#theme")
        assert dark.background() != white
        # The system changes while the page is open, and nobody has chosen.
        light.page.emulate_media(color_scheme="dark")
        light.page.wait_for_selector("html[data-theme=dark]")
        assert light.complaints == dark.complaints == []


def test_equity_may_be_seen_on_a_log_scale(browser: Any, page_path: Path) -> None:
    with Visit(browser, page_path) as visit:
        kind = "document.getElementById('chart-equity')._fullLayout.yaxis.type"
        assert visit.page.evaluate(kind) == "linear"
        visit.page.click("[data-scale=log]")
        assert visit.page.evaluate(kind) == "log"
        assert visit.page.get_attribute("[data-scale=log]", "aria-pressed") == "true"
        visit.page.click("#theme")
        assert visit.page.evaluate(kind) == "log"


@pytest.mark.parametrize("width", [320, 390, 768, 1_280])
def test_nothing_runs_over_its_edge_and_no_label_over_another(browser: Any, page_path: Path, width: int) -> None:
    with Visit(browser, page_path, width=width) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        found = visit.page.evaluate(OVERFLOW)
        assert found == {"wide": [], "page": 0}
        for scale in ("linear", "log"):
            visit.page.click(f"[data-scale={scale}]")
            assert visit.page.evaluate(OVERLAPS) == []
            assert visit.page.evaluate(OUTSIDE) == []


def test_dates_are_utc_wherever_the_reader_is(browser: Any, page_path: Path) -> None:
    with Visit(browser, page_path) as visit:
        ticks = visit.page.eval_on_selector_all(
            "#chart-equity .xtick text", "all => all.map((each) => each.textContent)"
        )
        assert ticks
        assert all(tick[:5] == "2023-" and len(tick) == 7 for tick in ticks), ticks
        assert "2023-01-01 00:00Z to 2023-07-20 00:00Z" in visit.page.inner_text("header")


@pytest.mark.parametrize("width", [390, 1_280])
def test_a_hostile_name_is_text(browser: Any, tmp_path: Path, width: int) -> None:
    close = np.random.default_rng(1).uniform(90, 110, (24 * 100, len(HOSTILE)))
    panel = flat_panel(close, HOSTILE, label=HOSTILE[0])
    result = run(panel, draw_weights(panel))
    result.reasons = {HOSTILE[1]: 5, HOSTILE[2]: 2}
    path = write_report(result, tmp_path, provenance={"command": HOSTILE[1]})
    with Visit(browser, path, width=width) as visit:
        assert visit.page.evaluate("window.hacked") is None
        assert visit.complaints == []
        assert visit.page.inner_text("h1") == HOSTILE[0]
        assert visit.page.query_selector("img") is None
        assert visit.page.evaluate(OVERFLOW) == {"wide": [], "page": 0}
        labels = visit.page.eval_on_selector_all(
            "#chart-symbols .ytick text", "all => all.map((each) => each.textContent)"
        )
        assert sorted(labels) == sorted(f"{name[:13]}\u2026" for name in HOSTILE)


@pytest.mark.parametrize("kind", ["nothing", "bankrupt", "three bars"])
def test_odd_runs_draw_too(browser: Any, tmp_path: Path, kind: str) -> None:
    close = np.full((24 * 100, 1), 5.0)
    weights = np.zeros(close.shape)
    if kind == "bankrupt":
        close[900:] = 1.0
        weights[:] = 2.0
    if kind == "three bars":
        close, weights = close[:3], weights[:3] + 0.5
    path = write_report(run(flat_panel(close, ("A",)), weights), tmp_path)
    with Visit(browser, path, width=390) as visit:
        assert visit.complaints == []
        assert visit.page.evaluate(OVERFLOW) == {"wide": [], "page": 0}
        assert visit.page.evaluate(OVERLAPS) == []
        visit.page.click("[data-scale=log]")
        assert visit.complaints == []
        alarms = visit.page.eval_on_selector_all(".alarm", "all => all.map((each) => each.textContent).join()")
        expected = {"nothing": "traded nothing", "bankrupt": "Bankrupt", "three bars": ""}[kind]
        assert expected in alarms


def test_compared_runs_are_drawn_over_one_another(browser: Any, tmp_path: Path) -> None:
    for name, fee in (("base", "5.5"), ("cheap", "1")):
        chosen = ["--config", "weekly", "--set", f"costs.taker_fee_bps={fee}", "--out", str(tmp_path / name)]
        assert main(["backtest", "--fast", "--no-report", *chosen]) == 0
    place = tmp_path / "compared.html"
    assert main(["report", "compare", str(tmp_path / "base"), str(tmp_path / "cheap"), "--out", str(place)]) == 0
    for width in (1_280, 390):
        with Visit(browser, place, width=width) as visit:
            assert visit.complaints == []
            assert len(visit.page.query_selector_all(".chart .scatterlayer .trace")) == 4
            assert visit.page.evaluate(OVERFLOW)["page"] <= 0


TABLES_CUT = """() => [...document.querySelectorAll('.scroll')]
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.innerText.slice(0, 40))"""


def test_on_a_desk_no_table_is_cut(browser: Any, tmp_path: Path) -> None:
    """Of a run with stops: its round trips have the most columns, and instants inside a bar."""
    panel = tmp_path / "hours.panel"
    SampleMarket(30, 24 * 120, 3_600_000, 7).write(panel)
    chosen = ["--config", "classic", "--panel", str(panel), "--out", str(tmp_path / "run")]
    assert main(["backtest", "--fast", *chosen]) == 0
    with Visit(browser, tmp_path / "run/report.html") as visit:
        assert visit.complaints == []
        visit.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert visit.page.evaluate(TABLES_CUT) == []
        assert "short_history" in visit.page.inner_text("section:has(h2:text('Why nothing was held'))")


@pytest.mark.parametrize("search", ["grid", "draws"])
def test_a_sweep_is_readable(browser: Any, tmp_path: Path, search: str) -> None:
    values = {
        "grid": ["--grid", "strategy.k_min=4,7,10", "--grid", "strategy.signal_power=1,1.35,2"],
        "draws": [
            "--qmc", "24", "--range", "strategy.vol_lookback=24:240:log", "--range", "strategy.gross_leverage=0.5:1.5",
            "--range", "strategy.signal_power=1:2",
        ],
    }[search]  # fmt: skip
    assert main(["sweep", "--config", "weekly", *values, "--out", str(tmp_path / "sweep")]) == 0
    for width, scheme in ((1_280, "light"), (1_280, "dark"), (390, "dark")):
        with Visit(browser, tmp_path / "sweep/sweep.html", width=width, scheme=scheme) as visit:
            assert visit.complaints == []
            assert visit.page.evaluate(OVERFLOW)["page"] <= 0
            assert visit.page.evaluate(OVERLAPS) == []
            assert visit.page.evaluate(OUTSIDE) == []
            assert len(visit.page.query_selector_all(".chart .main-svg")) >= 3
            if width > 1_000:
                assert visit.page.evaluate(TABLES_CUT) == []
