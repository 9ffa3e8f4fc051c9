"""The meta-labeller's twin, straight from docs/explanation/meta-labeller.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata

FEATURES = 8
Vector = list[float]


def sigmoid(x: float) -> float:
    """1/(1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-x)) if x > -700.0 else 0.0


def standardise(values: Sequence[float]) -> np.ndarray:
    """z over the known values."""
    x = np.asarray(values, dtype=float)
    known = x[~np.isnan(x)]
    if known.size == 0 or known.std() <= 1e-12 * np.abs(known).max():
        return np.where(np.isnan(x), np.nan, 0.0)
    return (x - known.mean()) / known.std()


def ranks(values: Sequence[float]) -> np.ndarray:
    """Average ranks over the known values, from -1 to 1."""
    x = np.asarray(values, dtype=float)
    out = np.full(x.size, np.nan)
    known = ~np.isnan(x)
    n = int(known.sum())
    if n:
        out[known] = (2.0 * rankdata(x[known]) - n - 1.0) / max(n - 1, 1)
    return out


def features_of(row: dict[str, Any], i: int, side: float) -> Vector:
    """Section 1."""
    moves = np.asarray(row["moves"], dtype=float).reshape(-1, len(row["score"]))
    agreement = np.sign(side * moves[:, i]).mean() if len(moves) else math.nan
    sigma = row["sigma"][i]
    funding = side * row["funding_frac"][i] / max(sigma, 1e-7) if not math.isnan(sigma) else sigma
    return [
        side * float(standardise(row["score"])[i]),
        float(agreement),
        float(ranks(row["sigma"])[i]),
        float(ranks(row["dollar_volume_usdt"])[i]),
        funding,
        row["dispersion_ratio"],
        row["implied_corr"],
        row["vol_ratio"],
    ]


@dataclass
class Logistic:
    """Section 2."""

    weights: Vector
    intercept: float = 0.0

    def logit(self, x: Vector) -> float:
        return sum(w * v for w, v in zip(self.weights, x, strict=True)) + self.intercept

    def learn(self, x: Vector, y: int, rate: float, intercept_rate: float, l2: float) -> None:
        g = min(max(sigmoid(self.logit(x)) - y, -1e12), 1e12)
        self.intercept -= intercept_rate * g
        self.weights = [w - rate * (g * v + l2 * w) for w, v in zip(self.weights, x, strict=True)]


def standardised(seen: list[Vector], x: Vector) -> Vector:
    """Learn, then transform: moments of all samples, this one among them, taken afresh."""
    out = []
    for j, value in enumerate(x):
        column = np.array([row[j] for row in [*seen, x]])
        column = column[~np.isnan(column)]
        varies = column.size > 0 and np.ptp(column) > 0.0
        out.append((value - column.mean()) / column.std() if varies and not math.isnan(value) else 0.0)
    return [float(one) for one in out]


