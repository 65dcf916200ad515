"""Times as people here write and read them."""

from __future__ import annotations

from datetime import datetime

from lukhas_sdk.errors import ValidationError


def moment(text: str | None, field: str) -> str | None:
    """A date or date-time as somebody here would write it, for a request: without a zone it is local time."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise ValidationError(
            f"{field} is no date: {text}", field=field, hint="write it as 2025-01-31 or 2025-01-31T14:00"
        ) from None


def local(time: datetime) -> str:
    return time.astimezone().isoformat(sep=" ", timespec="seconds")
