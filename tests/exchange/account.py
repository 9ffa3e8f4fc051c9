"""An account with canned rows: what was asked is kept, and every signature is checked.

No matching and no money: that is the simulated exchange's work. Here only the wire is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time

API_KEY, API_SECRET = "testkey-0123456789", "testsecret-0123456789"
PRIVATE = ("/v5/order/", "/v5/position/", "/v5/account/", "/v5/user/", "/v5/execution/")
PAGE_MAX = {"/v5/order/realtime": 50, "/v5/order/history": 50, "/v5/position/list": 200, "/v5/execution/list": 100}
PAGE_USUAL = {"/v5/order/realtime": 20, "/v5/order/history": 20, "/v5/position/list": 20, "/v5/execution/list": 50}
MONEY = "/v5/account/transaction-log"
PAGE_MAX[MONEY], PAGE_USUAL[MONEY] = 50, 20


class RefusalError(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


class Account:
    """Rows by path; `refuse` maps a path to (code, text)."""

    def __init__(self):
        self.rows: dict[str, list] = {path: [] for path in PAGE_MAX}
        self.refuse = {}
        self.mutations = []  # (path, body)
        self.results = {}  # path: a result to answer with, whatever was asked
        self.margin_mode = "REGULAR_MARGIN"
        self.permissions = {"ContractTrade": ["Order", "Position"], "Wallet": []}
        self.read_only, self.ips, self.expires = 0, ["1.2.3.4"], "1970-01-01T00:00:00Z"

    def check(self, headers, signed_text, now_ms):
        """The signature as the documentation describes it, and the window of its time."""
        stamp, window = headers["X-BAPI-TIMESTAMP"], headers["X-BAPI-RECV-WINDOW"]
        if headers["X-BAPI-API-KEY"] != API_KEY:
            raise RefusalError(10_003, "API key is invalid.")
        text = f"{stamp}{API_KEY}{window}{signed_text}".encode()
        if headers["X-BAPI-SIGN"] != hmac.new(API_SECRET.encode(), text, hashlib.sha256).hexdigest():
            raise RefusalError(10_004, "Error sign, please check your signature generation algorithm.")
        if not now_ms - int(window) <= int(stamp) < now_ms + 1_000:
            raise RefusalError(10_002, "invalid request, please check your server timestamp or recv_window param")

    def answer(self, path, asked, fault=None):
        if fault is not None and fault.do == "code":
            raise RefusalError(fault.status, fault.body)
        if path in self.refuse:
            raise RefusalError(*self.refuse[path])
        if path in PAGE_MAX:
            return self.page(path, asked)
        if path.startswith(("/v5/account/wallet", "/v5/account/fee", "/v5/account/info", "/v5/user")):
            return self.results[path] if path in self.results else self.facts(path)
        self.mutations.append((path, asked))
        if path in self.results:
            return self.results[path]
        if path.startswith("/v5/order/"):
            return {"orderId": f"id-{len(self.mutations)}", "orderLinkId": asked.get("orderLinkId", "")}
        return {}

    def page(self, path, asked):
        """A page of rows, filtered as the documentation says: an order id counts before a client id."""
        rows = self.rows[path]
        if path == "/v5/position/list" and "symbol" not in asked:
            rows = [row for row in rows if row["size"] != "0"]
        if "orderId" in asked:
            rows = [row for row in rows if row["orderId"] == asked["orderId"]]
        elif "orderLinkId" in asked:
            rows = [row for row in rows if row["orderLinkId"] == asked["orderLinkId"]]
        if "symbol" in asked:
            rows = [row for row in rows if row["symbol"] == asked["symbol"]]
        if "startTime" in asked:
            first, last = int(asked["startTime"]), int(asked["endTime"])
            if last - first > 7 * 86_400_000:
                raise RefusalError(10_001, "The time range between startTime and endTime cannot exceed 7 days")
            when = "transactionTime" if path == MONEY else "execTime"
            rows = [row for row in rows if first <= int(row[when]) <= last][::-1]
        for name in ("currency", "category") if path == MONEY else ():
            rows = [row for row in rows if row[name] == asked.get(name, row[name])]
        start, limit = int(asked.get("cursor") or 0), min(int(asked.get("limit", PAGE_USUAL[path])), PAGE_MAX[path])
        cursor = str(start + limit) if start + limit < len(rows) else ""
        return {"category": "linear", "list": rows[start : start + limit], "nextPageCursor": cursor}

    def facts(self, path):
        if path == "/v5/account/info":
            return {"marginMode": self.margin_mode, "unifiedMarginStatus": 6, "dcpStatus": "OFF", "timeWindow": 10}
        if path == "/v5/account/wallet-balance":
            return {"list": [wallet()]}
        if path == "/v5/account/fee-rate":
            return {
                "category": "",
                "list": [{"symbol": "AAAUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}],
            }
        return {
            "id": "1", "note": "", "apiKey": API_KEY, "readOnly": self.read_only, "secret": "",
            "permissions": self.permissions, "ips": self.ips, "expiredAt": self.expires, "userID": 24617703, "uta": 1,
        }  # fmt: skip


def wallet(**coin):
    usdt = {
        "coin": "USDT", "equity": "1012.5", "usdValue": "1012.43", "walletBalance": "1000.25", "locked": "0",
        "totalOrderIM": "12.5", "totalPositionIM": "100.5", "totalPositionMM": "10.25", "unrealisedPnl": "12.25",
        "cumRealisedPnl": "-3", "bonus": "0", "availableToWithdraw": "", "borrowAmount": "0",
    }  # fmt: skip
    return {
        "accountType": "UNIFIED", "accountIMRate": "0.1116", "accountMMRate": "0.0101", "totalEquity": "1012.43",
        "totalWalletBalance": "1000.18", "totalMarginBalance": "1012.43", "totalAvailableBalance": "899.43",
        "totalPerpUPL": "12.25", "totalInitialMargin": "113", "totalMaintenanceMargin": "10.25",
        "coin": [{**usdt, **coin}],
    }  # fmt: skip


def order(number=1, **row):
    usual = {
        "orderId": f"o{number}", "orderLinkId": f"c{number}", "blockTradeId": "", "symbol": "AAAUSDT",
        "price": "12.3456", "qty": "1.5", "side": "Buy", "isLeverage": "", "positionIdx": 0, "orderStatus": "New",
        "createType": "CreateByUser", "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "",
        "leavesQty": "1.5", "leavesValue": "18.5", "cumExecQty": "0", "cumExecValue": "0", "cumExecFee": "0",
        "timeInForce": "GTC", "orderType": "Limit", "stopOrderType": "", "orderIv": "", "triggerPrice": "",
        "takeProfit": "", "stopLoss": "", "tpTriggerBy": "", "slTriggerBy": "", "triggerDirection": 0,
        "triggerBy": "", "lastPriceOnCreated": "", "reduceOnly": False, "closeOnTrigger": False, "smpType": "None",
        "smpGroup": 0, "smpOrderId": "", "tpslMode": "", "tpLimitPrice": "", "slLimitPrice": "", "placeType": "",
        "createdTime": "1684738540559", "updatedTime": f"{1684738540561 + number}", "cumFeeDetail": {},
    }  # fmt: skip
    return {**usual, **row}


def position(symbol="AAAUSDT", **row):
    usual = {
        "positionIdx": 0, "riskId": 1, "riskLimitValue": "150", "symbol": symbol, "side": "Sell", "size": "30",
        "avgPrice": "27.4645", "positionValue": "823.9", "tradeMode": 0, "positionStatus": "Normal",
        "autoAddMargin": 0, "adlRankIndicator": 2, "leverage": "5", "markPrice": "28.2245", "liqPrice": "",
        "bustPrice": "", "positionMM": "4.1", "positionIM": "164.8", "tpslMode": "Full", "takeProfit": "",
        "stopLoss": "0.00", "trailingStop": "0.00", "unrealisedPnl": "-22.8", "curRealisedPnl": "1",
        "cumRealisedPnl": "-3", "seq": 5723621632, "isReduceOnly": False, "createdTime": "1676538056258",
        "updatedTime": "1697673600012",
    }  # fmt: skip
    return {**usual, **row}


def execution(number=1, **row):
    usual = {
        "symbol": "AAAUSDT", "orderType": "Market", "underlyingPrice": "", "orderLinkId": f"c{number}", "side": "Buy",
        "indexPrice": "", "orderId": f"o{number}", "stopOrderType": "UNKNOWN", "leavesQty": "0",
        "execTime": f"{1672282722429 + number}", "feeCurrency": "", "isMaker": False, "execFee": "0.071409",
        "feeRate": "0.0006", "execId": f"e{number}", "tradeIv": "", "blockTradeId": "", "markPrice": "11.8354",
        "execPrice": "11.9015", "markIv": "", "orderQty": "0.1", "orderPrice": "12.369", "execValue": "1.19015",
        "execType": "Trade", "execQty": "0.1", "closedSize": "", "seq": 4688002127, "createType": "CreateByUser",
    }  # fmt: skip
    return {**usual, **row}


def movement(number=1, **row):
    """An entry of the list of money, as the documentation shows a transfer."""
    usual = {
        "id": f"m{number}", "symbol": "", "category": "", "side": "None", "type": "TRANSFER_IN",
        "transactionTime": f"{1672282722429 + number}",
        "transSubType": "", "qty": "0", "size": "0", "currency": "USDT", "tradePrice": "0",
        "funding": "", "fee": "0", "cashFlow": "100", "change": "100", "cashBalance": "1100", "feeRate": "",
        "bonusChange": "0", "tradeId": "", "orderId": "", "orderLinkId": "", "extraFees": "",
    }  # fmt: skip
    return {**usual, **row}


def frame(topic, *rows, at_ms=None):
    """A message of the private stream."""
    stamped = [row if topic == "wallet" else {"category": "linear", **row} for row in rows]
    at_ms = int(time.time() * 1_000) if at_ms is None else at_ms
    return json.dumps({"id": "x", "topic": topic, "creationTime": at_ms, "data": stamped})
