"""The audit: every envelope that passes the bus, written down in the background, a batch at a time.

What one from outside carried is left out. Publishers never wait for it: what comes faster than the disk takes it is
lost, and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from lukhas_sdk.contract import audit as contract
from lukhas_sdk.contract.glyph import EXTERNAL, KeptPayload, KeptToken, Token, TokenListParams
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.settings import AuditSettings
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.glyph import Bus, Delivery
from lukhasd.records.moments import read_moment

logger = logging.getLogger(__name__)

QUEUE = 20_000
"""Envelopes that may wait to be written."""
PAUSE_S = 0.5
"""What comes meanwhile is one batch."""
RETRY_S = 5.0
TIDY_S = 3600.0
SENTENCES = ("step",)
"""Of a token's data: they may say what a memory says, and are not kept."""
NOT_KEPT = "it came from outside: what it carried is not kept"


class Audit:
    """Made by `open`. Close the bus first, then this, then the database."""

    def __init__(self, database: Database, bus: Bus, settings: AuditSettings, *, seq: int) -> None:
        self._database = database
        self._settings = settings
        self._seq = seq
        self._subscription = bus.subscribe(size=QUEUE)
        self._closing = asyncio.Event()
        self._written = 0
        self._lost = 0
        self._problem: str | None = None
        self._left_out: set[str] = set()
        self._tidied_s = -TIDY_S
        self._task = asyncio.create_task(self._keep(), name="audit")

    @classmethod
    async def open(cls, database: Database, bus: Bus, settings: AuditSettings) -> Audit:
        """What is published from then on is kept."""
        sql = "SELECT coalesce(max(seq), 0) FROM audit"
        rows = await database.read(lambda cursor: cursor.execute(sql).fetchall())
        return cls(database, bus, settings, seq=int(rows[0][0]))

    async def close(self) -> None:
        """Writes what waits, once the bus is closed."""
        self._closing.set()
        await self._task

    def leave_out(self, owner: str) -> None:
        """Nothing that concerns an identity which goes is written down from now on, also what waits for it."""
        self._left_out.add(owner)

    @property
    def problem(self) -> str | None:
        """Why not everything since the start was written down; None where it was."""
        if self._task.done() and not self._closing.is_set():
            return "the audit has stopped; the daemon's log has the reason"
        if self._problem:
            return f"the audit cannot be written: {self._problem}"
        if self._lost:
            return f"{self._lost} envelopes since the start came faster than they could be written"
        return None

    async def find(
        self, params: TokenListParams, *, owner: str | None, shown: dict[str, str]
    ) -> tuple[list[KeptToken], str | None]:
        """Newest first, of `owner` or of all, and the cursor of the next page. `shown` says by which name an identity's
        key is shown."""
        before = _cursor(params.cursor)
        since, until = read_moment(params.since, "since"), read_moment(params.until, "until")
        action = params.action or ""
        begins = action.endswith("*")
        conditions: dict[str, Any] = {
            "owner = ?": owner, "seq < ?": before, "symbol = ?": params.symbol, "module = ?": params.module,
            "action = ?": None if begins else params.action,
            "starts_with(action, ?)": action.removesuffix("*") if begins else None,
            "made_at >= ?": since and since.replace(tzinfo=None), "made_at < ?": until and until.replace(tzinfo=None),
        }  # fmt: skip
        given = {text: value for text, value in conditions.items() if value is not None}
        where = " AND ".join(given) or "true"
        sql = f"SELECT seq, envelope FROM audit WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        rows = await self._database.read(
            lambda cursor: cursor.execute(sql, [*given.values(), params.limit + 1]).fetchall()
        )
        page = rows[: params.limit]
        return [_shown(text, shown) for _, text in page], str(page[-1][0]) if len(rows) > params.limit else None

    async def standing(self) -> contract.AuditStanding:
        rows = await self._database.read(lambda cursor: cursor.execute("SELECT count(*) FROM audit").fetchall())
        problem = self.problem
        return contract.AuditStanding(
            ready=problem is None,
            kept=int(rows[0][0]),
            written=self._written,
            lost=self._lost,
            keep_days=self._settings.keep_days,
            keep_rows=self._settings.keep_rows,
            reasons={} if problem is None else {"ready": problem},
        )

    async def _keep(self) -> None:
        async with self._subscription as deliveries:
            async for first in deliveries:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_S):
                        await self._closing.wait()
                batch = [first, *deliveries.take_waiting()]
                self._lost += sum(each.missed for each in batch)
                await self._write(batch)
                await self._tidy()

    async def _write(self, batch: Sequence[Delivery]) -> None:
        """Until it succeeds, or the daemon stops: what comes meanwhile waits in the queue."""
        while True:
            left_out = len(self._left_out)
            tokens = [each.token for each in batch if each.token.context.user_id not in self._left_out]
            columns = await asyncio.to_thread(self._columns, tokens)
            if len(self._left_out) > left_out:
                continue  # one that went meanwhile may be among them
            if not tokens:
                return
            try:
                await self._database.append("audit", columns)
            except Exception as error:
                if self._problem is None:
                    logger.warning("the audit cannot be written: %s", error)
                self._problem = str(error)
                if self._closing.is_set():
                    self._lost += len(batch)
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_S):
                        await self._closing.wait()
            else:
                self._problem = None
                self._seq += len(tokens)
                self._written += len(tokens)
                return

    def _columns(self, tokens: Sequence[Token]) -> dict[str, list[Any]]:
        return {
            "seq": [*range(self._seq + 1, self._seq + 1 + len(tokens))],
            "made_at": [token.timestamp.astimezone(UTC).replace(tzinfo=None) for token in tokens],
            "owner": [token.context.user_id for token in tokens],
            "symbol": [token.symbol for token in tokens],
            "module": [token.source.module for token in tokens],
            "action": [token.payload.action for token in tokens],
            "envelope": [msgspec.json.encode(kept_token(token)).decode() for token in tokens],
        }

    async def _tidy(self) -> None:
        """Deletes what is too old or too much, once an hour."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._tidied_s < TIDY_S:
            return
        self._tidied_s = now_s
        oldest = (datetime.now(UTC) - timedelta(days=self._settings.keep_days)).replace(tzinfo=None)
        last = self._seq - self._settings.keep_rows

        def delete(cursor: Cursor) -> None:
            cursor.execute("DELETE FROM audit WHERE made_at < ? OR seq <= ?", [oldest, last])

        try:
            await self._database.write(delete)
        except Exception as error:
            logger.warning("old envelopes of the audit cannot be deleted: %s", error)


def is_outside(module: str) -> bool:
    """Whether a token of that module came from outside: its name is "external", or a caller's ΛiD."""
    return module == EXTERNAL or module.startswith("Λ")


def kept_token(token: Token) -> KeptToken:
    """The token without what it carries from outside, and without what a memory may say."""
    outside = is_outside(token.source.module) or is_outside(token.target.module)
    figures = {name: value for name, value in token.payload.data.items() if name not in SENTENCES}
    payload = KeptPayload(token.payload.action, None if outside else figures)
    return KeptToken(
        token.glyph_id, token.symbol, token.timestamp, token.source, token.target, token.context, payload,
        token.metadata, {"payload.data": NOT_KEPT} if outside else {},
    )  # fmt: skip


def _shown(text: str, names: dict[str, str]) -> KeptToken:
    kept = msgspec.json.decode(text, type=KeptToken)
    owner = kept.context.user_id
    return msgspec.structs.replace(kept, context=msgspec.structs.replace(kept.context, user_id=names.get(owner, owner)))


def _cursor(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError("cursor is not one that a list gave", field="$.cursor", hint="start again without it")
    return int(text)
