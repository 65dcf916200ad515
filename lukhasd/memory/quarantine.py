"""What the guardian keeps from being stored, kept aside: it is in no index, and its secrets are never shown."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.guardian import MAX_FINDINGS, Finding, Verdict
from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.contract.quarantine import (
    DropResponse,
    Quarantined,
    QuarantineFinding,
    QuarantineListParams,
    QuarantineListResponse,
)
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory import item, rows
from lukhasd.memory.core import Change, Core

CATEGORIES = ("secret", "injection")
RULES = ("personal.credit_card",)
"""Rules of other categories whose findings are a secret all the same."""
MOST_OF_A_RULE = 20
"""The guardian names at most so many findings of one rule: there may be more of its secrets in the text."""
ALL_MASKED = "*** (it holds so many secrets that all of it is masked)"
COLUMNS = "quarantine_id, request, shown, findings, created_at"


@dataclass(frozen=True)
class Held:
    """An entry as it is kept. `request` holds its secrets in plain text."""

    quarantine_id: str
    request: StoreRequest
    shown: str
    findings: list[QuarantineFinding]
    created_at: datetime

    @property
    def public(self) -> Quarantined:
        content = self.request.content
        return Quarantined(
            self.quarantine_id, content.type, self.shown, list(self.request.tags), self.findings, self.created_at
        )

    @property
    def mark(self) -> str:
        return mark(self.findings)


class Quarantine:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def hold(self, owner: str, request: StoreRequest, findings: Sequence[Finding]) -> str:
        """The entry's id; that of the one that is there, where the same is held already."""
        now = datetime.now(UTC)
        prepared = await self._core.run(lambda: item.prepare(owner, request, now=now))
        kept = [QuarantineFinding(each.rule, each.category, each.text, each.excerpt) for each in findings]
        quarantine_id = f"quar_{now:%Y_%m_%d}_{secrets.token_hex(5)}"
        columns: dict[str, list[Any]] = {
            "quarantine_id": [quarantine_id],
            "owner": [owner],
            "request": [msgspec.json.encode(request).decode()],
            "shown": [masked(text_of(request), findings)],
            "findings": [msgspec.json.encode(kept).decode()],
            "content_hash": [prepared.content_hash],
            "created_at": [rows.naive(now)],
        }

        def write(cursor: Cursor) -> str:
            found = cursor.execute(
                "SELECT quarantine_id FROM memory_quarantine WHERE owner = ? AND content_hash = ?",
                [owner, prepared.content_hash],
            ).fetchall()
            if found:
                return str(found[0][0])
            insert_rows(cursor, "memory_quarantine", columns)
            return quarantine_id

        held = await self._core.database.write(write)
        self._core.told(Change("quarantined", owner, [held]))
        return held

    async def list(self, owner: str, params: QuarantineListParams) -> QuarantineListResponse:
        """Newest first."""
        try:
            after = await self.show(owner, params.cursor) if params.cursor is not None else None
        except NotFound:
            raise ValidationError(
                "cursor is not one that a list gave", field="cursor", hint="start again without it"
            ) from None

        def read(cursor: Cursor) -> tuple[list[Held], int]:
            found = cursor.execute(
                f"SELECT {COLUMNS} FROM memory_quarantine WHERE owner = ?"  # noqa: S608
                " AND (? IS NULL OR (created_at, quarantine_id) < (?, ?))"
                " ORDER BY created_at DESC, quarantine_id DESC LIMIT ?",
                [owner, after and after.quarantine_id, after and rows.naive(after.created_at),
                 after and after.quarantine_id, params.limit + 1],
            ).fetchall()  # fmt: skip
            count = cursor.execute("SELECT count(*) FROM memory_quarantine WHERE owner = ?", [owner]).fetchone()
            return [_held(each) for each in found], int(count[0]) if count else 0

        held, total = await self._core.database.read(read)
        page = held[: params.limit]
        return QuarantineListResponse(
            entries=[each.public for each in page],
            total_count=total,
            next_cursor=page[-1].quarantine_id if len(held) > len(page) else None,
        )

    async def show(self, owner: str, quarantine_id: str) -> Held:
        """NotFound where the owner has no such entry."""
        sql = f"SELECT {COLUMNS} FROM memory_quarantine WHERE owner = ? AND quarantine_id = ?"  # noqa: S608
        found = await self._core.database.read(lambda cursor: cursor.execute(sql, [owner, quarantine_id]).fetchone())
        if found is None:
            raise NotFound(
                f"the quarantine holds nothing called {quarantine_id}", hint="see: lukhas memory quarantine list"
            )
        return _held(found)

    async def drop(self, owner: str, quarantine_id: str) -> DropResponse:
        """NotFound where the owner has no such entry."""
        await self.show(owner, quarantine_id)

        def erase(cursor: Cursor) -> None:
            cursor.execute(
                "DELETE FROM memory_quarantine WHERE owner = ? AND quarantine_id = ?", [owner, quarantine_id]
            )

        await self._core.database.write(erase)
        return DropResponse(quarantine_id, dropped=True)


def held_findings(verdict: Verdict) -> list[Finding]:
    """What a memory is quarantined for: secrets, and instructions that are not merely mentioned."""
    return [
        finding
        for finding in verdict.reasoning.findings
        if (finding.category in CATEGORIES or finding.rule in RULES) and finding.severity != "low"
    ]


def is_rejected(verdict: Verdict) -> bool:
    """Whether it is refused for something other than what the quarantine is for: a hazard, or no verdict at all."""
    if verdict.decision != "REJECTED":
        return False
    held = held_findings(verdict)
    grave = [each for each in verdict.reasoning.findings if each.severity in ("high", "critical")]
    return not held or any(each not in held for each in grave)


def mark(findings: Sequence[Finding] | Sequence[QuarantineFinding]) -> str:
    """Why a memory was not to be kept, in one line."""
    return "; ".join(dict.fromkeys(f"{each.rule}: {each.text}" for each in findings))


def text_of(request: StoreRequest) -> str:
    """Everything in a memory that search or a language model may see later, not its main text alone."""
    content = request.content
    return "\n".join([content.data, *filter(None, [content.query]), *texts(content.context), *request.tags])


def masked(text: str, findings: Sequence[Finding]) -> str:
    """`text`, on which the findings were made, with every secret replaced by its masked excerpt."""
    hidden = [each for each in findings if each.category != "injection"]
    full = len(findings) >= MAX_FINDINGS  # graver ones may have left no room for all secrets
    if full or any(count >= MOST_OF_A_RULE for count in Counter(each.rule for each in hidden).values()):
        return ALL_MASKED
    shown, last = [], 0
    for start, end in _spans(hidden):
        shown += [text[last:start], "***"]
        last = end
    return "".join([*shown, text[last:]])


def _spans(findings: Sequence[Finding]) -> list[tuple[int, int]]:
    """Those that overlap as one."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((each.start, each.end) for each in findings):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def texts(value: Any) -> Iterator[str]:
    """Every text within, names of fields too."""
    match value:
        case str():
            yield value
        case dict():
            for name, entry in value.items():
                yield str(name)
                yield from texts(entry)
        case list():
            for entry in value:
                yield from texts(entry)


def _held(found: tuple[Any, ...]) -> Held:
    quarantine_id, request, shown, findings, created_at = found
    return Held(
        quarantine_id,
        msgspec.json.decode(request, type=StoreRequest),
        shown,
        msgspec.json.decode(findings, type=list[QuarantineFinding]),
        rows.aware(created_at),
    )
