"""The operations table: everything the daemon can do, once."""

from __future__ import annotations

from lukhas_sdk.contract import guardian, identity, matriz, memory, models, system
from lukhas_sdk.contract.base import AnyOperation

ALL: tuple[AnyOperation, ...] = (
    *system.OPERATIONS,
    *identity.OPERATIONS,
    *matriz.OPERATIONS,
    *memory.OPERATIONS,
    *guardian.OPERATIONS,
    *models.OPERATIONS,
)
