"""`lukhas ops`: backup, schema, storage and queues together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Cell, Screen, size
from lukhas_sdk.contract import ops as contract

app = new_app()


class Standing(msgspec.Struct, frozen=True):
    backup: contract.BackupResponse
    migrations: contract.MigrationsResponse
    storage: contract.StorageResponse
    queues: contract.QueuesResponse


@command(app, examples="lukhas ops\nlukhas ops --json | jq .data.backup.age_s")
def ops(context: typer.Context) -> Outcome:
    """Show how old the newest backup is, the database's schema, what is kept where, and what waits.

    For the machine's owner. In a pipe, each line is a name and a value.
    """
    call = session_of(context).call
    standing = Standing(call(contract.BACKUP), call(contract.MIGRATIONS), call(contract.STORAGE), call(contract.QUEUES))
    return Outcome(standing, lambda screen: _show(screen, standing))


def _show(screen: Screen, standing: Standing) -> None:
    migrations, queues = standing.migrations, standing.queues
    rows: list[tuple[str, Cell]] = [*_backup(standing.backup)]
    rows.append(("schema", f"{migrations.applied[-1].number}, newest known {migrations.newest_known}"))
    rows.append(("migrations pending", ", ".join(each.name for each in migrations.pending) or "none"))
    for name, value in msgspec.structs.asdict(standing.storage).items():
        rows.append((name.removesuffix("_bytes").replace("_", " "), size(value)))
    for name, lane in queues.requests.items():
        busy = f"{lane.in_work} in work, {lane.waiting} waiting, {lane.refused} refused"
        rows.append((f"requests {name}", busy))
    rows.append(("pending vectors", queues.pending_vectors))
    rows.append(("pending writes", queues.pending_writes))
    screen.pairs(rows)


def _backup(backup: contract.BackupResponse) -> list[tuple[str, Any]]:
    if backup.age_s is None or backup.size_bytes is None:
        return [("backup", backup.reasons.get("made_at"))]
    age = timedelta(seconds=round(backup.age_s))
    verified = "read back" if backup.verified else "not read back"
    return [("backup", f"{age} old, {size(backup.size_bytes)}, {verified}"), ("backup file", backup.file)]
