"""The commands of a first week as a user types them: preflight, plan, live with its bounds, and a plan beside it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.live.programs import LAPSE, Programs


def test_preflight_plan_and_live_within_the_same_bounds(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        options = ["--lapse", LAPSE, "--ramp", "0:50%", "--capital", "4000", "--max-order-usdt", "350"]
        assert "live would start" in programs.run("preflight", *options)
        before = programs.truth()
        told = json.loads(programs.run("plan", *options, "--json"))
        assert (told["mode"], told["ramp_frac"], told["capital_usdt"]) == ("trading", 0.5, 4_000.0)
        assert told["totals"]["sizing_usdt"] == 4_000.0
        legs = [leg for name in told["names"] for leg in name["legs"] if leg["lots"]]
        assert len(legs) == told["totals"]["orders"] > 0
        assert max(leg["notional_usdt"] for leg in legs) <= 350.0
        assert all(leg["stop_price"] and leg["cost_usdt"] > 0.0 for leg in legs)
        assert {gate for leg in legs for gate in leg["gates"]} == {"ramp", "order_size"}
        after = programs.truth()
        assert {name: after[name] for name in ("positions", "open_orders", "closed_orders")} == {
            name: before[name] for name in ("positions", "open_orders", "closed_orders")
        }
        assert not (programs.state / "journal.sqlite3").exists()

        programs.trader = programs._start("live", "--config", str(programs.config), *options)
        programs.until(programs.settled)
        busy = json.loads(programs.run("plan", "--lapse", LAPSE, "--json"))
        assert busy["capital_usdt"] == 4_000.0
        told = json.loads(programs.run("status", "--json"))
        assert told["limits"]["capital_usdt"] == 4_000.0
        assert told["limits"]["order_usdt_max"] == 350.0
        assert told["limits"]["ramp_frac"] == 0.5
        assert told["live_settings_changed"] is False
        _explain(programs)
        _command(programs)
        programs.kill()


def _command(programs: Programs) -> None:
    """What the trader refuses is told, and an error; one position can be closed, and is then held by hand."""
    refused = programs.answer("rearm", "drawdown", "--reason", "try")
    assert (refused.returncode, refused.stderr.strip()) == (20, "xsmom: rearm was refused: drawdown is not latched")
    held, _ = programs.journal()
    name = next(one for one in sorted(held) if held[one])
    assert f"{name} is not held by hand" in programs.answer("release", name).stderr
    assert "flatten: taken" in programs.run("flatten", name.lower(), "--reason", "try")
    programs.until(lambda: name not in programs.truth()["positions"])
    assert "closed by" in json.loads(programs.run("status", "--json"))["held_by_hand"][name]
    assert "release: taken" in programs.run("release", name)
    assert f"no position in {name}" in programs.answer("flatten", name, "--reason", "again").stderr


def _explain(programs: Programs) -> None:
    """Why of a name that is held, of a trader that runs: its own decision, what the bounds cut, and its stop."""
    held, _ = programs.journal()
    name = max(held, key=lambda one: abs(held[one]))
    told = json.loads(programs.run("why", name, "--mode", "live", "--lapse", LAPSE, "--json"))
    assert told["unexplained"] == ""
    assert told["trader"]["state"] == "running"
    assert (told["symbol"], told["is_newest"]) == (name, True)
    assert told["weight_frac"] * held[name] > 0.0
    assert {rung["stage"] for rung in told["rungs"]} == {"universe", "signal", "selection", "size"}
    target = next(rung["value"] for rung in told["rungs"] if rung["rule"] == "target")
    assert target == told["weight_frac"]
    verdict = next(one["text"] for one in told["said"] if one["topic"] == "verdict")
    assert "was cut to" in verdict
    assert "the book grows to full size" in verdict
    assert "executed" in {one["topic"] for one in told["since"]}
    now = {one["topic"]: one["text"] for one in told["now"]}
    assert now["mode"].startswith("The trader is trading since")
    assert f"Held: {'long' if held[name] > 0 else 'short'}" in now["position"]
    assert "it stands on the exchange at" in now["stop"]
    text = programs.run("why", name, "--mode", "live", "--lapse", LAPSE)
    assert "taken again, with the same result" in text
    assert now["stop"] in text
