"""One module per noun, each with a table from operation to handler."""

from __future__ import annotations

from collections.abc import Mapping

from lukhas_sdk.contract.base import AnyOperation
from lukhasd.api.call import Handler
from lukhasd.api.routes import (
    allow,
    embedder,
    folds,
    forgetting,
    guardian,
    helix,
    identity,
    incidents,
    matriz,
    memory,
    models,
    quarantine,
    saved,
    streams,
    system,
    transfer,
    truth,
    verdict_log,
)

TABLES: tuple[Mapping[AnyOperation, Handler], ...] = (
    system.HANDLERS,
    identity.HANDLERS,
    matriz.HANDLERS,
    memory.HANDLERS,
    helix.HANDLERS,
    folds.HANDLERS,
    forgetting.HANDLERS,
    truth.HANDLERS,
    quarantine.HANDLERS,
    saved.HANDLERS,
    guardian.HANDLERS,
    allow.HANDLERS,
    verdict_log.HANDLERS,
    incidents.HANDLERS,
    models.HANDLERS,
    embedder.HANDLERS,
    streams.HANDLERS,
    transfer.HANDLERS,
)
