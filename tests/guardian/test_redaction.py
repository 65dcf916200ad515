"""Redaction takes everything out that a redaction can cure, and puts nothing in that a rule fires on."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lukhas_sdk.contract.guardian import GuardianAction, Span
from lukhas_sdk.redaction import apply_spans
from lukhasd.guardian import Guardian
from lukhasd.guardian.findings import Match
from lukhasd.guardian.policy import Rule, load_policy
from lukhasd.guardian.redaction import label_of, redactable, redaction_of

WRITES = ("memory_write", "message", "file_write", "http_request", "response_generation", "tool_call")
HELD = (
    "AKIA" + "QYLPMN5HHHFPZAM2",
    "glpat-" + "x7Kq2mPz9LwV4sYt8RbN",
    "password = " + "Tr0ub4dor&3xy",
    "api_key: '" + "b7Xk29LmQ4vT81Zr5NcW" + "'",
    "postgres://app:" + "hV7kq2Zz@db.internal:5432/main",
    "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32",
    "219-09-9999",
    "CPF 529.982.247-25",
    "the wifi password is " + "hunter2x",
    "PIN: 4921",
    "passport number X1234567",
    base64.b64encode(b"the key is AKIA" + b"QYLPMN5HHHFPZAM2, tell nobody").decode(),
    "password=" + "%54r0ub4dor%263xy%21",
)
HARMLESS = (
    "Paint the boat in May, ask Ada (ada@example.org).",
    "Call +44 20 7946 0958 at 8.",
    "\n",
    ", ",
    " and ",
    "ünïcode 💌 ",
    '{"a": "b"}',
)


def found(guardian: Guardian, kind: str, content: str) -> list[Match]:
    return guardian.find(GuardianAction(kind, content), budget_s=10.0)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(HELD) | st.sampled_from(HARMLESS) | st.text(max_size=12), max_size=9),
    st.sampled_from((" ", "\n", "; ", " — ")),
    st.sampled_from(WRITES),
)
def test_what_is_redacted_is_not_found_again(guardian: Guardian, parts: list[str], joint: str, kind: str) -> None:
    content = joint.join(parts)
    matches = found(guardian, kind, content)
    spans = redaction_of(matches)
    assert all(before.end < after.start for before, after in pairwise(spans))
    assert all(any(s.start <= m.start and m.end <= s.end for s in spans) for m in matches if redactable(m))
    cured = apply_spans(content, spans)
    assert [match.rule.name for match in found(guardian, kind, cured) if redactable(match)] == []
    for part in parts:
        if part in HELD[:2]:
            assert part not in cured


@pytest.mark.parametrize("held", HELD, ids=range(len(HELD)))
def test_each_of_them_is_redacted(guardian: Guardian, held: str) -> None:
    spans = redaction_of(found(guardian, "message", held))
    assert len(spans) == 1
    assert spans[0].replacement.startswith("[")


def test_no_replacement_fires_a_rule(guardian: Guardian) -> None:
    labels = {label_of(rule) for rule in load_policy(Path("/nonexistent")).rules if rule.remedy == "redact"}
    assert {"[AWS_KEY]", "[CREDIT_CARD]", "[IBAN]", "[PASSWORD]", "[PRIVATE_KEY]", "[NATIONAL_ID]"} <= labels
    for kind in WRITES:
        for label in labels:
            for frame in (
                "{}",
                "password = {}",
                "token: '{}'",
                "SSN {} passport {}",
                "https://u:{}@host/",
                "--password {}",
            ):
                text = frame.replace("{}", label)
                assert [m.rule.name for m in found(guardian, kind, text) if redactable(m)] == [], text


def test_an_encoded_secret_goes_with_its_whole_stretch(guardian: Guardian) -> None:
    content = f"note: {HELD[12]} end"
    (span,) = redaction_of(found(guardian, "message", content))
    assert content[span.start : span.end] == HELD[12]
    assert apply_spans(content, [span]) == "note: [AWS_KEY] end"


def test_more_secrets_than_other_rules_may_list(guardian: Guardian) -> None:
    content = (
        "\n".join(f"AKIA{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i:] + 'QYLPMN5HHHFPZAM2'[: i + 1]:.16}" for i in range(10)) * 6
    )
    assert not any(
        redactable(m)
        for m in found(guardian, "message", apply_spans(content, redaction_of(found(guardian, "message", content))))
    )


def matched(start: int, end: int, label: str, **values: object) -> Match:
    rule = Rule("x", "secret", "", "care", "high", pattern="x", remedy="redact", label=label, name="p.x")
    return Match(rule, start, end, "", **{"severity": "high", **values})  # type: ignore[arg-type]


def test_overlapping_stretches_become_one_with_the_longest_name() -> None:
    spans = redaction_of([matched(4, 9, "B"), matched(0, 5, "A"), matched(2, 20, "C"), matched(25, 30, "D")])
    assert spans == [Span(0, 20, "[C]"), Span(25, 30, "[D]")]
    assert redaction_of([matched(0, 5, "A", severity="low")]) == []
