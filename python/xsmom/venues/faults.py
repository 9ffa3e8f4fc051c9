"""What can go wrong with one request, before anybody says what that means for the caller."""

from __future__ import annotations

from enum import Enum

from xsmom.errors import AuthFailed, RateLimited, Rejected, Unavailable, VenueError
from xsmom.venues.exchange_table import Meaning

_EXCERPT_CHARS = 120


class Fault(Enum):
    """How a request ended, if not well."""

    UNREACHABLE = "unreachable"  # nothing was sent
    UNTRUSTED = "untrusted"  # nothing was sent: whoever answers is not who was asked
    NO_ANSWER = "no answer"  # sent, and then the connection broke or the time was up
    GARBLED = "garbled"  # an answer that is not the exchange's format
    STATUS = "status"  # an HTTP status that says no, without the exchange's own code
    BARRED = "barred"  # this address is kept out for a while
    CODE = "code"  # the exchange's own error code


class WireFault(Exception):  # noqa: N818  not every fault is an error to the caller
    """One request that did not end well."""

    def __init__(
        self,
        fault: Fault,
        text: str,
        *,
        status: int = 0,
        code: str = "",
        meaning: Meaning = Meaning.REFUSED,
        pause_s: float = 0.0,
    ) -> None:
        super().__init__(text)
        self.fault, self.text, self.status, self.code = fault, text, status, code
        self.meaning, self.pause_s = meaning, pause_s

    @property
    def passing(self) -> bool:
        """Whether asking again later may help."""
        if self.fault is Fault.CODE:
            return self.meaning in {Meaning.BUSY, Meaning.RATE, Meaning.CLOCK}
        if self.fault is Fault.STATUS:
            return self.status not in {401, 404}
        return self.fault not in {Fault.BARRED, Fault.UNTRUSTED}


def excerpt(body: str) -> str:
    """The beginning of a body, on one line, for an error message."""
    text = " ".join(body.split())
    if not text:
        return "an empty body"
    return repr(text[:_EXCERPT_CHARS] + ("..." if len(text) > _EXCERPT_CHARS else ""))


def error_of_read(fault: WireFault, what: str, exchange: str) -> VenueError:
    """The one place where a failed read becomes an error of ours."""
    where = f"{exchange}: {what}"
    if fault.fault is Fault.BARRED:
        minutes = fault.pause_s / 60
        return RateLimited(
            f"{where}: {fault.text}; this address may be barred for sending too much: stop every program that "
            f"uses it and wait at least {minutes:.0f} minutes, or see whether the exchange serves your region"
        )
    if fault.fault is Fault.STATUS:
        kind = {401: AuthFailed, 404: Rejected, 429: RateLimited, 418: RateLimited}.get(fault.status, Unavailable)
        return kind(f"{where}: {fault.text}")
    if fault.fault is not Fault.CODE:
        return Unavailable(f"{where}: {fault.text}")
    return _OF_MEANING[fault.meaning](f"{where}: {fault.text}")


_OF_MEANING: dict[Meaning, type[VenueError]] = {
    Meaning.BUSY: Unavailable,
    Meaning.RATE: RateLimited,
    Meaning.CLOCK: Unavailable,
    Meaning.AUTH: AuthFailed,
    Meaning.SYMBOL: Rejected,
    Meaning.REFUSED: Rejected,
}
