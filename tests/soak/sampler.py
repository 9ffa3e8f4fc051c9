"""What a process carries, as the kernel of the machine counts it: memory, descriptors, threads, processor time."""

from __future__ import annotations

import os
from pathlib import Path

_MIB = 1_048_576
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def available() -> bool:
    """Whether this machine tells."""
    return Path("/proc/self/smaps_rollup").exists()


def sample(pid: int) -> dict[str, float]:
    """One look. `anonymous_mib` is what the process made for itself; mapped files and shared pages are not in it."""
    place = Path(f"/proc/{pid}")
    rows = dict(line.split(":", 1) for line in (place / "smaps_rollup").read_text().splitlines()[1:])
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    spent = (place / "stat").read_text().rpartition(")")[2].split()
    return {
        "rss_mib": _kib(rows["Rss"]),
        "anonymous_mib": _kib(rows["Anonymous"]),
        "descriptors": float(len(list((place / "fd").iterdir()))),
        "threads": float(status["Threads"]),
        "cpu_s": (int(spent[11]) + int(spent[12])) / _TICKS,
    }


def _kib(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) / 1_024


def size_mib(folder: Path, pattern: str) -> float:
    """Files of a name, together; one that goes meanwhile is none."""
    found = 0
    for path in folder.glob(pattern):
        try:
            found += path.stat().st_size
        except FileNotFoundError:
            continue
    return found / _MIB
