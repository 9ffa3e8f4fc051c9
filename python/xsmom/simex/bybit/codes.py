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

LEVERAGE_SAME = Code(110043, "leverage not modified")
POSITION_MODE_SAME = Code(110025, "Position mode is not modified")
MARGIN_MODE_SAME = Code(110026, "Cross/isolated margin mode is not modified")
HEDGE_WITH_POSITION = Code(110024, "You have an existing position, so the position mode cannot be switched.")
HEDGE_WITH_ORDERS = Code(110028, "You have existing open orders, so the position mode cannot be switched.")
HEDGE_UNSUPPORTED = Code(110029, "Hedge mode is not supported for this symbol.")
STOPS_SAME = Code(34040, "not modified")
BAD_POSITION_INDEX = Code(10001, "position idx not match position mode")
NO_POSITION_FOR_STOP = Code(10001, "can not set tp/sl/ts for zero position")
