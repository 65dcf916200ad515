"""`lukhas restore`: a backup in the place of what is here."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli import daemon_control
from lukhas_cli.backups import read_backup
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.backup import PassphraseFile, PassphraseStdin
from lukhas_cli.inputs import ask, read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import running
from lukhas_cli.session import Session
from lukhas_sdk import restoring
from lukhas_sdk.errors import Conflict, LukhasError, ValidationError
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.restoring import FORMER, Journal
from lukhas_sdk.secrets import Secret

START_TIMEOUT_S = 600.0
"""The indexes are rebuilt at the first start."""

app = new_app()


@command(app, examples="lukhas restore ~/lukhas.backup\nlukhas restore --undo --yes")
def restore(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="What `lukhas backup` wrote.")] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_stdin: PassphraseStdin = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put back what the last restore replaced.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Put a backup in the place of what is here: the database, the settings and the policies.

    The file is decrypted and checked whole first; one that is damaged, altered or cut short changes nothing. Then the
    daemon is restarted, and puts it in place before it opens anything. What was here is kept, until the next restore,
    in the folders `before-restore-…` beside it, and `--undo` brings it back. A kill at any moment loses nothing: either
    nothing has changed, or the daemon's next start finishes. Logins on another machine end; API keys stay valid.
    """
    own = session_of(context)
    paths = own.paths
    if undo == (file is not None):
        raise ValidationError("give a FILE, or --undo", field="FILE", hint="see: lukhas restore --help")
    for folder in paths.all():
        make_private(folder)
    _settle(own, paths)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    journal = Journal(stamp, "fetch", undo_of=restoring.former(paths)) if undo else Journal(stamp)
    if file is not None:
        secret = Secret(
            read_secret_input(
                prompt="Passphrase of the backup", file=passphrase_file, stdin=passphrase_stdin, name="passphrase"
            )
        )
        _lay_out(paths, file, secret)
    _confirm(yes, "what the last restore replaced" if undo else str(file))
    restoring.decide(paths, journal)
    with running("restoring"):
        _restart(own, paths, journal)
    data = {"restored": str(file) if file else "what the last restore replaced", "former": f"{FORMER}{stamp}"}
    return Outcome(
        data, lambda screen: screen.text(f"restored; what was here is in {paths.data / data['former']} (--undo)")
    )


def _lay_out(paths: Paths, file: Path, secret: Secret) -> None:
    data, config = restoring.prepare(paths)
    try:
        with running("checking the backup"):
            read_backup(file, secret, data=data, config=config)
    except BaseException:
        for folder in (data, config):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _confirm(yes: bool, what: str) -> None:
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ValidationError("nobody can be asked here", field="--yes", hint="give --yes to restore")
    if not ask(f"put {what} in the place of all that is here?"):
        raise typer.Abort


def _settle(own: Session, paths: Paths) -> None:
    """A restore that was decided and not finished comes first."""
    if restoring.decided(paths) is not None:
        if not own.autostart:
            raise Conflict("an earlier restore waits for the daemon's start", hint="start it: lukhas daemon start")
        daemon_control.stop(paths)
        daemon_control.start(paths, timeout_s=START_TIMEOUT_S)


def _restart(own: Session, paths: Paths, journal: Journal) -> None:
    """The daemon puts it in place when it starts. What it cannot start with goes out again."""
    daemon_control.stop(paths)
    if not own.autostart:
        own.notice("the daemon's next start puts it in place: lukhas daemon start")
        return
    try:
        daemon_control.start(paths, timeout_s=START_TIMEOUT_S)
    except LukhasError as error:
        if daemon_control.is_running(paths):
            raise
        if restoring.decided(paths) is not None:
            error.hint = f"{error.hint}; the restore is decided, and the daemon's next start finishes it"
            raise
        again = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        restoring.decide(paths, Journal(again, "fetch", undo_of=journal.stamp))
        daemon_control.start(paths, timeout_s=START_TIMEOUT_S)
        raise LukhasError(
            f"the daemon cannot start with this backup: {error.message}",
            hint="what was here before is back in its place; see: lukhas daemon logs",
        ) from error
