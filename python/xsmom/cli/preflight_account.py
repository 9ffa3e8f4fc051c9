"""The checks of `xsmom preflight` that look at the account and the exchange."""

from __future__ import annotations

from collections.abc import Iterator

from xsmom.cli.amounts import usdt
from xsmom.cli.finding import Finding, Status
from xsmom.cli.preflight_case import Case, ignored_symbols
from xsmom.cli.preflight_checks import fee_above_frac
from xsmom.domain.orders import is_ours
from xsmom.domain.stamps import format_ms
from xsmom.domain.trading import OrderView

_DAY_MS = 86_400_000
_EXPIRES_WARN_MS = 7 * _DAY_MS
_SHOWN = 4
_LOOK_AROUND = "look at the network, and at the exchange's status page"
_GIVE_RIGHT_KEY = (
    "the exchange does not accept this key: look at XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET, at the "
    "permissions of the key, and at the addresses that it is bound to"
)
_FEE_DUST = 1e-9


def check_exchange(case: Case) -> Iterator[Finding]:
    """It answers; what it did not answer is told here, once."""
    facts = case.facts
    wanted = [name for name in ("instruments", "quotes", "account", "positions", "orders") if name in facts.unread]
    if wanted:
        text = f"{', '.join(wanted)} could not be read: {facts.unread[wanted[0]]}"
        yield Finding("exchange", Status.FAIL, text, _GIVE_RIGHT_KEY if facts.turned_away else _LOOK_AROUND)
    elif facts.interruption:
        yield Finding("exchange", Status.WARN, facts.interruption, "until it is over nothing is entered")
    else:
        yield Finding("exchange", Status.OK, f"answers in {facts.round_trip_ms:.0f} ms")


def check_key(case: Case) -> Iterator[Finding]:
    """It trades, cannot withdraw, is bound to an address, lasts, and is that of the journal's account."""
    key = case.facts.key
    if key is None:
        why = case.facts.unread.get("key", "not told")
        yield Finding("key", Status.FAIL, why, "make a key that may trade, and give it by environment or .env")
        return
    if key.can_withdraw:
        yield Finding("key", Status.FAIL, "it can withdraw", "make a key that may trade and may not withdraw")
    elif not key.can_trade:
        yield Finding("key", Status.FAIL, "it cannot trade contracts", "let it place orders and hold positions")
    elif key.expires_ms is not None and key.expires_ms - case.now_ms < 0:
        yield Finding("key", Status.FAIL, f"it expired {format_ms(key.expires_ms)}", "make a new key")
    elif not key.ip_bound:
        yield Finding("key", Status.WARN, "trades, cannot withdraw; any address may use it", "bind it to your address")
    elif key.expires_ms is not None and key.expires_ms - case.now_ms < _EXPIRES_WARN_MS:
        text = f"trades, cannot withdraw; it expires {format_ms(key.expires_ms)}"
        yield Finding("key", Status.WARN, text, "make a new key in time: without one nothing is traded or protected")
    else:
        yield Finding("key", Status.OK, "trades, cannot withdraw, bound to an address")
    yield from _check_owner(case, key.account)


def _check_owner(case: Case, account: str) -> Iterator[Finding]:
    look = case.journal
    name = f"{case.config.value('exchange.id')}:{account}"
    if look is not None and look.account and look.account != name:
        text = f"the journal {look.place.name} is that of {look.account}, the key is of {name}"
        yield Finding("account", Status.FAIL, text, "give each account its own live.state_dir or storage.url")
    elif case.facts.account is not None:
        told = case.facts.account
        text = f"{name}: equity {usdt(float(told.equity_usdt))} USDT, available {usdt(float(told.available_usdt))}"
        yield Finding("account", Status.OK, text)


def check_clock(case: Case) -> Iterator[Finding]:
    """Ours against the exchange's, as the gate would judge it."""
    if case.start.lapse != 1.0:
        yield Finding("clock", Status.OK, f"the exchange's own time, {case.start.lapse:g} times as fast as the wall")
        return
    if case.facts.clock is None:
        yield Finding("clock", Status.FAIL, case.facts.unread.get("clock", "not told"), "ask again")
        return
    skew_ms, error_ms = case.facts.skew_ms, case.facts.clock.error_ms
    most_ms = case.rules.gates.skew_max_ms
    text = f"ours is {abs(skew_ms):,.0f} ms {'slow' if skew_ms > 0 else 'fast'}, ± {error_ms:.0f} ms"
    if abs(skew_ms) - error_ms > most_ms:
        mend = "set the clock (NTP): start chrony or systemd-timesyncd"
        yield Finding("clock", Status.FAIL, f"{text}, above risk.venue_limits.max_clock_skew_ms {most_ms:g}", mend)
    elif abs(skew_ms) + error_ms > most_ms / 2.0:
        yield Finding("clock", Status.WARN, text, "set the clock (NTP)")
    else:
        yield Finding("clock", Status.OK, text)


