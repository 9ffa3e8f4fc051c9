"""When two simulations agree."""

from typing import Any

import numpy as np

from tests.oracle.account import COST_KINDS

Dict = dict[str, Any]

FILL_EXACT = ("bar", "at_ms", "symbol", "exit")
TRIP_EXACT = ("symbol", "side", "opened_ms", "closed_ms", "exit")
SERIES = ("equity_usdt", "gross_usdt", "net_usdt", *COST_KINDS, "traded_usdt")


def check_lots(found: Dict, wanted: Dict) -> None:
    """The same lots of every name at every bar."""
    unlike = np.argwhere(found["units"] != wanted["units"])
    if len(unlike):
        t, i = unlike[0]
        text = f"bar {t}, name {i}: {found['units'][t, i]} units, the twin holds {wanted['units'][t, i]}"
        raise AssertionError(text)


def check_table(kind: str, found: Dict, wanted: list[Dict], exact: tuple[str, ...], usdt: float) -> None:
    """The same rows in the same order; numbers to nine digits."""
    assert len(found[exact[0]]) == len(wanted), f"{len(found[exact[0]])} {kind}, the twin has {len(wanted)}"
    for name in wanted[0] if wanted else ():
        got, want = found[name], [row[name] for row in wanted]
        if name in exact:
            at = next((k for k, (a, b) in enumerate(zip(got, want, strict=True)) if a != b), None)
            assert at is None, f"{kind} {at}, {name}: {got[at]} against {wanted[at]}"
        else:
            floor = usdt if name.endswith("_usdt") else 0.0
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=floor, err_msg=f"{kind}: {name}")


def check_labels(found: Dict | None, wanted: Dict | None) -> None:
    """The meta-labeller was off in both, or learned the same."""
    assert (found is None) == (wanted is None)
    for name, value in (wanted or {}).items():
        assert found is not None
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-9, err_msg=f"labels: {name}")


def check_run(found: Dict, wanted: Dict, cash_usdt: float) -> None:
    """Lots exactly, dollars to nine digits of the account, and everything that is counted."""
    check_lots(found, wanted)
    for name in SERIES:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-9 * cash_usdt, err_msg=name)
    live = wanted["equity_usdt"] > 1e-6 * cash_usdt
    np.testing.assert_allclose(found["equity_usdt"][live], wanted["equity_usdt"][live], rtol=1e-9)
    check_table("fill", found["fills"], wanted["fills"], FILL_EXACT, 1e-9 * cash_usdt)
    check_table("round trip", found["trips"], wanted["trips"], TRIP_EXACT, 1e-9 * cash_usdt)
    assert dict(found["reason_counts"]) == wanted["reason_counts"]
    check_labels(found["labels"], wanted["labels"])
    for name in ("decisions", "guarded_bars", "bankrupt_at", "liquidated_at"):
        assert found[name] == wanted[name], f"{name}: {found[name]}, the twin says {wanted[name]}"
