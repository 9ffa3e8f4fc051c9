"""Bybit V5 as its documentation describes it (linear perpetuals, unified account)."""

from __future__ import annotations

from typing import Any

from xsmom.domain.trading import Capabilities, TriggerBy
from xsmom.venues.bybit.codes import MEANINGS
from xsmom.venues.exchange_table import Endpoint, ExchangeTable, Network
from xsmom.venues.limiter import Window

_MINUTE_MS = 60_000
_TIMEFRAMES = {
    minutes * _MINUTE_MS: word
    for minutes, word in (
        (1, "1"), (3, "3"), (5, "5"), (15, "15"), (30, "30"), (60, "60"), (120, "120"), (240, "240"),
        (360, "360"), (720, "720"), (1_440, "D"),
    )
}  # fmt: skip


def _envelope(body: dict[str, Any]) -> tuple[str, str] | None:
    """`retCode` 0 and a `result` are an answer; a number other than 0 is an error; all else is neither."""
    code = body.get("retCode")
    if isinstance(code, bool) or not isinstance(code, int):
        return "", ""
    if code != 0:
        return str(code), str(body.get("retMsg", ""))
    return None if isinstance(body.get("result"), dict) else ("", "")


def _clock_of(body: dict[str, Any]) -> int:
    return int(body["result"]["timeNano"]) // 1_000_000


def _public(path: str) -> Endpoint:
    name = path.replace("/", "_").replace("-", "_")
    return Endpoint(f"public_get_{name}", path)


def _private(verb: str, path: str, budget: str = "") -> Endpoint:
    name = path.replace("/", "_").replace("-", "_")
    return Endpoint(f"private_{verb}_{name}", path, budget or path)


_PRIVATE = {
    "wallet": _private("get", "v5/account/wallet-balance"),
    "account": _private("get", "v5/account/info"),
    "fees": _private("get", "v5/account/fee-rate"),
    "key": _private("get", "v5/user/query-api"),
    "positions": _private("get", "v5/position/list"),
    "open_orders": _private("get", "v5/order/realtime"),
    "closed_orders": _private("get", "v5/order/history"),
    "fills": _private("get", "v5/execution/list"),
    "transactions": _private("get", "v5/account/transaction-log"),
    "create": _private("post", "v5/order/create"),
    "amend": _private("post", "v5/order/amend"),
    "cancel": _private("post", "v5/order/cancel"),
    "position_stop": _private("post", "v5/position/trading-stop"),
    "leverage": _private("post", "v5/position/set-leverage"),
    "position_mode": _private("post", "v5/position/switch-mode"),
    "margin_mode": _private("post", "v5/account/set-margin-mode"),
}
# Calls a second for one account, as documented for a new one. Where nothing is documented, few.
_PER_SECOND = {"create": 10, "amend": 10, "cancel": 10, "position_stop": 10, "leverage": 10, "position_mode": 10}
_PER_SECOND |= {"wallet": 50, "positions": 50, "open_orders": 50, "closed_orders": 50, "fills": 50}
_PER_SECOND |= {"transactions": 25, "fees": 5, "account": 5, "key": 5, "margin_mode": 5}

BYBIT = ExchangeTable(
    name="bybit",
    library_id="bybit",
    networks=frozenset({Network.MAIN, Network.TEST, Network.DEMO}),
    endpoints={
        "time": _public("v5/market/time"),
        "status": _public("v5/system/status"),
        "instruments": _public("v5/market/instruments-info"),
        "tiers": _public("v5/market/risk-limit"),
        "quotes": _public("v5/market/tickers"),
        "depth": _public("v5/market/orderbook"),
        "candles": _public("v5/market/kline"),
        "mark_candles": _public("v5/market/mark-price-kline"),
        "funding": _public("v5/market/funding/history"),
        **_PRIVATE,
    },
    # 600 in 5 s for each address; the shorter window keeps us from sending them all in the first second.
    shared=(Window(600, 5_000), Window(150, 1_000)),
    budgets={_PRIVATE[name].budget: Window(calls, 1_000) for name, calls in _PER_SECOND.items()},
    barred={403: 600.0},
    timeframes=_TIMEFRAMES,
    candles_page_max=1_000,
    funding_page_max=200,
    bar_final_after_ms=1_000,
    envelope=_envelope,
    clock_of=_clock_of,
    meanings=MEANINGS,
    stream_urls={
        Network.MAIN: "wss://stream.bybit.com/v5/private",
        Network.TEST: "wss://stream-testnet.bybit.com/v5/private",
        Network.DEMO: "wss://stream-demo.bybit.com/v5/private",
    },
    stream_path="/v5/private",
    capabilities=Capabilities(
        attach_stop=True,
        position_stop=True,
        amend=True,
        lookup_by_client_id=True,
        client_id_length_max=36,
        candles_page_max=1_000,
        triggers=frozenset(TriggerBy),
    ),
    rate_headers=("X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"),
    # The library would ask three signed questions before the first private call to learn what is fixed here.
    library_options={"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 6},
)
