"""Mail in an mbox file: what was written in each message, without what it quotes."""

from __future__ import annotations

import email
import mailbox
import re
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr, parsedate_to_datetime
from html import unescape
from typing import IO, Any, cast

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.importers.base import Source, memories

SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
QUOTED_BELOW = re.compile(
    r"^-{2,}\s*(Original Message|Forwarded message|Weitergeleitete Nachricht)\s*-{2,}", re.M | re.I
)
ATTRIBUTION = re.compile(
    r"(?:^|\n)[^\n>][^\n]{0,200}(?:\n[^\n>]{0,200})?\b(?:wrote|schrieb|a écrit|escribió|ha scritto)\s*:\s*$"
)
WROTE = re.compile(r"(?:wrote|schrieb|a écrit|escribió|ha scritto)\s*:\Z")
ATTRIBUTION_CHARS = 500
ATTRIBUTION_LINES = 6
REPLY = re.compile(r"^(\s*(re|fwd?|aw|wg)\s*:\s*)+", re.IGNORECASE)
DROPPED_TAGS = ("script", "style", "head", "blockquote")
BREAKING_TAGS = ("p", "br", "div", "tr", "li", "h1", "h2", "h3")
TAG = re.compile(r"""<(?:(/?)([a-z][a-z0-9]*)(?:[^<>"']|"[^"<]*+"|'[^'<]*+'|["'])*+|[!?][^<>]*+)>""", re.IGNORECASE)
"""Nothing in it goes beyond the next `<`, so that a text of nothing else takes linear time, as the standard library's
parser does not."""
MESSAGE_LIMIT_BYTES = 100_000_000
HEADER_LIMIT_CHARS = 2_000
"""The library's reading of a header takes quadratic time."""


class _Policy(EmailPolicy):
    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        name, value = super().header_source_parse([*sourcelines])
        return name, value[:HEADER_LIMIT_CHARS]


POLICY = _Policy()


def read(source: Source) -> Iterator[StoreRequest]:
    """An episodic memory a message: `title` is its subject, `speaker` who sent it, `session` its thread."""
    box = mailbox.mbox(source.path, factory=cast("Any", _parse), create=False)
    try:
        for number, key in enumerate(box.iterkeys(), start=1):
            try:
                yield from _read_message(cast("EmailMessage", box[key]))
            except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
                source.broken(f"message {number}", f"cannot be read: {type(error).__name__}: {error}")
    finally:
        box.close()


def own_words(text: str) -> str:
    """A message without its quotations and its signature."""
    text = text.replace("\r\n", "\n")
    for mark in (SIGNATURE, QUOTED_BELOW):
        if found := mark.search(text):
            text = text[: found.start()]
    kept: list[str] = []
    quoting = False
    for line in text.split("\n"):
        if not line.startswith(">"):
            kept.append(line)
        elif not quoting:
            _drop_attribution(kept)
        quoting = line.startswith(">")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _drop_attribution(kept: list[str]) -> None:
    """Takes from the end of the lines what says who wrote the quotation that follows."""
    told = "\n".join(kept[-ATTRIBUTION_LINES:]).rstrip()
    tail = told[-ATTRIBUTION_CHARS:]
    if WROTE.search(tail[-40:]) and (found := ATTRIBUTION.search(tail)):
        kept[-ATTRIBUTION_LINES:] = told[: len(told) - len(tail) + found.start()].split("\n")


def _parse(file: IO[bytes]) -> EmailMessage:
    raw = file.read(MESSAGE_LIMIT_BYTES + 1)
    if len(raw) > MESSAGE_LIMIT_BYTES:
        raise ValueError(f"it is larger than {MESSAGE_LIMIT_BYTES // 1_000_000} MB")
    return email.message_from_bytes(raw, policy=cast("Any", POLICY))


def _read_message(message: EmailMessage) -> Iterator[StoreRequest]:
    subject = REPLY.sub("", str(message.get("Subject", ""))).strip()
    name, address = parseaddr(str(message.get("From", "")))
    said = own_words(_body(message))
    if not said and not subject:
        raise ValueError("it has neither subject nor text")
    context = {
        "source": "mail",
        "speaker": name or address,
        "from": address,
        "to": str(message.get("To", "")),
        "timestamp": _date(message),
        "session": _thread(message),
        "title": subject,
    }
    yield from memories(said or subject, type="episodic", context=context, tags=["mail"])


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except LookupError:  # a charset that nobody knows
        text = cast("bytes", part.get_payload(decode=True)).decode("utf-8", "replace")
    return _strip_html(text) if part.get_content_subtype() == "html" else text


def _date(message: EmailMessage) -> str | None:
    try:
        return parsedate_to_datetime(str(message["Date"])).isoformat()
    except (ValueError, TypeError, IndexError):
        return None


def _thread(message: EmailMessage) -> str | None:
    """The id of the message that began it."""
    for header in ("References", "In-Reply-To", "Message-ID"):
        if ids := re.findall(r"<[^<>\s]+>", str(message.get(header, ""))):
            return str(ids[0])
    return None


def _strip_html(text: str) -> str:
    before, *behind = text.split("<!--")
    text = before + "".join(part.partition("-->")[2] for part in behind)
    found: list[str] = []
    dropping = last = 0
    for mark in TAG.finditer(text):
        if not dropping:
            found.append(unescape(text[last : mark.start()]))
        last = mark.end()
        tag = (mark[2] or "").lower()
        if tag in DROPPED_TAGS:
            dropping = max(0, dropping - 1) if mark[1] else dropping + 1
        elif tag in BREAKING_TAGS:
            found.append("\n")
    if not dropping:
        found.append(unescape(text[last:]))
    return re.sub(r"[ \t]+", " ", "".join(found))
