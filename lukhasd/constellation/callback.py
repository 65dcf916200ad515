"""A node that is a program on this machine, asked over HTTP. It is sent the caller's own input and nothing else."""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec

from lukhas_sdk.contract.nodes import NodeCallback
from lukhas_sdk.errors import ValidationError
from lukhasd.constellation.node import NodeFailed, NodeInput, NodeInvalid, NodeOutput
from lukhasd.models.posting import Closed, Poster, TooLarge, hang_up

ANSWER_LIMIT_BYTES = 64_000
CONNECT_TIMEOUT_S = 1.0
FIELD = "$.callback.url"


class _Asked(msgspec.Struct, frozen=True):
    node_id: str
    stage: str
    input: str


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answer: str | None
    confidence: float | None
    processing_time_ms: float | None = None
    """Its own account; the time is measured here."""
    trace: str | None = None


class Callback:
    """`pool` bounds how many are asked at once."""

    def __init__(self, node_id: str, spec: NodeCallback, pool: ThreadPoolExecutor) -> None:
        self._node_id = node_id
        self._address, self._port, self._path = loopback(spec.url)
        host = f"[{self._address}]" if ":" in self._address else self._address
        self._poster = Poster(f"http://{host}:{self._port}", None, answer_limit_bytes=ANSWER_LIMIT_BYTES)
        self._timeout_s = spec.timeout_ms / 1000
        self._pool = pool

    def close(self) -> None:
        """Ends what is under way."""
        self._poster.close()

    async def check(self) -> str | None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(self._address, self._port)
        except (OSError, TimeoutError):
            return f"nothing answers at {self._address} port {self._port}"
        writer.close()
        return None

    async def process(self, given: NodeInput) -> NodeOutput:
        body = msgspec.json.encode(_Asked(self._node_id, given.stage, given.text))
        deadline_s = time.monotonic() + self._timeout_s
        connection = self._poster.connection(self._timeout_s)
        work = asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: self._poster.post(connection, self._path, body, deadline_s=deadline_s)
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                status, content = await work
        except TimeoutError:
            raise TimeoutError(f"it did not answer within {self._timeout_s:g} s") from None
        except TooLarge as error:
            raise NodeInvalid(str(error)) from error
        except Closed as error:
            raise NodeFailed("it was removed meanwhile") from error
        except ConnectionRefusedError as error:
            raise NodeFailed(f"nothing answers at {self._address} port {self._port}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NodeFailed(f"it broke off: {error or type(error).__name__}") from error
        finally:
            hang_up(connection)
        if status != 200:
            redirect = "; redirects are not followed" if 300 <= status < 400 else ""
            raise NodeFailed(f"it answered {status}{redirect}")
        try:
            answer = msgspec.json.decode(content, type=_Answer)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise NodeInvalid(f"its answer is not {{answer, confidence}}: {error}") from error
        if answer.processing_time_ms is not None and not answer.processing_time_ms >= 0:
            raise NodeInvalid(f"its processing_time_ms is {answer.processing_time_ms:g}, which is no duration")
        return NodeOutput(answer.answer, answer.confidence)


def loopback(url: str) -> tuple[str, int, str]:
    """Address, port and path of a callback. ValidationError unless it is this machine by its address: no name is looked
    up, and localhost means 127.0.0.1."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise ValidationError(
            f"{url} names no address of this machine", field=FIELD, hint="give it as http://127.0.0.1:PORT/PATH"
        ) from None
    if not address.is_loopback or getattr(address, "ipv4_mapped", None) is not None:
        raise ValidationError(
            f"{address} is not this machine",
            field=FIELD,
            hint="a node runs on this machine: http://127.0.0.1:PORT/PATH",
        )
    if parts.scheme != "http" or port is None or not port or parts.username is not None or parts.fragment:
        raise ValidationError(
            "a callback is http, with a port, and without a user or a fragment",
            field=FIELD,
            hint="give it as http://127.0.0.1:PORT/PATH",
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(sign <= " " or sign == "\x7f" for sign in path):
        raise ValidationError("the callback's path is not plain ASCII", field=FIELD, hint="percent-encode it")
    return str(address), port, path
