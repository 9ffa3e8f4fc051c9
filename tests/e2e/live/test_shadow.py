"""`xsmom shadow` beside the made-up exchange: it decides on an account that holds positions, and sends nothing."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.live.programs import LAPSE, Programs
from xsmom.domain.effects import Severity
from xsmom.live.heartbeat import read_heartbeat
from xsmom.store.readers import open_reader

KEPT = ("positions", "open_orders", "closed_orders")


def test_it_decides_on_the_real_account_and_sends_nothing(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        programs.start()
        programs.until(programs.settled)
        programs.kill()
        before = programs.truth()
        held, _ = programs.journal()

        other = ["--set", "strategy.gross_leverage=0.5"]  # it wants less of everything than what is held
        programs.trader = programs._start("shadow", "--config", str(programs.config), "--lapse", LAPSE, *other)
        folder = programs.state / "shadow"
        programs.until(lambda: (beat := read_heartbeat(folder)) is not None and beat.decided_ms > 0)
        programs.kill()

        after = programs.truth()
        assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
        reader = open_reader(programs.rules, folder)
        book, notes = reader.newest_book(), [row.note for row in reader.notes()]
        reader.close()
        assert book is not None
        assert {name: int(lots) for name, lots in zip(book.roster.symbols, book.lots, strict=True) if lots} == held
        assert book.cycle.decisions >= 1
        assert not book.held_by_hand
        assert [note for note in notes if note.name == "order.sent"]
        answers = [note for note in notes if note.name == "order.rejected"]
        assert answers
        assert all("was not sent" in str(note.fields["why"]) for note in answers)
        assert [note.name for note in notes if note.severity in {Severity.ERROR, Severity.CRITICAL}] == []
