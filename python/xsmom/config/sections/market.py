"""`exchange`, `data`, `universe`, `costs`: where the market is, which names, at what price."""

from typing import Literal

from pydantic import SecretStr

from xsmom.config.lists import NameKind
from xsmom.config.setting import MarginRow, Name, Section, Whole, planned, setting


class Exchange(Section):
    """The account that is traded."""

    id: Literal["bybit", "binance", "krakenfutures", "paper"] = setting("bybit", "Exchange to trade on.")
    testnet: bool = setting(False, "Use the exchange's test network.")
    account_type: Literal["unified", "standard"] = planned("unified", "Kind of account.")
    quote: Name = planned("USDT", "Currency that contracts settle in.")
    leverage_x: float = setting(
        5, "Leverage set on each contract and verified; gross stays below half of it.", unit="x", gt=0, le=125
    )
    margin_mode: Literal["cross", "isolated"] = planned("cross", "Margin mode, verified at start.")
    api_key: SecretStr | None = setting(None, "Key of the account.", secret=True)
    api_secret: SecretStr | None = setting(None, "Secret of the account.", secret=True)
    api_password: SecretStr | None = planned(None, "Third credential, where one is asked for.", secret=True)
    watchdog_api_key: SecretStr | None = setting(
        None, "The watchdog's own key: of the same account, another than the trader's.", secret=True
    )
    watchdog_api_secret: SecretStr | None = setting(None, "The watchdog's own secret.", secret=True)
    dead_man_switch: bool = setting(
        False, "Let the exchange cancel orders when the line is lost; refused where that may take stops."
    )
    base_url: str | None = setting(
        None,
        "Address of a server that speaks this exchange's protocol, in place of its own hosts.",
        example="http://127.0.0.1:8080",
    )
    ca_file: str | None = setting(
        None, "Certificate of that server, as PEM, where no authority vouches for it.", example="simex.pem"
    )
    proxy_url: SecretStr | None = setting(None, "Proxy (http://), credentials included.", secret=True)
    requests_per_second: float | None = setting(
        None, "Request budget; left out: the exchange's own.", unit="1/s", ge=0.2, le=1_000
    )
    recv_window_ms: Whole = setting(5000, "Life of a signed request.", unit="ms", ge=100, le=60_000)


class Data(Section):
    """The lake of market data."""

    dir: str = setting("lake", "Folder of the lake.")
    venue: Name = setting("bybit", "Exchange whose data are used, as the lake names it.")
    since: str | None = setting(
        None, "First day that `data download` fetches, where it is not told by --since.", example="2021-01-01"
    )
    kinds: list[Literal["ohlcv", "funding", "mark"]] = setting(
        ["ohlcv", "funding", "mark"], "What `data download` fetches, where it is not told by --kinds."
    )
    panel: str | None = setting(
        None,
        "Panel file that is run on where the command line names no market; left out: a sample market.",
        example="market.panel",
    )
    max_spike_frac: float = setting(
        0.5,
        "A close that is further than this from both its neighbours, which agree, is a bad print.",
        unit="share",
        ge=0.05,
        le=100,
    )
    max_stale_bars: Whole = setting(
        12,
        "Bars in a row without a trade and without a move after which a price is no price any more.",
        unit="bars",
        ge=1,
        le=100_000,
    )


class Universe(Section):
    """Which names are eligible, decided at each bar from what was known then."""

    max_symbols: Whole = setting(
        0, "Names kept by median daily dollar volume; 0 keeps all.", unit="names", example=40, ge=0, le=10_000
    )
    leave_rank_mult: float = setting(
        1.25, "A member leaves only below rank max_symbols times this.", unit="x", ge=1, le=10
    )
    dollar_volume_days: Whole = setting(30, "Days in the median of daily dollar volume.", unit="days", ge=1, le=120)
    min_dollar_volume_usdt: float = setting(
        0.0, "Least median daily dollar volume; 0 asks for none.", unit="USDT a day", ge=0, le=1e15
    )
    min_age_days: float = setting(
        0, "Least age since listing; 0 asks for none.", unit="days", example=90, ge=0, le=10_000
    )
    min_price_usdt: float = setting(0.0, "Least close; 0 asks for none.", unit="USDT", ge=0, le=1e9)
    whitelist: list[Name] = setting(
        [], "When not empty, only these symbols are traded.", example=["BTCUSDT", "ETHUSDT"]
    )
    banlist: list[Name] = setting([], "Symbols that are never traded.", example=["USDCUSDT"])
    min_names: Whole = setting(
        0, "Fewest eligible names for any entry; 0 asks for none.", unit="names", ge=0, le=10_000
    )
    stale_bars_max: Whole = setting(
        3, "Bars in a row without data after which a held name is closed.", unit="bars", ge=1, le=2000
    )
    max_spread_bps: float | None = planned(None, "Widest spread of an eligible name.", unit="bps", gt=0)
    exclude: list[NameKind] = setting(
        ["stablecoins", "wrapped", "duplicates", "stocks", "metals"],
        "Kinds of names left out, by dated lists; a name in the whitelist stays.",
    )
    renames: dict[Name, Name] = setting(
        {}, "Old symbol to new symbol, beyond the dated map: `data compile` joins their bars where prices agree."
    )


class Costs(Section):
    """What trading is assumed to cost in research, and how much of it is too much."""

    maker_fee_bps: float = setting(2.0, "Fee of a resting order; may be negative.", unit="bps", ge=-10, le=100)
    taker_fee_bps: float = setting(5.5, "Fee of a crossing order.", unit="bps", ge=0, le=100)
    maker_fill_ratio: float = setting(
        0.0, "Share filled by resting orders; the research gate assumes none.", unit="share", ge=0, le=1
    )
    half_spread_bps: float = setting(1.0, "Half of the spread, paid when crossing.", unit="bps", ge=0, le=1_000)
    impact_y: float = setting(
        1.0, "Y of the square-root impact Y * daily volatility * sqrt(size / volume).", ge=0, le=10
    )
    funding: bool = setting(True, "Charge and credit funding at its settlements.")
    fill: Literal["next_open", "close", "vwap"] = setting(
        "next_open",
        "Price that a decision is filled at: the next bar's open, its own close, or the mean of the "
        "next bar's open, high, low and close.",
    )
    fill_delay_bars: Whole = setting(0, "Bars of delay beyond the first bar that can fill.", unit="bars", ge=0, le=2000)
    liquidation: bool = setting(True, "Close the book when the maintenance margin of all positions reaches equity.")
    maintenance_margin_pct: float = setting(
        1.0, "Maintenance margin of every position, unless margin_tiers say more.", unit="% of value", ge=0, le=50
    )
    margin_tiers: list[MarginRow] = setting(
        [],
        "Maintenance margin by the value of a position, for every contract: rows of largest value in USDT and rate "
        "as a share, both rising. The last rate goes on above the last value.",
        example=[[100_000, 0.005], [1_000_000, 0.01], [10_000_000, 0.025]],
    )
    initial_equity_usdt: float = setting(10_000.0, "Equity that a backtest starts with.", unit="USDT", ge=1, le=1e12)
    max_annual_cost_frac: float = setting(
        0.25,
        "Cost a year above which trading is not worth it; see enforce_annual_cost.",
        unit="share of equity",
        gt=0,
        le=1000,
    )
    enforce_annual_cost: bool = setting(
        False,
        "Block entries while the cost of the last seven days, made yearly, is above "
        "max_annual_cost_frac. Reductions are never blocked.",
    )
