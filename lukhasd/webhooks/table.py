"""Webhooks and their deliveries in the database, each function on a cursor of its caller's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.contract.glyph import KeptToken
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.webhooks.posting import Attempt, Parcel

HOOK = (
    "webhook_id, owner, lambda_id, url, events, symbols, description, created_at, nonce, digest, previous_nonce,"
    " previous_digest, previous_until"
)
DELIVERY = "delivery_id, event, state, attempts, created_at, due_at, tried_at, http_status, duration_ms, error, replays"


@dataclass(frozen=True)
class Hook:
    webhook_id: str
    owner: str
    lambda_id: str
    url: str
    events: tuple[str, ...]
    symbols: tuple[str, ...]
    description: str
    created_at: datetime
    nonce: str
    digest: str
    previous_nonce: str | None = None
    previous_digest: str | None = None
    previous_until: datetime | None = None


@dataclass(frozen=True)
class Counts:
    pending: int
    delivered: int
    dead: int
    dropped: int


@dataclass(frozen=True)
class Due:
    """A delivery to be tried now; `attempts` were made before."""

    parcel: Parcel
    attempts: int


@dataclass(frozen=True)
class New:
    """An event on its way into the queue; `missed` are those lost before it."""

    seq: int
    delivery_id: str
    token: KeptToken
    missed: int


def load(cursor: Cursor) -> tuple[list[Hook], int]:
    """All, oldest first, and the last number of a delivery."""
    rows = cursor.execute(f"SELECT {HOOK} FROM webhooks ORDER BY created_at, webhook_id").fetchall()  # noqa: S608
    [(last,)] = cursor.execute("SELECT coalesce(max(seq), 0) FROM webhook_deliveries").fetchall()
    return [_hook(row) for row in rows], int(last)


def add(cursor: Cursor, hook: Hook) -> None:
    insert_rows(cursor, "webhooks", {
        "webhook_id": [hook.webhook_id], "owner": [hook.owner], "lambda_id": [hook.lambda_id], "url": [hook.url],
        "events": [json.dumps(hook.events)], "symbols": [json.dumps(hook.symbols)],
        "description": [hook.description], "created_at": [naive(hook.created_at)], "nonce": [hook.nonce],
        "digest": [hook.digest], "dropped": [0], "untold": [0],
    })  # fmt: skip


def rotate(cursor: Cursor, hook: Hook) -> None:
    until = hook.previous_until and naive(hook.previous_until)
    cursor.execute(
        "UPDATE webhooks SET nonce = ?, digest = ?, previous_nonce = ?, previous_digest = ?, previous_until = ?"
        " WHERE webhook_id = ?",
        [hook.nonce, hook.digest, hook.previous_nonce, hook.previous_digest, until, hook.webhook_id],
    )


def remove(cursor: Cursor, webhook_id: str) -> int:
    """With its deliveries; gives how many those were."""
    cursor.execute("DELETE FROM webhooks WHERE webhook_id = ?", [webhook_id])
    sql = "DELETE FROM webhook_deliveries WHERE webhook_id = ? RETURNING seq"
    return len(cursor.execute(sql, [webhook_id]).fetchall())


def counts(cursor: Cursor, webhook_id: str) -> Counts:
    found = dict(
        cursor.execute(
            "SELECT state, count(*) FROM webhook_deliveries WHERE webhook_id = ? GROUP BY state", [webhook_id]
        ).fetchall()
    )
    rows = cursor.execute("SELECT dropped FROM webhooks WHERE webhook_id = ?", [webhook_id]).fetchall()
    dropped = int(rows[0][0]) if rows else 0
    return Counts(found.get("pending", 0), found.get("delivered", 0), found.get("dead", 0), dropped)


def accept(cursor: Cursor, hook: Hook, events: Sequence[New], now: datetime) -> int:
    """Queues what there is room for, where the webhook is still there, and counts the rest; gives how many were dropped
    by that."""
    rows = cursor.execute("SELECT untold FROM webhooks WHERE webhook_id = ?", [hook.webhook_id]).fetchall()
    if not rows:
        return 0
    taken = events[: max(0, contract.PENDING_MOST - _pending(cursor, hook.webhook_id))]
    left_out = len(events) - len(taken)
    untold, lost = int(rows[0][0]), sum(event.missed for event in events)
    if lost or left_out or untold:
        later = sum(event.missed for event in events[len(taken) :]) + left_out
        cursor.execute(
            "UPDATE webhooks SET dropped = dropped + ?, untold = ? WHERE webhook_id = ?",
            [lost + left_out, later if taken else untold + later, hook.webhook_id],
        )
    if taken:
        bodies = [_body(hook, event, untold if place == 0 else 0) for place, event in enumerate(taken)]
        count = len(taken)
        insert_rows(cursor, "webhook_deliveries", {
            "seq": [event.seq for event in taken], "delivery_id": [event.delivery_id for event in taken],
            "webhook_id": [hook.webhook_id] * count, "owner": [hook.owner] * count,
            "event": [event.token.payload.action for event in taken], "body": bodies, "state": ["pending"] * count,
            "attempts": [0] * count, "replays": [0] * count, "created_at": [now] * count, "due_at": [now] * count,
        })  # fmt: skip
    return left_out


def due(cursor: Cursor, webhook_id: str, now: datetime, limit: int) -> tuple[list[Due], datetime | None]:
    """What is to be tried now, the oldest first, and else when there is something."""
    rows = cursor.execute(
        "SELECT delivery_id, event, body, attempts FROM webhook_deliveries"
        " WHERE webhook_id = ? AND state = 'pending' AND due_at <= ? ORDER BY due_at, seq LIMIT ?",
        [webhook_id, now, limit],
    ).fetchall()
    if rows:
        return [Due(Parcel(name, event, body.encode()), attempts) for name, event, body, attempts in rows], None
    sql = "SELECT min(due_at) FROM webhook_deliveries WHERE webhook_id = ? AND state = 'pending'"
    [(soonest,)] = cursor.execute(sql, [webhook_id]).fetchall()
    return [], soonest


def note(
    cursor: Cursor, delivery_id: str, attempt: Attempt, state: contract.DeliveryState, due_at: datetime | None
) -> None:
    cursor.execute(
        "UPDATE webhook_deliveries SET state = ?, attempts = attempts + 1, due_at = ?, tried_at = ?, http_status = ?,"
        " duration_ms = ?, error = ? WHERE delivery_id = ? AND state = 'pending'",
        [state, due_at, now_naive(), attempt.http_status, attempt.duration_ms, attempt.error, delivery_id],
    )  # fmt: skip


def replay(cursor: Cursor, webhook_id: str, delivery_ids: Sequence[str]) -> int:
    """All the dead where none is named. NotFound for one that is not this webhook's, Conflict where too many would
    wait: then none is queued."""
    names = [*dict.fromkeys(delivery_ids)]
    where = "list_contains(?::VARCHAR[], delivery_id)" if names else "state = 'dead' AND len(?::VARCHAR[]) = 0"
    rows = cursor.execute(
        f"SELECT delivery_id, state FROM webhook_deliveries WHERE webhook_id = ? AND {where}",  # noqa: S608
        [webhook_id, names],
    ).fetchall()
    states = dict(rows)
    if missing := next((name for name in names if name not in states), None):
        raise NotFound(f"no delivery of {webhook_id} is called {missing}", hint="see: lukhas webhook deliveries ID")
    waiting = _pending(cursor, webhook_id) + sum(state != "pending" for state in states.values())
    if waiting > contract.PENDING_MOST:
        raise Conflict(
            f"{waiting} deliveries would wait, and {contract.PENDING_MOST} at most may",
            hint="replay fewer, by their ids",
        )
    cursor.execute(
        "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, replays = replays + 1, due_at = ?"
        " WHERE webhook_id = ? AND list_contains(?::VARCHAR[], delivery_id)",
        [now_naive(), webhook_id, [*states]],
    )
    return len(states)


def list_deliveries(cursor: Cursor, params: contract.DeliveryListParams) -> contract.DeliveryListResponse:
    before = _place(params.cursor)
    where = " FROM webhook_deliveries WHERE webhook_id = ? AND (? IS NULL OR state = ?)"
    values: list[Any] = [params.webhook_id, params.state, params.state]
    [(total,)] = cursor.execute(f"SELECT count(*){where}", values).fetchall()
    rows = cursor.execute(
        f"SELECT seq, {DELIVERY}{where} AND (? IS NULL OR seq < ?) ORDER BY seq DESC LIMIT ?",
        [*values, before, before, params.limit + 1],
    ).fetchall()
    page = rows[: params.limit]
    more = str(page[-1][0]) if len(rows) > len(page) else None
    return contract.DeliveryListResponse([_delivery(row[1:]) for row in page], int(total), more)


def remove_old(cursor: Cursor, webhook_id: str, kept_days: int) -> int:
    """Of what has ended: what is too old or too much. Gives how many of those were dead, and counts them as dropped."""
    before = now_naive() - timedelta(days=kept_days)
    gone = {
        state: cursor.execute(
            "DELETE FROM webhook_deliveries WHERE webhook_id = ? AND state = ? AND (tried_at < ? OR seq <= ("
            "SELECT seq FROM webhook_deliveries WHERE webhook_id = ? AND state = ? ORDER BY seq DESC LIMIT 1 OFFSET ?))"
            " RETURNING seq",
            [webhook_id, state, before, webhook_id, state, most],
        ).fetchall()
        for state, most in (("delivered", contract.DELIVERED_MOST), ("dead", contract.DEAD_MOST))
    }
    if dropped := len(gone["dead"]):
        cursor.execute(
            "UPDATE webhooks SET dropped = dropped + ?, untold = untold + ? WHERE webhook_id = ?",
            [dropped, dropped, webhook_id],
        )
    return dropped


def now_naive() -> datetime:
    return naive(datetime.now(UTC))


def naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _pending(cursor: Cursor, webhook_id: str) -> int:
    sql = "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = ? AND state = 'pending'"
    return int(cursor.execute(sql, [webhook_id]).fetchall()[0][0])


def _body(hook: Hook, event: New, untold: int) -> str:
    token = event.token
    said = contract.WebhookEvent(
        event.delivery_id, hook.webhook_id, token.payload.action, token.timestamp, event.missed + untold, token
    )
    return msgspec.json.encode(said).decode()


def _hook(row: tuple[Any, ...]) -> Hook:
    webhook_id, owner, lambda_id, url, events, symbols, description, created_at, nonce, digest, *before = row
    previous_nonce, previous_digest, previous_until = before
    return Hook(
        webhook_id, owner, lambda_id, url, tuple(json.loads(events)), tuple(json.loads(symbols)), description,
        created_at.replace(tzinfo=UTC), nonce, digest, previous_nonce, previous_digest,
        previous_until and previous_until.replace(tzinfo=UTC),
    )  # fmt: skip


def _delivery(row: tuple[Any, ...]) -> contract.Delivery:
    name, event, state, attempts, created_at, due_at, tried_at, http_status, duration_ms, error, replays = row
    reasons: dict[str, str] = {}
    if due_at is None:
        reasons["due_at"] = "it has ended"
    if tried_at is None:
        reasons |= dict.fromkeys(("last_attempt_at", "http_status", "duration_ms"), "it has not been tried yet")
    elif http_status is None:
        reasons["http_status"] = "nobody answered"
    return contract.Delivery(
        name, event, state, attempts, created_at.replace(tzinfo=UTC), due_at and due_at.replace(tzinfo=UTC),
        tried_at and tried_at.replace(tzinfo=UTC), http_status, duration_ms, error, replays, reasons,
    )  # fmt: skip


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise ValidationError("cursor is not one that a list gave", field="$.cursor", hint="start again without it")
    return int(cursor)
