"""The configuration as written: one tree, every key described, unknown keys refused."""

from pydantic import ConfigDict

from xsmom.config.sections.desk import Desk, Notifications
from xsmom.config.sections.market import Costs, Data, Exchange, Universe
from xsmom.config.sections.research import Research, Rollout
from xsmom.config.sections.risk import Risk
from xsmom.config.sections.strategy import Strategy
from xsmom.config.sections.trading import Execution, Live, Paper, Storage
from xsmom.config.setting import Section, block


class Config(Section):
    """All settings of xsmom."""

    model_config = ConfigDict(defer_build=False, title="xsmom configuration")

    exchange: Exchange = block(Exchange, "The account that is traded.")
    data: Data = block(Data, "The lake of market data.")
    universe: Universe = block(Universe, "Which names are eligible.")
    strategy: Strategy = block(Strategy, "What is bought and sold, and how much.")
    risk: Risk = block(Risk, "Exits, guards, margin.")
    costs: Costs = block(Costs, "What trading costs.")
    execution: Execution = block(Execution, "How orders are worked.")
    live: Live = block(Live, "The live engine.")
    paper: Paper = block(Paper, "The paper venue.")
    notifications: Notifications = block(Notifications, "Alerts.")
    storage: Storage = block(Storage, "Journal, studies, reports.")
    desk: Desk = block(Desk, "Log, API, dashboard, Telegram, metrics.")
    research: Research = block(Research, "Studies and the gate.")
    rollout: Rollout = block(Rollout, "From candidate to full size.")
