"""What would keep a watchdog from its work, looked at without changing anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xsmom.cli.finding import Finding, Status
from xsmom.cli.trader_choice import Trader, ago
from xsmom.errors import OutputError, XsmomError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.domain.trading import KeyFacts
    from xsmom.engine.watchdog import Look
    from xsmom.live.watchdog.process import Watchdog


def run_watchdog_check(config: Resolved) -> list[Finding]:
    """All checks, in the order in which a watchdog needs them."""
    from xsmom.live.watchdog.wiring import make_watchdog

    trader = Trader(config, "live")
    try:
        watchdog = make_watchdog(config, ())
    except XsmomError as error:
        return [Finding("key", Status.FAIL, str(error)), *_here(trader)]
    return [*asyncio.run(_there(watchdog)), *_here(trader), _latch(watchdog)]


async def _there(watchdog: Watchdog) -> list[Finding]:
    """What the exchange says."""
    eyes, setting = watchdog.eyes, watchdog.setting
    try:
        await eyes.open()
    except XsmomError as error:
        return [Finding("key", Status.FAIL, str(error), "make a key of this account that may trade and no more")]
    try:
        look = await eyes.look(setting.clock.now_ms, setting.ignored())
    finally:
        await eyes.close()
    assert eyes.key is not None
    return [_key(eyes.key), *_stops(look)]


def _key(facts: KeyFacts) -> Finding:
    if not facts.ip_bound:
        return Finding(
            "key", Status.WARN, "may trade, may not withdraw, from any address", "bind it to this machine's address"
        )
    if facts.expires_ms is not None and facts.expires_ms / 1_000 - time.time() < 14 * 86_400:
        return Finding("key", Status.WARN, "expires within two weeks", "make a new one in time")
    return Finding("key", Status.OK, "may trade, may not withdraw, bound to addresses")


def _stops(look: Look) -> Iterator[Finding]:
    from xsmom.engine.watchdog import uncovered

    if look.positions is None or look.orders is None:
        yield Finding("stops", Status.FAIL, f"unknown: {look.why}", "see that the exchange can be read with this key")
        return
    bare = [one.symbol for one in uncovered(look)]
    held = len(look.held)
    if bare:
        detail = f"{held - len(bare)} of {held} positions have a stop that covers them; not {', '.join(bare)}"
        yield Finding("stops", Status.FAIL, detail, "xsmom positions; without a trader the watchdog would close all")
    else:
        yield Finding("stops", Status.OK, f"all of {held} positions are covered" if held else "no position is open")


def _here(trader: Trader) -> Iterator[Finding]:
    """What this machine says."""
    from xsmom.live.heartbeat import FILE
    from xsmom.live.watchdog.sign import read_sign

    beat, path = trader.heartbeat(), trader.state_dir / FILE
    limit_s = trader.config.written.notifications.monitoring.heartbeat_seconds
    if beat is None:
        yield Finding("heartbeat", Status.WARN, f"{path} is not there", "start xsmom live with this configuration")
    elif (silent_s := trader.silent_s(beat)) > limit_s:
        detail = f"{path} is {ago(silent_s).removesuffix(' ago')} old"
        yield Finding("heartbeat", Status.WARN, detail, f"above {limit_s} s the watchdog acts")
    else:
        yield Finding("heartbeat", Status.OK, f"{path}, {ago(silent_s)}")
    sign, now_ms = read_sign(trader.state_dir), time.time_ns() // 1_000_000
    if sign is None:
        yield Finding("watchdog", Status.WARN, "none has watched yet", "xsmom watchdog, best as a service")
    elif not sign.is_alive(now_ms):
        detail = f"process {sign.pid} was last alive {ago((now_ms - sign.at_ms) / 1_000)}"
        yield Finding("watchdog", Status.WARN, detail, "start it again")
    else:
        yield Finding("watchdog", Status.OK, f"process {sign.pid}, {sign.state}")


def _latch(watchdog: Watchdog) -> Finding:
    try:
        watchdog.latch.probe()
    except OutputError as error:
        return Finding("kill switch", Status.FAIL, str(error), "run both as the same user, or share the folder")
    return Finding("kill switch", Status.OK, f"could be set in {watchdog.latch.state_dir}")
