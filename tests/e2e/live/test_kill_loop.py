"""The real command against the real exchange program, killed with signal 9 again and again, on each kind of database.

After the last start no name was sent twice, every execution is in the ledger, the book holds the exchange's lots, every
position has its stop, and a kill switch that was set is set. `XSMOM_KILLS=100` (`just killloop 100`) asks for as many
kills. How soon a stop stands, and whether one wish was sent under two names, is for the simulation to see.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from tests.databases.fixtures import Database
from tests.e2e.live.programs import Programs, added_up

KILLS = int(os.environ.get("XSMOM_KILLS") or (100 if os.environ.get("XSMOM_PROOF") else 8))


def test_killed_at_random_it_never_sends_twice_and_never_forgets(tmp_path: Path, database: Database) -> None:
    chance = random.Random(20)
    with Programs(tmp_path, database.rules) as programs:
        for _ in range(KILLS):
            programs.start()
            programs.until(lambda: programs.beat() is not None)
            time.sleep(chance.uniform(0.5, 5.0))
            programs.kill()
        programs.start()
        programs.until(programs.settled)
        assert "taken" in programs.run("kill", "activate", "--reason", "the test ends", "--freeze")
        programs.until(lambda: (beat := programs.beat()) is not None and beat.kill)
        programs.kill()

        truth = programs.truth()
        sent = [row["client_id"] for row in (*truth["open_orders"], *truth["closed_orders"]) if row["client_id"]]
        assert len(sent) == len(set(sent)) > 0
        assert all(row["stop_loss_ticks"] for row in truth["positions"] if row["lots"])
        for usdt in (150, -20):
            programs.move(usdt)
        held = {truth["names"][row["symbol"]]: row["lots"] for row in truth["positions"] if row["lots"]}
        programs.start()
        programs.until(lambda: programs.beat() is not None)
        beat = programs.beat()
        assert beat is not None
        assert beat.kill
        assert beat.mode == "halted"
        programs.until(lambda: programs.moved_usdt() == 130.0)
        programs.kill()
        assert len(held) == beat.positions
        booked, filled = programs.journal()
        assert booked == held
        traded = [row for row in truth["executions"] if row["kind"] == "trade"]
        assert filled == added_up((row["client_id"], row["lots"]) for row in traded)
        exported = tmp_path / "income.csv"
        programs.run("export", "income", "--csv", str(exported))
        rows = [line.split(",") for line in exported.read_text("utf-8").splitlines() if ",transfer," in line]
        assert [row[4] for row in rows] == ["150", "-20"]
