"""Which entries of the verdict log a list wants, and where its next page begins."""

from __future__ import annotations

import re

import msgspec

from lukhas_sdk.contract.verdict_log import LogListParams, VerdictRecord
from lukhas_sdk.errors import ValidationError
from lukhasd.guardian.entries import Line
from lukhasd.records.moments import read_moment

CURSOR = re.compile(r"log-([0-9a-f]{1,15})")


class Wanted:
    """A list's filters: first on the bytes of a line, which costs little, then on what it says."""

    def __init__(self, params: LogListParams, owner: str | None) -> None:
        self._params = params
        self._since = read_moment(params.since, "since")
        self._until = read_moment(params.until, "until")
        self._owner = owner
        given = {
            "decision": params.decision, "action_type": params.type, "category": params.category, "rule": params.rule,
            "session_id": params.session_id, "owner": owner,
        }  # fmt: skip
        self._marks = [
            f'"{name}":'.encode() + msgspec.json.encode(value) for name, value in given.items() if value is not None
        ]

    def may_fit(self, line: bytes) -> bool:
        return b'"entry":{"kind":"verdict"' in line and all(mark in line for mark in self._marks)

    def fits(self, line: Line) -> bool:
        params, entry = self._params, line.entry
        return (
            isinstance(entry, VerdictRecord)
            and (self._owner is None or entry.owner == self._owner)
            and params.decision in (None, entry.decision)
            and params.type in (None, entry.action_type)
            and params.session_id in (None, entry.session_id)
            and (params.category is None or any(each.category == params.category for each in entry.findings))
            and (params.rule is None or any(each.rule == params.rule for each in entry.findings))
            and (self._since is None or line.time >= self._since)
            and (self._until is None or line.time <= self._until)
        )


def place_in(cursor: str | None) -> int | None:
    """The number of the entry that the page before ended with."""
    if cursor is None:
        return None
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise ValidationError("cursor is not one that a list gave", field="$.cursor", hint="start again without it")
    return int(found[1], 16)


def cursor_at(seq: int | None) -> str | None:
    return f"log-{seq:x}" if seq else None
