"""xsmom: research and live trading of cross-sectional momentum on perpetual futures.

`import xsmom as xs` costs almost nothing: each public name is fetched on first use, by `_LAZY`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xsmom._core import __version__ as __version__
    from xsmom._core import build_info as build_info
    from xsmom.api import backtest as backtest
    from xsmom.api import check as check
    from xsmom.api import load_config as load_config
    from xsmom.api import replay as replay
    from xsmom.api import sweep as sweep
    from xsmom.domain.costs import Costs as Costs
    from xsmom.domain.margin import Margin as Margin
    from xsmom.errors import XsmomError as XsmomError
    from xsmom.lake.panel import Panel as Panel
    from xsmom.research import statistics as stats  # noqa: F401  public under the shorter name
    from xsmom.research.result import Result as Result

# Public name -> (module, attribute). A name added here is added above too, for type checkers.
_LAZY: dict[str, tuple[str, str]] = {
    "Costs": ("xsmom.domain.costs", "Costs"),
    "Margin": ("xsmom.domain.margin", "Margin"),
    "Panel": ("xsmom.lake.panel", "Panel"),
    "Result": ("xsmom.research.result", "Result"),
    "XsmomError": ("xsmom.errors", "XsmomError"),
    "__version__": ("xsmom._core", "__version__"),
    "backtest": ("xsmom.api", "backtest"),
    "build_info": ("xsmom._core", "build_info"),
    "check": ("xsmom.api", "check"),
    "load_config": ("xsmom.api", "load_config"),
    "replay": ("xsmom.api", "replay"),
    "stats": ("xsmom.research", "statistics"),
    "sweep": ("xsmom.api", "sweep"),
}

__all__ = list(_LAZY)


def __getattr__(name: str) -> object:
    """Fetch a public name on first use and keep it."""
    try:
        module, attribute = _LAZY[name]
    except KeyError:
        raise AttributeError(f"module 'xsmom' has no attribute {name!r}") from None
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
