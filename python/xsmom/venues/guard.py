"""The exchange library, made to tell the truth about answers that it would wave through.

ccxt 4.5 decodes a body, and when it cannot, it hands on what it has: a page of HTML with status 200,
an empty body or a cut one become an empty list, and a caller thinks that the account is flat. Here
every answer is judged before the library looks at it: it is in the exchange's own format and says that
all is well, or it raises. The exchange's own code decides what it means, never the library's class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xsmom.venues.exchange_table import ExchangeTable, Meaning
from xsmom.venues.faults import Fault, WireFault, excerpt

_PAUSE_S_MAX = 3_600.0

Observer = Callable[[str, Mapping[str, str]], None]


def judge(table: ExchangeTable, status: int, headers: Mapping[str, str], body: str, decoded: object) -> None:
    """Raise unless this is a well-formed answer that says that all is well."""
    error = table.envelope(decoded) if isinstance(decoded, dict) else None
    if error is not None and error[0]:
        _raise_code(table, status, headers, *error)
    if status in table.barred:
        raise WireFault(Fault.BARRED, f"HTTP {status}, {excerpt(body)}", status=status, pause_s=table.barred[status])
    if not 200 <= status < 300:
        raise WireFault(Fault.STATUS, f"HTTP {status}, {excerpt(body)}", status=status, pause_s=_retry_after_s(headers))
    if not isinstance(decoded, dict) or error is not None:
        raise WireFault(Fault.GARBLED, f"answered {excerpt(body)} instead of its own format", status=status)


def _raise_code(table: ExchangeTable, status: int, headers: Mapping[str, str], code: str, text: str) -> None:
    meaning = table.meanings.get(code, Meaning.BUSY if status >= 500 else Meaning.REFUSED)
    raise WireFault(
        Fault.CODE, f"{text or 'refused'} (code {code})",
        status=status, code=code, meaning=meaning, pause_s=_retry_after_s(headers),
    )  # fmt: skip


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that `Retry-After` asks for; a date there, or nonsense, counts as nothing."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        return min(max(float(text), 0.0), _PAUSE_S_MAX)
    except ValueError:
        return 0.0


def guarded(base: type, table: ExchangeTable, observe: Observer, stamp_ms: Callable[[], int]) -> type:
    """A class of the library's that judges each answer and signs by the exchange's clock."""

    class Guarded(base):  # type: ignore[misc]  # the library's classes carry no types
        """The library's client with its two hooks filled; nothing else of it is changed."""

        def handle_errors(self, *told: Any) -> None:
            """Judge the answer; the library calls this for each one, with all that it knows of it."""
            status, _reason, url, _method, headers, body, decoded, *_request = told
            heard = headers if isinstance(headers, Mapping) else {}
            observe(url, heard)
            judge(table, status, heard, body or "", decoded)

        def nonce(self) -> int:
            """Stamp of a signed request."""
            return stamp_ms()

    return Guarded
