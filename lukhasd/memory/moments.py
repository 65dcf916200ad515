"""Points in time as callers write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from lukhas_sdk.contract.memory import DateRange
from lukhas_sdk.errors import ValidationError

HINT = "write it as 2024-01-15 or 2024-01-15T10:30:00Z"
DAY = timedelta(days=1) - timedelta(microseconds=1)


def parse(text: object, *, field: str, end_of_day: bool = False) -> datetime:
    """The moment that an ISO 8601 date or date-time names, in UTC; a date is its first instant, or its last."""
    if not isinstance(text, str):
        raise ValidationError(f"{field} must be a text with a date or date-time", field=field, hint=HINT)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day, time(), UTC) + (DAY if end_of_day else timedelta())
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError(f"{field} is not a date or date-time: {text[:40]!r}", field=field, hint=HINT) from None


def parse_range(given: DateRange) -> tuple[datetime | None, datetime | None]:
    """Both ends inclusive, in UTC."""
    field = "$.filters.date_range"
    start = parse(given.start, field=f"{field}.start") if given.start is not None else None
    end = parse(given.end, field=f"{field}.end", end_of_day=True) if given.end is not None else None
    if start is not None and end is not None and start > end:
        raise ValidationError(f"{field}.start is after {field}.end", field=field, hint="exchange the two")
    return start, end


def microseconds(moment: datetime) -> int:
    """Since 1970 in UTC."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
