"""What all tests share: the way to the oracle, the counts, and where real data may lie."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# No example has a deadline: on a machine with other work a quick one may take a second.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # `tests.oracle` is imported by name, however pytest was started


@pytest.fixture(scope="session")
def shared():
    """The folder of vectors and real data beside the repository."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"needs the test material in {path.name}/ beside the repository")
    return path


@pytest.fixture(scope="session")
def proof():
    """Whether the full counts were asked for."""
    return os.environ.get("XSMOM_PROOF") == "1"
