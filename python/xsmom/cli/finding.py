"""What a check found: how it ended, what was seen, and the mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """How a check ended; only FAIL changes the exit code."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One row of the report."""

    name: str
    status: Status
    detail: str
    mend: str = ""
