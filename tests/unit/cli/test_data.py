from __future__ import annotations

import json
from pathlib import Path

import pytest

from xsmom.cli.main import main
from xsmom.cli.progress import ProgressBar
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.panel"


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in ("data", *arguments)])


def test_a_sample_is_written_and_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample", "--out", path, "--symbols", "5", "--days", "10", "--timeframe", "4h", "--seed", "3") == 0
    told = capsys.readouterr()
    panel = Panel.open(path, verify=True)
    assert panel.hash == SampleMarket(symbols=5, bars=60, bar_ms=14_400_000, seed=3).build().hash
    for words in (
        "synthetic sample, seed 3",
        "60 of 4h",
        "2023-01-01 04:00Z to 2023-01-11 00:00Z",
        panel.hash,
    ):
        assert words in told.out
    assert told.err == ""


def test_every_option_reaches_the_market(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample", "--out", path, "--symbols", "9", "--days", "2.5", "--momentum", "0", "--drama", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bars"] == 60
    assert told["provenance"]["momentum"] == 0
    assert told["provenance"]["drama"] is True
    assert told["symbols"] == list(Panel.open(path).symbols)
    assert told["label"] == "synthetic sample, seed 7, momentum 0"


def test_nothing_is_overwritten_unasked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text("precious")
    assert run("sample", "--out", path, "--days", "1") != 0
    assert capsys.readouterr().err == f"xsmom: {path} is there already: give --force to replace it, or another --out\n"
    assert path.read_text() == "precious"
    assert run("sample", "--out", path, "--days", "1", "--force") == 0
    assert Panel.open(path).bars == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timeframe", "1x"], "timeframe '1x' is not known"),
        (["--days", "-1"], "a market of -1.0 days cannot be made"),
        (["--days", "nan"], "a market of nan days cannot be made"),
        (["--days", "0.01"], "a sample market of 0 bars holds nothing"),
        (["--symbols", "0"], "1 to 17,578 symbols"),
        (["--momentum", "99"], "momentum 99.0 is not within 0"),
    ],
)
def test_bad_options_are_one_sentence(
    path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sample", "--out", path, *arguments) == 4
    told = capsys.readouterr()
    assert words in told.err
    assert told.err.count("\n") == 1
    assert not path.exists()


def test_info_tells_what_the_header_says(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SampleMarket(symbols=12, bars=200).write(path)
    assert run("info", path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    panel = Panel.open(path)
    assert (told["bars"], told["bar_ms"], told["hash"]) == (200, 3_600_000, panel.hash)
    assert (told["first_close_ms"], told["last_close_ms"]) == (panel.close_ms[0], panel.close_ms[-1])
    assert told["listed_inside"] == int((panel.listed_ms >= panel.close_ms[0]).sum()) == 3
    assert told["delisted_inside"] == 0
    assert told["file_bytes"] == path.stat().st_size
    assert told["verified"] is False
    assert run("info", path) == 0
    assert f"12: {panel.symbols[0]}, " in capsys.readouterr().out


def test_info_verifies_when_asked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SampleMarket(symbols=3, bars=50).write(path)
    assert run("info", path, "--verify") == 0
    assert "verified" in capsys.readouterr().out
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert run("info", path) == 0
    assert run("info", path, "--verify") == 4
    assert "funding_frac is not what was written" in capsys.readouterr().err


def test_info_on_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("hello")
    assert run("info", tmp_path / "note.txt") == 4
    assert "is not a panel file: make one with `xsmom data sample`" in capsys.readouterr().err
    assert run("info", tmp_path / "nowhere") == 4


def test_a_progress_bar_appears_when_work_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProgressBar("making bars") as tell:
        tell(1, 10)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("xsmom.cli.progress.PROGRESS_AFTER_S", -1.0)
    with ProgressBar("making bars") as tell:
        tell(1, 10)
        tell(10, 10)
    told = capsys.readouterr()
    assert "making bars" in told.err
    assert "10/10" in told.err
    assert "/s" in told.err
    assert told.out == ""
