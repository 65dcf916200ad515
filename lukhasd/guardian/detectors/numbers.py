"""Check digits of the numbers by which people, accounts and things are known. Separators are ignored throughout."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date

from lukhasd.guardian.detectors.values import stepping_share

NIR_DEPARTMENTS = {"2A": "19", "2B": "18"}
DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
ODD_FISCAL = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", ODD_VALUES + ODD_VALUES[:10], strict=True))
"""What a character in an odd place of a codice fiscale counts."""
VERHOEFF_TIMES = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
VERHOEFF_ORDER = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def digits_of(value: str) -> list[int]:
    return [int(c) for c in value if c in "0123456789"]


def compact(value: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", value).upper()


def weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def luhn_sum(digits: Sequence[int]) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = (d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def luhn(value: str) -> bool:
    """ISO/IEC 7812-1 annex B over 13 to 19 digits that are not all the same."""
    digits = digits_of(value)
    return 13 <= len(digits) <= 19 and len(set(digits)) >= 2 and luhn_sum(digits)


def iban(value: str) -> bool:
    """ISO 13616: the rearranged number modulo 97 is 1."""
    short = re.sub(r"[\s-]", "", value).upper()
    if not 15 <= len(short) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in short[4:] + short[:4])) % 97 == 1


def social_security(value: str) -> bool:
    """Numbers that the US administration can issue: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    short = compact(value)
    area, group, serial = short[:3], short[3:5], short[5:]
    return len(short) == 9 and area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def taxpayer(value: str) -> bool:
    """A US ITIN: area 9xx, group 50–65, 70–88, 90–92 or 94–99."""
    short = compact(value)
    group = int(short[3:5])
    return short[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 99) and group not in (89, 93)


def routing(value: str) -> bool:
    """An ABA routing number: weights 3, 7, 1 modulo 10, and a Federal Reserve district in front."""
    digits = digits_of(value)
    district = digits[0] * 10 + digits[1] if len(digits) == 9 else 99
    known = district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return known and any(digits) and weighted(digits, (3, 7, 1) * 3) % 10 == 0


def nhs(value: str) -> bool:
    digits = digits_of(value)
    return (
        len(digits) == 10 and len(set(digits)) > 1 and (11 - weighted(digits, range(10, 1, -1)) % 11) % 11 == digits[9]
    )


def steuer_id(value: str) -> bool:
    """The German tax id: ISO 7064 modulo 11,10; one digit of the first ten comes twice or thrice."""
    digits = digits_of(value)
    if len(digits) != 11 or digits[0] == 0 or not 8 <= len(set(digits[:10])) <= 9:
        return False
    product = 10
    for digit in digits[:10]:
        product = (((digit + product) % 10) or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


def nir(value: str) -> bool:
    """The French social security number: 97 less its first thirteen digits modulo 97."""
    short = compact(value)
    body = short[:5] + NIR_DEPARTMENTS.get(short[5:7], short[5:7]) + short[7:13]
    return len(short) == 15 and body.isdigit() and 97 - int(body) % 97 == int(short[13:])


def dni(value: str) -> bool:
    """A Spanish DNI or NIE: the letter is the number modulo 23."""
    short = compact(value)
    number = {"X": "0", "Y": "1", "Z": "2"}.get(short[0], short[0]) + short[1:-1]
    return number.isdigit() and DNI_LETTERS[int(number) % 23] == short[-1]


def codice_fiscale(value: str) -> bool:
    short = compact(value)
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in short[1:15:2])
    return len(short) == 16 and chr(65 + (even + sum(ODD_FISCAL[c] for c in short[:15:2])) % 26) == short[15]


def bsn(value: str) -> bool:
    """A Dutch BSN: the eleven test, the last digit weighing −1."""
    digits = [0] * (9 - len(digits_of(value))) + digits_of(value)
    return len(digits) == 9 and any(digits) and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def cpf(value: str) -> bool:
    digits = digits_of(value)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return all(weighted(digits, range(n + 1, 1, -1)) * 10 % 11 % 10 == digits[n] for n in (9, 10))


def cnpj(value: str) -> bool:
    digits, weights = digits_of(value), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    if len(digits) != 14 or len(set(digits)) == 1:
        return False
    return all((11 - weighted(digits, weights[13 - n :]) % 11) % 11 % 10 == digits[n] for n in (12, 13))


def aadhaar(value: str) -> bool:
    """Verhoeff 1969 over twelve digits."""
    check = 0
    digits = digits_of(value)
    for place, digit in enumerate(reversed(digits)):
        check = int(VERHOEFF_TIMES[check][int(VERHOEFF_ORDER[place % 8][digit])])
    return len(digits) == 12 and check == 0 and len(set(digits)) > 2


