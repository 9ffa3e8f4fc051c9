"""A trader that has run, made once for all tests that look at one."""

from __future__ import annotations

import pytest

from tests.unit.cli.played import Played, play


@pytest.fixture(scope="session")
def played(tmp_path_factory) -> Played:
    """Its journal is open as long as the tests run: they read while somebody writes."""
    return play(tmp_path_factory.mktemp("trader"))


@pytest.fixture
def trader(played, monkeypatch) -> Played:
    """The same, living in the exchange's own time, so that today is the day of its newest bar."""
    monkeypatch.setenv("XSMOM__EXCHANGE__BASE_URL", "http://127.0.0.1:1")
    monkeypatch.chdir(played.folder)
    played.beat(played.book.as_of_ms)
    return played
