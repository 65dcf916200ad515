"""One module per noun, each with a table from operation to handler."""

from __future__ import annotations

from collections.abc import Mapping

from lukhas_sdk.contract.base import AnyOperation
from lukhasd.api.call import Handler
from lukhasd.api.routes import (
    embedder,
    folds,
    forgetting,
    guardian,
    helix,
    identity,
    matriz,
    memory,
    models,
    quarantine,
    saved,
    streams,
    system,
    transfer,
    truth,
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
    models.HANDLERS,
    embedder.HANDLERS,
    streams.HANDLERS,
    transfer.HANDLERS,
)
