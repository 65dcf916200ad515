"""Ways to write a word so that a pattern does not see it and a reader does, taken off one after another."""

from __future__ import annotations

import codecs
import html
import re
from collections import Counter
from collections.abc import Iterator

from lukhasd.guardian.views import STEMS, Rewriting, View, brings_out

ESCAPE = re.compile(
    r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{1,6});?|&#([0-9]{1,7});?|&[A-Za-z]{2,20};"
)
UNSEEN_ENTITIES = ("&shy;", "&zwnj;", "&zwj;", "&zerowidthspace;", "&nobreak;", "&lrm;", "&rlm;")
MARKUP = re.compile(
    r"<!--(?:(?!-->|<!--)[\s\S]){0,2000}-->|(?<=\w)(?:</?[A-Za-z][^<>]{0,200}>|[*`~]{1,3}|\[//\]:[^\n]{0,200})(?=\w)"
)
BREAK = re.compile(r"(?<=[A-Za-z])(?:-[ \t]{0,4}\r?\n[ \t]{0,8}|\r?\n[ \t]{0,8}|-)(?=[A-Za-z])")
SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[ \t.\-_·•*|/,~+\n]{1,3}[^\W_]){5,5000}(?![^\W_])")
LEET_SIGN = re.compile(
    r"[A-Za-z][013457@$€][A-Za-z013457@$€]|[013457@$€!|][A-Za-z]{1,3}[013457@$€!|]|[0-9@$€!|][A-Za-z]{3}"
)
LEET = str.maketrans("0134578@$€!|+", "oieastbaseiit")
STEM_WORDS = re.compile("instructions?|" + "|".join(stem.strip() for stem in STEMS) + "|all|and|your|the")
LONG_STEM_CHARS = 8
ROTATED = tuple(codecs.encode(stem, "rot13") for stem in STEMS if len(stem) >= 6)
REVERSED = tuple(stem[::-1] for stem in STEMS if len(stem) >= 6)
ENDING_CHARS = 6
"""How far behind a stem a hyphen may stand that still parts its word."""
MAX_LINES = 64
"""Lines that are read backwards."""


def undisguised(base: View) -> Iterator[View]:
    """Every reading that takes a disguise off `base`, each made on top of the one before; then those backwards."""
    view = base
    for step in (unescape, strip_markup, join_spaced, join_broken, read_leet):
        after = step(view)
        if after is not None:
            yield after
            view = after
    yield from rotated(view)
    yield from backwards(view)


def unescape(base: View) -> View | None:
    r"""`\u0069`, `&#105;` and the like, where they stand for letters that need no escape or for nothing to be seen."""
    text = base.text
    if "\\u" not in text and "\\x" not in text and "&" not in text:
        return None
    rewriting, telling = Rewriting(base), False
    for match in ESCAPE.finditer(text):
        digits = next((group for group in match.groups()[:3] if group), None)
        code = int(digits, 16) if digits else int(match[4]) if match[4] else None
        if code is None:
            character = html.unescape(match.group())
            unseen = match.group().lower() in UNSEEN_ENTITIES
            character = "" if unseen else character
        elif code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            continue
        else:
            character, unseen = chr(code), code in (0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)
        telling = telling or unseen or (character.isascii() and character.isalpha())
        rewriting.replace(match.start(), match.end(), "" if unseen else character)
    return rewriting.view("escaped") if telling else None


def strip_markup(base: View) -> View | None:
    """Comments and marks inside words taken out, where that brings out a stem."""
    text = base.text
    if "<" not in text and "*" not in text and "`" not in text and "~" not in text:
        return None
    rewriting = Rewriting(base)
    for match in MARKUP.finditer(text):
        rewriting.replace(match.start(), match.end(), "")
    return telling(rewriting.view("markup"), base)


