"""Views of a content in which disguises are taken off, each with a way back to the original characters."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_to_bytes

FoundIn = Literal["plain", "normalised", "base64", "hex", "url", "rot13"]

MAX_DECODED = 512
"""Encoded stretches that are decoded per content; more than that is reported by `Views.truncated`."""
MAX_DEPTH = 3
MAX_BLOB_CHARS = 200_000

# Letters of other scripts that are drawn like a Latin one and that NFKD leaves alone.
LOOK_ALIKES = str.maketrans(
    "аеіјорсухѕһԁԛԝьАВЕКМНОРСТУХІЅЈαιοκνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡɑʟʀɪɴᴀʙᴄᴅᴇꜰɢʜᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡʏᴢօսոհցɩℓ‐‑‒–—−’‘“”",
    "aeijopcyxshdqwbABEKMHOPCTYXISJaiokvptuxABEZHIKMNOPTYXigalrinabcdefghjkmopstuvwyzounhgil------''\"\"",
)
TAG_BASE = 0xE0000
NON_ASCII = re.compile(r"[^\x00-\x7f]+")
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{20,200000}={0,2}")
HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:\\x|0x)?[0-9A-Fa-f]{2}(?:[ :,]?(?:\\x|0x)?[0-9A-Fa-f]{2}){9,20000}(?![0-9A-Za-z])"
)
URL = re.compile(r"[^\s%]{0,200}(?:%[0-9A-Fa-f]{2}[^\s%]{0,200}){3,2000}")
HEX_NOISE = re.compile(r"\\x|0x|[ :,]")
ROT13_SIGNS = tuple(codecs.encode(word, "rot13") for word in ("ignore", "instruction", "system prompt", "disregard"))
LETTERS = re.compile(r"[A-Za-z]{4}")


@dataclass(frozen=True)
class View:
    """One reading of the content. `starts[i]` is the original character that gave `text[i]`.

    Without `starts` the view's offsets are the original's; `whole` maps every character to one stretch.
    """

    found_in: FoundIn
    text: str
    starts: array[int] | None = None
    whole: tuple[int, int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind `text[start:end]`, which is not empty."""
        if self.whole is not None:
            return self.whole
        if self.starts is None:
            return start, end
        return self.starts[start], self.starts[end - 1] + 1


@dataclass(frozen=True)
class Views:
    """The content as given comes first. `truncated`: it holds more encoded stretches than were decoded."""

    views: tuple[View, ...]
    truncated: bool = False

    @property
    def content(self) -> str:
        return self.views[0].text


@lru_cache(maxsize=8192)
def fold(character: str) -> str:
    """What a reader takes `character` for: compatibility forms, marks and look-alikes folded, invisible ones gone."""
    code = ord(character)
    if TAG_BASE + 0x20 <= code <= TAG_BASE + 0x7E:
        return chr(code - TAG_BASE)
    decomposed = unicodedata.normalize("NFKD", character.translate(LOOK_ALIKES)).translate(LOOK_ALIKES)
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Me", "Cf"))


def normalise(text: str) -> View | None:
    """The folded view of `text`, or None where folding changes nothing."""
    if text.isascii():
        return None
    pieces: list[str] = []
    starts: array[int] = array("I")
    at = 0
    for match in NON_ASCII.finditer(text):
        pieces.append(text[at : match.start()])
        starts.extend(range(at, match.start()))
        for index in range(match.start(), match.end()):
            folded = fold(text[index])
            pieces.append(folded)
            starts.extend([index] * len(folded))
        at = match.end()
    pieces.append(text[at:])
    starts.extend(range(at, len(text)))
    folded_text = "".join(pieces)
    if folded_text == text:
        return None
    return View("normalised", folded_text, starts)


def readable(raw: bytes) -> str | None:
    """`raw` as text where it is UTF-8 that a person could have written."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if len(text) < 8 or not LETTERS.search(text):
        return None
    printable = sum(1 for character in text[:2000] if character.isprintable() or character in "\n\t\r")
    return text if printable >= 0.95 * min(len(text), 2000) else None


def decode_base64(blob: str) -> str | None:
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    if len(body) % 4 == 1:
        return None
    try:
        return readable(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except binascii.Error:
        return None


def decode_hex(blob: str) -> str | None:
    digits = HEX_NOISE.sub("", blob)
    return readable(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def decode_url(blob: str) -> str | None:
    return readable(unquote_to_bytes(blob))


def encoded(text: str) -> Iterator[tuple[FoundIn, int, int, str]]:
    """Each stretch of `text` that decodes to readable text: how, where, what."""
    if "%" in text:
        for match in URL.finditer(text):
            if decoded := decode_url(match.group()):
                yield "url", match.start(), match.end(), decoded
    for match in HEX.finditer(text):
        if decoded := decode_hex(match.group()):
            yield "hex", match.start(), match.end(), decoded
    for match in BASE64.finditer(text):
        if decoded := decode_base64(match.group()):
            yield "base64", match.start(), match.end(), decoded


def unfold(text: str) -> Views:
    """Every view of `text`, the plain one first. A decoded view maps to the whole encoded stretch."""
    views = [View("plain", text)]
    budget = MAX_DECODED
    folded = normalise(text)
    if folded is not None:
        views.append(folded)
    lowered = text[:MAX_BLOB_CHARS].lower()
    if any(sign in lowered for sign in ROT13_SIGNS):
        views.append(View("rot13", codecs.encode(text, "rot13")))
    # Folding that keeps the length takes nothing out of an encoded stretch, so the plain view shows it already.
    frontier = list(views[:1]) if folded is None or len(folded.text) == len(text) else list(views[:2])
    for depth in range(MAX_DEPTH):
        found: list[View] = []
        for view in frontier:
            for how, start, end, decoded in encoded(view.text):
                if budget == 0:
                    return Views(tuple(views), truncated=True)
                budget -= 1
                span = view.span(start, end)
                if depth == 0 and view.found_in == "normalised" and any(v.whole == span for v in found):
                    continue
                inner = normalise(decoded)
                found.append(View(how, inner.text if inner else decoded, whole=span))
        if not found:
            break
        views.extend(found)
        frontier = found
    return Views(tuple(views))
