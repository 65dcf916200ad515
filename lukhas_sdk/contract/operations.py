"""The operations table: everything the daemon can do, once."""

from __future__ import annotations

from lukhas_sdk.contract import (
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
from lukhas_sdk.contract.base import AnyOperation

ALL: tuple[AnyOperation, ...] = (
    *system.OPERATIONS,
    *identity.OPERATIONS,
    *matriz.OPERATIONS,
    *memory.OPERATIONS,
    *helix.OPERATIONS,
    *folds.OPERATIONS,
    *forgetting.OPERATIONS,
    *truth.OPERATIONS,
    *quarantine.OPERATIONS,
    *saved.OPERATIONS,
    *guardian.OPERATIONS,
    *models.OPERATIONS,
    *embedder.OPERATIONS,
    *streams.OPERATIONS,
    *transfer.OPERATIONS,
)
