"""Personal data with right check digits in lines written by hand, and lines of numbers that are none."""
# ruff: noqa: E501

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Callable

from lukhasd.guardian.detectors import numbers

DIGITS = string.digits
UPPER = string.ascii_uppercase


class People:
    """Makes personal data, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def digits(self, count: int) -> str:
        return "".join(self.random.choices(DIGITS, k=count))

    def form(self, form: str) -> str:
        """`form` with # as a digit, ? as a capital; one of several forms, parted by |."""
        chosen = self.random.choice(form.split("|"))
        return "".join(
            self.random.choice(DIGITS) if c == "#" else self.random.choice(UPPER) if c == "?" else c for c in chosen
        )

    def checked(self, form: str, check: Callable[[str], bool]) -> str:
        """One of `form` whose check digits hold."""
        for _ in range(200_000):
            if check(made := self.form(form)):
                return made
        raise ValueError(f"nothing of the form {form} passes its check")

    def iban(self) -> str:
        country, count = self.random.choice((("DE", 18), ("GB", 18), ("FR", 23), ("NL", 14), ("ES", 20), ("IT", 23)))
        letters = {"GB": 4, "NL": 4, "IT": 1}.get(country, 0)
        bank = self.form("?" * letters)
        body = bank + self.digits(count - letters)
        number = int("".join(str(int(c, 36)) for c in f"{body}{country}00"))
        made = f"{country}{98 - number % 97:02d}{body}"
        return " ".join(made[i : i + 4] for i in range(0, len(made), 4)) if self.random.random() < 0.5 else made

    def bitcoin(self) -> str:
        raw = b"\0" + self.random.randbytes(20)
        number = int.from_bytes(raw + hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4], "big")
        made, alphabet = "", "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
        while number:
            number, digit = divmod(number, 58)
            made = alphabet[digit] + made
        return "1" + made


CARRIERS = """
{x}
Please note: {x}.
Ada Berger, {x}, Lisbon
| Ada | {x} | 2024 |
She wrote down {x} and left.
{{"name": "Ada", "field": "{x}"}}
""".strip().splitlines()


