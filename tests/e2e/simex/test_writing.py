"""How numbers are written: the fast way is the plain way."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext

from hypothesis import example, given
from hypothesis import strategies as st

from tests.e2e.simex.rig import HOUR_MS, SYMBOL, panel
from xsmom.domain.contracts import make_instruments
from xsmom.domain.exchange_core import to_e8
from xsmom.simex.bybit.market_rows import bar_cells, bar_texts
from xsmom.simex.bybit.wire import counted, fixed, money
from xsmom.simex.market import Candles, Tape

PRICES = st.floats(1e-9, 1e7, allow_nan=False) | st.decimals("0.0000001", "100000", places=7).map(float)
STEPS = st.builds(lambda digits, power: Decimal(digits).scaleb(power), st.sampled_from([1, 5, 25]), st.integers(-12, 3))


@given(st.integers(0, 10**12), STEPS)
def test_counted_is_fixed(count, step):
    assert counted(count, step) == fixed(count * step, step)


def contract(tick, step):
    """A contract of which only tick and step count here."""
    return replace(make_instruments(panel())[SYMBOL], price_tick=tick, qty_step=step)


@given(STEPS, STEPS, st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, st.floats(0, 1e12)), max_size=30))
@example(Decimal("0.1"), Decimal("0.001"), [(0.25, 0.35, 0.05, 0.15, 0.0)])  # halves, both ways, and below one tick
@example(Decimal("1E+1"), Decimal("1E+2"), [(25.0, 35.0, 15.0, 25.0, 1e6)])
@example(Decimal("0.0001"), Decimal(1), [])
def test_many_bars_are_written_as_each_of_them(tick, step, bars):
    made = contract(tick, step)
    rows = [(at * 3_600_000, *bar) for at, bar in enumerate(bars, 1)]
    assert bar_texts(made, rows) == [(str(row[0]), *bar_cells(made, row)) for row in rows]


def test_halves_are_written_alike_where_the_process_rounds_them_up():
    """The client library changes the rounding of the whole process."""
    rows = [(3_600_000, 1.0, 1.0, 1.0, 1.0, 1.212890625)]
    with localcontext(rounding=ROUND_HALF_UP):
        made = contract(Decimal(1), Decimal(1))
        assert bar_texts(made, rows) == [("3600000", *bar_cells(made, rows[0]))]
        assert (fixed(Decimal("0.25"), Decimal("0.1")), money(Decimal("0.000000125"))) == ("0.2", "0.00000012")
        assert to_e8(Decimal("0.000000125")) == 12


def test_a_whole_market_is_written_as_each_of_its_bars():
    market, now_ms = panel(), int(panel().close_ms[-1])
    candles, instruments = Candles(market, Tape(market)), make_instruments(market)
    for symbol in market.symbols:
        rows = candles.bars(symbol, HOUR_MS, 0, now_ms, now_ms)
        assert len(rows) > 200
        assert bar_texts(instruments[symbol], rows) == [
            (str(row[0]), *bar_cells(instruments[symbol], row)) for row in rows
        ]
