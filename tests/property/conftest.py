"""Each property holds of the core and of the twin that the core is held against."""

import os
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from tests.oracle import core, decision, features

settings.register_profile(
    "kernel",
    deadline=None,
    max_examples=400 if os.environ.get("XSMOM_PROOF") == "1" else 20,
    derandomize=os.environ.get("XSMOM_PROOF") != "1",
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("kernel")

TWIN = SimpleNamespace(features=features.features, decide=decision.decide)
CORE = SimpleNamespace(features=core.features, decide=core.decide)


@pytest.fixture(params=["twin", "core"])
def program(request):
    """One of the two programs."""
    return TWIN if request.param == "twin" else CORE
