"""What a receiver may believe."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from lukhas_sdk.errors import InvalidToken, ValidationError
from lukhas_sdk.webhooks import sign, verify

SECRET = "whsec_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
BODY = (
    b'{"delivery_id":"delivery_1","webhook_id":"webhook_1","event":"memory_stored",'
    b'"occurred_at":"2026-01-31T10:00:00Z","missed":0,"token":null}'
)
AT_S = 1_770_000_000


def headers(body: bytes = BODY, *, secret: str = SECRET, at_s: int = AT_S, **changed: Any) -> dict[str, str]:
    made = {"X-Lukhas-Timestamp": str(at_s), "X-Lukhas-Signature": f"v1={sign(secret, at_s, body)}"}
    return made | {f"X-Lukhas-{name.title()}": value for name, value in changed.items()}


def test_the_signature_is_the_documented_one() -> None:
    expected = hmac.new(SECRET.encode(), f"{AT_S}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, AT_S, BODY) == expected
    assert verify(SECRET, headers(), BODY, now_s=AT_S + 10).event == "memory_stored"


def test_the_case_of_header_names_does_not_matter() -> None:
    lower = {name.lower(): value for name, value in headers().items()}
    assert verify(SECRET, lower, BODY, now_s=AT_S).delivery_id == "delivery_1"


def test_one_of_two_signatures_is_enough() -> None:
    both = f"v1={sign('whsec_new', AT_S, BODY)},v1={sign(SECRET, AT_S, BODY)}"
    verify(SECRET, headers(signature=both), BODY, now_s=AT_S)


@pytest.mark.parametrize(
    ("given", "body", "now_s", "said"),
    [
        (headers(secret="whsec_other"), BODY, AT_S, "not of this secret"),
        (headers(), BODY.replace(b"stored", b"edited"), AT_S, "not of this secret"),
        (headers() | {"X-Lukhas-Timestamp": str(AT_S + 1)}, BODY, AT_S, "not of this secret"),
        (headers(), BODY, AT_S + 301, "more than 300 s"),
        (headers(), BODY, AT_S - 301, "more than 300 s"),
        (headers(), BODY, float("nan"), "more than 300 s"),
        (headers(timestamp="soon"), BODY, AT_S, "no number"),
        (headers(timestamp="-5"), BODY, AT_S, "no number"),
        (headers(timestamp="٣"), BODY, AT_S, "no number"),
        (headers(timestamp="9" * 5000), BODY, AT_S, "no number"),
        (headers(signature=""), BODY, AT_S, "not of this secret"),
        (headers(signature="v1=é"), BODY, AT_S, "not of this secret"),
        (headers(signature=sign(SECRET, AT_S, BODY)), BODY, AT_S, "not of this secret"),
        (headers(signature="v0=" + sign(SECRET, AT_S, BODY)), BODY, AT_S, "not of this secret"),
        (headers(signature="v1=," * 50_000), BODY, AT_S, "not of this secret"),
        ({"X-Lukhas-Timestamp": str(AT_S)}, BODY, AT_S, "X-Lukhas-Signature is missing"),
        ({}, BODY, AT_S, "X-Lukhas-Timestamp is missing"),
    ],
)
def test_anything_else_is_refused(given: dict[str, str], body: bytes, now_s: float, said: str) -> None:
    with pytest.raises(InvalidToken, match=said):
        verify(SECRET, given, body, now_s=now_s)


def test_the_tolerance_is_the_receivers() -> None:
    verify(SECRET, headers(), BODY, 3600, now_s=AT_S + 3000)
    with pytest.raises(InvalidToken):
        verify(SECRET, headers(), BODY, 5, now_s=AT_S + 6)


def test_signed_nonsense_is_no_event() -> None:
    for body in (b"{}", b"\xff", b"[" * 50_000):
        with pytest.raises(ValidationError):
            verify(SECRET, headers(body), body, now_s=AT_S)
