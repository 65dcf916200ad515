"""`lukhas backup`: everything on this machine, encrypted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lukhas_cli.backups import Manifest, check_backup, write_backup
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.outputs import private_output
from lukhas_cli.render.progress import running
from lukhas_cli.render.screen import size
from lukhas_sdk.contract.ops import BACKUP_MARK, BackupMark
from lukhas_sdk.contract.transfer import SNAPSHOT, SnapshotRequest
from lukhas_sdk.paths import Paths, write_private
from lukhas_sdk.secrets import Secret

app = new_app()

PassphraseFile = Annotated[
    Path | None, typer.Option(metavar="PATH", dir_okay=False, help="Read the passphrase from this file's first line.")
]
PassphraseStdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from stdin's first line.")
]


@command(app, examples="lukhas backup ~/lukhas.backup\nlukhas backup /mnt/usb/lukhas.backup --passphrase-file key.txt")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    passphrase_file: PassphraseFile = None,
    passphrase_stdin: PassphraseStdin = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> Outcome:
    """Write the whole database (of every identity here), the settings and the policies to one encrypted file.

    The daemon goes on working meanwhile. Not in it: the keys and tokens of this machine, which the keyring or the state
    folder keep, and the indexes, which are rebuilt. Without the passphrase nobody can read it, you neither.

    The file is read back before the command ends; `lukhas ops` says how old the newest backup is.

    It is a tar of two age files: `tar xf FILE && age -d -i key.age backup.tar.age | tar x` opens it without LUKHAS.
    """
    own = session_of(context)
    with private_output(file, replace=force) as output:
        secret = Secret(
            read_secret_input(
                prompt="Passphrase of the backup", file=passphrase_file, stdin=passphrase_stdin, confirm=True,
                name="passphrase",
            )
        )  # fmt: skip
        with running("backing up"):
            snapshot = own.call(SNAPSHOT, body=SnapshotRequest())
            try:
                manifest = write_backup(own.paths, snapshot, output, secret)
            finally:
                for path in (snapshot.path, snapshot.wal_path):
                    if path is not None:
                        Path(path).unlink(missing_ok=True)
        size_bytes = output.tell()
    _mark(own.paths, manifest, file, size_bytes, verified_at=None)
    with running("reading it back"):
        check_backup(file, secret)
    _mark(own.paths, manifest, file, size_bytes, verified_at=datetime.now(UTC))
    data = {
        "file": str(file), "size_bytes": size_bytes, "created_at": manifest.created_at, "schema": manifest.schema,
        "verified": True,
    }  # fmt: skip
    return Outcome(data, lambda screen: screen.text(f"{file}: {size(size_bytes)}, read back whole"))


def _mark(paths: Paths, manifest: Manifest, file: Path, size_bytes: int, *, verified_at: datetime | None) -> None:
    """For the daemon, which is not there when a backup is written."""
    mark = BackupMark(manifest.created_at, str(file.absolute()), size_bytes, manifest.schema, verified_at)
    write_private(paths.state / BACKUP_MARK, msgspec.json.encode(mark).decode())
