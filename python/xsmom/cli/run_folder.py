"""The folder of one run: everything that is needed to know what was computed, and to compute it again."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from xsmom._core import __version__, table_rows
from xsmom.config.listing import settings_lines
from xsmom.config.resolved import Resolved
from xsmom.domain.panel import Panel
from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import OutputError
from xsmom.research.code_hash import hash_code
from xsmom.research.flat_bars import FlatBars
from xsmom.research.result import Result
from xsmom.research.trips import Column
from xsmom.research.turnover import COST_KINDS

RUNS = Path("runs")
FEW_TRADES = 10
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Run:
    """A result, and where it came from."""

    result: Result
    source: str
    panel_path: str | None
    started: datetime
    command: Sequence[str]
    #: Whether a report is written, and what only a second look at the run can tell.
    report: bool = True

    @property
    def config(self) -> Resolved:
        """The configuration that was run."""
        config = self.result.config
        assert config is not None, "only runs of a configuration are written"
        return config

    @property
    def command_line(self) -> str:
        """The command as a shell would read it."""
        return shlex.join(self.command)

    @property
    def synthetic(self) -> bool:
        """Whether the market is made up; a panel file of the sample market says so itself."""
        return self.result.panel.label.startswith(SYNTHETIC)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every figure of the run."""
        return self.result.metrics

    @property
    def flat_bars(self) -> FlatBars | None:
        """Why nothing was held, unless only the figures were asked for; a run that hardly traded tells it always."""
        return self.result.flat_bars if self.report or self.metrics["trades"] < FEW_TRADES else None

    def document(self) -> dict[str, Any]:
        """What `result.json` holds; a figure that is undefined is null."""
        result, panel = self.result, self.result.panel
        return {
            "label": panel.label,
            "synthetic": self.synthetic,
            "started": self.started.isoformat(timespec="seconds"),
            "command": self.command_line,
            "versions": name_versions(),
            "code_hash": hash_code() if self.report else None,
            "config": {
                "source": self.source,
                "config_hash": self.config.config_hash,
                "params_hash": self.config.params_hash,
            },
            "panel": describe_panel(panel, self.panel_path),
            "costs": asdict(result.assumed_costs),
            "timing": result.timing._asdict() if result.timing else None,
            "metrics": make_plain(self.metrics),
            "reasons": result.reasons,
            "flat_bars": None if self.flat_bars is None else self.flat_bars.document(),
            "notes": list(result.notes),
            "warnings": list(self.config.warnings),
        }


def name_versions() -> dict[str, str]:
    """What computed the figures."""
    return {"xsmom": __version__, "python": platform.python_version(), "numpy": np.__version__}


def describe_panel(panel: Panel, path: str | None) -> dict[str, Any]:
    """Which data the figures are of."""
    return {
        "path": path,
        "hash": panel.hash,
        "bars": panel.bars,
        "timeframe": format_timeframe(panel.bar_ms),
        "symbols": len(panel.symbols),
        "first_close": format_ms(int(panel.close_ms[0])),
        "last_close": format_ms(int(panel.close_ms[-1])),
    }


def name_folder(out: Path | None, started: datetime, config_hash: str) -> Path:
    """The folder that was asked for, or one of its own below `runs`; refused when it holds something.

    A name of our own that is taken, as by another run in the same second, gets a number behind it.
    """
    if out is not None:
        if not _is_free(out):
            raise OutputError(f"{out} is there already and not empty: choose another --out")
        return out
    first = RUNS / f"{started:%Y%m%dT%H%M%SZ}-{config_hash[:8]}"
    return next(name for name in _number(first) if _is_free(name))


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def _number(first: Path) -> Iterator[Path]:
    yield first
    for number in count(2):
        yield first.with_name(f"{first.name}-{number}")


def write_run(run: Run, out: Path | None) -> Path:
    """Write the folder, whole or not at all, and return its path."""
    folder = name_folder(out, run.started, run.config.config_hash)
    return write_whole(folder, lambda partial: _write(run, partial), renumber=out is None)


def write_whole(folder: Path, write: Callable[[Path], None], *, renumber: bool) -> Path:
    """Let `write` fill a folder beside the place, then put it there; with `renumber`, at the next free number."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}-{os.urandom(4).hex()}.partial")
    try:
        partial.mkdir(parents=True)
        write(partial)
        return _put(partial, folder, renumber=renumber)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}; choose another --out") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put(partial: Path, folder: Path, *, renumber: bool) -> Path:
    """Rename to the first name that nobody took meanwhile: renaming over a filled folder fails."""
    for name in _number(folder):
        try:
            partial.replace(name)
        except OSError as error:
            if not (renumber and error.errno in (errno.ENOTEMPTY, errno.EEXIST)):
                raise
        else:
            return name
    raise AssertionError("numbers do not end")


def _write(run: Run, folder: Path) -> None:
    text = "\n".join(settings_lines(run.config, origin=False)) + "\n"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    document = json.dumps(run.document(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "result.json").write_text(document + "\n", encoding="utf-8")
    _write_columns(folder / "equity.csv", _equity(run.result))
    assert run.result.trips is not None, "a run of a configuration knows its round trips"
    _write_columns(folder / "trips.csv", run.result.trips.columns())
    if run.report:
        run.result.report(folder, provenance={"config_hash": run.config.config_hash, "command": run.command_line})


def _equity(result: Result) -> dict[str, Column]:
    series = result.series()
    names = ("equity_usdt", *COST_KINDS, "traded_usdt", "gross_usdt", "net_usdt")
    return {"close": result.panel.close_ms, **{name: series[name] for name in names}}


def _write_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write a table as CSV: whole numbers are instants, and stand in it as ISO 8601 in UTC.

    Amounts have fourteen digits, which tell a millionth of a dollar in ten million.
    """
    path.write_bytes(f"{','.join(columns)}\n".encode() + table_rows(list(columns.values())))


def make_plain(value: Any) -> Any:
    """For JSON: NumPy's numbers as Python's, and null for what is not finite."""
    if isinstance(value, Mapping):
        return {name: make_plain(item) for name, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
