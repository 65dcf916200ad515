"""What is written when a memory is stored: its row, its ids, and the text that search sees."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from lukhas_sdk.contract.memory import MemoryContent, MemoryType, StoreRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import moments
from lukhasd.memory.words import FUNCTION_WORDS

SUFFIX_CHARS = 10
"""50 random bits: at a million memories a day, one day in two thousand has two alike (and the table refuses them)."""
KEYWORDS_FROM_CHARS = 1000
FACTS_LIMIT = 2_000
FACT_PATH_CHARS = 300
"""A long name with many values below it would stand before each of them: gigabytes, of one request."""
HEADING_KEYS = ("title", "heading")
ABOUT_KEYS = ("location", "associated_concepts")
SPEAKER_KEYS = ("speaker", "role")
SESSION_KEYS = ("session", "session_id", "conversation", "conversation_id", "thread", "thread_id")


@dataclass(frozen=True)
class SearchText:
    """The fields of the text index, and what is embedded: each of `embedded`'s chunks begins with `preface`.

    `speaker` and `session` are empty where the context names none; what nobody said belongs to its source.
    """

    data: str
    context: str
    tags: str
    preface: str
    embedded: str
    speaker: str
    session: str
    source: str = ""
    around: tuple[str, ...] = ()
    """Each text of the context, the query and each tag."""
    facts: tuple[tuple[str, str], ...] = ()
    """Of the context: the path to each text, number or yes and no, and its value; at most FACTS_LIMIT, none of a longer
    path than FACT_PATH_CHARS."""


@dataclass(frozen=True)
class Item:
    """A memory to be stored, not numbered yet. Times are in UTC."""

    memory_id: str
    helix_id: str
    owner: str
    type: MemoryType
    data: str
    context: str
    query: str | None
    tags: tuple[str, ...]
    importance: float
    event_at: datetime
    created_at: datetime
    content_hash: str
    mark: str | None = None
    """Why the gate would not have kept it."""


def prepare(owner: str, request: StoreRequest, *, now: datetime, path: str = "$") -> Item:
    """Raises ValidationError for a `context.timestamp` that is no date; `path` leads to the request in the body."""
    content = request.content
    stamp = content.context.get("timestamp")
    event_at = now if stamp is None else moments.parse(stamp, field=f"{path}.content.context.timestamp")
    context = encode(content.context, field=f"{path}.content.context")
    return Item(
        memory_id=f"mem_{now:%Y_%m_%d}_{_suffix(SUFFIX_CHARS)}",
        helix_id=f"helix_{'_'.join(keywords(content.data))}_{_suffix(SUFFIX_CHARS)}",
        owner=owner,
        type=content.type,
        data=content.data,
        context=context,
        query=content.query,
        tags=tuple(dict.fromkeys(request.tags)),
        importance=request.importance,
        event_at=event_at,
        created_at=now,
        content_hash=hash_of(content, request.tags),
    )


def encode(value: object, *, field: str) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"{field} cannot be kept as JSON: {error}", field=field) from None


def search_text(*, data: str, context: Mapping[str, Any], query: str | None, tags: tuple[str, ...]) -> SearchText:
    """Names, ids and times are found as words; the embedding sees who spoke, under what heading, and what about."""
    heading = " ".join(leaves([context.get(key) for key in HEADING_KEYS]))
    speaker = speaker_of(context)
    preface = f"{heading}\n" if heading else ""
    preface += f"{speaker}: " if speaker else ""
    about = ", ".join([*leaves([context.get(key) for key in ABOUT_KEYS]), *tags])
    parts = [query or "", data, f"({about})" if about else ""]
    source = _first(context, ("source",))
    return SearchText(
        data=data,
        context=" ".join([*leaves(context), query or ""]),
        tags=" ".join(tags),
        preface=preface,
        embedded="\n".join(part for part in parts if part),
        speaker=speaker,
        session=_first(context, SESSION_KEYS) or ("" if speaker else source),
        source=source,
        around=(*leaves(context), *([query] if query else []), *tags),
        facts=tuple(islice(_facts(context), FACTS_LIMIT)),
    )


def speaker_of(context: Mapping[str, Any]) -> str:
    return _first(context, SPEAKER_KEYS)


def leaves(value: object) -> Iterator[str]:
    """Every text and number within, in order, however deep."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Mapping):
            stack.extend(reversed(list(top.values())))
        elif isinstance(top, list | tuple):
            stack.extend(reversed(top))
        elif isinstance(top, str):
            yield top
        elif isinstance(top, int | float) and not isinstance(top, bool):
            yield str(top)


def _facts(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    stack: list[tuple[str, object]] = [("context", context)]
    while stack:
        path, top = stack.pop()
        if isinstance(top, Mapping):
            stack.extend(
                (f"{path}.{key}", value) for key, value in top.items() if len(path) + len(key) < FACT_PATH_CHARS
            )
        elif isinstance(top, list | tuple):
            stack.extend((path, value) for value in top)
        elif isinstance(top, bool):
            yield path, str(top).lower()
        elif isinstance(top, str | int | float):
            yield path, str(top)


def keywords(text: str) -> list[str]:
    """The two longest telling words near the start, in the order they stand; `memory` where there is none."""
    plain = unicodedata.normalize("NFKD", text[:KEYWORDS_FROM_CHARS].lower()).encode("ascii", "ignore").decode()
    words = dict.fromkeys(word for word in re.findall(r"[a-z]{3,20}", plain) if word not in FUNCTION_WORDS)
    longest = sorted(words, key=len, reverse=True)[:2]
    return [word for word in words if word in longest] or ["memory"]


def _first(context: Mapping[str, Any], keys: Sequence[str]) -> str:
    """What the first of those keys that has any text says."""
    return next((text for text in (" ".join(leaves(context.get(key))).strip() for key in keys) if text), "")


def hash_of(content: MemoryContent, tags: list[str]) -> str:
    """Equal for equal content, context and tags; keys and tags in any order."""
    whole = [content.type, content.data, content.query, content.context, sorted(set(tags))]
    return hashlib.sha256(msgspec.json.encode(whole, order="deterministic")).hexdigest()


def _suffix(length: int) -> str:
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(length))
