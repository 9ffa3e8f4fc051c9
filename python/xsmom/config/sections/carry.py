"""`strategy.carry`: the carry sleeve."""

from xsmom.config.setting import Section, block, planned


class FundingCarry(Section):
    """Perpetual against spot or a dated future, for the funding."""

    enabled: bool = planned(False, "Hold hedged positions that collect funding.")
    entry_apy_min: float = planned(
        0.15, "Yearly funding, after the cost of all legs, needed to enter.", unit="share", ge=0
    )
    exit_apy_min: float = planned(
        0.05, "Yearly funding, after cost, below which the position ends.", unit="share", ge=0
    )
    max_weight_per_asset: float = planned(0.05, "Cap of one hedged position.", unit="share of equity", gt=0, le=1)


class BasisCarry(Section):
    """Dated futures against spot or perpetual, for the basis."""

    enabled: bool = planned(False, "Hold hedged positions that collect the basis.")
    entry_apy_min: float = planned(
        0.15, "Yearly basis, after the cost of all legs, needed to enter.", unit="share", ge=0
    )
    exit_apy_min: float = planned(0.05, "Yearly basis, after cost, below which the position ends.", unit="share", ge=0)
    min_days_to_expiry: int = planned(10, "Nearest expiry that is entered.", unit="days", ge=1)


class Carry(Section):
    """Budget and parts of the sleeve."""

    enabled: bool = planned(False, "Run the carry sleeve.")
    budget_frac: float = planned(
        0.20, "Share of gross that the sleeve may use: a cap, never a floor.", unit="share", ge=0, le=1
    )
    funding: FundingCarry = block(FundingCarry, "Hedged funding carry.")
    basis: BasisCarry = block(BasisCarry, "Hedged basis carry of dated futures.")
