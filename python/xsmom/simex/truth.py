"""What really is, without the lag of any view: for whoever tests against the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xsmom.simex.world import World


def tell_truth(world: World) -> dict[str, Any]:
    """Everything as the core knows it."""
    accounts = {}
    for number, name in enumerate(world.accounts):
        about = {"account": number}
        accounts[name] = {
            "wallet": world.core.ask({"ask": "wallet", **about}),
            "positions": world.core.ask({"ask": "positions", **about}),
            "open_orders": world.core.ask({"ask": "open_orders", **about}),
            "closed_orders": world.core.ask({"ask": "closed_orders", **about, "most": 20_000}),
            "executions": world.core.ask({"ask": "executions", **about, "since_ms": 0}),
        }
    clock = {"now_ms": world.clock.now_ms(), "speed": world.clock.speed, "ended": world.ended}
    return {**clock, "log_hash": world.core.log_hash, "symbols": list(world.symbols), "accounts": accounts}
