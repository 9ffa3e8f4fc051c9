"""How accounts are set: one-way or hedge mode, cross or isolated margin.

Both can be switched as on the real exchange, so that a client meets the refusals and can mend them. Neither changes how
the core reckons: an account in hedge mode takes no orders at all, and isolated margin is a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OTHER_MOVES = ("AIRDROP", "BONUS", "BONUS_RECOLLECT", "FEE_REFUND", "INTEREST")
"""Words of the exchange for money that it gives or takes by itself."""


@dataclass
class AccountModes:
    """Accounts, by number, that are not as a new one is."""

    hedged: set[int] = field(default_factory=set)
    isolated: set[int] = field(default_factory=set)

    def index(self, account: int, lots: int) -> int:
        """`positionIdx` of a side: 0 in one-way mode, 1 for longs and 2 for shorts in hedge mode."""
        return (1 if lots > 0 else 2) if account in self.hedged else 0

    def put(self, account: int, *, hedge: bool, isolated: bool) -> None:
        """Set both."""
        for on, some in ((hedge, self.hedged), (isolated, self.isolated)):
            (some.add if on else some.discard)(account)
