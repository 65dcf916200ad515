"""Dreams as they are kept: whole, as the contract has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import msgspec

from lukhas_sdk.contract.dream import Dream, DreamListParams, DreamListResponse, DreamSummary
from lukhas_sdk.errors import NotFound
from lukhasd.database.connection import Cursor, insert_rows


def keep(cursor: Cursor, owner: str, dream: Dream, cited: Sequence[str]) -> None:
    insert_rows(cursor, "dreams", {
        "dream_id": [dream.dream_session_id], "owner": [owner], "cited": [msgspec.json.encode(cited).decode()],
        "dream": [msgspec.json.encode(dream).decode()],
        "created_at": [dream.created_at.astimezone(UTC).replace(tzinfo=None)],
    })  # fmt: skip


def show(cursor: Cursor, owner: str, dream_id: str) -> Dream:
    """NotFound where the owner has no such dream."""
    found = cursor.execute("SELECT dream FROM dreams WHERE owner = ? AND dream_id = ?", [owner, dream_id]).fetchall()
    if not found:
        raise NotFound(
            f"no dream is called {dream_id}", hint="see: lukhas dream list", details={"dream_session_id": dream_id}
        )
    return msgspec.json.decode(found[0][0], type=Dream)


def find_all(cursor: Cursor, owner: str, params: DreamListParams) -> DreamListResponse:
    where, values = "owner = ?", [owner]
    if params.cursor is not None:
        where += " AND (created_at, dream_id) < (SELECT (created_at, dream_id) FROM dreams"
        where += " WHERE owner = ? AND dream_id = ?)"
        values += [owner, params.cursor]
    sql = f"SELECT dream FROM dreams WHERE {where} ORDER BY created_at DESC, dream_id DESC LIMIT {params.limit + 1}"  # noqa: S608
    found = [msgspec.json.decode(text, type=Dream) for (text,) in cursor.execute(sql, values).fetchall()]
    [(total,)] = cursor.execute("SELECT count(*) FROM dreams WHERE owner = ?", [owner]).fetchall()
    page = [_summary(dream) for dream in found[: params.limit]]
    return DreamListResponse(page, total, page[-1].dream_session_id if len(found) > params.limit else None)


def _summary(dream: Dream) -> DreamSummary:
    return DreamSummary(
        dream.dream_session_id, dream.seed, dream.model, len(dream.realities),
        dream.realities[0].concept if dream.realities else None, dream.created_at,
    )  # fmt: skip
