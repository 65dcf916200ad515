"""One attempt: a signed POST to an address that was checked, bounded in time; of the answer, the head alone is read."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from lukhas_sdk import webhooks as signing
from lukhas_sdk._version import __version__
from lukhasd.webhooks.addresses import Place

ERROR_CHARS = 300


@dataclass(frozen=True)
class Attempt:
    """`error` is None where it was taken, and never holds anything that the receiver wrote. `down`: nobody
    answered."""

    http_status: int | None
    duration_ms: float
    error: str | None
    down: bool = False


@dataclass(frozen=True)
class Parcel:
    delivery_id: str
    event: str
    body: bytes


async def post(places: Sequence[Place], parcel: Parcel, secrets: Sequence[str], *, timeout_s: float) -> Attempt:
    """The places are tried in order until one can be connected to. Raises nothing for what the receiver does."""
    started_s = time.perf_counter()
    status: int | None = None
    error: str | None = None
    down = True
    try:
        async with asyncio.timeout(timeout_s):
            status = await _post_first(places, parcel, secrets)
        down = False
        if not 200 <= status < 300:
            error = f"it answered {status}{'; redirects are not followed' if 300 <= status < 400 else ''}"
    except TimeoutError:
        error = f"it did not answer within {timeout_s:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        error = _explained(failure)
    return Attempt(status, (time.perf_counter() - started_s) * 1000, error, down)


async def _post_first(places: Sequence[Place], parcel: Parcel, secrets: Sequence[str]) -> int:
    # A session of its own: no cookie, connection or cached name outlives the attempt. It heeds no proxy of the
    # environment, and is given no name to resolve.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    ) as session:
        for place in places[:-1]:
            try:
                return await _post(session, place, parcel, secrets)
            except aiohttp.ClientConnectorError:
                continue
        return await _post(session, places[-1], parcel, secrets)


async def _post(session: aiohttp.ClientSession, place: Place, parcel: Parcel, secrets: Sequence[str]) -> int:
    target = place.target
    literal = f"[{place.address}]" if ":" in place.address else place.address
    timestamp_s = int(time.time())
    signatures = [signing.VERSION + signing.sign(secret, timestamp_s, parcel.body) for secret in secrets]
    headers = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"lukhas-webhooks/{__version__}",
        signing.TIMESTAMP_HEADER: str(timestamp_s),
        signing.SIGNATURE_HEADER: ",".join(signatures),
        signing.DELIVERY_HEADER: parcel.delivery_id,
        signing.EVENT_HEADER: _header(parcel.event),
    }
    url = URL(f"{target.scheme}://{literal}:{target.port}{target.path}", encoded=True)
    async with session.post(
        url, data=parcel.body, headers=headers, allow_redirects=False,
        server_hostname=target.host if target.scheme == "https" else None,
    ) as response:  # fmt: skip
        return response.status  # of what follows its head nothing is read


def _header(text: str) -> str:
    """An event's name may be anybody's text; the body has it as it is."""
    return "".join(sign if " " < sign < "\x7f" else "?" for sign in text)


def _explained(failure: Exception) -> str:
    """In words of ours: what a receiver writes, or a URL, is in none of them."""
    match failure:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            why = getattr(failure, "certificate_error", None) or getattr(failure, "os_error", failure)
            reason = getattr(why, "verify_message", None) or getattr(why, "reason", None) or type(why).__name__
            text = f"no trusted TLS connection: {reason}"
        case aiohttp.ClientConnectorError():
            text = f"it cannot be connected to: {failure.os_error.strerror or type(failure.os_error).__name__}"
        case aiohttp.ClientResponseError() | ValueError():
            text = "its answer is no HTTP"
        case _:
            text = f"it broke off: {type(failure).__name__}"
    return text[:ERROR_CHARS]
