"""`/v5/account` and `/v5/user`: money, fees, modes, the list of money, the key itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xsmom.domain.exchange_core import from_e8
from xsmom.simex.bybit import codes, rows
from xsmom.simex.bybit.asking import Asked, Refusal, refuse
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.public import cut_page
from xsmom.simex.bybit.signing import Key
from xsmom.simex.bybit.trade import account_of, find_symbol
from xsmom.simex.bybit.wire import fixed, money, plain

if TYPE_CHECKING:
    from xsmom.simex.world import World

DAY_MS = 86_400_000
_TRANSACTION_TYPES = {"trade": "TRADE", "funding": "SETTLEMENT", "settlement": "LIQUIDATION", "cover": "BONUS"}
_SETTLED = {"takeover": "LIQUIDATION", "deleveraging": "ADL", "delivery": "DELIVERY"}
_FAR_MS = 4_102_444_800_000


def show_wallet(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/account/wallet-balance`."""
    asked.choice("accountType", ("UNIFIED",))
    row = rows.wallet_row(world, account_of(world, key))
    if asked.has("coin"):
        wanted = asked.text("coin").split(",")
        row["coin"] = [coin for coin in row["coin"] if coin["coin"] in wanted]
    return {"list": [row]}


def show_account(world: World, key: Key, _asked: Asked) -> dict[str, Any]:
    """`/v5/account/info`: a unified account."""
    isolated = account_of(world, key) in world.modes.isolated
    return {
        "marginMode": "ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN",
        "updatedTime": "1697078946000",
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def list_fees(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/account/fee-rate`."""
    account_of(world, key)
    if asked.text("category") != "linear":
        raise refuse("params error: only linear is simulated")
    names = [find_symbol(world, asked).symbol] if asked.has("symbol") else list(world.symbols)
    maker, taker = (plain(fee) for fee in world.fees)
    return {"list": [{"symbol": name, "takerFeeRate": taker, "makerFeeRate": maker} for name in names]}


def set_margin_mode(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/account/set-margin-mode`: cross or isolated, while nothing is open; margin is reckoned as cross."""
    account = account_of(world, key)
    modes = ("REGULAR_MARGIN", "ISOLATED_MARGIN", "PORTFOLIO_MARGIN")
    wanted, isolated = asked.choice("setMarginMode", modes), account in world.modes.isolated
    if wanted == ("ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN"):
        raise Refusal(codes.MARGIN_MODE_SAME)
    busy = any(world.core.ask({"ask": what, "account": account}) for what in ("positions", "open_orders"))
    if busy or wanted == "PORTFOLIO_MARGIN":
        raise Refusal(Code(110073, "Set margin mode failed"))
    world.modes.put(account, hedge=account in world.modes.hedged, isolated=not isolated)
    return {"reasons": []}


def list_transactions(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/account/transaction-log`: what moved money; a day of it, the newest first."""
    account = account_of(world, key)
    now_ms = world.clock.now_ms()
    end_ms = asked.whole("endTime", asked.whole("startTime", 0) + DAY_MS if asked.has("startTime") else now_ms)
    start_ms = asked.whole("startTime", max(0, end_ms - DAY_MS))
    if end_ms - start_ms > 7 * DAY_MS:
        raise refuse("The time range between startTime and endTime is greater than 7 days")
    limit = asked.whole("limit", 20, low=1, high=50)
    wanted = {name: asked.text(name, "") for name in ("type", "currency", "category")}
    found = world.core.ask({"ask": "transactions", "account": account, "since_ms": start_ms})
    kinds = {execution["id"]: execution["kind"] for execution in world.views[account].executions}
    told = []
    for entry in found:
        if entry["at_ms"] <= end_ms:
            settled = _SETTLED.get(kinds.get(entry["execution"], ""))
            told.append(_transaction_row(world, key, entry) | ({"type": settled} if settled else {}))
    chosen = [row for row in told if all(value in ("", row[name]) for name, value in wanted.items())]
    page, cursor = cut_page(chosen, asked, limit)
    return {"list": page, "nextPageCursor": cursor}


def _transaction_row(world: World, key: Key, entry: dict[str, Any]) -> dict[str, Any]:
    name = "" if entry["symbol"] is None else world.symbols[entry["symbol"]]
    transfer = "TRANSFER_IN" if entry["change_e8"] > 0 else "TRANSFER_OUT"
    transfer = world.words.get(entry["id"], transfer)

    def size(lots: int) -> str:
        return fixed(abs(world.size_of(name, lots)), world.instruments[name].qty_step) if name else "0"

    return {
        "id": f"{key.uid}_{entry['id']}",
        "symbol": name,
        "category": "linear" if name else "",
        "side": rows.side(entry["lots"]) or "None",
        "transactionTime": str(entry["at_ms"]),
        "type": _TRANSACTION_TYPES.get(entry["kind"], transfer),
        "transSubType": "",
        "qty": size(entry["lots"]),
        "size": size(entry["held_lots"]),
        "currency": "USDT",
        "tradePrice": plain(world.price_of(name, entry["ticks"])) if name else "0",
        # Received above 0, paid below: the other way round than in the list of executions.
        "funding": money(from_e8(entry["funding_e8"])) if entry["kind"] == "funding" else "",
        "fee": money(from_e8(entry["fee_e8"])),
        "cashFlow": money(from_e8(entry["realised_e8"])) if name else money(from_e8(entry["change_e8"])),
        "change": money(from_e8(entry["change_e8"])),
        "cashBalance": money(from_e8(entry["wallet_e8"])),
        "feeRate": "",
        "bonusChange": "0",
        "tradeId": rows.execution_id(entry["execution"]) if entry["execution"] else "",
        "orderId": rows.order_id(entry["order"]),
        "orderLinkId": "",
        "extraFees": "",
    }


def show_key(world: World, key: Key, _asked: Asked) -> dict[str, Any]:
    """`/v5/user/query-api`: what this key may do."""
    account_of(world, key)
    trades = ["Order", "Position"] if key.can_trade else []
    wallet = ["AccountTransfer", "Withdraw"] if key.can_withdraw else []
    expires_ms = key.expires_ms or _FAR_MS
    return {
        "id": str(key.uid),
        "note": key.account,
        "apiKey": key.key,
        "readOnly": int(not key.can_trade),
        "secret": "",
        "permissions": {
            "ContractTrade": trades,
            "Spot": [],
            "Wallet": wallet,
            "Options": [],
            "Derivatives": trades,
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
            "Earn": [],
            "FiatP2P": [],
            "FiatBitPay": [],
            "FiatConvertBroker": [],
            "BitCard": [],
            "ByXPost": [],
        },
        "ips": list(key.ips) or ["*"],
        "type": 1,
        "deadlineDay": max(0, (expires_ms - world.clock.now_ms()) // DAY_MS),
        "expiredAt": rows.stamp(expires_ms),
        "createdAt": rows.stamp(world.clock.now_ms()),
        "unified": 0,
        "uta": 1,
        "userID": key.uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
    }


def list_coins(world: World, key: Key, _asked: Asked) -> dict[str, Any]:
    """`/v5/asset/coin/query-info`: the one coin that accounts here are kept in."""
    account_of(world, key)
    return {"rows": [{"name": "USDT", "coin": "USDT", "remainAmount": "10000000", "chains": []}]}


POSTS = {"/v5/account/set-margin-mode": (set_margin_mode, 5, True)}
"""Handler, budget a second, whether it needs the right to trade."""

GETS = {
    "/v5/account/wallet-balance": (show_wallet, 50),
    "/v5/account/info": (show_account, 50),
    "/v5/account/fee-rate": (list_fees, 5),
    "/v5/account/transaction-log": (list_transactions, 25),
    "/v5/user/query-api": (show_key, 10),
    "/v5/asset/coin/query-info": (list_coins, 5),
}
"""Handler and budget a second."""
