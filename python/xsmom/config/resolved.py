"""The configuration as meant: cross-checked, in the core's units, frozen and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from xsmom.config.advice import notes, warnings
from xsmom.config.data_meaning import data_rules
from xsmom.config.meaning import Timing, costs, margin, params, timing
from xsmom.config.rules import Problem, contradictions
from xsmom.config.tree import tree
from xsmom.config.wording import refuse
from xsmom.config.written import value
from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin

if TYPE_CHECKING:
    from xsmom.config.schema import Config

_LIVE_SECTIONS = (
    "execution.",
    "live.",
    "exchange.",
    "risk.api_circuit_breaker.",
    "risk.venue_limits.",
    "risk.kill_switch.",
    "risk.max_position_usdt",
    "risk.margin_",
    "risk.maintenance_",
)
_APART = frozenset(
    {
        "live.state_dir",
        "live.heartbeat_seconds",
        "live.report_max_age_days",
        "exchange.ca_file",
        "risk.kill_switch.file",
        # Each start settles these, from options too, and journals them by themselves.
        "live.capital_usdt",
        "live.ramp_days",
        "live.ramp_steps",
        "execution.max_order_usdt",
    }
)
"""Settings of those sections that change nothing of what is traded, or that are kept by themselves."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What every room reads. Made by `load_config` only.

    `config_hash` covers all that a simulation feels, and is what a report permits: strategy, risk, universe,
    costs, data. `params_hash` covers what the core is given. `live_hash` covers the other settings that the live
    engine obeys: execution, gates, exchange, the process. None depends on how or where a value was written; the
    log's settings, secrets and alerts are in none. docs/decisions/0014-what-a-report-permits.md says why.
    """

    written: Config
    origins: Mapping[str, str]
    meant: Mapping[str, object]
    config_hash: str
    params_hash: str
    live_hash: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as what it was made from; read-only views cannot travel."""
        return resolve, (self.written, dict(self.origins))

    def params(self) -> dict[str, object]:
        """All fields of the kernel's `Params`, by name, in lists and plain values of the caller's own."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in self.meant.items()}

    def costs(self) -> Costs:
        """What trading is assumed to cost."""
        return costs(self.written)

    def margin(self) -> Margin:
        """When a simulated account is liquidated."""
        return margin(self.written)

    def timing(self) -> Timing:
        """When and at what price a simulation fills, and what it starts with."""
        return timing(self.written)

    def value(self, name: str) -> object:
        """A setting as written (or its default), by its dotted name."""
        return value(self.written, name)

    def origin(self, name: str) -> str:
        """Where a setting was written; `default` where nobody did."""
        return self.origins.get(name, "default")

    def settings(self) -> dict[str, object]:
        """All settings that this version accepts, by dotted name, as written or by default; no secrets."""
        accepted = (name for name, key in tree().keys.items() if key.available and not key.extras.secret)
        return {name: self.value(name) for name in accepted}


def resolve(config: Config, origins: Mapping[str, str]) -> Resolved:
    """Cross-check, convert, hash; every contradiction is listed in one ConfigError."""
    problems = contradictions(config)
    if problems:
        raise refuse(_sentence(problem, origins) for problem in problems)
    meant = {name: _frozen(given) for name, given in params(config).items()}
    plain = _canonical(meant)
    # What changes behaviour: the core's parameters, what a simulation assumes beside them, and how raw
    # rows become a panel.
    behaviour: dict[str, object] = {
        "params": plain,
        "costs": _canonical(asdict(costs(config))),
        "timing": _canonical(timing(config)._asdict()),
        "data": _canonical(data_rules(config)),
        "margin": _canonical(asdict(margin(config))),
    }
    return Resolved(
        written=config,
        origins=MappingProxyType(dict(origins)),
        meant=MappingProxyType(meant),
        config_hash=_hash(behaviour),
        params_hash=_hash(plain),
        live_hash=_hash(_live(config)),
        notes=tuple(notes(config)),
        warnings=tuple(warnings(config, origins)),
    )


def _live(config: Config) -> dict[str, object]:
    """Settings of the sections that only the live engine obeys; no secret, and nothing that shapes no order."""
    return {
        name: _canonical(value(config, name))
        for name, key in tree().keys.items()
        if key.available and not key.extras.secret and name.startswith(_LIVE_SECTIONS) and name not in _APART
    }


def digest(content: object) -> str:
    """SHA-256 of canonical JSON: sorted keys, and one spelling for every number."""
    return _hash(_canonical(content))


def _hash(canonical: object) -> str:
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(content: object) -> object:
    # Plain values first: they are nearly all, and a thousand variations of a configuration pay for each.
    if isinstance(content, float):
        return int(content) if content.is_integer() else content
    if content is None or isinstance(content, str | int):
        return content
    if isinstance(content, list | tuple):
        return [_canonical(item) for item in content]
    if isinstance(content, Mapping):
        return {str(name): _canonical(item) for name, item in content.items()}
    return content


def _frozen(given: object) -> object:
    return tuple(given) if isinstance(given, list) else given


def _sentence(problem: Problem, origins: Mapping[str, str]) -> str:
    where = next((origins[name] for name in problem.names if name in origins), "defaults")
    return f"{where}: {problem.text}"
