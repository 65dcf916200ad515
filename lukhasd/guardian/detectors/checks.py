"""What confirms that a match is what it looks like: check digits and randomness."""

from __future__ import annotations

import ipaddress
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable

PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|changeme|change_me|your[_-]?|x{4,}|\*{3,}|<[^>]{1,60}>|\$\{|\{\{|redacted|dummy|sample|"
    r"_here\b|^(?:new|secure|my|some|old|the)[_-]|^(?:password|secret|token|none|null|true|false|test|string|env|os\.|getenv|process\.)|\.\.\."
)
ORDINARY = re.compile(
    r"(?i)\d{1,4}(?:st|nd|rd|th|am|pm|km|kg|eur|usd|gb|mb|h|min)|https?:.*|[a-z]+[!?]+|[a-z]+_[a-z_]+|"
    r".*\.(?:txt|md|pdf|py|kdbx)|\w+@[\w.]+"
)
"""What has letters and digits or marks and is no password."""
SEED_WORDS = (12, 15, 18, 21, 24)
NOT_IN_SEEDS_LIST = """
the and was were are for from had has have his its our their him but not did does been being went which would could
those whose why how onto because too she gets got made took came goes comes likes wants needs lives works called named
moved says said
"""
NOT_IN_SEEDS = frozenset(NOT_IN_SEEDS_LIST.split())
"""Words of sentences that the list of BIP-39 does not have."""
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def entropy_bits(text: str) -> float:
    """Shannon entropy per character, in bits (Shannon 1948, eq. for H of a discrete source)."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def random_looking(value: str) -> bool:
    """High entropy and no placeholder: a generated secret rather than a word."""
    return len(value) >= 16 and entropy_bits(value) >= 3.2 and not PLACEHOLDER.search(value)


def password_like(value: str) -> bool:
    """At least eight characters of three kinds, or a random-looking value; words and placeholders are not."""
    if PLACEHOLDER.search(value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^A-Za-z0-9]"))
    return (len(value) >= 8 and kinds >= 3 and entropy_bits(value) >= 2.5) or random_looking(value)


def plain_password(value: str) -> bool:
    """Letters together with digits or marks, as no word of a sentence has; placeholders, dates and amounts are not."""
    bare = value.strip(".!?")
    mixed = re.search(r"[A-Za-z]", bare) and re.search(r"[0-9@#$%^&*_+=!]", bare)
    return len(bare) >= 6 and mixed is not None and not PLACEHOLDER.search(bare) and not ORDINARY.fullmatch(bare)


def seed_phrase(value: str) -> bool:
    """Begins with 12, 15, 18, 21 or 24 words (BIP-39) of which none is an ordinary sentence's."""
    words = re.findall(r"[a-z]+", value.lower())
    return any(_seed_words(words[:count]) for count in SEED_WORDS if count <= len(words))


def bare_seed_phrase(value: str) -> bool:
    """Is 12 or 24 such words, where nothing else says that it is a seed phrase."""
    words = value.split()
    return len(words) in (12, 24) and _seed_words(words)


def _seed_words(words: list[str]) -> bool:
    return NOT_IN_SEEDS.isdisjoint(words) and len(set(words)) > len(words) - 3


def not_placeholder(value: str) -> bool:
    return not PLACEHOLDER.search(value)


def luhn(value: str) -> bool:
    """ISO/IEC 7812-1 annex B over 13 to 19 digits that are not all the same."""
    digits = [int(c) for c in value if c.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def iban(value: str) -> bool:
    """ISO 13616: the rearranged number modulo 97 is 1."""
    compact = re.sub(r"[\s-]", "", value).upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def social_security(value: str) -> bool:
    """Numbers that the US administration can issue: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    area, group, serial = value[:3], value[4:6], value[7:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def public_address(value: str) -> bool:
    try:
        return ipaddress.ip_address(value).is_global
    except ValueError:
        return False


def phone(value: str) -> bool:
    """8 to 15 digits (E.164), not all alike."""
    digits = re.sub(r"\D", "", value)
    return 8 <= len(digits) <= 15 and len(set(digits)) > 2


def github(value: str) -> bool:
    """GitHub's tokens end in a CRC-32 of the rest, in base 62 with six digits."""
    body = value.split("_", 1)[-1]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits == body[-6:] or (len(body) == 36 and random_looking(body))


CHECKS: dict[str, Callable[[str], bool]] = {
    "entropy": random_looking,
    "password": password_like,
    "plain_password": plain_password,
    "seed_phrase": seed_phrase,
    "bare_seed_phrase": bare_seed_phrase,
    "not_placeholder": not_placeholder,
    "luhn": luhn,
    "iban": iban,
    "ssn": social_security,
    "public_address": public_address,
    "phone": phone,
    "github": github,
}
