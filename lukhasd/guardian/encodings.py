"""Stretches of a text that hold another text in an encoding."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from lukhasd.guardian.views import STEMS, FoundIn

BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?:(?:[A-Za-z0-9+/_-]{60,76}\r?\n){1,3000}[A-Za-z0-9+/_-]{0,76}|[A-Za-z0-9+/_-]{20,200000})={0,2}"
)
BASE32 = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,100000}={0,6}(?![A-Za-z0-9])")
ASCII85 = re.compile(r"<~([!-uz\s]{8,100000})~>")
HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:\\x|0x)?[0-9A-Fa-f]{2}(?:[ :,]?(?:\\x|0x)?[0-9A-Fa-f]{2}){9,20000}(?![0-9A-Za-z])"
)
HEX_NOISE = re.compile(r"\\x|0x|[ :,]")
URL = re.compile(r"[^\s%]{0,200}(?:%[0-9A-Fa-f]{2}[^\s%]{0,200}){3,2000}")
BINARY = re.compile(r"(?<!\w)[01]{8}(?:[ ,\n]{0,2}[01]{8}){7,20000}(?!\w)")
OCTAL = re.compile(r"\\[0-3]?[0-7]{2}(?:\\[0-3]?[0-7]{2}){7,20000}")
DECIMAL = re.compile(r"(?<!\w)(?:3[2-9]|[4-9]\d|1[012]\d)(?:[ ,]{1,2}(?:3[2-9]|[4-9]\d|1[012]\d)){9,20000}(?!\w)")
MORSE = re.compile(r"(?<!\S)[.\-]{1,5}(?:(?: |  |   | ?[/|] ?)[.\-]{1,5}){7,20000}(?!\S)")
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,100000}")
LETTERS = re.compile(r"[A-Za-z]{4}")
MORSE_LETTERS = (
    "a.- b-... c-.-. d-.. e. f..-. g--. h.... i.. j.--- k-.- l.-.. m-- n-. o--- p.--. q--.- r.-. s... t- u..- v...- "
    "w.-- x-..- y-.-- z--.. 0----- 1.---- 2..--- 3...-- 4....- 5..... 6-.... 7--... 8---.. 9----."
)
MORSE_CODES = {code[1:]: code[0] for code in re.findall(r"\S+", MORSE_LETTERS)}


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
    body = "".join(blob.rstrip("=").split()).replace("-", "+").replace("_", "/")
    if len(body) % 4 == 1:
        return None
    try:
        return readable(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except binascii.Error:
        return None


def decode_base32(blob: str) -> str | None:
    body = blob.rstrip("=")
    try:
        return readable(base64.b32decode(body + "=" * (-len(body) % 8)))
    except binascii.Error:
        return None


def decode_ascii85(body: str) -> str | None:
    try:
        return readable(base64.a85decode(body))
    except ValueError:
        return None


def decode_hex(blob: str) -> str | None:
    digits = HEX_NOISE.sub("", blob)
    return readable(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def decode_codes(numbers: Iterator[str], *, base: int) -> str | None:
    values = [int(number, base) for number in numbers]
    return readable(bytes(values)) if max(values) < 256 else None


def decode_morse(blob: str) -> str | None:
    words = [word.split() for word in re.split(r"[/|]| {2,}", blob)]
    if any(code not in MORSE_CODES for word in words for code in word):
        return None
    return " ".join("".join(MORSE_CODES[code] for code in word) for word in words)


def decode_selectors(run: str) -> str | None:
    """Variation selectors 1 to 256 stand for the bytes 0 to 255."""
    codes = map(ord, run)
    return readable(bytes(code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16 for code in codes))


def encoded(text: str) -> Iterator[tuple[FoundIn, int, int, str]]:
    """Each stretch of `text` that decodes to readable text: how, where, what."""
    for how, match, decoded in candidates(text):
        if decoded:
            yield how, match.start(), match.end(), decoded


def candidates(text: str) -> Iterator[tuple[FoundIn, re.Match[str], str | None]]:
    # A cheap look for what must be there comes first: most texts hold none of it.
    if "%" in text:
        for match in URL.finditer(text):
            yield "url", match, readable(unquote_to_bytes(match.group()))
    for match in HEX.finditer(text):
        yield "hex", match, decode_hex(match.group())
    for match in BASE64.finditer(text):
        yield "base64", match, decode_base64(match.group())
    for match in BASE32.finditer(text):
        yield "base32", match, decode_base32(match.group())
    if "<~" in text:
        for match in ASCII85.finditer(text):
            yield "ascii85", match, decode_ascii85(match.group(1))
    if "0110" in text:
        for match in BINARY.finditer(text):
            yield "codes", match, decode_codes(iter(re.findall(r"[01]{8}", match.group())), base=2)
    if "\\" in text:
        for match in OCTAL.finditer(text):
            yield "codes", match, decode_codes(iter(match.group()[1:].split("\\")), base=8)
    if "11" in text or "10" in text:
        for match in DECIMAL.finditer(text):
            decoded = decode_codes(iter(re.findall(r"\d+", match.group())), base=10)
            # Any table of numbers decodes to something.
            yield "codes", match, decoded if decoded and any(stem in decoded.lower() for stem in STEMS) else None
    if ".-" in text or "-." in text:
        for match in MORSE.finditer(text):
            yield "morse", match, decode_morse(match.group())
    if not text.isascii():
        for match in SELECTORS.finditer(text):
            yield "selectors", match, decode_selectors(match.group())
