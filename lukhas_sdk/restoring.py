"""Putting a backup in the place of what is there: decided in one write, and finished by whoever comes next.

A command lays the files out beside those in force (`incoming`) and, once they are whole, writes the journal. From then
on the restore is decided: the daemon, when it starts and before it opens anything, moves what is there into
`before-restore-<stamp>` and what is laid out into its place. Every step can be done again, so that a kill at any moment
costs nothing: before the journal nothing has changed, after it the next start finishes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

import msgspec

from lukhas_sdk.errors import LukhasError, NotFound
from lukhas_sdk.paths import Paths, make_private, write_private

JOURNAL = "restore.json"
INCOMING = "restore-incoming"
FORMER = "before-restore-"
DATA = ("lukhas.duckdb", "lukhas.duckdb.*", "index-*")
"""The database and what is derived from it; not the daemon's lock."""
CONFIG = ("config.toml", "policies")


class Journal(msgspec.Struct, frozen=True):
    """`undo_of`: what is put back was kept under that stamp, and is moved to `incoming` first."""

    stamp: str
    phase: Literal["fetch", "out", "in"] = "out"
    undo_of: str | None = None


def incoming(paths: Paths) -> tuple[Path, Path]:
    """Where the files for the data and the config folder are laid out, each beside those that it replaces."""
    return paths.data / INCOMING, paths.config / INCOMING


def prepare(paths: Paths) -> tuple[Path, Path]:
    """`incoming`, made anew and empty. A restore that is decided already is left to be finished: it is not there."""
    for root, folder in zip((paths.data, paths.config), incoming(paths), strict=True):
        make_private(root)
        shutil.rmtree(folder, ignore_errors=True)
        make_private(folder)
    return incoming(paths)


def decide(paths: Paths, journal: Journal) -> None:
    """From here on the restore happens, at the daemon's next start."""
    for folder in incoming(paths):
        _sync_tree(folder)
    write_private(paths.data / JOURNAL, msgspec.json.encode(journal).decode())
    _sync(paths.data)


def decided(paths: Paths) -> Journal | None:
    try:
        return msgspec.json.decode((paths.data / JOURNAL).read_bytes(), type=Journal)
    except FileNotFoundError:
        return None


def former(paths: Paths) -> str:
    """The stamp of what the last restore replaced. NotFound where nothing is kept."""
    stamps = sorted(folder.name.removeprefix(FORMER) for folder in paths.data.glob(f"{FORMER}*"))
    if not stamps:
        raise NotFound("no restore can be undone: nothing is kept from before one", hint=f"looked in {paths.data}")
    return stamps[-1]


def finish(paths: Paths) -> Journal | None:
    """What was decided, done; None where nothing was. The caller holds the daemon's lock, and nothing is open."""
    journal = decided(paths)
    if journal is None:
        return None
    try:
        return _finish(paths, journal)
    except OSError as error:
        raise LukhasError(
            f"the restore cannot be finished: {error}", hint="mend that and start the daemon again; nothing is lost"
        ) from error


def _finish(paths: Paths, journal: Journal) -> Journal:
    roots = ((paths.data, DATA), (paths.config, CONFIG))
    if journal.phase == "fetch":
        for root, _ in roots:
            kept = root / f"{FORMER}{journal.undo_of}"
            if kept.exists():
                shutil.rmtree(root / INCOMING, ignore_errors=True)
                kept.rename(root / INCOMING)
        journal = _turn(paths, journal, "out")
    if journal.phase == "out":
        for root, patterns in roots:
            kept = root / f"{FORMER}{journal.stamp}"
            make_private(kept)
            for entry in {entry for pattern in patterns for entry in root.glob(pattern)}:
                entry.rename(kept / entry.name)
        journal = _turn(paths, journal, "in")
    for root, _ in roots:
        laid_out = root / INCOMING
        for entry in laid_out.iterdir() if laid_out.exists() else ():
            entry.rename(root / entry.name)
        shutil.rmtree(laid_out, ignore_errors=True)
        _sync(root)
    (paths.data / JOURNAL).unlink()
    _sync(paths.data)
    for root, _ in roots:
        for old in root.glob(f"{FORMER}*"):
            if old.name != f"{FORMER}{journal.stamp}":
                shutil.rmtree(old, ignore_errors=True)
    return journal


def _turn(paths: Paths, journal: Journal, phase: Literal["out", "in"]) -> Journal:
    """What was moved is on disk before the journal says so."""
    for root in (paths.data, paths.config):
        _sync(root)
    turned = msgspec.structs.replace(journal, phase=phase)
    write_private(paths.data / JOURNAL, msgspec.json.encode(turned).decode())
    _sync(paths.data)
    return turned


def _sync_tree(folder: Path) -> None:
    for entry in (*folder.rglob("*"), folder, folder.parent):
        _sync(entry)


def _sync(path: Path) -> None:
    if path.exists():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
