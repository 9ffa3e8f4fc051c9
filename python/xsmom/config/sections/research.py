"""`research`, `rollout`: studies, the gate they must pass, and the way to production."""

from typing import Literal

from pydantic import SecretStr

from xsmom.config.setting import Name, Section, block, planned


class Study(Section):
    """A search over tuned settings."""

    trials: int = planned(200, "Trials of a study.", unit="trials", ge=1)
    startup_trials: int = planned(60, "Trials drawn at random before the search learns.", unit="trials", ge=1)
    max_free_parameters: int = planned(8, "Most settings that vary at once.", unit="settings", ge=1, le=15)
    parameters: list[Name] = planned([], "Settings that vary; left out: the default eight.")
    objective: Literal["sharpe", "calmar"] = planned("sharpe", "What is maximised, net of cost.")
    turnover_penalty: float = planned(0.0, "Taken off the objective per unit of yearly turnover.", ge=0)
    min_improvement: float = planned(0.05, "Least gain over the champion that counts.", ge=0)
    change_budget: int = planned(3, "Most settings that one promotion may change.", unit="settings", ge=1)
    seed: int = planned(0, "Seed of the search.", ge=0)
    workers: int = planned(0, "Threads; 0 takes all.", unit="threads", ge=0)
    cluster: str | None = planned(None, "Address of a Ray cluster.")


class Splits(Section):
    """How history is cut."""

    kind: Literal["rolling", "anchored", "kfold", "cpcv"] = planned("rolling", "Kind of split.")
    train_days: int = planned(180, "Length of a training window.", unit="days", ge=1)
    test_days: int = planned(30, "Length of a test window.", unit="days", ge=1)
    embargo_bars: int = planned(0, "Bars left out after a test window, beside the purge.", unit="bars", ge=0)
    cpcv_groups: int = planned(6, "Groups of combinatorial cross-validation.", unit="groups", ge=3)
    cpcv_test_groups: int = planned(2, "Groups tested at once.", unit="groups", ge=1)
    holdout_frac: float = planned(0.2, "Newest share, looked at with a log.", unit="share", ge=0, lt=1)
    max_holdout_looks: int = planned(3, "Looks after which the holdout is training data.", unit="looks", ge=1)


class Gate(Section):
    """What a result must show; it can be passed, not argued with."""

    min_years: float = planned(3, "Least history.", unit="years", gt=0)
    min_sharpe: float = planned(0.5, "Least net Sharpe ratio, out of sample, HAC.", ge=0)
    min_dsr: float = planned(0.95, "Least deflated Sharpe probability at the raw number of trials.", gt=0, lt=1)
    max_pbo: float = planned(0.2, "Greatest probability of overfitting.", gt=0, lt=1)
    max_spa_p: float = planned(0.05, "Greatest p-value of Hansen's test.", gt=0, lt=1)
    min_positive_paths: float = planned(0.6, "Least share of profitable paths.", unit="share", ge=0, le=1)
    cost_stress: float = planned(2.0, "Cost multiple at which it must still earn.", unit="x", ge=1)
    max_name_share: float = planned(0.25, "Greatest share of profit from one name.", unit="share", gt=0, le=1)
    drop_best_days: int = planned(5, "Best days that it must survive without.", unit="days", ge=0)
    max_degradation_pct: float = planned(30, "Fall from in sample to out of sample that warns.", unit="%", gt=0)


class Research(Section):
    """Studies, splits, gate."""

    study: Study = block(Study, "The search.")
    splits: Splits = block(Splits, "How history is cut.")
    gate: Gate = block(Gate, "What a result must show.")
    bootstrap_runs: int = planned(10_000, "Resamples of an interval.", unit="runs", ge=100)


class Stage(Section):
    """Evidence asked of one stage."""

    min_hours: float = planned(48, "Least time in the stage.", unit="hours", gt=0)
    watch_hours: float = planned(24, "Time watched after each change.", unit="hours", gt=0)
    size_frac: float = planned(0.25, "Size in the small stage.", unit="share", gt=0, le=1)


class Rollout(Section):
    """From candidate to full size, and back."""

    enabled: bool = planned(False, "Move candidates through the stages.")
    stages: list[Literal["backtest", "shadow", "paper", "small", "full"]] = planned(
        ["backtest", "shadow", "paper", "small", "full"], "The stages, in order."
    )
    stage: Stage = block(Stage, "Evidence asked of a stage.")
    e_value_min: float = planned(20, "Paired evidence needed to promote.", gt=1)
    min_shadow_days: float = planned(90, "Least days in shadow for a challenger.", unit="days", gt=0)
    rollback_on_sharpe_gap: bool = planned(
        False, "Let a raw Sharpe gap roll back by itself, though luck explains most of them."
    )
    sharpe_gap: float = planned(0.5, "Gap that is shown and may alert.", gt=0)
    backups: int = planned(20, "Promoted configurations that are kept.", unit="files", ge=1)
    signing_key: SecretStr | None = planned(None, "Key that signs promotions.", secret=True)