def platt(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Section 4, by a general optimiser."""
    ones = float(y.sum())
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (len(y) - ones + 2))

    def loss(a: float, c: float) -> float:
        s = a * logits + c
        return float(np.sum(np.logaddexp(0.0, s) - target * s) + 0.5 * ((a - 1) ** 2 + c**2))

    def slope(a: float, c: float) -> tuple[float, float]:
        miss = 1.0 / (1.0 + np.exp(-(a * logits + c))) - target
        return float(miss @ logits + a - 1), float(miss.sum() + c)

    def polished(a: float, c: float) -> tuple[float, float]:
        # The optimiser stops where the loss is flat to rounding; its slope still has digits to give.
        for _ in range(4):
            q = 1.0 / (1.0 + np.exp(-(a * logits + c)))
            bend = q * (1.0 - q)
            curve = np.array([[bend @ logits**2 + 1, bend @ logits], [bend @ logits, bend.sum() + 1]])
            a, c = np.array([a, c]) - np.linalg.solve(curve, slope(a, c))
        return float(a), float(c)

    tight = {"method": "BFGS", "options": {"gtol": 1e-9}}
    both = minimize(lambda v: loss(*v), [1.0, 0.0], jac=lambda v: np.array(slope(*v)), **tight).x
    if both[0] >= 0.0:
        return polished(both[0], both[1])
    alone = minimize(lambda v: loss(0.0, v[0]), [0.0], jac=lambda v: slope(0.0, v[0])[1:], **tight)
    return 0.0, float(alone.x[0])


def calibration_error(chances: Sequence[float], y: Any) -> float:
    """Ten equal bins."""
    q, paid = np.asarray(chances, dtype=float), np.asarray(y, dtype=float)
    bins = np.minimum((q * 10).astype(int), 9)
    off = 0.0
    for k in range(10):
        here = bins == k
        if here.any():
            off += here.mean() * abs(q[here].mean() - paid[here].mean())
    return float(off)


def calibration_luck(chances: Sequence[float]) -> float:
    """The calibration error that right chances show on average."""
    q = np.asarray(chances, dtype=float)
    bins = np.minimum((q * 10).astype(int), 9)
    spread = [math.sqrt(2.0 / math.pi * float((q * (1 - q))[bins == k].sum())) for k in range(10)]
    return sum(spread) / len(q)


def diebold_mariano(gains: Sequence[float]) -> float:
    """Mean over its HAC standard error, lag 1."""
    x = np.asarray(gains, dtype=float)
    if len(x) < 10:
        return 0.0
    d = x - x.mean()
    variance = (d @ d + d[:-1] @ d[1:]) / len(x)
    return float(x.mean() / math.sqrt(variance / len(x))) if variance > 0.0 else 0.0


@dataclass
class Meta:
    """Sections 3 to 5."""

    params: dict[str, Any]
    seen: list[Vector] = field(default_factory=list)
    model: Logistic = field(default_factory=lambda: Logistic([0.0] * FEATURES))
    queue: list[dict[str, Any]] = field(default_factory=list)
    labelled: list[dict[str, Any]] = field(default_factory=list)
    platt: tuple[float, float] = (1.0, 0.0)
    statistic: float = 0.0
    error: float = 0.0
    promoted: bool = False
    bar: int | None = None

    def observe(self, bar: int, close: Vector) -> None:
        size = 2 * self.params["meta_horizon_bars"]
        if self.bar is not None and self.bar // size != bar // size:
            self.end_block(size)
        self.bar = bar
        for entry in [e for e in self.queue if e["due"] <= bar]:
            self.queue.remove(entry)
            price = close[entry["symbol"]]
            if entry["due"] < bar or math.isnan(price):
                continue
            y = int(entry["side"] * (price - entry["price"]) > 0.0)
            p = self.params
            rates = (p["meta_rate"], p["meta_intercept_rate"], p["meta_l2"])
            self.model.learn(entry["x"], y, *rates)
            self.labelled.append({**entry, "y": y, "bar": bar})

    def end_block(self, size: int) -> None:
        newest = self.labelled[-1024:]
        y = np.array([e["y"] for e in newest])
        self.platt = platt(np.array([e["logit"] for e in newest]), y) if newest else (1.0, 0.0)
        chances = [e["chance"] for e in newest]
        self.error = 0.0
        if newest:
            self.error = max(0.0, calibration_error(chances, y) - calibration_luck(chances))
        blocks: dict[int, list[float]] = {}
        for e in self.labelled:
            q, base = (min(max(e[k] if e["y"] else 1.0 - e[k], 1e-12), 1.0 - 1e-12) for k in ("chance", "base"))
            blocks.setdefault(e["bar"] // size, []).append(math.log(q) - math.log(base))
        self.statistic = diebold_mariano([float(np.mean(g)) for g in blocks.values()][-64:])
        if self.promoted:
            self.promoted = self.statistic >= 0.0 and self.error <= 0.10
        else:
            enough = len(self.labelled) >= self.params["meta_labels_min"]
            self.promoted = enough and self.statistic >= 2.5 and self.error <= 0.05

    def estimate(self, features: Vector) -> dict[str, Any]:
        x = standardised(self.seen, features)
        logit = self.model.logit(x)
        chance = sigmoid(self.platt[0] * logit + self.platt[1])
        base = (sum(e["y"] for e in self.labelled) + 1) / (len(self.labelled) + 2)
        low, high = self.params["meta_scale_min"], self.params["meta_scale_max"]
        scale = min(max(chance / base, low), high) if self.promoted else 1.0
        return {"x": x, "logit": logit, "chance": chance, "base": base, "scale": scale}

    def enter(
        self,
        bar: int,
        symbol: int,
        side: int,
        price: float,
        features: Vector,
        estimate: dict[str, Any],
    ) -> None:
        self.seen.append(features)
        due = bar + self.params["meta_horizon_bars"]
        self.queue.append({"due": due, "symbol": symbol, "side": side, "price": price, **estimate})
