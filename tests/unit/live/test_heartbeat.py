"""Signs of life: the file is replaced whole, and the service manager hears what is said."""

import json
import socket
from dataclasses import replace

from xsmom.live.heartbeat import FILE, Heartbeat, notify_systemd, read_heartbeat, write_heartbeat

BEAT = Heartbeat(1_000, 7, 3, "trading", "", 10_000.0, 2, 1.0, 900, 900, kill=False)


def test_it_is_read_as_it_was_written(tmp_path) -> None:
    write_heartbeat(tmp_path / "state", BEAT)
    write_heartbeat(tmp_path / "state", replace(BEAT, seq=4))
    assert read_heartbeat(tmp_path / "state") == replace(BEAT, seq=4)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [FILE]


def test_what_a_newer_version_says_beside_it_is_passed_over(tmp_path) -> None:
    """A watchdog that runs while the trader is renewed must not take it for dead; nor a new one an old trader."""
    write_heartbeat(tmp_path, BEAT)
    told = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**told, "of_tomorrow": [1]}))
    assert read_heartbeat(tmp_path) == BEAT
    (tmp_path / FILE).write_text(json.dumps({name: told[name] for name in told if name != "working"}))
    assert read_heartbeat(tmp_path) == BEAT


def test_what_cannot_be_read_is_no_sign(tmp_path) -> None:
    assert read_heartbeat(tmp_path) is None
    (tmp_path / FILE).write_text('{"at_ms": 1}')
    assert read_heartbeat(tmp_path) is None


def test_the_service_manager_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify_systemd("READY=1")
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert notify_systemd("WATCHDOG=1")
        assert line.recv(100) == b"WATCHDOG=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify_systemd("READY=1")
