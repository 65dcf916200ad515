"""The daemon's log: one JSON object a line, rotated, 0600, without secrets, with no line that others could forge."""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import os
import queue
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Any

import msgspec

from lukhas_sdk.paths import Paths
from lukhas_sdk.settings import DaemonSettings

MASK = "***"
SECRETS = re.compile(
    r"(?i)(?P<name>(?:authorization|x-api-key|api[_-]?key|password|access_token|refresh_token)[\"']?\s*[:=]\s*[\"']?)"
    r"(?:bearer\s+)?[^\s\"',;)}]+"
    r"|\bbearer\s+[\w.~+/=-]+"
    r"|\bl[kr]_[\w-]{16,}"
    r"|\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"
)
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""What moves a cursor, ends a line, hides, or turns text round; JSON itself escapes only the first 32."""
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(paths: Paths, settings: DaemonSettings, *, to_stderr: bool = False) -> Callable[[], None]:
    """Sends everything logged from here on to `paths.log_file`; a thread writes it. Gives the way to flush and stop it,
    which also happens at exit."""
    paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    handlers: list[logging.Handler] = [
        PrivateFileHandler(
            paths.log_file, maxBytes=settings.log_max_bytes, backupCount=settings.log_backups, encoding="utf-8"
        )
    ]
    if to_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(JsonLines())
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    entrance = Entrance(waiting)
    listener = logging.handlers.QueueListener(waiting, *handlers)
    listener.start()
    root = logging.getLogger()
    root.setLevel(settings.log_level.upper())
    root.addHandler(entrance)

    def stop() -> None:
        atexit.unregister(stop)
        root.removeHandler(entrance)
        listener.stop()
        for handler in handlers:
            handler.close()

    atexit.register(stop)
    return stop


class Entrance(logging.handlers.QueueHandler):
    """Formats nothing: the writing thread does."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record


class PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """Readable by us alone from the first byte; a link in its place is refused."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)


class JsonLines(logging.Formatter):
    """time, level, logger, message; then what `extra` gave, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        safe = {name: _shown(value) for name, value in entry.items()}
        return msgspec.json.encode(safe, enc_hook=str).decode()


def _shown(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    return redact(str(value))


def redact(text: str) -> str:
    """`text` without secrets, and with the characters that a terminal would act on written out; newlines stay, as
    JSON writes them out."""
    masked = SECRETS.sub(lambda match: f"{match['name'] or ''}{MASK}", text)
    return UNSAFE.sub(lambda match: match[0] if match[0] in "\n\t" else f"\\u{ord(match[0]):04x}", masked)
