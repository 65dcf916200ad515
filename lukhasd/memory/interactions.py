"""Interactions and conversations as lists."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from lukhas_sdk.contract import interactions as contract
from lukhasd.database import Database
from lukhasd.database.connection import Cursor

TITLE_CHARS = 200
COLUMNS = (
    "interaction_id, session_id, previous_id, input, response, intent, answer_source, cited, decision, duration_ms,"
    " created_at"
)


async def list_sessions(
    database: Database, owner: str, params: contract.SessionListParams
) -> contract.SessionListResponse:
    grouped = (
        "SELECT session_id, count(*) AS interactions, arg_min(input, created_at) AS first_input,"
        " min(created_at) AS began_at, max(created_at) AS last_at FROM interactions"
        " WHERE owner = ? AND session_id IS NOT NULL GROUP BY session_id"
    )
    values: list[object] = [owner]
    after = ""
    if params.cursor is not None:
        after = "WHERE (last_at, session_id) < (SELECT (last_at, session_id) FROM grouped WHERE session_id = ?)"
        values.append(params.cursor)
    sql = (
        f"WITH grouped AS ({grouped}) SELECT * FROM grouped {after}"  # noqa: S608
        f" ORDER BY last_at DESC, session_id DESC LIMIT {params.limit + 1}"
    )
    counted = "SELECT count(DISTINCT session_id) FROM interactions WHERE owner = ?"

    def read(cursor: Cursor) -> contract.SessionListResponse:
        found = cursor.execute(sql, values).fetchall()
        page = [
            contract.SessionSummary(name, count, first[:TITLE_CHARS], _aware(began_at), _aware(last_at))
            for name, count, first, began_at, last_at in found[: params.limit]
        ]
        more = page[-1].session_id if len(found) > len(page) else None
        return contract.SessionListResponse(page, _count(cursor, counted, [owner]), more)

    return await database.read(read)


async def list_interactions(
    database: Database, owner: str, params: contract.InteractionListParams
) -> contract.InteractionListResponse:
    where, values = "owner = ?", [owner]
    if params.session_id is not None:
        where += " AND session_id = ?"
        values.append(params.session_id)
    counted, of_all = f"SELECT count(*) FROM interactions WHERE {where}", [*values]  # noqa: S608
    if params.cursor is not None:
        where += (
            " AND (created_at, interaction_id) < (SELECT (created_at, interaction_id) FROM interactions"
            " WHERE owner = ? AND interaction_id = ?)"
        )
        values += [owner, params.cursor]
    sql = (
        f"SELECT {COLUMNS} FROM interactions WHERE {where}"  # noqa: S608
        f" ORDER BY created_at DESC, interaction_id DESC LIMIT {params.limit + 1}"
    )

    def read(cursor: Cursor) -> contract.InteractionListResponse:
        found = cursor.execute(sql, values).fetchall()
        page = [_interaction(row) for row in found[: params.limit]]
        more = page[-1].interaction_id if len(found) > len(page) else None
        return contract.InteractionListResponse(page, _count(cursor, counted, of_all), more)

    return await database.read(read)


def _interaction(row: tuple[Any, ...]) -> contract.InteractionSummary:
    name, session_id, previous_id, asked, response, intent, source, cited, decision, duration_ms, created_at = row
    return contract.InteractionSummary(
        name, session_id, previous_id, asked, response, intent, source, json.loads(cited), decision, duration_ms,
        _aware(created_at),
    )  # fmt: skip


def _count(cursor: Cursor, sql: str, values: list[str]) -> int:
    row = cursor.execute(sql, values).fetchone()
    return int(row[0]) if row else 0


def _aware(moment: Any) -> Any:
    return moment.replace(tzinfo=UTC)
