"""`desk`, `notifications`: where people watch and command."""

from typing import Literal

from pydantic import SecretStr

from xsmom.config.setting import Name, Section, Whole, block, planned, setting


class Log(Section):
    """The log on console and in files."""

    level: Literal["debug", "info", "warning", "error"] = planned("info", "Least level that is written.")
    console: Literal["human", "json", "off"] = planned("human", "Form of the lines on the console.")
    dir: str | None = planned(None, "Folder of the log files; left out: no files.", example="state/logs")
    max_file_mb: Whole = planned(10, "Size at which a log file is rotated.", unit="MB", ge=1, le=1024)
    backup_count: Whole = planned(10, "Rotated files that are kept.", unit="files", ge=1, le=1000)


class Api(Section):
    """REST on the loopback."""

    enabled: bool = planned(False, "Serve the REST API.")
    host: str = planned("127.0.0.1", "Address that it binds to.")
    port: int = planned(8710, "Port; 0 takes a free one.", ge=0, le=65_535)
    token: SecretStr | None = planned(None, "Token of an operator; there is no default.", secret=True)
    viewer_token: SecretStr | None = planned(None, "Token that may only look.", secret=True)


class Dashboard(Section):
    """The dashboard, on the API's server."""

    enabled: bool = planned(False, "Serve the dashboard.")
    password: SecretStr | None = planned(None, "Password; there is no default.", secret=True)
    dark: bool = planned(True, "Start in dark mode.")


class Telegram(Section):
    """Commands by Telegram."""

    enabled: bool = planned(False, "Listen for commands.")
    token: SecretStr | None = planned(None, "Token of the bot.", secret=True)
    allowed_users: list[int] = planned([], "Numeric ids of those who may command.")
    confirm_seconds: int = planned(60, "Time in which a command that trades is confirmed.", unit="s", ge=5)


class Metrics(Section):
    """Prometheus."""

    enabled: bool = planned(True, "Serve /metrics.")
    port: int = planned(9710, "Port.", ge=0, le=65_535)


class DailyReport(Section):
    """One page a day."""

    enabled: bool = planned(True, "Write the report and send it.")
    at_hour_utc: int = planned(0, "Hour after which the past day is reported.", unit="hour UTC", ge=0, le=23)


class Desk(Section):
    """Log, API, dashboard, Telegram, metrics."""

    log: Log = block(Log, "The log.")
    api: Api = block(Api, "REST API.")
    dashboard: Dashboard = block(Dashboard, "Dashboard.")
    telegram: Telegram = block(Telegram, "Telegram commands.")
    metrics: Metrics = block(Metrics, "Prometheus metrics.")
    daily_report: DailyReport = block(DailyReport, "Daily report.")


class Monitoring(Section):
    """Conditions that alert."""

    no_trade_hours: float = setting(
        4, "No fill for so long, and for two rebalances, while the plan had orders.", unit="hours", gt=0
    )
    position_drift_pct: float = setting(20, "Difference between held and planned lots that alerts.", unit="%", gt=0)
    cost_overrun_pct: float = setting(20, "Live cost above the backtest's that alerts.", unit="%", gt=0)
    slippage_bps: float = planned(20, "Slippage of one order that alerts.", unit="bps", gt=0)
    heartbeat_seconds: Whole = setting(
        120, "Silence of the trader that the watchdog takes for its end.", unit="s", ge=10
    )
    position_stuck_minutes: int = setting(30, "Time in which a planned exit must be done.", unit="minutes", ge=1)
    trade_loss_pct: float = setting(2, "Loss of one trade that alerts.", unit="% of equity", gt=0)
    alive_hours: float = planned(24, "Time between messages that all is well.", unit="hours", gt=0)


class Notifications(Section):
    """Alerts, by any service that apprise knows."""

    enabled: bool = planned(False, "Send alerts.")
    urls: list[SecretStr] = planned([], "Addresses of the services; they hold credentials.", secret=True)
    min_severity: Literal["info", "warning", "error", "critical"] = planned("warning", "Least severity that is sent.")
    routes: dict[Name, list[Name]] = planned({}, "Severity to the tags that receive it.")
    throttle_seconds: int = planned(300, "Least time between equal alerts.", unit="s", ge=0)
    escalate_minutes: int = planned(15, "Time without acknowledgement that escalates.", unit="minutes", ge=1)
    monitoring: Monitoring = block(Monitoring, "Conditions that alert.")
