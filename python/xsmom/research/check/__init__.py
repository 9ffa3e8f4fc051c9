"""What must hold of any backtest, examined on a panel of yours: no future, an account that adds up, no free lunch.

`examine` takes a configuration, or a function of your own that turns a panel into target weights.
"""

from xsmom.research.check.examination import CHECKS, Examination, Finding, examine

__all__ = ["CHECKS", "Examination", "Finding", "examine"]
