"""What Bybit's own error codes mean.

A code that is not here is a refusal to a read, and leaves a mutation unknown.
"""

from __future__ import annotations

from xsmom.domain.trading import Refusal
from xsmom.venues.exchange_table import Meaning

MEANINGS: dict[str, Meaning] = {
    # Busy, or a time-out inside the exchange: what was asked may have happened.
    "429": Meaning.BUSY,
    "10000": Meaning.BUSY,
    "10016": Meaning.BUSY,
    "10019": Meaning.BUSY,
    "170007": Meaning.BUSY,
    # Refused before anybody looked at it.
    "10006": Meaning.RATE,
    "10018": Meaning.RATE,
    "10429": Meaning.RATE,
    "20003": Meaning.RATE,
    "-1": Meaning.CLOCK,
    "10002": Meaning.CLOCK,
    "10003": Meaning.AUTH,
    "10004": Meaning.AUTH,
    "10005": Meaning.AUTH,
    "10007": Meaning.AUTH,
    "10008": Meaning.AUTH,
    "10009": Meaning.AUTH,
    "10010": Meaning.AUTH,
    "10024": Meaning.AUTH,
    "10027": Meaning.AUTH,
    "10028": Meaning.AUTH,
    "33004": Meaning.AUTH,
    "10029": Meaning.SYMBOL,
    "10001": Meaning.REFUSED,
    "10017": Meaning.REFUSED,
}

#: "It is so already" is success.
NO_CHANGE = frozenset({"34040", "110025", "110026", "110027", "110043"})


def _each(refusal: Refusal, *codes: int) -> dict[str, Refusal]:
    return {str(code): refusal for code in codes}


#: Codes after which a mutation certainly did not happen. What is not here may have happened: 110079 (the
#: order is being processed), 10000 and 10016 (time-out and error inside the exchange) are left out on
#: purpose.
REFUSALS: dict[str, Refusal] = {
    **_each(Refusal.MARGIN, 110004, 110006, 110007, 110011, 110012, 110014, 110039, 110040, 110044, 110045, 110046),
    **_each(Refusal.MARGIN, 110051, 110052, 110053, 110131),
    **_each(Refusal.REDUCE_ONLY, 110017),
    **_each(Refusal.PRICE, 30208, 30209, 110003, 110118, 110120, 110121),
    **_each(Refusal.SIZE, 110013, 110021, 110022, 110064, 110086, 110089, 110090),
    **_each(Refusal.NOTIONAL, 110094),
    **_each(Refusal.TRIGGER_SIDE, 110092, 110093),
    **_each(Refusal.NOT_FOUND, 110001, 110019),
    **_each(Refusal.ALREADY_DONE, 110008, 110010),
    **_each(Refusal.DUPLICATE_ID, 10014, 110072),
    **_each(Refusal.TOO_MANY, 110009, 110020, 110061),
    **_each(Refusal.RATE, 10006, 10018),
    **_each(Refusal.CLOCK, -1, 10002),
    **_each(Refusal.AUTH, 10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 33004),
    **_each(Refusal.NO_POSITION, 110033, 110034),
    **_each(Refusal.NOT_TRADING, 10029, 30228, 110023, 110042, 110063, 110066, 110074, 110095, 110103, 110124, 110132),
    **_each(Refusal.MODE, 110024, 110028, 110029, 110036, 110038),
    **_each(Refusal.OTHER, 10001, 10017, 110032, 110049, 110057, 110058, 110059, 110060, 110085, 110098, 110099),
}

#: One code for every mistake in a request; its text says which.
_PARAMETER_ERROR = "10001"
_OF_TEXT = (
    ("position idx not match", Refusal.MODE),
    ("zero position", Refusal.NO_POSITION),
)


def refusal_of(code: str, text: str) -> Refusal | None:
    """Why a mutation was certainly refused; None where nobody can say that."""
    if code == _PARAMETER_ERROR:
        plain = text.lower()
        return next((refusal for words, refusal in _OF_TEXT if words in plain), Refusal.OTHER)
    return REFUSALS.get(code)
