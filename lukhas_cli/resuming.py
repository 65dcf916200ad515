"""How far an import came, so that one that was cut short goes on where it ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from lukhas_sdk.paths import Paths, make_private, read_private, write_private

NAME = "imports.json"
KEPT_S = 30 * 86_400


class Reached(msgspec.Struct, frozen=True):
    sent: int
    """Memories that the daemon acknowledged, in the order that they are read."""
    at_s: float


class Bookmark:
    """Of one import: the same files, unchanged since, with the same options. Lost or damaged, nothing is skipped."""

    def __init__(self, paths: Paths, files: Iterable[Path], options: object) -> None:
        self._paths = paths
        self._file = paths.state / NAME
        told = [(str(file.absolute()), stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
        self._key = hashlib.sha256(msgspec.json.encode([told, repr(options)])).hexdigest()

    @property
    def sent(self) -> int:
        found = self._read().get(self._key)
        return found.sent if found else 0

    def note(self, sent: int) -> None:
        self._write({**self._read(), self._key: Reached(sent, time.time())})

    def clear(self) -> None:
        held = self._read()
        if held.pop(self._key, None):
            self._write(held)

    def _read(self) -> dict[str, Reached]:
        try:
            held = msgspec.json.decode(read_private(self._file) or "{}", type=dict[str, Reached])
        except msgspec.MsgspecError:
            return {}
        return {key: reached for key, reached in held.items() if time.time() - reached.at_s < KEPT_S}

    def _write(self, held: dict[str, Reached]) -> None:
        make_private(self._paths.state)
        write_private(self._file, msgspec.json.encode(held).decode())