def join_broken(base: View) -> View | None:
    """Words put together that a line's end or a hyphen parts, if a stem runs across it."""
    text = base.text
    if "\n" not in text and "-" not in text:
        return None
    breaks = list(BREAK.finditer(text))
    if not breaks:
        return None
    compact = BREAK.sub("", text).lower()
    places: list[tuple[int, int]] = []
    removed = 0
    for match in breaks:
        places.append((match.start() - removed, ENDING_CHARS if "-" in match.group() else 0))
        removed += match.end() - match.start()
    across: set[int] = set()
    plain = text.lower()
    for stem in STEMS:
        if stem in compact and compact.count(stem) > plain.count(stem):
            across.update(crossed(compact, stem, places))
    if not across:
        return None
    rewriting = Rewriting(base)
    for number in sorted(across):
        rewriting.replace(breaks[number].start(), breaks[number].end(), "")
    return rewriting.view("joined")


def crossed(compact: str, stem: str, places: list[tuple[int, int]]) -> Iterator[int]:
    """The numbers of the `places` inside a `stem`, or as far behind one as each place says."""
    number = 0
    at = compact.find(stem)
    while at >= 0:
        end = at + len(stem)
        while number < len(places) and places[number][0] <= at:
            number += 1
        while number < len(places) and places[number][0] < end + places[number][1]:
            if compact[end : places[number][0]].isalpha() or places[number][0] <= end:
                yield number
            number += 1
        at = compact.find(stem, end)


def join_spaced(base: View) -> View | None:
    """`i g n o r e` and `i.g.n.o.r.e` as words. The rarer separators are taken for gaps between words."""
    rewriting, changed = Rewriting(base), False
    for match in SPACED.finditer(base.text):
        letters, places = joined_letters(match)
        words = "".join(letters)
        lowered = words.lower()
        if not any(stem in lowered for stem in STEMS):
            continue
        if " " not in words:
            words, places = segmented(words, places)
        rewriting.replace(match.start(), match.end(), words, places)
        changed = True
    return rewriting.view("spaced") if changed else None


def joined_letters(match: re.Match[str]) -> tuple[list[str], list[int]]:
    run = match.group()
    parts = re.split(r"([^\W_])", run)
    separators = parts[2:-1:2]
    usual = Counter(separators).most_common(1)[0][0]
    letters, places, at = [], [], match.start()
    for number, part in enumerate(parts):
        if number % 2:
            letters.append(part)
            places.append(at)
        elif 0 < number < len(parts) - 1 and part != usual:
            letters.append(" ")
            places.append(at)
        at += len(part)
    return letters, places


def segmented(words: str, places: list[int]) -> tuple[str, list[int]]:
    """Spaces before and after each stem of letters that are run together."""
    cuts = {edge for match in STEM_WORDS.finditer(words.lower()) for edge in match.span()}
    text, found = [], []
    for number, (letter, place) in enumerate(zip(words, places, strict=True)):
        if number and number in cuts:
            text.append(" ")
            found.append(place)
        text.append(letter)
        found.append(place)
    return "".join(text), found


def read_leet(base: View) -> View | None:
    """Digits and signs read as the letters they are drawn like, where that brings out a stem."""
    if not LEET_SIGN.search(base.text):
        return None
    spelt = re.sub(r"!(?!\w)", ".", base.text.replace("11", "ll")).translate(LEET)
    return telling(View("leet", spelt, base.starts), base)


def rotated(base: View) -> Iterator[View]:
    lowered = base.text.lower()
    signs = [sign for sign in ROTATED if sign in lowered]
    if len(signs) > 1 or any(len(sign) >= LONG_STEM_CHARS for sign in signs):
        yield View("rot13", codecs.encode(base.text, "rot13"), base.starts)


def backwards(base: View) -> Iterator[View]:
    """The lines that make sense backwards: all letters, and word by word."""
    lowered = base.text.lower()
    signs = [sign for sign in REVERSED if sign in lowered]
    if len(signs) < 2 and not any(len(sign) >= LONG_STEM_CHARS for sign in signs):
        return
    at = made = 0
    for line in base.text.split("\n"):
        if made < MAX_LINES and any(sign in line.lower() for sign in signs):
            made += 1
            whole = base.span(at, at + len(line))
            yield View("reversed", line[::-1], whole=whole)
            yield View("reversed", " ".join(word[::-1] for word in line.split(" ")), whole=whole)
        at += len(line) + 1


def telling(view: View, base: View) -> View | None:
    """`view` where it shows a stem that `base` does not."""
    return view if brings_out(view.text.lower(), base.text.lower()) else None
