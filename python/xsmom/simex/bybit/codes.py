"""Return codes with the texts that go with them."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """`retCode` and `retMsg` of an answer."""

    number: int
    text: str


OK = Code(0, "OK")
SERVER_TIMEOUT = Code(10000, "Server Timeout")
BAD_PARAMETER = Code(10001, "Request parameter error")
BAD_TIME = Code(10002, "invalid request, please check your server timestamp or recv_window param")
BAD_KEY = Code(10003, "API key is invalid.")
BAD_SIGN = Code(10004, "error sign! origin_string[...]")
NO_PERMISSION = Code(10005, "Permission denied, please check your API key permissions.")
TOO_MANY_VISITS = Code(10006, "Too many visits. Exceeded the API Rate Limit.")
BANNED = Code(10008, "User has been banned.")
BAD_IP = Code(10010, "Unmatched IP, please check your API key's bound IP addresses.")
SERVER_ERROR = Code(10016, "Server error.")
NO_ROUTE = Code(10017, "Route not found.")
KEY_EXPIRED = Code(33004, "Your api key has expired.")
WS_UNKNOWN_OP = Code(10404, "op type is not found")
WS_REPEATED_AUTH = Code(20001, "repeat auth")
WS_DUPLICATE_REQUEST = Code(20006, "reqId is duplicated")

TOO_LATE_TO_CANCEL = Code(110001, "order not exists or too late to cancel")
TOO_LATE_TO_AMEND = Code(110001, "order not exists or too late to replace")
LEVERAGE_SAME = Code(110043, "leverage not modified")
POSITION_MODE_SAME = Code(110025, "Position mode is not modified")
MARGIN_MODE_SAME = Code(110026, "Cross/isolated margin mode is not modified")
HEDGE_WITH_POSITION = Code(110024, "You have an existing position, so the position mode cannot be switched.")
HEDGE_WITH_ORDERS = Code(110028, "You have existing open orders, so the position mode cannot be switched.")
HEDGE_UNSUPPORTED = Code(110029, "Hedge mode is not supported for this symbol.")
STOPS_SAME = Code(34040, "not modified")
BAD_POSITION_INDEX = Code(10001, "position idx not match position mode")
NO_POSITION_FOR_STOP = Code(10001, "can not set tp/sl/ts for zero position")

REFUSALS = {
    "no_account": BAD_KEY,
    "no_symbol": Code(10001, "params error: symbol invalid"),
    "not_trading": Code(110074, "This contract is not live"),
    "only_reduce": Code(110023, "Currently you can only reduce your position on this contract."),
    "only_post": Code(110103, "Only Post-Only orders are available at this stage"),
    "no_price": Code(110074, "This contract is not live"),
    "size": Code(10001, "The number of contracts is outside the minimum and maximum limit allowed"),
    "notional": Code(110094, "Order does not meet minimum order value 5USDT"),
    "price": Code(110003, "Order price exceeds the allowable range."),
    "trigger_not_above": Code(110092, "expect Rising, but trigger_price <= current"),
    "trigger_not_below": Code(110093, "expect Falling, but trigger_price >= current"),
    "stop_side": Code(10001, "StopLoss or TakeProfit set for position should be on the other side of base_price"),
    "reduce_only": Code(110017, "current position is zero, cannot fix reduce-only order qty"),
    "stops_on_reduce_only": Code(10001, "can not set tp/sl on a reduce-only order"),
    "margin": Code(110007, "ab not enough for new order"),
    "position_max": Code(
        110090,
        "Order placement failed as your position may exceed the max limit. Please adjust your leverage to increase it",
    ),
    "too_many_orders": Code(110020, "Not allowed to have more than 500 active orders."),
    "too_many_conditional": Code(110009, "The number of stop orders exceeds the maximum allowable limit"),
    "too_many_stops": Code(110061, "Not allowed to have more than 20 TP/SLs under Partial tpSlMode"),
    "duplicate_id": Code(110072, "OrderLinkedID is duplicate"),
    "bad_id": Code(10001, "params error: OrderLinkID invalid"),
    "no_order": TOO_LATE_TO_CANCEL,
    "already_done": Code(110008, "The order has been completed or cancelled."),
    "below_filled": Code(110064, "The modified contract quantity cannot be less than or equal to the filled quantity."),
    "no_change": Code(10001, "The order remains unchanged as the parameters entered match the existing ones."),
    "no_position": NO_POSITION_FOR_STOP,
    "leverage": Code(110013, "Cannot set leverage due to risk limit level."),
    "funds": Code(110012, "Insufficient available balance."),
}
"""What the core's refusals are called here."""
