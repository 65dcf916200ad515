"""Webhooks on a real database and bus, without the rest of the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serving import make_paths

from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.glyph import GlyphContext, GlyphMetadata, GlyphPayload, GlyphSource, GlyphTarget, Token
from lukhas_sdk.paths import Paths
from lukhas_sdk.settings import WebhooksSettings
from lukhasd.database import Database
from lukhasd.glyph import Bus
from lukhasd.glyph.sending import new_id
from lukhasd.identity import Caller
from lukhasd.records.metrics import Metrics
from lukhasd.webhooks import Webhooks, addresses

ANA = Caller("ana-key", "ΛULTRA-2026-0002", Tier.ULTRA, "api_key")
BOB = Caller("bob-key", "ΛULTRA-2026-0003", Tier.ULTRA, "api_key")


@dataclass
class Working:
    webhooks: Webhooks
    bus: Bus
    database: Database
    metrics: Metrics
    paths: Paths
    told: list[tuple[str, str, str]] = field(default_factory=list)

    async def add(self, url: str, *, caller: Caller = ANA, **rest: Any) -> contract.WebhookSecretResponse:
        return await self.webhooks.add(caller, contract.AddWebhookRequest(url, **rest))

    def publish(self, action: str, *, symbol: str = "LEARN", owner: str = ANA.identity_id, **data: Any) -> None:
        self.bus.publish(token(action, symbol=symbol, owner=owner, data=data))

    async def deliveries(self, webhook_id: str, state: Any = None, caller: Caller = ANA) -> list[contract.Delivery]:
        params = contract.DeliveryListParams(webhook_id, state, limit=500)
        return (await self.webhooks.deliveries(caller, params)).deliveries

    async def until(
        self, webhook_id: str, is_so: Callable[[contract.Webhook], bool], *, timeout_s: float = 10
    ) -> contract.Webhook:
        deadline_s = time.monotonic() + timeout_s
        while True:
            shown = await self.webhooks.show(ANA, webhook_id)
            if is_so(shown):
                return shown
            assert time.monotonic() < deadline_s, shown
            await asyncio.sleep(0.01)


def token(action: str, *, symbol: str, owner: str, data: dict[str, Any], module: str = "memory") -> Token:
    return Token(
        glyph_id=new_id(), symbol=symbol, timestamp=datetime.now(UTC), source=GlyphSource(module, "store"),
        target=GlyphTarget("memory"), context=GlyphContext(owner), payload=GlyphPayload(action, data),
        metadata=GlyphMetadata(),
    )  # fmt: skip


@contextlib.asynccontextmanager
async def working(
    folder: Path, *, lookup: addresses.Lookup = addresses.look_up, **settings: Any
) -> AsyncIterator[Working]:
    """`settings` over ones that are quick, with loopback allowed."""
    given = WebhooksSettings(**{"allow_loopback": "on", "retry_s": 0.02, "timeout_s": 2.0, **settings})
    paths = make_paths(folder)
    database = await asyncio.to_thread(Database.open, paths.database)
    bus, metrics = Bus(), Metrics()
    try:
        webhooks = await Webhooks.open(
            database, bus, given, paths=paths, key_store="file", metrics=metrics, lookup=lookup
        )
        it = Working(webhooks, bus, database, metrics, paths)
        webhooks.told = lambda owner, webhook_id, what: it.told.append((owner, webhook_id, what))
        try:
            yield it
        finally:
            bus.close()
            await webhooks.close()
    finally:
        await asyncio.to_thread(database.close)
