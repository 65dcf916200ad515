"""What the machine's owner looks at."""

from __future__ import annotations

import asyncio
from functools import partial

from lukhas_sdk.contract import ops as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.records import upkeep


async def backup(call: Call[NoParams, NoBody]) -> contract.BackupResponse:
    return await asyncio.to_thread(upkeep.backup, call.parts.paths)


async def migrations(call: Call[NoParams, NoBody]) -> contract.MigrationsResponse:
    return await call.parts.database.read(partial(upkeep.applied, database=call.parts.paths.database))


async def storage(call: Call[NoParams, NoBody]) -> contract.StorageResponse:
    database = call.parts.database
    return await asyncio.to_thread(lambda: upkeep.storage(call.parts.paths, database_bytes=database.size_bytes))


async def queues(call: Call[NoParams, NoBody]) -> contract.QueuesResponse:
    return contract.QueuesResponse(
        requests=call.service.admission.standing(),
        pending_vectors=call.parts.memory.pending_vectors(),
        pending_writes=call.parts.database.pending_writes,
    )


HANDLERS: dict[AnyOperation, Handler] = {
    contract.BACKUP: backup,
    contract.MIGRATIONS: migrations,
    contract.STORAGE: storage,
    contract.QUEUES: queues,
}
