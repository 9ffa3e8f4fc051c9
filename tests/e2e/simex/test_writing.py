"""How numbers are written: the fast way is the plain way."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from xsmom.simex.bybit.wire import counted, fixed

STEPS = st.builds(lambda digits, power: Decimal(digits).scaleb(power), st.sampled_from([1, 5, 25]), st.integers(-12, 3))


@given(st.integers(0, 10**12), STEPS)
def test_counted_is_fixed(count, step):
    assert counted(count, step) == fixed(count * step, step)
