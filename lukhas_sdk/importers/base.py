"""What importers share: where they read from, how they say what they left out, and the request they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lukhas_sdk.contract.memory import MemoryContent, MemoryType, StoreRequest
from lukhas_sdk.documents import clean, is_time, pieces

DATA_LIMIT_CHARS = 1_000_000
TAG_LIMIT_CHARS = 100
TAGS_LIMIT = 100

LeaveOut = Callable[[str, str], None]
"""Called with the name of a record (or file) that is left out, and why."""


@dataclass(frozen=True)
class Source:
    """A file to read. `name` is what `context.source` says of it."""

    path: Path
    name: str
    leave_out: LeaveOut

    def broken(self, record: str, reason: str) -> None:
        """A record inside the file is left out."""
        self.leave_out(f"{self.name}, {record}", reason)


def memories(
    data: str, *, type: MemoryType, context: dict[str, Any], tags: list[str] | None = None
) -> Iterator[StoreRequest]:
    """One memory, more where `data` is longer than the daemon takes, none where it is blank.

    What the daemon would refuse is mended: NUL and half surrogates go, as do values that are None, too many tags, and a
    `timestamp` that is no date. ValueError for a context that is nested deeper than the daemon takes.
    """
    kept = {key: clean(value) for key, value in context.items() if value not in (None, "")}
    if "timestamp" in kept and not is_time(str(kept["timestamp"])):
        del kept["timestamp"]
    named = dict.fromkeys(clean(tag).strip().lstrip("#")[:TAG_LIMIT_CHARS] for tag in tags or [])
    wanted = [tag for tag in named if tag.strip()][:TAGS_LIMIT]
    for piece in pieces(clean(data).strip(), DATA_LIMIT_CHARS):
        yield StoreRequest(content=MemoryContent(type=type, data=piece, context=kept), tags=wanted)


def moment(seconds: object) -> str | None:
    """Unix time as ISO 8601 in UTC, None where it is none."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def text_of(value: object) -> str:
    """`value` where it is a text, else nothing."""
    return value if isinstance(value, str) else ""
