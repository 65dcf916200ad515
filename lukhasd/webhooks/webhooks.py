"""Webhooks: the one facade of this part. Each works by itself; none waits for another, and no publisher for any."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from time import perf_counter

import msgspec

from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore
from lukhas_sdk.settings import WebhooksSettings
from lukhasd.database import Database
from lukhasd.glyph import Bus
from lukhasd.identity.caller import Caller
from lukhasd.records.metrics import Metrics
from lukhasd.webhooks import addresses, table
from lukhasd.webhooks.posting import Attempt, Parcel, post
from lukhasd.webhooks.signing_key import SigningKey, digest_of
from lukhasd.webhooks.worker import Means, Told, Worker, new_delivery_id

TEST_EVENT = "webhook_test"
NAME_LOOKUPS = 64
"""Names of webhooks at work that are resolved at a time."""
NEW_LOOKUPS = 4
"""Of those to be added."""
LOST = "the key that its secret was made of is lost; give it a new one: lukhas webhook rotate ID"


class Webhooks:
    """Made by `open`. Close the bus first, then this, then the database."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        settings: WebhooksSettings,
        *,
        paths: Paths,
        key_store: KeyStore,
        metrics: Metrics,
        key: SigningKey,
        last_seq: int,
        lookup: addresses.Lookup,
    ) -> None:
        self._database = database
        self._settings = settings
        self._paths = paths
        self._key_store: KeyStore = key_store
        self._key = key
        self._lookup = lookup
        self._names = ThreadPoolExecutor(NAME_LOOKUPS, thread_name_prefix="webhook-names")
        self._new_names = ThreadPoolExecutor(NEW_LOOKUPS, thread_name_prefix="webhook-new-names")
        self._changing = asyncio.Lock()
        self._workers: dict[str, Worker] = {}
        self._bus = bus
        self.told: Told = lambda owner, webhook_id, what: None
        self._means = Means(
            database, bus, settings, metrics, count(last_seq + 1), lambda hook: bool(self._secrets(hook)), self._post,
            lambda owner, webhook_id, what: self.told(owner, webhook_id, what),
        )  # fmt: skip

    @classmethod
    async def open(
        cls,
        database: Database,
        bus: Bus,
        settings: WebhooksSettings,
        *,
        paths: Paths,
        key_store: KeyStore,
        metrics: Metrics,
        lookup: addresses.Lookup = addresses.look_up,
    ) -> Webhooks:
        """What waited at the last stop or crash is posted from then on."""
        hooks, last_seq = await database.read(table.load)
        # Reading a keyring takes a while: not where nobody has a webhook.
        key = await asyncio.to_thread(SigningKey.read, paths) if hooks else SigningKey(None)
        webhooks = cls(
            database, bus, settings, paths=paths, key_store=key_store, metrics=metrics, key=key, last_seq=last_seq,
            lookup=lookup,
        )  # fmt: skip
        for hook in hooks:
            webhooks._workers[hook.webhook_id] = Worker(hook, webhooks._means)
        return webhooks

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))
        for pool in (self._names, self._new_names):
            pool.shutdown(wait=False, cancel_futures=True)

    async def add(self, caller: Caller, request: contract.AddWebhookRequest) -> contract.WebhookSecretResponse:
        """On disk when this returns. Refused (a ValidationError) for an address that is not posted to, Conflict where
        the caller has too many."""
        target = addresses.parse(request.url)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._resolve(target, self._new_names)
        except TimeoutError:
            raise addresses.Unresolved(
                f"{target.host} was not resolved within {self._settings.timeout_s:g} s", field=addresses.FIELD,
                hint="is the network there?",
            ) from None  # fmt: skip
        async with self._changing:
            mine = self._of(caller.identity_id)
            if len(mine) >= contract.WEBHOOKS_EACH:
                raise Conflict(
                    f"you have {len(mine)} webhooks; {contract.WEBHOOKS_EACH} may be", hint="lukhas webhook remove ID"
                )
            now = datetime.now(UTC)
            webhook_id, nonce = f"webhook_{now:%Y_%m_%d}_{secrets.token_hex(6)}", secrets.token_hex(16)
            secret = await self._make_secret(webhook_id, nonce)
            hook = table.Hook(
                webhook_id, caller.identity_id, caller.lambda_id, request.url, tuple(request.events),
                tuple(request.symbols), request.description, now, nonce, digest_of(secret),
            )  # fmt: skip
            await self._database.write(lambda cursor: table.add(cursor, hook))
            self._workers[webhook_id] = Worker(hook, self._means)
        self.told(caller.identity_id, webhook_id, "added")
        return contract.WebhookSecretResponse(await self.show(caller, webhook_id), secret)

    async def find_all(self, caller: Caller) -> contract.WebhookListResponse:
        return contract.WebhookListResponse([await self._shown(each) for each in self._of(caller.identity_id)])

    async def show(self, caller: Caller, webhook_id: str) -> contract.Webhook:
        """NotFound."""
        return await self._shown(self._find(caller, webhook_id))

    async def remove(self, caller: Caller, webhook_id: str) -> contract.RemoveWebhookResponse:
        """NotFound. What is on its way then may still arrive."""
        async with self._changing:
            self._find(caller, webhook_id)
            gone = await self._remove(webhook_id)
        self.told(caller.identity_id, webhook_id, "removed")
        return contract.RemoveWebhookResponse(webhook_id, True, gone)

    async def remove_all(self, owner: str) -> None:
        """Those of an identity that goes."""
        async with self._changing:
            for worker in self._of(owner):
                await self._remove(worker.hook.webhook_id)

    async def rotate(self, caller: Caller, webhook_id: str, grace_s: int) -> contract.WebhookSecretResponse:
        """NotFound. For `grace_s` deliveries are signed with the old secret too."""
        async with self._changing:
            worker = self._find(caller, webhook_id)
            hook, nonce = worker.hook, secrets.token_hex(16)
            secret = await self._make_secret(webhook_id, nonce)
            changed = replace(
                hook,
                nonce=nonce,
                digest=digest_of(secret),
                previous_nonce=hook.nonce if grace_s else None,
                previous_digest=hook.digest if grace_s else None,
                previous_until=datetime.now(UTC) + timedelta(seconds=grace_s) if grace_s else None,
            )
            await self._database.write(lambda cursor: table.rotate(cursor, changed))
            worker.hook = changed
            worker.hurry()
        self.told(caller.identity_id, webhook_id, "rotated")
        return contract.WebhookSecretResponse(await self._shown(worker), secret)

    async def test(self, caller: Caller, webhook_id: str) -> contract.TestWebhookResponse:
        """One attempt now. NotFound; Conflict where it cannot be signed for."""
        hook = self._find(caller, webhook_id).hook
        if not self._secrets(hook):
            raise Conflict(f"{webhook_id} has stopped", hint=LOST)
        event = contract.WebhookEvent(new_delivery_id(), webhook_id, TEST_EVENT, datetime.now(UTC), 0, None)
        [attempt] = await self._post(hook, [Parcel(event.delivery_id, TEST_EVENT, msgspec.json.encode(event))])
        return contract.TestWebhookResponse(
            event.delivery_id, attempt.error is None, attempt.http_status, round(attempt.duration_ms, 3),
            attempt.error, {} if attempt.http_status is not None else {"http_status": "nobody answered"},
        )  # fmt: skip

    async def deliveries(self, caller: Caller, params: contract.DeliveryListParams) -> contract.DeliveryListResponse:
        """NotFound."""
        self._find(caller, params.webhook_id)
        return await self._database.read(lambda cursor: table.list_deliveries(cursor, params))

    async def replay(self, caller: Caller, webhook_id: str, delivery_ids: Sequence[str]) -> contract.ReplayResponse:
        """NotFound, or Conflict where too many would wait; then none is queued."""
        worker = self._find(caller, webhook_id)
        queued = await self._database.write(lambda cursor: table.replay(cursor, webhook_id, delivery_ids))
        worker.hurry()
        return contract.ReplayResponse(webhook_id, queued)

    async def _remove(self, webhook_id: str) -> int:
        """From the database first: what its worker writes after that changes nothing."""
        gone = await self._database.write(lambda cursor: table.remove(cursor, webhook_id))
        await self._workers.pop(webhook_id).close()
        return gone

    def _of(self, owner: str) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.hook.owner == owner]

    def _find(self, caller: Caller, webhook_id: str) -> Worker:
        worker = self._workers.get(webhook_id)
        if worker is None or worker.hook.owner != caller.identity_id:
            raise NotFound(f"no webhook is called {webhook_id}", hint="see: lukhas webhook list")
        return worker

    async def _make_secret(self, webhook_id: str, nonce: str) -> str:
        if not self._key.is_there:
            self._key = await asyncio.to_thread(SigningKey.read, self._paths)
        if not self._key.is_there:
            self._key = await asyncio.to_thread(SigningKey.make, self._paths, self._key_store)
        secret = self._key.secret(webhook_id, nonce)
        assert secret is not None
        return secret

    def _secrets(self, hook: table.Hook) -> list[str]:
        """Those that it is signed with now, the newest first; none where the key is lost."""
        current = self._key.secret(hook.webhook_id, hook.nonce, hook.digest)
        if current is None:
            return []
        previous = None
        if hook.previous_nonce and hook.previous_until and hook.previous_until > datetime.now(UTC):
            previous = self._key.secret(hook.webhook_id, hook.previous_nonce, hook.previous_digest)
        return [current, *([previous] if previous else [])]

    async def _resolve(self, target: addresses.Target, pool: ThreadPoolExecutor) -> list[addresses.Place]:
        allow_loopback = self._settings.allow_loopback == "on"
        return await asyncio.get_running_loop().run_in_executor(
            pool, lambda: addresses.resolve(target, allow_loopback=allow_loopback, lookup=self._lookup)
        )

    async def _post(self, hook: table.Hook, parcels: Sequence[Parcel]) -> list[Attempt]:
        """All at once, to where the name leads now."""
        started_s, timeout_s = perf_counter(), self._settings.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                places = await self._resolve(addresses.parse(hook.url), self._names)
        except (TimeoutError, ValidationError) as error:
            why = getattr(error, "message", f"its name was not resolved within {timeout_s:g} s")
            return [Attempt(None, (perf_counter() - started_s) * 1000, why, down=True)] * len(parcels)
        signed_with = self._secrets(hook)
        attempts: Iterable[Attempt] = await asyncio.gather(
            *(post(places, parcel, signed_with, timeout_s=timeout_s) for parcel in parcels)
        )
        return list(attempts)

    async def _shown(self, worker: Worker) -> contract.Webhook:
        hook = worker.hook
        counts = await self._database.read(lambda cursor: table.counts(cursor, hook.webhook_id))
        reasons: dict[str, str] = {}
        if worker.tried_at is None:
            reasons["last_attempt_at"] = "nothing was posted since the daemon's start"
        stopped = not self._secrets(hook)
        if stopped:
            reasons["status"] = LOST
        until = hook.previous_until
        return contract.Webhook(
            hook.webhook_id, hook.url, [*hook.events], [*hook.symbols], hook.description, hook.created_at,
            "stopped" if stopped else "failing" if worker.last_error else "active",
            counts.pending, counts.delivered, counts.dead, counts.dropped, worker.tried_at, worker.last_error,
            until if until and until > datetime.now(UTC) else None, reasons,
        )  # fmt: skip