def check_modes(case: Case) -> Iterator[Finding]:
    """Position mode, margin mode and leverage: as wanted, to be set at the start, or in the way."""
    report, gates = case.facts.modes, case.rules.gates
    wanted = f"one-way, {'cross' if gates.cross_margin else 'isolated'} margin, leverage {gates.leverage_x:g}"
    if report is None:
        yield Finding("modes", Status.FAIL, case.facts.unread.get("modes", "not told"), "ask again")
        return
    # What could not be read is unknown, never flat.
    busy = any(told is None or told.rows for told in (case.facts.positions, case.facts.orders))
    if report.failed:
        names = [what.removeprefix("position mode ") for what, _ in report.failed]
        text = f"{_some(names)} in hedge mode, {wanted} is wanted"
        mend = "close positions and orders, and switch the account to one-way mode"
        yield Finding("modes", Status.FAIL if busy else Status.WARN, text, mend if busy else "the start switches it")
    elif "margin mode" in report.changed and busy:
        text = f"margin mode is another one, {wanted} is wanted, and it cannot be changed while something is open"
        yield Finding("modes", Status.FAIL, text, "close positions and orders, or set exchange.margin_mode")
    elif report.changed:
        leverages = sum(what.startswith("leverage") for what in report.changed)
        sets = [f"leverage of {leverages} names"] * bool(leverages) + ["margin mode"] * (
            "margin mode" in report.changed
        )
        yield Finding("modes", Status.OK, f"{wanted}: the start sets {' and '.join(sets)}")
    else:
        yield Finding("modes", Status.OK, wanted)


def check_fees(case: Case) -> Iterator[Finding]:
    """Fees of this account's tier against those that the report assumed."""
    above = fee_above_frac(case)
    if above is None:
        why = case.facts.unread.get("fees", "the exchange told none of the names that are traded")
        yield Finding(
            "fees", Status.WARN, why, "`xsmom exchange fees` asks again; the cost of a year is not known here"
        )
        return
    costs, pairs = (
        case.config.costs(),
        [case.facts.fees[one.symbol] for one in case.names if one.symbol in case.facts.fees],
    )
    maker, taker = (max(float(one[at]) for one in pairs) * 1e4 for at in (0, 1))
    text = (
        f"this account pays {maker:.2f} maker, {taker:.2f} taker bps; "
        f"costs assume {costs.maker_fee_frac * 1e4:.2f}, {costs.taker_fee_frac * 1e4:.2f}"
    )
    if above > _FEE_DUST:
        mend = f"set costs.maker_fee_bps {maker:.2f} and costs.taker_fee_bps {taker:.2f}, and run the report again"
        yield Finding("fees", Status.WARN, text, mend)
    else:
        yield Finding("fees", Status.OK, text)


def check_universe(case: Case) -> Iterator[Finding]:
    """Names that would be traded, with contracts, quotes and funding."""
    if case.names_why:
        yield Finding("universe", Status.FAIL, case.names_why, "mend universe.whitelist, or whom the exchange lists")
        return
    quotes = case.facts.quotes
    if not case.names or quotes is None:
        return
    without = [one.symbol for one in case.names if one.symbol not in quotes]
    unfunded = [one.symbol for one in case.names if one.symbol in quotes and quotes[one.symbol].funding_frac is None]
    if without or unfunded:
        text = f"{len(case.names)} names; without quotes {_some(without)}, without funding {_some(unfunded)}"
        yield Finding("universe", Status.WARN, text, "they are not entered before the exchange tells both")
    else:
        yield Finding("universe", Status.OK, f"{len(case.names)} names, all with contract, quote and funding")


def check_foreign(case: Case) -> Iterator[Finding]:
    """Positions and orders that no book of ours knows."""
    facts, ignored = case.facts, set(ignored_symbols(case.start))
    if facts.positions is None or facts.orders is None:
        return
    book = None if case.journal is None else case.journal.book
    known = {} if book is None else {name: int(book.lots[at]) for at, name in enumerate(book.roster.symbols)}
    held = {row.symbol: row.lots for row in facts.positions.rows if row.symbol not in ignored}
    strange = sorted(name for name, lots in held.items() if lots != known.get(name, 0))
    adopt = case.start.adopt or bool(case.config.value("live.adopt_positions"))
    if strange and book is None and not adopt:
        text = f"the account holds {_some(strange)}, and this would be the first start"
        yield Finding("positions", Status.FAIL, text, f"close them, or start with --adopt or --ignore {strange[0]}")
    elif strange:
        text = f"{_some(strange)}: the account's size is not the book's"
        mend = "it is taken over at the start" if book is None else "reconciling reads the fills, else puts it on hold"
        yield Finding("positions", Status.WARN, text, mend)
    else:
        yield Finding("positions", Status.OK, f"{len(held)} held, all known" if held else "none")
    others = sorted({row.symbol for row in facts.orders.rows if _is_foreign(row)} - ignored)
    if others:
        text = f"orders of somebody else stand in {_some(others)}: nothing is entered there"
        yield Finding("orders", Status.WARN, text, "end the other bot, or cancel them by hand")
    else:
        yield Finding("orders", Status.OK, "none of somebody else")


def _is_foreign(row: OrderView) -> bool:
    """Not ours by its name, and no stop that belongs to a position."""
    return not is_ours(row.client_order_id) and not row.of_position


def _some(names: list[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
