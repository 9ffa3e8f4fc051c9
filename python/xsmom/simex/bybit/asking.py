"""What a request asks for: parameters read one by one, each refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from xsmom.simex.bybit import codes
from xsmom.simex.bybit.codes import Code

_DIGITS_MAX = 20


class Refusal(Exception):  # noqa: N818  an answer, not an error of ours
    """The exchange says no: the answer's code and text."""

    def __init__(self, code: Code, *, ext: Any = None) -> None:
        super().__init__(code.text)
        self.code = code
        self.ext = ext


def refuse(text: str) -> Refusal:
    """Refuse a parameter."""
    return Refusal(Code(codes.BAD_PARAMETER.number, text))


class Asked:
    """Parameters of one request: query strings, or the members of a JSON body."""

    def __init__(self, given: Mapping[str, Any], granted: int | None = None) -> None:
        self.given = given
        #: How many rows of a batch the budget allows; none where nothing was counted.
        self.granted = granted

    def text(self, name: str, default: str | None = None) -> str:
        """Read text; without a default it must be there."""
        value = self.given.get(name)
        if value is None or value == "":
            if default is None:
                raise refuse(f"params error: {name} is required")
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise refuse(f"params error: {name} invalid")
        return str(value)

    def has(self, name: str) -> bool:
        """Whether it was given at all."""
        return self.given.get(name) not in (None, "")

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """Read a whole number between bounds."""
        text = self.text(name, None if default is None else str(default))
        digits = text.removeprefix("-")
        if len(text) > _DIGITS_MAX or not digits.isascii() or not digits.isdigit() or not low <= int(text) <= high:
            raise refuse(f"params error: {name} invalid")
        return int(text)

    def number(self, name: str, default: str | None = None) -> Decimal:
        """Read a decimal number that is not negative."""
        text = self.text(name, default)
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise refuse(f"params error: {name} invalid") from None
        if not value.is_finite() or value < 0 or value.adjusted() > 18 or len(text) > 40:
            raise refuse(f"params error: {name} invalid")
        return value

    def flag(self, name: str) -> bool:
        """Read a yes or no; absent is no."""
        value = self.given.get(name, False)
        if isinstance(value, bool):
            return value
        if value in ("", None, "false", "False"):
            return False
        if value in ("true", "True"):
            return True
        raise refuse(f"params error: {name} invalid")

    def choice(self, name: str, known: tuple[str, ...], default: str | None = None) -> str:
        """Read one of a few words."""
        value = self.text(name, default)
        if value not in known:
            raise refuse(f"params error: {name} invalid")
        return value