def tax_file(value: str) -> bool:
    """An Australian TFN: weights 1 4 3 7 5 8 6 9 10 modulo 11."""
    digits = digits_of(value)
    return len(digits) == 9 and any(digits) and weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def medicare(value: str) -> bool:
    """An Australian Medicare card: weights 1 3 7 9 over eight digits modulo 10 give the ninth."""
    digits = digits_of(value)
    return len(digits) in (10, 11) and 2 <= digits[0] <= 6 and weighted(digits[:8], (1, 3, 7, 9) * 2) % 10 == digits[8]


def resident(value: str) -> bool:
    """A Chinese resident identity number: a date of birth, and ISO 7064 modulo 11,2."""
    short = compact(value)
    try:
        date(int(short[6:10]), int(short[10:12]), int(short[12:14]))
    except ValueError:
        return False
    return "10X98765432"[weighted([int(c) for c in short[:17]], RESIDENT_WEIGHTS) % 11] == short[17]


def personnummer(value: str) -> bool:
    """A Swedish personal number: Luhn over its last ten digits, the first six of them a date."""
    digits = digits_of(value)[-10:]
    return len(digits) == 10 and 1 <= digits[2] * 10 + digits[3] <= 12 and luhn_sum(digits)


def hetu(value: str) -> bool:
    """A Finnish personal code: the number modulo 31 picks the last character."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[7:10]) % 31] == value[10].upper()


def pesel(value: str) -> bool:
    digits = digits_of(value)
    return len(digits) == 11 and weighted(digits, (1, 3, 7, 9) * 2 + (1, 3, 1)) % 10 == 0


def national_register(value: str) -> bool:
    """A Belgian register number: 97 less the first nine digits modulo 97, after a 2 for those born from 2000."""
    digits = "".join(map(str, digits_of(value)))
    return len(digits) == 11 and any(97 - int(front + digits[:9]) % 97 == int(digits[9:]) for front in ("", "2"))


def ean13(value: str) -> bool:
    digits = digits_of(value)
    return len(digits) == 13 and weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def nric(value: str) -> bool:
    """A Singapore NRIC or FIN."""
    short = compact(value)
    total = weighted([int(c) for c in short[1:8]], (2, 7, 6, 5, 4, 3, 2)) + (4 if short[0] in "TG" else 0)
    return ("JZIHGFEDCBA" if short[0] in "ST" else "XWUTRQPNMLK")[total % 11] == short[8]


def vehicle(value: str) -> bool:
    """A VIN: 49 CFR 565.15's check digit in the ninth place; European ones do not keep it."""
    short = compact(value)
    if len(short) != 17 or not re.search(r"[A-Z]", short) or not re.search(r"\d", short):
        return False
    values = [int(c) if c.isdigit() else VIN_VALUES.get(c, 0) for c in short]
    return "0123456789X"[weighted(values, VIN_WEIGHTS) % 11] == short[8]


def imei(value: str) -> bool:
    digits = digits_of(value)
    return len(digits) == 15 and len(set(digits)) > 2 and luhn_sum(digits)


def insurance(value: str) -> bool:
    """A Canadian SIN: Luhn over nine digits that do not begin with 0 or 8."""
    digits = digits_of(value)
    return len(digits) == 9 and len(set(digits)) > 2 and luhn_sum(digits)


def bitcoin(value: str) -> bool:
    """A Base58Check or Bech32 address whose checksum holds (BIP 173 and 350), in any of Bitcoin's relatives."""
    return _bech32(value) if re.match(r"(?i)(?:bc|tb|ltc)1", value) else base58check(value)


def base58check(value: str) -> bool:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in value:
        if character not in alphabet:
            return False
        number = number * 58 + alphabet.index(character)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    raw = b"\0" * (len(value) - len(value.lstrip("1"))) + raw
    return len(raw) > 20 and hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _bech32(value: str) -> bool:
    prefix, _, body = value.lower().rpartition("1")
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    if not set(body) <= set(alphabet):
        return False
    data = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [alphabet.index(c) for c in body]
    check = 1
    for item in data:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ item
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> place & 1 else 0
    return check in (1, 0x2BC830A3)


def some_digits(value: str) -> bool:
    """Has four digits or more, not all alike: for a number that its context names and no check digit guards."""
    digits = digits_of(value)
    return len(digits) >= 4 and len(set(digits)) > 1


def phone(value: str) -> bool:
    """7 to 15 digits (E.164), not all alike and no plain sequence, and no date."""
    digits = "".join(map(str, digits_of(value)))
    if re.fullmatch(
        r"(?:19|20)\d{2}[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}(?: \d{2})?|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d{2}",
        value.strip(),
    ):
        return False
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2 and stepping_share(digits) < 0.95
