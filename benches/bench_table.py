"""What a run of the benches is held against: its gates, what must be reached, and the committed baseline.

A line is a ratio of two things measured in one run. Its *gate* fails the bench; *must* is what it is to
reach; the *baseline* is what it measured when it was last committed. A line further above its baseline than
noise explains has regressed, and that fails the run too.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOISE_FRAC = 0.75
"""How far a line may lie above its baseline: the same code elsewhere, beside other work, was 1.5 times as slow."""


@dataclass
class Line:
    """One ratio, and all that is known of it."""

    name: str
    ratio: float
    gate: float
    must: float | None = None
    baseline: float | None = None
    noise_frac: float = NOISE_FRAC

    @property
    def regressed(self) -> bool:
        """Further above the baseline than noise explains."""
        return self.baseline is not None and self.ratio > self.baseline * (1 + self.noise_frac)

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.ratio > self.gate:
            return "ABOVE ITS GATE"
        if self.regressed:
            return "REGRESSED"
        words = "within its gate" if self.must is None else "met" if self.ratio <= self.must else "must not met yet"
        if self.baseline is None:
            return f"{words}, no baseline"
        return (
            f"{words}, much better than its baseline" if self.ratio * (1 + self.noise_frac) < self.baseline else words
        )

    @property
    def sentence(self) -> str:
        """What a regression is told as."""
        return (
            f"{self.name} regressed: {self.ratio:.3g}, its baseline is {self.baseline:.3g} and {self.noise_frac:.0%} "
            "above it is taken for noise; mend what made it slow, or renew the baseline and say why: just baseline"
        )


@dataclass
class Budgets:
    """The tables of budgets.toml and baseline.json, and what was measured in this run."""

    ratio_max: dict[str, float]
    must: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Budgets:
        """Of the folder of the benches; a baseline may be missing."""
        table = tomllib.loads((folder / "budgets.toml").read_text("utf-8"))
        place = folder / "baseline.json"
        baseline = json.loads(place.read_text("utf-8")) if place.exists() else {}
        return cls(table["ratio_max"], table["must"], baseline)

    def hold(self, name: str, ratio: float) -> None:
        """Note the ratio for the table and fail if it is above its gate."""
        self.measured[name] = ratio
        most = self.ratio_max[name]
        assert ratio <= most, f"{name}: {ratio:.2f}, above its gate of {most} in budgets.toml"

    @property
    def lines(self) -> list[Line]:
        """What was measured, by name."""
        known, noise = self.baseline.get("ratios", {}), self.baseline.get("noise_frac_of", {})
        return [
            Line(
                name,
                ratio,
                self.ratio_max[name],
                self.must.get(name),
                known.get(name),
                noise.get(name, self.baseline.get("noise_frac", NOISE_FRAC)),
            )
            for name, ratio in sorted(self.measured.items())
        ]

    def document(self, build: dict[str, Any]) -> dict[str, Any]:
        """The run as JSON."""
        rows = [
            {
                "name": line.name,
                "ratio": line.ratio,
                "must": line.must,
                "gate": line.gate,
                "baseline": line.baseline,
                "verdict": line.verdict,
            }
            for line in self.lines
        ]
        return {"build": build, "noise_frac": self.baseline.get("noise_frac", NOISE_FRAC), "lines": rows}

    def renewed(self, build: dict[str, Any]) -> dict[str, Any]:
        """The baseline with what was measured in this run; other lines keep theirs."""
        ratios = self.baseline.get("ratios", {}) | {name: float(f"{x:.4g}") for name, x in self.measured.items()}
        kept = {"noise_frac": NOISE_FRAC, **{name: self.baseline[name] for name in _SETTINGS if name in self.baseline}}
        return {**kept, "build": build, "ratios": dict(sorted(ratios.items()))}


_SETTINGS = ("noise_frac", "noise_frac_of")


def lay_out(lines: list[Line]) -> list[str]:
    """Lay out the table that a person reads."""
    head = ("line", "must", "measured", "baseline", "gate", "verdict")
    rows = [head, *((line.name, *map(_say, _numbers(line)), line.verdict) for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if 0 < i < len(head) - 1 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _numbers(line: Line) -> tuple[float | None, ...]:
    return line.must, line.ratio, line.baseline, line.gate


def _say(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
