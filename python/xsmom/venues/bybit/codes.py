"""What Bybit's own error codes mean.

A code that is not here is a refusal to a read, and leaves a mutation unknown.
"""

from __future__ import annotations

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
