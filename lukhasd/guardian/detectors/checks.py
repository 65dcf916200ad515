"""What confirms that a match is what it looks like: check digits and randomness, by the name that a rule gives."""

from __future__ import annotations

import ipaddress
import re
import zlib
from collections.abc import Callable

from lukhasd.guardian.detectors import numbers, values
from lukhasd.guardian.detectors.assignments import STUB, assigned_password, assigned_secret
from lukhasd.guardian.detectors.candidates import Candidate
from lukhasd.guardian.detectors.numbers import iban, luhn
from lukhasd.guardian.detectors.values import entropy_bits, kinds, random_looking, stands_in

__all__ = ["BASE62", "CHECKS", "entropy_bits", "iban", "luhn"]

ORDINARY = re.compile(
    r"(?i)\d{1,4}(?:st|nd|rd|th|am|pm|km|kg|eur|usd|gb|mb|h|min)|https?:.*|[a-z]+[!?]+|[a-z]+_[a-z_]+|"
    r".*\.(?:txt|md|pdf|py|kdbx)|\w+@[\w.]+"
)
"""What has letters and digits or marks and is no password."""
PUBLIC = re.compile(r"(?i)public|publish|\bpk_(?:live|test)_")
SEED_WORDS = (12, 15, 18, 21, 24)
NOT_IN_SEEDS_LIST = """
the and was were are for from had has have his its our their him but not did does been being went which would could
those whose why how onto because too she gets got made took came goes comes likes wants needs lives works called named
moved says said
"""
NOT_IN_SEEDS = frozenset(NOT_IN_SEEDS_LIST.split())
"""Words of sentences that the list of BIP-39 does not have."""
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def password_like(value: str) -> bool:
    """At least eight characters of three kinds, or a random-looking value; words and placeholders are not."""
    if stands_in(value) or values.refers(value):
        return False
    return (len(value) >= 8 and kinds(value) >= 3 and entropy_bits(value) >= 2.5) or random_looking(value)


def plain_password(value: str) -> bool:
    """Letters together with digits or marks, as no word of a sentence has; placeholders, dates and amounts are not."""
    bare = value.strip(".!?")
    mixed = re.search(r"[A-Za-z]", bare) and re.search(r"[0-9@#$%^&*_+=!]", bare)
    return len(bare) >= 6 and mixed is not None and not stands_in(bare) and not ORDINARY.fullmatch(bare)


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
    return not stands_in(value)


def hard_to_guess(value: str) -> bool:
    """No placeholder and no reference: what stands where only a password can stand."""
    return not stands_in(value) and not values.refers(value)


def public_address(value: str) -> bool:
    try:
        return ipaddress.ip_address(value).is_global
    except ValueError:
        return False


def address(value: str) -> bool:
    """An IPv4 or IPv6 address that belongs to one machine: no unspecified, loopback or netmask."""
    try:
        found = ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        return False
    return not (found.is_unspecified or found.is_loopback or value.startswith(("255.", "0.")))


def github(value: str) -> bool:
    """GitHub's tokens end in a CRC-32 of the rest, in base 62 with six digits; older and made-up ones do not."""
    body = value.split("_", 1)[-1]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits == body[-6:] or (len(body) == 36 and values.token_like(value))


def generated(candidate: Candidate) -> bool:
    """A value that its context already names: random enough, and not in a line of a test or of documentation."""
    value = candidate.value
    mixed = re.search(r"[A-Za-z]", value) and re.search(r"\d", value)
    return (
        mixed is not None
        and hard_to_guess(value)
        and (values.word_share(value) < 0.6)
        and PUBLIC.search(candidate.text, candidate.hit.start(), candidate.end) is None
        and STUB.search(candidate.line) is None
    )


def given_password(candidate: Candidate) -> bool:
    """A password given as an argument: to a program's option, a call, a statement of SQL."""
    value = candidate.value
    odd = re.search(r"[^A-Za-z_.-]", value) is not None or values.word_share(value) < 0.5
    return len(value) >= 4 and odd and hard_to_guess(value) and STUB.search(candidate.line) is None


def _of_value(check: Callable[[str], bool]) -> Callable[[Candidate], bool]:
    return lambda candidate: check(candidate.value)


CHECKS: dict[str, Callable[[Candidate], bool]] = {
    "assigned_secret": assigned_secret,
    "assigned_password": assigned_password,
    "generated": generated,
    "given_password": given_password,
} | {
    name: _of_value(check)
    for name, check in {
        "entropy": random_looking,
        "password": password_like,
        "plain_password": plain_password,
        "seed_phrase": seed_phrase,
        "bare_seed_phrase": bare_seed_phrase,
        "not_placeholder": not_placeholder,
        "hard_to_guess": hard_to_guess,
        "token": values.token_like,
        "github": github,
        "public_address": public_address,
        "address": address,
        "luhn": luhn,
        "iban": iban,
        "ssn": numbers.social_security,
        "itin": numbers.taxpayer,
        "routing": numbers.routing,
        "nhs": numbers.nhs,
        "steuer_id": numbers.steuer_id,
        "nir": numbers.nir,
        "dni": numbers.dni,
        "codice_fiscale": numbers.codice_fiscale,
        "bsn": numbers.bsn,
        "cpf": numbers.cpf,
        "cnpj": numbers.cnpj,
        "aadhaar": numbers.aadhaar,
        "tax_file": numbers.tax_file,
        "medicare": numbers.medicare,
        "resident": numbers.resident,
        "personnummer": numbers.personnummer,
        "hetu": numbers.hetu,
        "pesel": numbers.pesel,
        "national_register": numbers.national_register,
        "ean13": numbers.ean13,
        "nric": numbers.nric,
        "vehicle": numbers.vehicle,
        "imei": numbers.imei,
        "insurance": numbers.insurance,
        "bitcoin": numbers.bitcoin,
        "base58check": numbers.base58check,
        "some_digits": numbers.some_digits,
        "phone": numbers.phone,
    }.items()
}
