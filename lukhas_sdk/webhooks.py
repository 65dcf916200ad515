"""For receivers of webhooks: whether a request comes from the daemon that the secret was shared with.

    event = verify(secret, request.headers, request.body)

Answer any 2xx once the event is safe; `event.delivery_id` is the same where one is posted again.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

import msgspec

from lukhas_sdk.contract.webhooks import WebhookEvent
from lukhas_sdk.errors import InvalidToken, ValidationError

TIMESTAMP_HEADER = "X-Lukhas-Timestamp"
"""Seconds since 1970, of the attempt."""
SIGNATURE_HEADER = "X-Lukhas-Signature"
"""`v1=` and the signature; during a rotation two of them, with a comma between."""
DELIVERY_HEADER = "X-Lukhas-Delivery"
EVENT_HEADER = "X-Lukhas-Event"
VERSION = "v1="
TOLERANCE_S = 300.0
SIGNATURES_READ = 4


def sign(secret: str, timestamp_s: int, body: bytes) -> str:
    """HMAC-SHA256 under the whole secret, `whsec_` and all, of the timestamp in decimal, a full stop and the body; in
    hexadecimal."""
    return hmac.new(secret.encode(), b"%d." % timestamp_s + body, hashlib.sha256).hexdigest()


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    tolerance_s: float = TOLERANCE_S,
    *,
    now_s: float | None = None,
) -> WebhookEvent:
    """The event that `body` holds, as it came over the wire. InvalidToken where the signature is not of this secret, or
    was made more than `tolerance_s` from now (`time.time()`): a request that was overheard is of no use after that.
    ValidationError where what was signed is no event."""
    found = {name.lower(): value for name, value in headers.items()}
    timestamp, signatures = found.get(TIMESTAMP_HEADER.lower()), found.get(SIGNATURE_HEADER.lower())
    if timestamp is None or signatures is None:
        missing = TIMESTAMP_HEADER if timestamp is None else SIGNATURE_HEADER
        raise InvalidToken(f"the header {missing} is missing", hint="hand over all headers of the request")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise InvalidToken(f"the header {TIMESTAMP_HEADER} is no number of seconds")
    expected = f"{VERSION}{sign(secret, int(timestamp), body)}".encode()
    given = [each.strip().encode() for each in signatures.split(",", SIGNATURES_READ)]
    if not any(hmac.compare_digest(expected, each) for each in given[:SIGNATURES_READ]):
        raise InvalidToken(
            "the signature is not of this secret and body",
            hint="verify the bytes as they came, before any parsing; after a rotation use the new secret",
        )
    if not abs((time.time() if now_s is None else now_s) - int(timestamp)) <= tolerance_s:
        raise InvalidToken(f"it was signed more than {tolerance_s:g} s from now", hint="is this machine's clock right?")
    try:
        return msgspec.json.decode(body, type=WebhookEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValidationError(f"the body is signed, but no event: {error}") from None
