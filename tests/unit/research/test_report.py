"""The report as files: numbers that are the result's own, loud warnings, nothing hostile, nothing by halves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.unit.research.runs import COSTS, draw_weights, flat_panel, run, sample_run
from xsmom.domain.costs import Costs
from xsmom.errors import OutputError
from xsmom.lake.sample import SampleMarket
from xsmom.research.code_hash import hash_code
from xsmom.research.report import SCHEMA_VERSION, write_report
from xsmom.research.report.stress import double_costs
from xsmom.research.result import Result

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '"><b onmouseover=alert(3)>',
    "A&amp;B",
)


class Tags(HTMLParser):
    """Every element with its attributes, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def strict(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def report(result: Result, folder: Path, **provenance: object) -> tuple[dict[str, Any], str]:
    path = write_report(result, folder, provenance=provenance)
    return strict(path.with_suffix(".json").read_text("utf-8")), path.read_text("utf-8")


@pytest.fixture(scope="module")
def sample() -> Result:
    return sample_run()


@pytest.fixture(scope="module")
def written(sample: Result, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    return report(sample, tmp_path_factory.mktemp("report"), command="xsmom backtest --fast", config_hash="c0ffee")


def same(found: Any, expected: Any) -> bool:
    return found == expected or (found is None and not np.isfinite(expected))


def test_the_numbers_are_the_results_own(sample: Result, written: tuple[dict[str, Any], str]) -> None:
    doc, _ = written
    assert doc["schema_version"] == SCHEMA_VERSION
    assert set(sample.metrics) == set(doc["metrics"])
    for name, value in sample.metrics.items():
        assert same(doc["metrics"][name], value), name
    assert doc["headline"]["turnover_year_x"] == sample.metrics["turnover_year_x"]
    for name, value in doc["costs_usdt"].items():
        assert value == sample.costs[name][-1]
    assert doc["daily"]["return_frac"] == sample.daily_returns["return_frac"].to_list()
    assert doc["daily"]["day"] == [str(day) for day in sample.daily_returns["day"]]
    assert doc["daily"]["equity_usdt"][-1] == sample.equity["equity_usdt"][-1]
    assert doc["run"]["fills"] == doc["trades"]["count"] == len(sample.fills)
    assert all(len(column) == len(doc["daily"]["day"]) for column in doc["daily"].values())


def test_contributions_add_up_to_the_change_of_equity(sample: Result, written: tuple[dict[str, Any], str]) -> None:
    doc, _ = written
    traded = doc["run"]["traded_usdt"]
    change = sample.equity["equity_usdt"][-1] - sample.cash_usdt
    for rows in (doc["symbols"], doc["sides"]):
        assert sum(row["net_usdt"] for row in rows) == pytest.approx(change, abs=1e-6 * traded)
    assert abs(doc["unattributed"]["net_usdt"]) < 1e-9 * traded
    for row in doc["symbols"]:
        assert row["net_usdt"] == pytest.approx(row["price_usdt"] + row["funding_usdt"] + row["cost_usdt"], abs=1e-7)
        assert row["net_usdt"] == pytest.approx(row["long_usdt"] + row["short_usdt"], abs=1e-7)


def test_the_page_shows_the_headline_first_and_every_sharpe_with_an_interval(
    sample: Result, written: tuple[dict[str, Any], str]
) -> None:
    doc, html = written
    text = Tags(html).text
    places = [text.index(word) for word in ("turnover a year", "costs a year, of equity", "Sharpe, daily [")]
    assert places == sorted(places)
    assert places[-1] < text.index("Equity and drawdown")
    assert f"{sample.metrics['turnover_year_x']:,.1f} \u00d7" in text
    for row in ("Sharpe, 90 % interval", "HAC Sharpe, 90 % interval", "Sharpe at twice the costs"):
        assert "[" in text.split(row)[1][:25], row
    assert "PSR above 0, form of 2012" in text
    assert "On 1h bars, apart" in text
    low, high = doc["metrics_bars"]["sharpe_interval"]
    assert low < doc["metrics_bars"]["sharpe"] < high
    low, high = doc["metrics_more"]["sharpe_hac_interval"]
    assert low < doc["metrics"]["sharpe_hac"] < high


def test_the_origin_is_told(sample: Result, written: tuple[dict[str, Any], str]) -> None:
    doc, html = written
    origin = doc["provenance"]
    assert origin["data_hash"] == sample.panel.hash
    assert (origin["command"], origin["config_hash"]) == ("xsmom backtest --fast", "c0ffee")
    assert origin["code_hash"] == hash_code()
    text = Tags(html).text
    assert sample.panel.hash in text
    assert hash_code() in text


def test_the_verdict_names_its_caveats(written: tuple[dict[str, Any], str]) -> None:
    doc, html = written
    said = {row["about"]: row["text"] for row in doc["verdict"]}
    assert {"synthetic", "survivorship", "trials", "costs at 2\u00d7", "sample length", "drawdown"} < set(said)
    assert "first order" in said["costs at 2\u00d7"]
    assert doc["synthetic"]
    assert "synthetic data, no real market" in Tags(html).text


def test_survivorship_counts_who_died(tmp_path: Path) -> None:
    close = np.full((48, 3), 10.0)
    alive = run(flat_panel(close, ("A", "B", "C")), np.zeros((48, 3)))
    doc, _ = report(alive, tmp_path / "alive")
    said = {row["about"]: row["text"] for row in doc["verdict"]}
    assert "Of 3 names none was ever delisted" in said["survivorship"]
    far = np.iinfo(np.int64).max
    dead = flat_panel(close, ("A", "B", "C"), delisted_ms=np.array([far, 1_704_200_000_000, far]))
    doc, _ = report(run(dead, np.zeros((48, 3))), tmp_path / "dead")
    said = {row["about"]: row["text"] for row in doc["verdict"]}
    assert "Of 3 names 1 died" in said["survivorship"]


def test_known_trials_raise_the_bar(sample: Result, tmp_path: Path) -> None:
    said = [
        next(row["text"] for row in report(sample, tmp_path, trials=trials)[0]["verdict"] if row["about"] == "trials")
        for trials in (10, 5_000)
    ]
    assert said[0].startswith("10 trials")
    assert said[1].startswith("5,000 trials")
    bars = [float(text.split("Sharpe of about ")[1].split()[0]) for text in said]
    assert bars[0] < bars[1]


def test_costs_that_eat_the_strategy_are_said_loudly(tmp_path: Path) -> None:
    """A name that doubles over 200 hours, traded in and out every hour."""
    close = np.linspace(100.0, 200.0, 200)[:, None]
    weights = (np.arange(200) % 2).astype(float)[:, None]
    doc, html = report(run(flat_panel(close, ("UP",)), weights, Costs(impact_y=0.0)), tmp_path)
    assert doc["metrics"]["cost_year_frac"] > 0.25
    assert any("of equity a year" in text for text in doc["warnings"])
    assert 'class="alarm" role="alert"' in html
    loss, _ = report(run(flat_panel(close, ("UP",)), -weights, Costs(impact_y=0.0)), tmp_path)
    assert loss["headline"]["cost_of_gross_frac"] is None
    assert loss["warnings"][0].startswith("There is no gross profit")
    assert "This run lost money" in loss["verdict"][0]["text"]


def test_cheap_costs_raise_no_alarm(tmp_path: Path) -> None:
    close = np.linspace(100.0, 200.0, 24 * 30)[:, None]
    doc, html = report(run(flat_panel(close, ("UP",)), np.full(close.shape, 0.5)), tmp_path)
    assert doc["warnings"] == []
    assert 'role="alert"' not in html


def test_a_run_that_trades_nothing_says_so(tmp_path: Path) -> None:
    result = run(flat_panel(np.full((72, 2), 5.0), ("A", "B")), np.zeros((72, 2)))
    doc, html = report(result, tmp_path)
    assert len(doc["warnings"]) == 1
    assert doc["warnings"][0].startswith("This run traded nothing. Its figures are those of cash; it kept no reasons")
    assert doc["verdict"][0]["text"] == "No verdict: nothing was traded."
    text = Tags(html).text
    assert "This run traded nothing." in text
    assert "No trade was made." in text
    result.reasons = {"too_young": 140, "stale": 4}
    doc, html = report(result, tmp_path)
    assert "Most frequent reasons: too_young (140), stale (4)." in doc["warnings"][0]
    assert doc["reasons"] == [{"reason": "too_young", "count": 140}, {"reason": "stale", "count": 4}]
    assert 'id="chart-reasons"' in html


def test_reasons_may_be_a_frame(tmp_path: Path) -> None:
    result = run(flat_panel(np.full((72, 2), 5.0), ("A", "B")), np.zeros((72, 2)))
    for frame in (
        pl.DataFrame({"reason": ["x", "y"], "count": [1, 9]}),
        pl.DataFrame({"bar": [0] * 10, "reason": ["x"] + ["y"] * 9}),
    ):
        result.reasons = frame  # type: ignore[assignment]
        assert report(result, tmp_path)[0]["reasons"] == [{"reason": "y", "count": 9}, {"reason": "x", "count": 1}]


def test_a_bankruptcy_is_said_and_keeps_the_sums(tmp_path: Path) -> None:
    close = np.concatenate([np.full(30, 100.0), np.full(30, 40.0), np.full(30, 80.0)])[:, None]
    result = run(flat_panel(close, ("X",)), np.full((90, 1), 3.0))
    assert result.bankrupt_at == 30
    doc, html = report(result, tmp_path)
    assert doc["warnings"][0].startswith("Bankrupt: equity was gone at the close of 2024-01-02 07:00Z")
    assert "This run lost everything" in doc["verdict"][0]["text"]
    assert doc["run"]["equity_usdt"] == 0.0
    # Three times the account fell by 60 %: 80 % of the account is owed beyond what it had.
    assert doc["symbols"][0]["price_usdt"] == pytest.approx(-18_000, rel=0.01)
    assert doc["unattributed"]["price_usdt"] == pytest.approx(8_000, rel=0.02)
    total = doc["symbols"][0]["net_usdt"] + doc["unattributed"]["net_usdt"]
    assert total == pytest.approx(-10_000.0, abs=1e-6)
    assert "attribution" in {row["about"] for row in doc["verdict"]}
    assert "unattributed" in Tags(html).text


@pytest.mark.parametrize("bars", [1, 2, 3, 25])
def test_short_panels_report_what_there_is(bars: int, tmp_path: Path) -> None:
    close = 100.0 + np.arange(bars)[:, None]
    doc, html = report(run(flat_panel(close, ("A",)), np.full((bars, 1), 0.5)), tmp_path)
    assert doc["run"]["bars"] == bars
    assert (doc["cone"] is None) == (bars < 25)
    assert "a window needs 90" in Tags(html).text


def test_daily_bars_have_no_second_table(tmp_path: Path) -> None:
    panel = SampleMarket(symbols=5, bars=120, bar_ms=86_400_000).build()
    doc, html = report(run(panel, draw_weights(panel, hold_bars=1)), tmp_path)
    assert doc["metrics_bars"] is None
    assert ", apart" not in Tags(html).text
    assert doc["run"]["days"] == 120


def test_whatever_comes_from_data_is_escaped(tmp_path: Path) -> None:
    close = np.random.default_rng(1).uniform(90, 110, (72, len(HOSTILE)))
    panel = flat_panel(close, HOSTILE, label="<script>alert(0)</script>")
    result = run(panel, draw_weights(panel))
    result.reasons = {HOSTILE[0]: 3}
    doc, html = report(result, tmp_path, command=HOSTILE[1], **{"<i>": {"a": HOSTILE[2]}})
    tags = Tags(html)
    names = [tag for tag, _ in tags.found]
    assert names.count("script") == 3
    assert "img" not in names
    handlers = [name for _, attrs in tags.found for name in attrs if name.startswith("on")]
    assert handlers == []
    assert {row["symbol"] for row in doc["symbols"]} == set(HOSTILE)
    assert "<img src=x" in tags.text
    body = html.split('<script type="application/json" id="charts">')[1].split("</script>")[0]
    assert "<" not in body
    labels = strict(body)["symbols"]["layout"]["yaxis"]["ticktext"]
    assert all("<" not in label for label in labels), "plotly reads labels as a little HTML"


def test_round_trips_take_the_place_of_fills(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    count = 50
    trips = pl.DataFrame(
        {
            "symbol": [f"S{i}" for i in range(count)],
            "side": ["long", "short"] * (count // 2),
            "opened": [start] * count,
            "closed": [start + timedelta(hours=1 + i) for i in range(count - 1)] + [None],
            "net_usdt": [float(i - 20) for i in range(count)],
            "exit_reason": ["trail"] * count,
        }
    )
    result = run(flat_panel(np.full((72, 1), 5.0), ("A",)), np.full((72, 1), 0.5))
    result.round_trips = trips
    doc, html = report(result, tmp_path)
    trades = doc["trades"]
    assert trades["kind"] == "round_trips"
    assert trades["count"] == count
    nets = [row["net_usdt"] for row in trades["rows"]]
    assert (nets[0], nets[-1], len(nets)) == (29.0, -20.0, 30)
    measures = trades["measures"]
    assert measures["closed"] == 49
    assert measures["hit_rate"] == pytest.approx(28 / 49)
    assert measures["profit_factor"] == pytest.approx(sum(range(1, 29)) / sum(range(1, 21)))
    assert (measures["holding_hours_min"], measures["holding_hours_max"]) == (1.0, 49.0)
    assert measures["holding_hours_mean"] == pytest.approx(25.0)
    text = Tags(html).text
    assert "Best and worst of 50 round trips" in text
    assert "held, longest hours" in text


def test_no_round_trip_is_no_error(tmp_path: Path) -> None:
    result = run(flat_panel(np.full((72, 1), 5.0), ("A",)), np.zeros((72, 1)))
    schema: Any = {
        "symbol": pl.String,
        "opened": pl.Datetime("ms", "UTC"),
        "closed": pl.Datetime("ms", "UTC"),
        "net_usdt": pl.Float64,
    }
    result.round_trips = pl.DataFrame(schema=schema)
    doc, _ = report(result, tmp_path)
    assert doc["trades"] == {"kind": "round_trips", "count": 0, "rows": [], "measures": {"closed": 0}}


def test_doubled_costs_are_exact_where_the_run_can_be_made_again(sample: Result, tmp_path: Path) -> None:
    again = sample_run()
    weights = draw_weights(again.panel)
    asked: list[Costs] = []

    def rerun(costs: Costs) -> Result:
        asked.append(costs)
        return run(again.panel, weights, costs)

    again.rerun = rerun
    exact, first = report(again, tmp_path)[0]["double_costs"], report(sample, tmp_path)[0]["double_costs"]
    assert asked == [double_costs(COSTS)]
    expected = run(again.panel, weights, double_costs(COSTS))
    assert exact["total_return"] == pytest.approx(expected.metrics["total_return"], rel=1e-12)
    assert exact["sharpe"] == expected.metrics["sharpe"]
    assert exact["method"] != first["method"]
    # The first order is near, and both are worse than the run itself.
    assert first["total_return"] == pytest.approx(exact["total_return"], abs=0.01)
    assert exact["total_return"] < sample.metrics["total_return"]


def test_a_rebate_is_not_doubled() -> None:
    twice = double_costs(Costs(taker_bps=5.0, maker_bps=-1.0, half_spread_bps=2.0, impact_y=0.5))
    assert (twice.taker_bps, twice.maker_bps, twice.half_spread_bps, twice.impact_y) == (10.0, -1.0, 4.0, 1.0)


def test_a_folder_or_a_page_may_be_named(sample: Result, tmp_path: Path) -> None:
    assert sample.report(tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / "report.html"
    assert sample.report(str(tmp_path / "mine.html")) == tmp_path / "mine.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.html", "mine.json", "new"]
    assert (tmp_path / "new/folder/report.json").read_bytes() == (tmp_path / "mine.json").read_bytes()
    assert (tmp_path / "new/folder/report.html").read_bytes() == (tmp_path / "mine.html").read_bytes()


def test_what_cannot_be_written_is_refused_and_leaves_the_old_page(sample: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(OutputError, match="choose a folder"):
        sample.report(tmp_path / "file" / "below")
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_report(sample, tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_nothing_is_fetched_from_anywhere(written: tuple[dict[str, Any], str]) -> None:
    _, html = written
    for tag, attrs in Tags(html).found:
        assert tag not in {"iframe", "object", "embed", "img"}
        for name in ("src", "href", "action"):
            assert (attrs.get(name) or "data:").startswith("data:"), (tag, attrs)
    assert "default-src 'none'" in html


@pytest.mark.slow
def test_four_years_of_hours_of_a_hundred_names_are_quick_and_small(tmp_path: Path) -> None:
    bars, names = 35_040, 100
    steps = np.random.default_rng(0).normal(0.0, 0.005, (bars, names))
    panel = flat_panel(100.0 * np.exp(np.cumsum(steps, axis=0)), tuple(f"N{i:03}" for i in range(names)))
    result = run(panel, draw_weights(panel, size=0.02))
    before = process_time()
    path = write_report(result, tmp_path)
    assert process_time() - before < 10.0
    assert path.stat().st_size < 8_000_000
    charts = strict(path.read_text("utf-8").split('id="charts">')[1].split("</script>")[0])
    assert max(len(trace["x"]) for chart in charts.values() for trace in chart["data"]) <= 2_000
