"""Everything that is the caller's, out and in: export, import, and a snapshot of the whole database for a backup.

An export is JSON Lines. The first line is `HEADER`, the last a `Closing`; between them each line is an object whose
`kind` names its table (see `lukhasd.memory.transfer`), in an order that does not change: what is exported, imported
into an empty store and exported again is the same, byte by byte. Vectors and indexes are not in it: they are computed
anew from the texts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Request, Response, Tier

FORMAT = "lukhas-export"
CLOSING_FORMAT = "lukhas-export-end"
FORMAT_VERSION = 1
HEADER = b'{"format":"lukhas-export","version":1}\n'
LINES_LIMIT = 500


class Closing(Response, frozen=True):
    """The last line of an export. `sha256` is of all lines before it."""

    format: Literal["lukhas-export-end"]
    counts: dict[str, int]
    sha256: str


class ExportEvent(Response, frozen=True):
    """One line of the stream: `lines` as they come, then the `result` or an `error`, then the `end`."""

    type: Literal["lines", "result", "error", "end"]
    lines: str = ""
    """Whole lines of the export, the header among them, each with its line end."""
    result: Closing | None = None
    error: dict[str, Any] | None = None


class TakeInRequest(Request, frozen=True):
    """Lines of an export, without its first and its last."""

    records: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=LINES_LIMIT)]


class LeftOutRecord(Response, frozen=True):
    index: int
    """Of the record in the request, from 0."""
    id: str
    reason: str


class TakeInResponse(Response, frozen=True):
    added: dict[str, int]
    """By kind."""
    skipped: int
    """They are here already, and say the same."""
    conflicts: list[LeftOutRecord]
    """They are here already and differ: what is here was left as it is."""
    rejected: list[LeftOutRecord]
    """The guardian did not let them in."""
    forgotten: list[LeftOutRecord] = []
    """They are, or quote, memories that were forgotten here."""


class SnapshotRequest(Request, frozen=True):
    """For a caller on the same machine, who reads the file and removes it."""


class SnapshotResponse(Response, frozen=True):
    path: str
    """A copy of the database that is whole, with mode 0600, in the daemon's data folder."""
    wal_path: str | None
    """The changes since the last checkpoint, to lie beside it under the same name with `.wal`; null where none are."""
    size_bytes: int
    schema: int
    """Number of the newest migration that it has."""


EXPORT = Operation(
    "transfer.export", "GET", "/export", "Export everything that is the caller's.",
    params=NoParams, body=NoBody, result=Closing, tier=Tier.USER, limit=Limit.GENERAL, errors=("CONFLICT",),
    stream=ExportEvent,
)  # fmt: skip
TAKE_IN = Operation(
    "transfer.import", "POST", "/import", "Take in lines of an export, leaving out those already there.",
    params=NoParams, body=TakeInRequest, result=TakeInResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
SNAPSHOT = Operation(
    "transfer.snapshot", "POST", "/snapshot", "Copy the whole database beside itself, for a backup.",
    params=NoParams, body=SnapshotRequest, result=SnapshotResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (EXPORT, TAKE_IN, SNAPSHOT)
