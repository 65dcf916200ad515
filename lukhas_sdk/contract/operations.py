"""The operations table: everything the daemon can do, once."""

from __future__ import annotations

from lukhas_sdk.contract import (
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
    policy,
    quarantine,
    saved,
    streams,
    system,
    transfer,
    truth,
    verdict_log,
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
    *policy.OPERATIONS,
    *allow.OPERATIONS,
    *verdict_log.OPERATIONS,
    *incidents.OPERATIONS,
    *models.OPERATIONS,
    *embedder.OPERATIONS,
    *streams.OPERATIONS,
    *transfer.OPERATIONS,
)
