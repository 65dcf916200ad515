"""What the machine's owner looks at: backups, the database's schema, room on the disk, what waits."""

from __future__ import annotations

from datetime import datetime

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Response, Tier

BACKUP_MARK = "last-backup.json"
"""In the state folder: a `BackupMark`."""


class BackupMark(Response, frozen=True):
    """What `lukhas backup` leaves in the state folder, for the daemon to read."""

    made_at: datetime
    file: str
    size_bytes: int
    schema: int
    verified_at: datetime | None
    """When the file was read back and decrypted to its end."""


class BackupResponse(Response, frozen=True):
    """The newest backup that `lukhas backup` made here; whether it still lies there is not looked at."""

    made_at: datetime | None
    age_s: float | None
    file: str | None
    size_bytes: int | None
    schema: int | None
    verified: bool | None
    verified_at: datetime | None
    reasons: Reasons = {}


class AppliedMigration(Response, frozen=True):
    number: int
    name: str
    applied_at: datetime


class PendingMigration(Response, frozen=True):
    number: int
    name: str


class MigrationsResponse(Response, frozen=True):
    applied: list[AppliedMigration]
    pending: list[PendingMigration]
    """Known to this version and not applied: none while a daemon runs, which applies them as it starts."""
    newest_known: int
    copies: list[str]
    """Files of the database from before the last migrations."""


class StorageResponse(Response, frozen=True):
    database_bytes: int
    """With its write-ahead log."""
    indexes_bytes: int
    """Of words and of vectors; they are rebuilt when they are missing."""
    logs_bytes: int
    """The daemon's log, and the log of verdicts."""
    other_bytes: int
    """What else is in the data folder: copies from before migrations, downloaded models."""
    free_bytes: int
    """On the data folder's disk, for this user."""
    resident_bytes: int
    """Of the daemon, in RAM."""


class Waiting(Response, frozen=True):
    """Requests of one allowance."""

    in_work: int
    waiting: int
    refused: int
    """Since start, because too much was in work at once."""


class QueuesResponse(Response, frozen=True):
    requests: dict[str, Waiting]
    """By the allowance that they count against."""
    pending_vectors: int
    """Memories whose embedding is still to be computed."""
    pending_writes: int
    """Jobs that wait for the database's writing thread."""


BACKUP = Operation(
    "ops.backup", "GET", "/ops/backup", "Say how old the newest backup is.",
    params=NoParams, body=NoBody, result=BackupResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip
MIGRATIONS = Operation(
    "ops.migrations", "GET", "/ops/migrations", "List the database's migrations.",
    params=NoParams, body=NoBody, result=MigrationsResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip
STORAGE = Operation(
    "ops.storage", "GET", "/ops/storage", "Measure what is kept, and the room that is left.",
    params=NoParams, body=NoBody, result=StorageResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip
QUEUES = Operation(
    "ops.queues", "GET", "/ops/queues", "Count what is in work and what waits.",
    params=NoParams, body=NoBody, result=QueuesResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (BACKUP, MIGRATIONS, STORAGE, QUEUES)
