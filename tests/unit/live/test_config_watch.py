"""A configuration that is changed under a running process: said once, by name, and never taken over."""

from pathlib import Path

import pytest

import xsmom as xs
from xsmom.domain.effects import Severity
from xsmom.live.config_watch import ConfigWatch, watched_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("risk: {max_daily_loss_pct: 5}\n")
    return path


def watching(file: Path) -> ConfigWatch:
    return ConfigWatch(xs.load_config(str(file)), watched_files(file), lambda: xs.load_config(str(file)))


def test_what_changed_is_said_once_and_the_way_back_too(file: Path) -> None:
    watch = watching(file)
    assert watch.notes() == []
    file.write_text("risk: {max_daily_loss_pct: 4.5}\nstrategy: {k_max: 6}\n")
    (note,) = watch.notes()
    assert (note.name, note.severity) == ("config.changed", Severity.WARNING)
    assert note.fields["changed"] == ["strategy.k_max: 4 -> 6", "risk.max_daily_loss_pct: 5.0 -> 4.5"]
    assert "keeps what it was started with" in str(note.fields["why"])
    assert watch.notes() == []
    file.write_text("risk: {max_daily_loss_pct: 4.5}\nstrategy: {k_max: 6}  # the same in other words\n")
    assert watch.notes() == []
    file.write_text("risk: {max_daily_loss_pct: 5}\n")
    assert [one.name for one in watch.notes()] == ["config.restored"]
    assert watch.notes() == []


def test_what_was_written_while_it_started_is_seen(file: Path) -> None:
    watch = watching(file)
    file.write_text("strategy: {k_max: 6}\nrisk: {max_daily_loss_pct: 5}\n")
    assert [one.fields["changed"] for one in watch.notes()] == [["strategy.k_max: 4 -> 6"]]


@pytest.mark.parametrize("text", ["strategy: {k_maxx: 6}\n", "strategy: [\n", None])
def test_what_no_start_could_read_is_an_error(file: Path, text: str | None) -> None:
    watch = watching(file)
    watch.notes()
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    (note,) = watch.notes()
    assert (note.name, note.severity) == ("config.unreadable", Severity.ERROR)
    assert "could not be started again" in str(note.fields["why"])
    assert watch.notes() == []


def test_an_overlay_and_the_environments_file_are_watched(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XSMOM_ENV", raising=False)
    watch = watching(file)
    assert watch.notes() == []
    (file.parent / ".env").write_text("XSMOM__RISK__MAX_DAILY_LOSS_PCT=3\n")
    (note,) = watch.notes()
    assert note.fields["changed"] == ["risk.max_daily_loss_pct: 5.0 -> 3.0"]
    (file.parent / "config.production.yaml").write_text("")
    assert watched_files(file)[1:2] == [file.parent / "config.production.yaml"]
