"""One module per noun, each with a table from operation to handler."""

from __future__ import annotations

from collections.abc import Mapping

from lukhas_sdk.contract.base import AnyOperation
from lukhasd.api.call import Handler
from lukhasd.api.routes import guardian, identity, matriz, memory, models, system

TABLES: tuple[Mapping[AnyOperation, Handler], ...] = (
    system.HANDLERS,
    identity.HANDLERS,
    matriz.HANDLERS,
    memory.HANDLERS,
    guardian.HANDLERS,
    models.HANDLERS,
)
