"""Personal data of all kinds is found; it is a note where a person types it, and never blocks an e-mail address."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import personal_lines

from lukhas_sdk.contract.guardian import GuardianAction, Verdict
from lukhasd.guardian import Guardian
from lukhasd.guardian.detectors import numbers
from lukhasd.guardian.findings import Match

Judge = Callable[..., Verdict]


def personal(guardian: Guardian, content: str, kind: str = "message") -> list[Match]:
    matches = guardian.find(GuardianAction(kind, content), budget_s=10.0)  # type: ignore[arg-type]
    return [match for match in matches if match.rule.category in ("personal_data", "secret")]


def test_nearly_all_of_every_kind_is_found(guardian: Guardian) -> None:
    rows = personal_lines.rows(31, 6)
    missed: Counter[str] = Counter()
    for kind, line, datum in rows:
        begin = line.index(datum)
        inside = {
            at for m in personal(guardian, line) for at in range(max(m.start, begin), min(m.end, begin + len(datum)))
        }
        missed[kind] += len(inside) < 0.6 * len(datum)
    assert missed.total() <= 0.02 * len(rows), +missed
    assert max(missed.values()) <= 2, +missed


def test_lines_of_other_numbers_are_left_alone(guardian: Guardian) -> None:
    wrong = [line for line in personal_lines.NEGATIVES if personal(guardian, line)]
    assert wrong == []


@pytest.mark.parametrize(
    "content",
    [
        "My e-mail is ada@example.org, my number +44 20 7946 0958 and I am on 81.2.69.142.",
        "My card 4111 1111 1111 1111 was charged twice; what can I do?",
        "I was born on 7 March 1990 and live at 221 Baker Street.",
        "My passport number X1234567 has expired.",
    ],
)
def test_what_people_say_of_themselves_blocks_nothing(judge: Judge, content: str) -> None:
    findings = [f for f in judge(content, "user_input").reasoning.findings if f.category == "personal_data"]
    assert findings
    assert {finding.severity for finding in findings} == {"low"}


@pytest.mark.parametrize("kind", ["memory_write", "message", "http_request", "file_write", "response_generation"])
@pytest.mark.parametrize(
    "datum",
    ["4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "219-09-9999", "529.982.247-25", "account number 40182233"],
)
def test_what_identity_thieves_use_is_to_be_redacted(guardian: Guardian, kind: str, datum: str) -> None:
    assert ("medium", "redact") in {(m.severity, m.rule.remedy) for m in personal(guardian, f"Hers: {datum}", kind)}


CHECKED = {
    "4539 1488 0343 6467": numbers.luhn,
    "021000021": numbers.routing,
    "943 476 5919": numbers.nhs,
    "86095742719": numbers.steuer_id,
    "12345678Z": numbers.dni,
    "RSSMRA85T10A562S": numbers.codice_fiscale,
    "111222333": numbers.bsn,
    "529.982.247-25": numbers.cpf,
    "11.222.333/0001-81": numbers.cnpj,
    "11010519491231002X": numbers.resident,
    "1HGCM82633A004352": numbers.vehicle,
    "490154203237518": numbers.imei,
    "046 454 286": numbers.insurance,
    "123 456 782": numbers.tax_file,
    "44051401359": numbers.pesel,
    "756.9217.0769.85": numbers.ean13,
    "131052-308T": numbers.hetu,
    "S1234567D": numbers.nric,
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT": numbers.bitcoin,
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4": numbers.bitcoin,
    "9999 4105 7058": numbers.aadhaar,
}


@pytest.mark.parametrize(("number", "check"), CHECKED.items(), ids=CHECKED)
def test_check_digits(number: str, check: Callable[[str], bool]) -> None:
    assert check(number)
    places = [at for at, c in enumerate(number) if c.isdigit()]
    wrong = [f"{number[:at]}{(int(number[at]) + 1) % 10}{number[at + 1 :]}" for at in places[-4:]]
    assert not any(check(other) for other in wrong if other != number), wrong
