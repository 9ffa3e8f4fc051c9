"""The twin's table of parameters is the core's."""

from tests.oracle import markets
from tests.oracle.core import to_params
from tests.oracle.params import DEFAULT_PARAMS
from xsmom import _core


def test_the_neutral_values_are_the_same():
    assert list(DEFAULT_PARAMS) == _core.params_fields()
    for name, value in _core.params_defaults().items():
        plain = list(value) if isinstance(value, (list, tuple)) else value
        assert plain == DEFAULT_PARAMS[name], name


def test_every_overlay_is_a_valid_configuration():
    for name in markets.OVERLAYS:
        to_params(markets.make_params(name))
