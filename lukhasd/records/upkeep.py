"""What the machine's owner asks of the store: its newest backup, its schema, its size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lukhas_sdk.contract import ops
from lukhas_sdk.paths import Paths
from lukhasd.database import migrations
from lukhasd.database.connection import Cursor
from lukhasd.guardian.log import FOLDER as VERDICTS
from lukhasd.records.process import resident_bytes

LARGEST_MARK_BYTES = 65_536
INDEXES = "index-"
"""How the folders of indexes begin."""


def backup(paths: Paths) -> ops.BackupResponse:
    """From the mark that `lukhas backup` left; null with the reason where there is none to be read."""
    try:
        with (paths.state / ops.BACKUP_MARK).open("rb") as source:
            mark = msgspec.json.decode(source.read(LARGEST_MARK_BYTES), type=ops.BackupMark)
    except FileNotFoundError:
        return _unknown("no backup was made here: lukhas backup FILE makes one")
    except (OSError, msgspec.MsgspecError) as error:
        return _unknown(f"what the last backup left cannot be read: {error}")
    age_s = (datetime.now(UTC) - mark.made_at).total_seconds()
    return ops.BackupResponse(
        made_at=mark.made_at,
        age_s=round(age_s, 3),
        file=mark.file,
        size_bytes=mark.size_bytes,
        schema=mark.schema,
        verified=mark.verified_at is not None,
        verified_at=mark.verified_at,
        reasons={} if mark.verified_at else {"verified_at": "it was not read back"},
    )


def applied(cursor: Cursor, database: Path) -> ops.MigrationsResponse:
    rows = cursor.execute("SELECT number, name, applied_at FROM schema_migrations ORDER BY number").fetchall()
    done = {number for number, _, _ in rows}
    known = [(number, name) for number, name, _ in migrations.available()]
    return ops.MigrationsResponse(
        applied=[ops.AppliedMigration(number, name, at.replace(tzinfo=UTC)) for number, name, at in rows],
        pending=[ops.PendingMigration(number, name) for number, name in known if number not in done],
        newest_known=known[-1][0],
        copies=sorted(str(copy) for copy in database.parent.glob(f"{database.name}.before-*")),
    )


def storage(paths: Paths, *, database_bytes: int) -> ops.StorageResponse:
    indexes = _size(paths.data.glob(f"{INDEXES}*"))
    verdicts = _size([paths.data.joinpath(*VERDICTS)])
    whole = _size([paths.data])
    return ops.StorageResponse(
        database_bytes=database_bytes,
        indexes_bytes=indexes,
        logs_bytes=verdicts + _size(paths.state.glob(f"{paths.log_file.name}*")),
        other_bytes=max(0, whole - database_bytes - indexes - verdicts),
        free_bytes=shutil.disk_usage(paths.data).free,
        resident_bytes=resident_bytes(),
    )


def _unknown(why: str) -> ops.BackupResponse:
    names = ("made_at", "age_s", "file", "size_bytes", "schema", "verified", "verified_at")
    return ops.BackupResponse(**dict.fromkeys(names), reasons=dict.fromkeys(names, why))


def _size(roots: Iterable[Path]) -> int:
    """Of the files in and under these; what goes away meanwhile counts nothing."""
    total = 0
    for root in roots:
        under = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
        for file in [root] if root.is_file() else under:
            with suppress(OSError):
                total += file.lstat().st_size
    return total
