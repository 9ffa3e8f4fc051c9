"""The twin's table of parameters is the core's."""

from xsmom import _core

from tests.oracle import markets
from tests.oracle.core import to_params
from tests.oracle.params import DEFAULT_PARAMS


def test_the_neutral_values_are_the_same():
    assert list(DEFAULT_PARAMS) == _core.params_fields()
    assert DEFAULT_PARAMS == {
        name: [tuple(x) if isinstance(x, list) else x for x in value]
        if isinstance(value, (list, tuple))
        else value
        for name, value in _core.params_defaults().items()
    }


def test_every_overlay_is_a_valid_configuration():
    for name in markets.OVERLAYS:
        to_params(markets.make_params(name))
