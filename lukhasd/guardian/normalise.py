"""Views of a content in which disguises are taken off, each with a way back to the original characters."""

from __future__ import annotations

import re
import unicodedata
from array import array
from functools import lru_cache

from lukhasd.guardian.disguises import undisguised
from lukhasd.guardian.encodings import encoded
from lukhasd.guardian.views import FoundIn, View, Views

__all__ = ["FoundIn", "View", "Views", "normalise", "unfold"]

MAX_DECODED = 512
"""Encoded stretches that are decoded per content; more than that is reported by `Views.truncated`."""
MAX_DEPTH = 3

# Signs that NFKC leaves alone: Latin letters of other shapes, dashes and quotation marks.
SHAPES = str.maketrans(
    "ıɡɑʟʀɪɴᴀʙᴄᴅᴇꜰɢʜᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡʏᴢɩℓ‐‑‒–—−’‘“”",
    "igalrinabcdefghjkmopstuvwyzil------''\"\"",
)
# Letters of other scripts that are drawn like a Latin one: Cyrillic, Greek, Armenian, Cherokee.
LOOK_ALIKES = str.maketrans(
    "аеіјорсухѕһԁԛԝьктмнвАВЕКМНОРСТУХІЅЈӀαιοκνρτυχγεηωβΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳօոսհցզյՏՍՕᎠᎡᎢᎥᎪᎫᎬᎳᎷᎻᎽᏀᏃᏏᏒᏔᏙᏚᏞᏟᏢᏦᏧᏴ",
    "aeijopcyxshdqwbktmhbABEKMHOPCTYXISJlaiokvptuxyenwbABEZHIKMNOPTYXcjonuhgqjSUODRTiAJEWMHYGZbRWVSLCPKdB",
)
OTHER_SCRIPT = re.compile("[\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13ff]")
WORD = re.compile(r"[^\W\d_]{1,2000}")
ASCII_LETTER = re.compile("[A-Za-z]")
TAG_BASE = 0xE0000
NON_ASCII = re.compile(r"[^\x00-\x7f]+")
GENERAL_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
"""Marks that belong to no script; those of Hindi or Arabic spell words and stay."""


@lru_cache(maxsize=8192)
def fold(character: str) -> str:
    """What a reader takes `character` for by itself: compatibility forms, marks and shapes folded, unseen ones gone."""
    code = ord(character)
    if TAG_BASE + 0x20 <= code <= TAG_BASE + 0x7E:
        return chr(code - TAG_BASE)
    folded = unicodedata.normalize("NFKC", character).translate(SHAPES)
    folded = "".join(c for c in folded if not GENERAL_MARKS.match(c) and unicodedata.category(c) not in ("Cf", "Me"))
    if len(folded) == 1:
        base = unicodedata.normalize("NFKD", folded)[0].translate(SHAPES)
        return base if base.isascii() and base.isalpha() else folded
    return folded if folded.isascii() else "".join(c if c.isascii() else fold(c) for c in folded)


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
    folded_text = latinise("".join(pieces))
    if folded_text == text:
        return None
    return View("normalised", folded_text, starts)


def latinise(text: str) -> str:
    """`text`, as long as before, with the look-alikes of Latin letters replaced: in words that also hold Latin letters,
    and in words made of nothing else in a text that is mostly Latin. What is written in another script stays."""
    if not OTHER_SCRIPT.search(text):
        return text

    def spell(match: re.Match[str]) -> str:
        word = match.group()
        return word.translate(LOOK_ALIKES) if OTHER_SCRIPT.search(word) and ASCII_LETTER.search(word) else word

    def spell_whole(match: re.Match[str]) -> str:
        spelt = match.group().translate(LOOK_ALIKES)
        return spelt if spelt.isascii() else match.group()

    spelt = WORD.sub(spell, text)
    latin = len(ASCII_LETTER.findall(spelt)) > len(OTHER_SCRIPT.findall(spelt))
    return WORD.sub(spell_whole, spelt) if latin else spelt


def unfold(text: str) -> Views:
    """Every view of `text`, the plain one first. A decoded view maps to the whole encoded stretch."""
    views = [View("plain", text)]
    budget = MAX_DECODED
    folded = normalise(text)
    if folded is not None:
        views.append(folded)
    views.extend(undisguised(views[-1]))
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
