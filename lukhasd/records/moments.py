"""Date-times that a request names."""

from __future__ import annotations

from datetime import UTC, datetime

from lukhas_sdk.errors import ValidationError


def read_moment(text: str | None, field: str) -> datetime | None:
    """In UTC. ValidationError where it is no ISO date-time, or says no offset from UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValidationError(
        f"{field} is no date-time with an offset from UTC: {text}",
        field=f"$.{field}",
        hint="write it as 2025-01-31T14:00:00Z",
    )
