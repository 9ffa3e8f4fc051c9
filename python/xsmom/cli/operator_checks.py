"""The checks of `xsmom doctor` that an operator wants: keys, the exchange, the journal's database, the lake.

What is not configured is no fault: a researcher has no key, and a first start has no journal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from xsmom.cli.finding import Finding, Status
from xsmom.errors import XsmomError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved

_DAY_MS = 86_400_000
_OLD_DAYS = 7
_KEY_NAMES = ("XSMOM__EXCHANGE__API_KEY", "XSMOM__EXCHANGE__API_SECRET")
_MODES = ("live", "paper", "shadow")


def read_config(path: Path | None) -> Resolved | None:
    """The configuration that was named; None without one, and where it is not valid, which its own check tells."""
    from xsmom.config.load import load_config

    try:
        return None if path is None else load_config(path)
    except XsmomError:
        return None


def look_at_keys(config: Resolved | None) -> Iterator[Finding]:
    """Both halves of the trading key, or none; they are not shown and not sent."""
    if config is None:
        yield Finding("keys", Status.OK, "not configured: --config FILE names a configuration")
        return
    written = config.written.exchange
    given = [written.api_key is not None, written.api_secret is not None]
    if all(given):
        yield Finding("keys", Status.OK, "given; --exchange asks the exchange what they may do")
    elif any(given):
        missing = _KEY_NAMES[given.index(False)]
        yield Finding("keys", Status.FAIL, f"{missing} is missing", "give both halves, in the environment or in .env")
    else:
        yield Finding("keys", Status.OK, "not configured: paper, research and looking at markets need none")


def look_at_account(config: Resolved | None) -> Iterator[Finding]:
    """What the configured key may do, asked of the exchange; nothing where there is none."""
    if config is None:
        return
    import asyncio

    from xsmom.live.wiring import access_of
    from xsmom.venues.roster import open_venue

    access = access_of(config)
    if access.keys is None:
        return

    async def question() -> tuple[bool, bool, bool]:
        venue = await open_venue(str(config.value("exchange.id")), access)
        try:
            key = await venue.key()
            return key.can_trade, key.can_withdraw, key.ip_bound
        finally:
            await venue.close()

    try:
        trades, withdraws, bound = asyncio.run(question())
    except XsmomError as error:
        yield Finding("key", Status.FAIL, str(error), "make a new key, and give it in the environment or in .env")
        return
    if withdraws:
        yield Finding("key", Status.FAIL, "it can withdraw", "make a key that may trade and may not withdraw")
    elif not trades:
        yield Finding(
            "key", Status.WARN, "it can read and not trade", "enough to look; `xsmom live` wants one that trades"
        )
    elif not bound:
        yield Finding("key", Status.WARN, "trades, cannot withdraw; any address may use it", "bind it to your address")
    else:
        yield Finding("key", Status.OK, "trades, cannot withdraw, bound to an address")


def look_at_database(config: Resolved | None) -> Iterator[Finding]:
    """Each trader's journal: can it be read, is it of this version, does somebody write it."""
    if config is None:
        yield Finding("database", Status.OK, "not configured: --config FILE names a configuration")
        return
    from xsmom.live.wiring import Start
    from xsmom.store.look import look_at_journal
    from xsmom.store.rules import StoreRules

    rules, found = StoreRules.of(config), 0
    for mode in _MODES if rules.plain_url is None else _MODES[:1]:
        try:
            look = look_at_journal(rules, Start(config, mode, ()).state_dir, time.time_ns() // 1_000_000)
        except XsmomError as error:
            found += 1
            yield Finding(f"database {mode}", Status.FAIL, str(error), "see what the sentence says, then ask again")
            continue
        if not look.exists:
            continue
        found += 1
        state = f"written by {look.writer}" if look.writer else "nobody writes to it"
        entries = "" if look.book is None else f", {look.book.seq:,} entries"
        if look.torn:
            text = f"{look.place.name}: {look.torn}"
            yield Finding(f"database {mode}", Status.WARN, text, "the next start of its trader folds the book anew")
        elif not look.current:
            text = f"{look.place.name} is of an older version; {state}"
            yield Finding(f"database {mode}", Status.WARN, text, "its next start brings it up; make a copy first")
        else:
            yield Finding(f"database {mode}", Status.OK, f"{look.place.name}{entries}; {state}")
    if not found:
        yield Finding("database", Status.OK, "no journal yet: the first start of a trader makes one")


def look_at_lake(config: Resolved | None) -> Iterator[Finding]:
    """What data there are, and whether they can be read; `xsmom data check` reads all of it."""
    folder = Path("lake" if config is None else str(config.value("data.dir")))
    if not folder.exists():
        yield Finding("lake", Status.OK, f"not configured: there is no folder {folder}")
        return
    from xsmom.lake.listing import list_series
    from xsmom.lake.store import Lake, is_lake

    if not is_lake(folder):
        yield Finding("lake", Status.WARN, f"{folder} is no lake", "set data.dir, or fill one: `xsmom data download`")
        return
    try:
        listed = list(list_series(Lake.open(folder), None, None, None))
    except XsmomError as error:
        yield Finding("lake", Status.FAIL, str(error), "`xsmom data check` looks closer")
        return
    broken = [one for one in listed if one.fault]
    newest_ms = max((one.info.last_ms or 0 for one in listed if one.info is not None), default=0)
    text = f"{folder}: {len(listed):,} series"
    if broken:
        text += f", {len(broken):,} broken, such as {broken[0].key.symbol}: {broken[0].fault}"
        yield Finding("lake", Status.FAIL, text, "`xsmom data check`, then `xsmom data repair`")
        return
    age_days = (time.time_ns() // 1_000_000 - newest_ms) // _DAY_MS
    if listed and age_days > _OLD_DAYS:
        text += f", the newest row is {age_days:,} days old"
        yield Finding("lake", Status.WARN, text, "`xsmom data download` brings it up to now")
    else:
        yield Finding("lake", Status.OK, text + (", up to date" if listed else ""))