def values(people: People) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By kind: one datum, and the lines for it (`CARRIERS` where its form says enough)."""
    form, checked, pick = people.form, people.checked, people.random.choice
    plain = tuple(CARRIERS)
    name = pick(("ada", "jo.berger", "li_wei", "m.rossi-77", "o'neill", "k.müller".encode("ascii", "ignore").decode()))
    return {
        "e-mail": (f"{name}@{pick(('example.org', 'mail.harbour.co.uk', 'uni-bonn.de', 'gmx.net'))}", plain),
        "phone international": (form("+44 20 #### ####|+49 30 ######|+49 (0)151 2#######|+33 6 ## ## ## ##|+1-202-555-####|+1 (415) 555-####|+34 6## ### ###|+39 3## ### ####|+31 6 ########|+55 11 9####-####|+91 9#### #####|+86 138 #### ####|+81 90-####-####|+61 4## ### ###|0049 89 #######"), plain),
        "phone national": (form("(415) 555-####|415-555-####|415.555.####|020 7946 ####|07700 9#####|030/4#######|0171 4######|06 12 34 ## ##|0412 3## ###|03-5###-####|98765 4####|138 1### ####|(11) 9####-####|06-########"), plain),
        "phone in context": (form("##########|0#########|555-####|07#########"), ("Phone: {x}", "call me on {x}", "Tel. {x}", '"mobile": "{x}"', "Handynummer: {x}", "telefono {x}", "fax={x}")),
        "credit card": (checked("4### #### #### ####|5### #### #### ####|3[7##-#####".replace("[7##-#####", "7## ###### #####") + "|4###############|5###-####-####-####|6011 #### #### ####", numbers.luhn), plain),
        "card code": (form("###"), ("CVV: {x}", "cvc {x}", "security code is {x}", '"cvv": "{x}"', "The CVV2 is {x}.")),
        "IBAN": (people.iban(), plain),
        "BIC": (form("DEUTDEFF|BNPAFRPP|COBADEFFXXX|INGBNL2A"), ("BIC: {x}", "SWIFT {x}", "IBAN below, BIC {x}")),
        "bank account": (form("########|##########|############"), ("Account number: {x}", "acct no. {x}", "my bank account is {x}", "Kontonummer {x}", '"accountNumber": "{x}"')),
        "routing number": (checked("0########", numbers.routing), ("routing number {x}", "ABA: {x}", "Routing # {x}")),
        "sort code": (form("##-##-##"), ("Sort code {x}", "sort code: {x}, account 12345678")),
        "US SSN": (checked("###-##-####", numbers.social_security), plain),
        "US SSN in context": (form("### ## ####|#########"), ("SSN: {x}", "social security number {x}", "ssn={x}")),
        "US ITIN": (checked("9##-##-####", numbers.taxpayer), plain),
        "US EIN": (form("##-#######"), ("EIN: {x}", "Employer Identification Number {x}")),
        "UK NINO": (form("AB ## ## ## C|JG######A|TN ## ## ## D"), plain),
        "NHS number": (checked("### ### ####", numbers.nhs), ("NHS number {x}", "patient NHS no: {x}")),
        "DE Steuer-ID": (checked("###########", numbers.steuer_id), ("Steuer-ID: {x}", "Meine Steueridentifikationsnummer ist {x}", "IdNr. {x}")),
        "FR NIR": (checked("1 85 07 75 ### ### ##", numbers.nir), plain),
        "ES DNI": (checked("########?|X#######?", numbers.dni), plain),
        "IT codice fiscale": (checked("RSSMRA85T10A562?|BNCLRA92E54F205?", numbers.codice_fiscale), plain),
        "NL BSN": (checked("#########", numbers.bsn), ("BSN {x}", "burgerservicenummer: {x}")),
        "BR CPF": (checked("###.###.###-##", numbers.cpf), plain),
        "BR CNPJ": (checked("##.###.###/0001-##", numbers.cnpj), plain),
        "IN Aadhaar": (checked("5### #### ####", numbers.aadhaar), plain),
        "IN PAN": (form("ABCP?####?|AKZP?####?"), plain),
        "CA SIN": (checked("### ### ###|###-###-###", numbers.insurance), ("SIN {x}", "Social Insurance Number: {x}", "{x}")),
        "AU TFN": (checked("### ### ###", numbers.tax_file), ("TFN: {x}", "tax file number {x}")),
        "AU Medicare": (checked("2### ##### #", numbers.medicare), ("Medicare card {x}", "medicare number: {x}")),
        "CN resident id": (checked("11010519900307###?".replace("?", "#"), numbers.resident), plain),
        "CH AHV": (checked("756.####.####.##", numbers.ean13), plain),
        "SE personnummer": (checked("900307-####", numbers.personnummer), plain),
        "PL PESEL": (checked("900307#####", numbers.pesel), ("PESEL {x}", "numer PESEL: {x}")),
        "passport": (form("?########|#########|C01X00T47|?? #######".replace("?? ", "??")), ("Passport number: {x}", "passport no. {x}", "Reisepass {x}", '"passport": "{x}"')),
        "driving licence": (form("?#######|MORGA657054SM#IJ|D###-####-####|#########"), ("Driver's license: {x}", "driving licence number {x}", "DL number {x}", "Führerschein {x}")),
        "identity card": (form("L01X00T4#|#########|AB#######"), ("ID card number: {x}", "Personalausweis {x}", "national ID {x}")),
        "IPv4": (form("81.2.69.1##|10.4.1.#|192.168.1#.2#"), plain),
        "IPv6": (form("2001:db8:85a3::8a2e:370:7###|fe80::1ff:fe23:4567:8##a|2a02:0db8:0000:0000:0000:ff00:0042:8###"), plain),
        "MAC address": (form("00:1A:2B:3C:4D:#E|a4-83-e7-1b-##-0f|001a.2b3c.4d##"), plain),
        "date of birth": (form("07/03/19##|19##-03-07|7 March 19##|07.03.19##|March 7, 19##"), ("DOB: {x}", "born on {x}", "date of birth {x}", "geboren am {x}", '"dateOfBirth": "{x}"', "née le {x}")),
        "postal address": (pick(("221 Baker Street, London", "1600 Harbor View Ave, Springfield, IL 62704", "Lindenstraße 14, 10969 Berlin", "12 rue de la Paix, 75002 Paris", "Calle de Alcalá 45, 28014 Madrid", "Via Garibaldi 7, 20121 Milano", "P.O. Box 1482", "48 Elm Road, Flat 3", "Prinsengracht 263, 1016 GV Amsterdam")), plain),
        "postcode": (form("SW1A 2AA|M# #AB|K#A #B#|IL 627##"), plain),
        "VIN": (checked("1HGCM8263#A######", numbers.vehicle), plain),
        "licence plate": (form("AB12 CDE|B-MW 1###|7ABC###|AA-###-BB"), ("licence plate {x}", "plate number: {x}", "Kennzeichen {x}", "her car's number plate is {x}")),
        "medical record": (form("MRN-######|########|A######"), ("MRN: {x}", "medical record number {x}", "patient ID {x}")),
        "user name": (pick(("ada_77", "jberger", "li.wei2001", "xX_marble_Xx")), ("username: {x}", "user name is {x}", '"username": "{x}"', "login: {x}")),
        "password": (pick(("Winter2031!", "hunter2x", "m4rble#Candle", "Tr0ub4dor&3")), ("password: {x}", "my password is {x}", '"password": "{x}"', "Passwort: {x}")),
        "PIN": (form("####|######"), ("PIN: {x}", "my PIN is {x}", "pin code {x}", '"pin": "{x}"')),
        "Bitcoin address": (people.bitcoin(), plain),
        "Ethereum address": ("0x" + "".join(people.random.choices("0123456789abcdef", k=40)), plain),
        "URL with credentials": (f"https://ada:{form('q7##vk##x')}@files.harbour.io/a", plain),
        "GPS": (form("48.85##, 2.29##|-33.8568, 151.2###|40°41'21\"N 74°02'40\"W"), plain),
        "IMEI": (checked("35-######-######-#|35#############", numbers.imei), plain),
    }  # fmt: skip


NEGATIVES = r"""
The meeting is at 14:30 on 2026-03-18 in room 204.
Version 4.17.21 replaces 4.17.20.
Order 2024-000183 has 12 items for 349.90 EUR.
The build took 1234567 ms on 16 cores.
ISBN 978-3-16-148410-0
commit 3f786850e387550fdab836ed7e6dc881de23001b
uuid 7c9e6679-7425-40de-944b-e07fc1f90ae7
Invoice 10023398 is due in 30 days.
The population was 83,240,525 in 2022.
The range is 1990-2010, with 20 % growth.
RFC 3339 says 1996-12-19T16:39:57-08:00.
Pi is 3.14159265358979.
The score was 3-2 after 120 minutes.
Section 4.2.1.3 covers errors.
Call the function with (1, 2, 3).
Chapter 12, page 345 to 367.
The road is 230 km long and 8 m wide.
He ran the 100 m in 9.58 s.
Port 8080, then 8443.
192.168.0.0/16 is a private range.
The mask is 255.255.255.0.
sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709
The temperature was -12.5 degrees.
Model X-1000-B, serial unknown.
The law was passed in 1949 and changed in 1990.
0x7ffde4a3
#a1b2c3 and rgb(12, 34, 56)
1,000,000,007 is prime.
The password is in the safe.
The train leaves from platform 9.
x = [1024, 2048, 4096, 8192]
2026-03-18 12:00:01,345 INFO 4711 started
There are 86400 seconds in a day and 31536000 in a year.
E = mc^2, F = 9.81 * m
DE is the code of Germany, and GB of the United Kingdom.
The flight LH 1234 was late.
UTF-8, ISO-8859-1 and CP1252
He was the 44th, she the 45th.
See figures 3.4, 3.5 and 3.6.
Between 10:00:00 and 11:59:59
The seed 1234567890123456 gives the same run.
Track 1Z 999 AA1 01 2345 6784 is out for delivery.
The user wrote a login page.
The bank was open on Monday; my account of the day follows.
The street was empty, and the avenue too.
Size 42, width 105, height 68.
Two at a time, three at most.
chmod 0755 and umask 022
GET /items?page=2&size=100 200 OK 1532
ARG=1;echo $((ARG+1))
""".strip().splitlines()


def rows(seed: int, rounds: int) -> list[tuple[str, str, str]]:
    """(kind, line, datum), every kind once a round, in another line each time."""
    people = People(seed)
    made: list[tuple[str, str, str]] = []
    for _ in range(rounds):
        for kind, (datum, carriers) in values(people).items():
            made.append((kind, people.random.choice(carriers).format(x=datum), datum))
    return made
