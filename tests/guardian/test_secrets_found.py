"""Secrets of all forms are found and masked; what only looks like one is left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import secret_lines

from lukhas_sdk.contract.guardian import GuardianAction
from lukhasd.guardian import Guardian
from lukhasd.guardian.detectors.values import refers, stands_in, stepping_share, word_share
from lukhasd.guardian.findings import Match


def held(guardian: Guardian, content: str, kind: str = "file_write") -> list[Match]:
    matches = guardian.find(GuardianAction(kind, content), budget_s=10.0)  # type: ignore[arg-type]
    return [match for match in matches if match.rule.category == "secret" and match.severity != "low"]


@pytest.mark.parametrize("kind", secret_lines.PROVIDERS)
def test_a_provider_s_key_is_known_by_its_form(guardian: Guardian, kind: str) -> None:
    secret = secret_lines.Maker(11).provider(kind)
    matches = held(guardian, f"for the harbour: {secret}", "message")
    covering = [match for match in matches if match.start <= 17 and match.end >= 17 + len(secret)]
    assert covering, matches
    assert all(secret[6:] not in match.excerpt for match in matches)


def test_nearly_all_assignments_are_found(guardian: Guardian) -> None:
    rows = [row for row in secret_lines.positives(23, 4) if row[0] == "assigned"]
    missed = [line for _, line, _ in rows if not held(guardian, line)]
    assert len(missed) <= 0.02 * len(rows), missed


def test_look_alikes_are_left_alone(guardian: Guardian) -> None:
    wrong = [line for line in secret_lines.NEGATIVES if held(guardian, line)]
    assert len(wrong) <= 0.02 * len(secret_lines.NEGATIVES), wrong


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ('password = "p(ss, w0rd & more"', "p(ss, w0rd & more"),
        ("PASSWORD=Tr0ub4dor&3xy", "Tr0ub4dor&3xy"),
        ('{"password": "Wint3r!harbour"}', "Wint3r!harbour"),
        ("<password>Wint3r!harbour</password>", "Wint3r!harbour"),
        ("postgres://app:hV7kq2Zz@db:5432/x", "hV7kq2Zz"),
        ("curl -u app:hV7kq2ZzLm https://nexus.internal", "hV7kq2ZzLm"),
        ("- name: API_TOKEN\n  value: b7Xk29LmQ4vT81Zr5NcW", "b7Xk29LmQ4vT81Zr5NcW"),
    ],
)
def test_all_of_the_value_is_covered(guardian: Guardian, line: str, secret: str) -> None:
    begin = line.index(secret)
    assert any(m.start <= begin and m.end >= begin + len(secret) for m in held(guardian, line)), held(guardian, line)


@pytest.mark.parametrize(
    "line",
    [
        'assert login("ada", "Wint3r!harbour")',
        "password: Wint3r!harbour  # pragma: allowlist secret",
        'password_hash = "a7Xk29LmQ4vT81Zr5NcW"',
        "password = config.database.password1",
        'token = make_token("a7Xk29LmQ4vT81Zr5NcW")[:8]',
        'public_key = "b7Xk29LmQ4vT81Zr5NcW77aK"',
    ],
)
def test_what_the_name_or_line_explains(guardian: Guardian, line: str) -> None:
    assert held(guardian, line) == []


@pytest.mark.parametrize(
    "value", ["${DB_PASSWORD}", "$TOKEN", "{{ x }}", "%PASS%", "vault:secret/db", "sha256:ab12", "#a1b2c3"]
)
def test_references_and_digests(value: str) -> None:
    assert stands_in(value) or refers(value)


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_shares_are_shares(text: str) -> None:
    assert 0.0 <= word_share(text) <= 1.0
    assert 0.0 <= stepping_share(text) <= 1.0


def test_words_are_told_from_random_letters() -> None:
    assert word_share("authorization-service-token") == 1.0
    assert word_share("xqzvkjwfpbgtrxnm") < 0.5
    assert stepping_share("1234567890") >= 0.9
    assert stepping_share("8f3a91c7") == 0.0
