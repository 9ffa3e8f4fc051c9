"""Bounds of size: what a start settles from configuration, options and the journal, and that sizing obeys them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer

import xsmom as xs
from xsmom.cli.size_options import size_overrides
from xsmom.domain.limits import Limits
from xsmom.engine.plan import sizing_usdt
from xsmom.engine.rules import Rules
from xsmom.errors import ConfigError
from xsmom.live.limits import settle_limits
from xsmom.store import codec

DAY_MS = 86_400_000
NOW_MS = 1_700_000_000_000


def settle(given, before: Limits | None = None, now_ms: int = NOW_MS) -> Limits:
    config = xs.load_config("weekly", given)
    return settle_limits(config, Rules.of(config), before, now_ms)


def written(tmp_path, text: str, given=()) -> tuple:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    config = xs.load_config(str(path), given)
    return config, Rules.of(config)


def test_live_capital_usdt_bounds_sizing_and_not_the_report() -> None:
    """Of the engine's own sizing, and of the kernel's parameters: both must say the same."""
    config = xs.load_config("weekly", {"live.capital_usdt": 2_000})
    rules = Rules.of(config)
    bounded = rules.within(settle({"live.capital_usdt": 2_000}))
    assert sizing_usdt(10_000.0, rules.fields) == 10_000.0
    assert sizing_usdt(10_000.0, bounded.fields) == 2_000.0
    assert sizing_usdt(1_500.0, bounded.fields) == 1_500.0
    assert "capital_usdt_max: 2000.0" in repr(bounded.params)
    plain = xs.load_config("weekly")
    assert (config.config_hash, config.live_hash) == (plain.config_hash, plain.live_hash)


def test_the_smaller_capital_counts() -> None:
    rules = Rules.of(xs.load_config("weekly", {"strategy.capital_usdt_max": 500}))
    assert rules.within(Limits(capital_usdt=2_000.0)).fields["capital_usdt_max"] == 500.0
    assert rules.within(Limits(capital_usdt=200.0)).fields["capital_usdt_max"] == 200.0
    assert rules.within(Limits()).fields["capital_usdt_max"] == 500.0


def test_an_option_is_remembered_by_later_starts_until_it_is_lifted() -> None:
    first = settle(size_overrides(None, "2000", "150"))
    assert (first.capital_usdt, first.order_usdt_max) == (2_000.0, 150.0)
    again = settle({}, first)
    assert (again.capital_usdt, again.order_usdt_max) == (2_000.0, 150.0)
    assert settle({}, again) == replace(again, ramp_since_ms=NOW_MS)
    lifted = settle(size_overrides(None, "off", "off"), again)
    assert (lifted.capital_usdt, lifted.order_usdt_max) == (None, None)
    assert settle({}, lifted).capital_usdt is None
    raised = settle(size_overrides(None, "3000", None), again)
    assert (raised.capital_usdt, raised.order_usdt_max) == (3_000.0, 150.0)


def test_a_file_counts_beside_what_an_option_said(tmp_path) -> None:
    kept = settle(size_overrides(None, "2000", None))
    for amount, wanted in ((500, 500.0), (9_000, 2_000.0)):
        config, rules = written(tmp_path, f"live: {{capital_usdt: {amount}}}\n")
        assert settle_limits(config, rules, kept, NOW_MS).capital_usdt == wanted
        assert settle_limits(config, rules, None, NOW_MS).capital_usdt == amount


def test_execution_max_order_usdt_reaches_the_gate() -> None:
    rules = Rules.of(xs.load_config("weekly")).within(settle({"execution.max_order_usdt": 75}))
    assert rules.work.order_usdt_max == 75.0


def test_a_restart_goes_on_with_the_ramp() -> None:
    first = settle(size_overrides("10d", None, None))
    assert first.ramp_frac(NOW_MS) == pytest.approx(0.1)
    later_ms = NOW_MS + 4 * DAY_MS
    for given in (size_overrides("10d", None, None), []):
        again = settle(given, first, later_ms)
        assert again.ramp_since_ms == NOW_MS
        assert again.ramp_frac(later_ms) == pytest.approx(0.1 + 0.9 * 0.4)
    shorter = settle(size_overrides("5d", None, None), first, later_ms)
    assert shorter.ramp_frac(later_ms) == pytest.approx(0.1 + 0.9 * 0.8)
    assert settle(size_overrides("0", None, None), first, later_ms).ramp_frac(later_ms) == 1.0


def test_a_ramp_that_is_over_stays_so_and_another_begins_anew() -> None:
    first = settle(size_overrides("5d", None, None))
    later_ms = NOW_MS + 100 * DAY_MS
    assert settle(size_overrides("5d", None, None), first, later_ms).ramp_frac(later_ms) == 1.0
    assert settle({}, first, later_ms).ramp_frac(later_ms) == 1.0
    other = settle(size_overrides("8d", None, None), first, later_ms)
    assert other.ramp_frac(later_ms) == pytest.approx(0.1)
    plain = settle({}, first, later_ms)
    assert settle(size_overrides("5d", None, None), plain, later_ms).ramp_frac(later_ms) == pytest.approx(0.1)


def test_live_ramp_steps() -> None:
    steps = settle({"live.ramp_steps": [[0, 0.1], [2, 0.25], [5, 0.5]]})
    shares = [steps.ramp_frac(NOW_MS + round(day * DAY_MS)) for day in (-1, 0, 1.99, 2, 4.99, 5, 500)]
    assert shares == [0.1, 0.1, 0.1, 0.25, 0.25, 0.5, 0.5]
    by_option = settle(size_overrides("0:10%,2:25%,5:50%", None, None))
    assert (by_option.ramp, by_option.ramp_straight) == (steps.ramp, False)


def test_an_option_takes_the_place_of_the_other_form(tmp_path) -> None:
    config, rules = written(tmp_path, "live: {ramp_steps: [[0, 0.5], [3, 1]]}\n", size_overrides("5", None, None))
    assert settle_limits(config, rules, None, NOW_MS).ramp == ((0, 0.1), (5 * DAY_MS, 1.0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"live.ramp_steps": [[0, 0.1], [2, 1]], "live.ramp_days": 3}, "keep one"),
        ({"live.ramp_steps": [[1, 0.1], [2, 1]]}, "the first day is 0"),
        ({"live.ramp_steps": [[0, 0.5], [2, 0.2]]}, "must rise"),
        ({"live.ramp_steps": [[0, 0], [2, 1]]}, "above 0"),
        ({"live.ramp_steps": [[0, 10], [2, 100]]}, "up to 1"),
        ({"live.capital_usdt": 0}, "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said) -> None:
    with pytest.raises(ConfigError, match=said):
        xs.load_config("weekly", given)


@pytest.mark.parametrize(
    ("ramp", "capital", "order"),
    [
        ("soon", None, None),
        ("-1", None, None),
        ("nan", None, None),
        ("5000", None, None),
        ("0:10%,2", None, None),
        ("1:10%", None, None),
        ("0:10%,5:5%", None, None),
        ("0:200%", None, None),
        ("0:10", None, None),
        (None, "0", None),
        (None, "much", None),
        (None, "inf", None),
        (None, None, "-5"),
    ],
)
def test_an_option_that_makes_no_sense_gets_one_sentence(ramp, capital, order) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        size_overrides(ramp, capital, order)
    assert "such as" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_journal_gives_them_back() -> None:
    kept = settle(size_overrides("0:10%,2:25%", "2000", "150"))
    assert codec.decode(codec.encode(kept)) == kept
