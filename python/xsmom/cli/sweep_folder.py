"""The folder of one sweep: every row, and everything that is needed to compute it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from xsmom.cli.run_folder import (
    SYNTHETIC,
    describe_panel,
    make_plain,
    name_versions,
    write_whole,
)
from xsmom.config.listing import settings_lines
from xsmom.config.resolved import Resolved
from xsmom.research.code_hash import hash_code
from xsmom.research.draws import Axis, Choices
from xsmom.research.sweep import Sweep
from xsmom.research.sweep_page import say_luck, write_sweep_page


@dataclass(frozen=True)
class SweepRun:
    """A sweep, and where it came from."""

    sweep: Sweep
    base: Resolved
    source: str
    panel_path: str | None
    started: datetime
    command_line: str
    axes: Sequence[Axis]
    method: str
    seed: int | None

    @property
    def synthetic(self) -> bool:
        """Whether the market is made up."""
        return self.sweep.panel.label.startswith(SYNTHETIC)

    def document(self, order: Sequence[int]) -> dict[str, Any]:
        """What `sweep.json` holds: everything but the rows, of which it has those in `order`."""
        sweep = self.sweep
        return {
            "label": sweep.panel.label,
            "synthetic": self.synthetic,
            "started": self.started.isoformat(timespec="seconds"),
            "command": self.command_line,
            "versions": name_versions(),
            "code_hash": hash_code(),
            "config": {"source": self.source, "config_hash": self.base.config_hash},
            "panel": describe_panel(sweep.panel, self.panel_path),
            "costs": asdict(self.base.costs()),
            "timing": self.base.timing()._asdict(),
            "search": {"method": self.method, "seed": self.seed, "axes": [_describe(axis) for axis in self.axes]},
            "configs": len(sweep.trials),
            "done": len(sweep.place),
            "interrupted": sweep.interrupted,
            "trials": sweep.luck.trials,
            "sharpe_luck": sweep.luck.sharpe,
            "warnings": say_luck(sweep),
            "rows": [self.row(place) for place in order],
        }

    def row(self, place: int) -> dict[str, Any]:
        """One configuration: its place in the list, its settings, its figures."""
        sweep = self.sweep
        figures = {name: make_plain(values[place]) for name, values in sweep.figures.items()}
        trial = sweep.trial(place)
        return {
            "config": int(sweep.place[place]),
            "config_hash": trial.config_hash,
            "settings": dict(trial.settings),
            "figures": figures,
        }


def _describe(axis: Axis) -> dict[str, Any]:
    if isinstance(axis, Choices):
        return {"name": axis.name, "values": list(axis.values)}
    return asdict(axis)


def write_sweep(
    run: SweepRun, folder: Path, order: Sequence[int], *, report: bool, daily: bool, renumber: bool
) -> Path:
    """Write the folder, whole or not at all; with `renumber`, under the next number if the name was taken."""
    return write_whole(
        folder, lambda partial: _write(run, partial, order, report=report, daily=daily), renumber=renumber
    )


def _write(run: SweepRun, folder: Path, order: Sequence[int], *, report: bool, daily: bool) -> None:
    text = "\n".join(settings_lines(run.base, origin=False)) + "\n"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    document = json.dumps(run.document(order), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "sweep.json").write_text(document + "\n", encoding="utf-8")
    run.sweep.frame.write_parquet(folder / "sweep.parquet")
    if daily:
        run.sweep.daily_returns.write_parquet(folder / "daily_returns.parquet")
    if report:
        page = write_sweep_page(run.sweep, run.sweep.panel.label or run.source, _facts(run), synthetic=run.synthetic)
        (folder / "sweep.html").write_text(page, encoding="utf-8", errors="replace")


def _facts(run: SweepRun) -> Mapping[str, str]:
    panel = describe_panel(run.sweep.panel, run.panel_path)
    drawn = run.method if run.seed is None else f"{run.method}, seed {run.seed}"
    return {
        "command": run.command_line,
        "configuration": f"{run.source}, config hash {run.base.config_hash}",
        "panel": f"{panel['path'] or panel['timeframe']}, {panel['first_close']} to {panel['last_close']}",
        "panel hash": panel["hash"],
        "search": drawn,
        "varied": "; ".join(json.dumps(_describe(axis), ensure_ascii=False) for axis in run.axes),
        "version": name_versions()["xsmom"],
    }
