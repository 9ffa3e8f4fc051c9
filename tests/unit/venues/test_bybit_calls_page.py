"""The page of calls names every endpoint that the adapter has, every method of the port, and tests that exist."""

import re
from pathlib import Path

import pytest

from xsmom.ports import Venue
from xsmom.venues.bybit.table import BYBIT

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/explanation/bybit-calls.md").read_text("utf-8")
NO_REQUEST = {"venue", "candles_page_max", "capabilities", "close"}


@pytest.mark.parametrize("path", sorted({endpoint.path for endpoint in BYBIT.endpoints.values()}))
def test_every_endpoint_is_there(path):
    assert f"`/{path}`" in PAGE


def test_every_call_is_there():
    calls = {name for name in dir(Venue) if not name.startswith("_")} - NO_REQUEST
    assert {name for name in calls if f"`{name}`" not in PAGE} == set()


def test_every_test_that_is_named_exists():
    files = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"test_\w+\.py", PAGE)) <= files
