"""The checks of `xsmom preflight` that look at this machine, the configuration and the journal."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from xsmom.cli.amounts import about_usdt, usdt
from xsmom.cli.checks import run_checks
from xsmom.cli.finding import Finding, Status
from xsmom.cli.permit import Terms, check_report
from xsmom.cli.preflight_case import Case, warmup_bars
from xsmom.domain.stamps import format_ms

_DISK_BYTES_FAIL = 200_000_000
_DISK_BYTES_WARN = 2_000_000_000
_SMALL_SHARE_WARN = 0.2


def check_config(case: Case) -> Iterator[Finding]:
    """It was read and is valid; what is allowed and probably not meant is told."""
    config = case.config
    hashes = f"hash {config.config_hash[:8]}, settings of live {config.live_hash[:8]}"
    if config.warnings:
        first, more = config.warnings[0], len(config.warnings) - 1
        text = f"valid, {hashes}; {first}" + (f" (and {more} more)" if more else "")
        yield Finding("config", Status.WARN, text, "`xsmom config check` tells all of it")
    else:
        yield Finding("config", Status.OK, f"valid, {hashes}")


def check_doctor(case: Case) -> Iterator[Finding]:
    """`xsmom doctor` of this folder."""
    found = run_checks(Path.cwd(), None, trading=True)
    failed = [row for row in found if row.status is Status.FAIL]
    warned = [row.name for row in found if row.status is Status.WARN]
    if failed:
        status = Status.WARN if case.holding else Status.FAIL
        yield Finding("doctor", status, f"{failed[0].name}: {failed[0].detail}", failed[0].mend)
    elif warned:
        text = f"{len(found)} checks, with a word on {', '.join(warned)}"
        yield Finding("doctor", Status.WARN, text, "`xsmom doctor` shows them")
    else:
        yield Finding("doctor", Status.OK, f"{len(found)} checks passed")


def check_permit(case: Case) -> Iterator[Finding]:
    """The report of this very configuration, and what a year costs at the fees of this account."""
    asked = case.asked
    terms = Terms(fee_above_frac(case) or 0.0, case.sizing_usdt, asked.accepted_frac, case.holding)
    yield from check_report(case.config, asked.runs, terms, asked.now)


def check_style(case: Case) -> Iterator[Finding]:
    """How orders are worked against how the report assumed them to fill."""
    share, style = float(case.config.value("costs.maker_fill_ratio")), str(case.config.value("execution.style"))
    if share > 0.0 and style == "market":
        text = f"execution.style is market, and costs.maker_fill_ratio assumes {share:.0%} of fills at maker fees"
        yield Finding("order style", Status.WARN, text, "set costs.maker_fill_ratio to 0 and run the report again")
    else:
        yield Finding("order style", Status.OK, f"{style}; costs assume {share:.0%} maker fills")


def check_database(case: Case) -> Iterator[Finding]:
    """Reachable, of this version, and written by nobody."""
    look = case.journal
    if look is None:
        yield Finding("database", Status.FAIL, case.journal_why, "`xsmom doctor --config` looks at it alone")
    elif look.writer:
        mend = "one account has one writer: `xsmom stop --keep` ends that one"
        yield Finding("database", Status.FAIL, f"{look.place.name} is being written by {look.writer}", mend)
    elif not look.exists:
        yield from _new_journal(case)
    elif look.torn:
        text = f"{look.place.name}: {look.torn}"
        yield Finding("database", Status.WARN, text, "the next start folds the book anew from its newest snapshot")
    elif not look.current:
        text = f"{look.place.name} is of an older version"
        yield Finding("database", Status.WARN, text, "the next start brings it up; make a copy first")
    else:
        seq = 0 if look.book is None else look.book.seq
        yield Finding("database", Status.OK, f"{look.place.name}, {seq:,} entries, free")


def _new_journal(case: Case) -> Iterator[Finding]:
    assert case.journal is not None
    place = case.journal.place
    if place.file is None:
        yield Finding("database", Status.OK, f"{place.name} answers; the first start makes its tables")
        return
    folder = place.file.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("database", Status.FAIL, f"{folder} cannot be written", "mend its rights, or set live.state_dir")
    else:
        yield Finding("database", Status.OK, f"{place.name} will be made at the first start")


def check_disk(case: Case) -> Iterator[Finding]:
    """Room where the state lies."""
    folder = case.start.state_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text, mend = f"{free / 1e9:.1f} GB free at {folder}", "a full disk stops the journal, and with it the trader"
    if free < _DISK_BYTES_WARN:
        yield Finding("disk", Status.FAIL if free < _DISK_BYTES_FAIL else Status.WARN, text, mend)
    else:
        yield Finding("disk", Status.OK, text)


def check_kill(case: Case) -> Iterator[Finding]:
    """A latched switch, or its file: the trader would start and not trade."""
    file = Path(str(case.config.value("risk.kill_switch.file")))
    book = None if case.journal is None else case.journal.book
    if file.exists():
        text = f"{file} is there: the trader would start, and be stopped at once"
        yield Finding("kill switch", Status.WARN, text, f"remove {file} when its cause is gone")
    elif book is not None and book.kill.active:
        text = f"active since {format_ms(book.kill.at_ms)} by {book.kill.by}: {book.kill.reason}"
        yield Finding("kill switch", Status.WARN, text, "`xsmom kill deactivate --reason …` when its cause is gone")
    else:
        yield Finding("kill switch", Status.OK, "off")


def check_bounds(case: Case) -> Iterator[Finding]:
    """Ramp, capital and largest order that would hold."""
    limits, ramp = case.limits, case.limits.ramp_frac(case.now_ms)
    parts = [f"full size at {ramp:.0%}" if limits.ramp and ramp < 1.0 else "no ramp"]
    parts.append("all equity" if limits.capital_usdt is None else f"sized by {about_usdt(limits.capital_usdt)} USDT")
    parts.append(
        "no bound on one order" if limits.order_usdt_max is None else f"orders to {usdt(limits.order_usdt_max)}"
    )
    yield Finding("bounds", Status.OK, ", ".join(parts))


def check_capital(case: Case) -> Iterator[Finding]:
    """Whether the equity carries as many names as the strategy wants: the kernel's own rule on what is too small."""
    sizing, facts = case.sizing_usdt, case.facts
    if sizing is None or not case.names or facts.quotes is None:
        return
    if not sizing > 0.0:
        yield Finding("capital", Status.FAIL, "the account holds no equity that could be sized by", "deposit first")
        return
    fields = case.rules.fields
    needs = [
        max(float(one.notional_usdt_min), float(one.qty_step) * one.lots_min * float(facts.quotes[one.symbol].last))
        for one in case.names
        if one.symbol in facts.quotes
    ]
    k = min(max(round(fields["k_frac"] * len(needs)), fields["k_min"]), fields["k_max"], max(len(needs) // 2, 1))
    weight = min(fields["gross_x"] / 2.0 / k, fields["weight_long_max_frac"])
    small = sum(2.0 * need > weight * sizing for need in needs)
    wanted = min(2 * int(fields["k_min"]), len(needs))
    least = 2.0 * sorted(needs)[wanted - 1] / weight / float(fields["capital_frac"])
    text = (
        f"{about_usdt(sizing)} USDT to size by, about {about_usdt(weight * sizing)} a name: "
        f"{small} of {len(needs)} names too small"
    )
    if len(needs) - small < wanted:
        mend = (
            f"at least {math.ceil(least):,} USDT would carry {wanted} names; deposit, or take fewer by strategy.k_min"
        )
        yield Finding("capital", Status.WARN if case.holding else Status.FAIL, text, mend)
    elif small > _SMALL_SHARE_WARN * len(needs):
        yield Finding("capital", Status.WARN, text, "results will differ from the report, which could trade them")
    else:
        yield Finding("capital", Status.OK, text)
    yield from _check_ramped(case, needs, weight * sizing)


def _check_ramped(case: Case, needs: list[float], target_usdt: float) -> Iterator[Finding]:
    """A tenth of a position must still be an order."""
    share = case.limits.ramp_frac(case.now_ms)
    if share >= 1.0:
        return
    own = case.rules.work.notional_usdt_min
    small = sum(share * target_usdt < max(need, own) for need in needs)
    text = f"at {share:.0%} of full size {small} of {len(needs)} names are below the smallest order and wait"
    if small:
        yield Finding("ramp", Status.WARN, text, "begin with a larger share: --ramp 0:25%,3:50%,6:100%")


def check_rate(case: Case) -> Iterator[Finding]:
    """Whether the bars of all names come within the time that is waited for them."""
    wanted = case.config.value("exchange.requests_per_second")
    if wanted is None or not case.names:
        yield Finding("rate budget", Status.OK, f"the exchange's own limits; {len(case.names)} names")
        return
    rate, grace = float(str(wanted)), float(case.config.value("live.bar_grace_seconds"))
    needed = len(case.names) / rate
    text = f"{len(case.names)} bars at {rate:g} requests a second take {needed:.0f} s, {grace:g} s are waited"
    if needed > grace:
        mend = "raise exchange.requests_per_second or live.bar_grace_seconds, or trade fewer names"
        yield Finding("rate budget", Status.WARN, text, mend)
    else:
        yield Finding("rate budget", Status.OK, text)


def check_history(case: Case) -> Iterator[Finding]:
    """Bars of the warm-up, from the exchange."""
    if not case.names:
        return
    if "bars" in case.facts.unread:
        yield Finding("warm-up", Status.FAIL, case.facts.unread["bars"], "look at the exchange's status page")
        return
    bars, (oldest, newest) = warmup_bars(case), case.facts.bars or (False, False)
    begin_ms = case.now_ms - bars * case.rules.pace.bar_ms
    young = sum(one.listed_ms > begin_ms for one in case.names)
    text = f"{bars} bars are looked back on; {len(case.names) - young} of {len(case.names)} names are listed that long"
    if not newest:
        text = "the exchange has no new bars of the most traded name"
        yield Finding("warm-up", Status.FAIL, text, "choose another strategy.timeframe, or look at its status page")
    elif not oldest:
        text += ", and the exchange does not keep so much history"
        yield Finding("warm-up", Status.WARN, text, "rules that lack their history are neutral until it is there")
    else:
        yield Finding("warm-up", Status.OK, text)


def fee_above_frac(case: Case) -> float | None:
    """What a trade costs here above what the configuration assumes, as a share of what is traded; None if unknown."""
    pairs = case.facts.fees
    known = [pairs[one.symbol] for one in case.names if one.symbol in pairs] if pairs else []
    if not known:
        return None
    costs = case.config.costs()
    share = costs.maker_share_frac
    maker, taker = max(float(one[0]) for one in known), max(float(one[1]) for one in known)
    return float(share * (maker - costs.maker_fee_frac) + (1.0 - share) * (taker - costs.taker_fee_frac))
