"""The asynchronous Python client: the same nouns and verbs as `LukhasClient`, to await.

from lukhas_sdk import AsyncLukhasClient

async with AsyncLukhasClient() as client:
    print((await client.process("Where did I leave the spare key?")).text)
    async for drift in client.memory.drift_events():
        print(drift.memory_id, drift.level)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from lukhas_sdk.client import PASSING, BaseClient, as_error
from lukhas_sdk.contract.base import API_PREFIX, Operation, Stream
from lukhas_sdk.contract.matriz import Context, PipelineOptions, ProcessEvent, ProcessResponse, TraceRow
from lukhas_sdk.errors import CODES, DaemonUnreachable, LukhasError, ModuleTimeout, ValidationError, from_body
from lukhas_sdk.paths import Paths
from lukhas_sdk.transport import split_base_url
from lukhas_sdk.websocket import MESSAGE_LIMIT_BYTES, SILENCE_S, read_event, reconnect_pause_s

if TYPE_CHECKING:
    import aiohttp

Params = TypeVar("Params")
Body = TypeVar("Body")
Result = TypeVar("Result")

CLOSE_TIMEOUT_S = 2.0


class AsyncLukhasClient(BaseClient):
    """Talks to a daemon as `LukhasClient` does, with the same arguments. Several tasks may use it at once.

    Use it as an asynchronous context manager, or await `close`, on one event loop.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        paths: Paths | None = None,
        timeout_s: float = 120.0,
        retries: int = 2,
    ) -> None:
        super().__init__(api_key, base_url, paths=paths, retries=retries)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._base = f"http://localhost{API_PREFIX}"
        if isinstance(self._target, str):
            url = split_base_url(self._target)
            self._base = f"{url.scheme}://{url.netloc}{url.path.rstrip('/') or API_PREFIX}"

    async def __aenter__(self) -> AsyncLukhasClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> Result:
        """Any operation of the contract, by its row of the table."""
        content = await self.call_raw(operation, params=params, body=body)
        return msgspec.json.decode(content, type=operation.result)

    async def call_raw(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> bytes:
        """Like `call`, with the answer's JSON left as it came."""
        path, headers, content = await self._prepare(operation, params, body)
        attempt = 0
        while True:
            async with self._asked(operation.method, path, headers=headers, content=content) as response:
                if response.status == 200:
                    return await response.read()
                error = await _read_error(response)
            attempt += 1
            await asyncio.sleep(self._pause_s(error, attempt))

    async def events(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> AsyncIterator[Any]:
        """As `LukhasClient.events`."""
        if isinstance(operation, Stream):
            async for followed in self.follow(operation, params=params):
                yield followed
            return
        path, headers, content = await self._prepare(operation, params, body)
        headers["Accept"] = "application/x-ndjson"
        decoder = msgspec.json.Decoder(operation.stream)
        async with self._asked(operation.method, path, headers=headers, content=content) as response:
            if response.content_type != headers["Accept"]:
                raise await _read_error(response)
            while line := await response.content.readuntil(b"\n"):
                event: Any = decoder.decode(line)
                if event.type == "error":
                    raise from_body(CODES[event.error["code"]][0], {"error": event.error})
                yield event

    async def follow(self, operation: Stream[Params, Result], *, params: Params | None = None) -> AsyncIterator[Result]:
        """As `LukhasClient.follow`."""
        from aiohttp import WSMsgType

        path, headers, _ = await self._prepare(operation, params, None)
        attempt = 0
        connected = False
        while True:
            try:
                async with self._upgraded(path, headers) as socket:
                    connected, attempt = True, 0
                    async for message in socket:
                        if message.type is WSMsgType.TEXT:
                            yield read_event(operation, message.data)
            except LukhasError as error:
                if not connected or error.status not in PASSING:
                    raise
            await asyncio.sleep(reconnect_pause_s(attempt))
            attempt += 1

    def stream(self) -> AnswerStream:
        """A conversation in pieces: `async with client.stream() as stream`, then `send_query` and iterate."""
        return AnswerStream(self)

    async def _prepare(
        self, operation: Operation[Any, Any, Any], params: Any, body: Any
    ) -> tuple[str, dict[str, str], bytes | None]:
        if self._api_key is None and not operation.public:
            await asyncio.to_thread(self._key)  # it may ask the keyring
        return self._request(operation, params, body)

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, *, headers: Mapping[str, str], content: bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with _meaning(str(self._target), self._timeout_s):
            async with self._open().request(method, self._url(path), headers=headers, data=content) as response:
                yield response

    @asynccontextmanager
    async def _upgraded(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        import aiohttp

        waits = aiohttp.ClientWSTimeout(ws_receive=SILENCE_S, ws_close=CLOSE_TIMEOUT_S)
        options: Any = {"headers": headers, "timeout": waits, "max_msg_size": MESSAGE_LIMIT_BYTES}
        with _meaning(str(self._target), SILENCE_S):
            try:
                opening = await self._open().ws_connect(self._url(path), **options)
            except aiohttp.WSServerHandshakeError as refused:
                raise await self._refusal(path, headers, refused.status) from refused
            async with opening as socket:
                yield socket

    async def _refusal(self, path: str, headers: Mapping[str, str], status: int) -> LukhasError:
        """Why a handshake was refused, which the library does not tell: the same request without one is asked."""
        async with self._asked("GET", path, headers=headers, content=None) as response:
            error = await _read_error(response)
        return error if error.status == status else from_body(status, {})

    def _open(self) -> aiohttp.ClientSession:
        """The session, which has to be made on the loop that uses it."""
        import aiohttp

        if self._session is None:
            unix = isinstance(self._target, Path)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._target)) if unix else aiohttp.TCPConnector(),
                timeout=aiohttp.ClientTimeout(sock_connect=self._timeout_s, sock_read=self._timeout_s),
                read_bufsize=MESSAGE_LIMIT_BYTES,
                skip_auto_headers=["Content-Type"],  # a POST without a body has no type
            )
        return self._session

    def _url(self, path: str) -> Any:
        from yarl import URL

        return URL(self._base + path, encoded=True)


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer: `trace` as each stage ends, then `content`, `metadata` and `complete`, each with its own
    field."""

    type: Literal["trace", "content", "metadata", "complete"]
    row: TraceRow | None = None
    text: str | None = None
    modules: list[str] | None = None
    """The nodes that the answer came through."""
    response: ProcessResponse | None = None
    """With `complete`: the whole answer."""
    processing_time_ms: float | None = None


class AnswerStream:
    def __init__(self, client: AsyncLukhasClient) -> None:
        self._client = client
        self._events: AsyncIterator[ProcessEvent] | None = None

    async def __aenter__(self) -> AnswerStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._events is not None:
            await self._events.aclose()  # type: ignore[attr-defined]  # a generator's
            self._events = None

    async def send_query(
        self,
        input: str,
        *,
        context: Context | dict[str, Any] | None = None,
        options: PipelineOptions | dict[str, Any] | None = None,
    ) -> None:
        """Its answer is what iterating gives next; what was not read of an answer before it is left."""
        await self.__aexit__()
        self._events = self._client.process_stream(input, context=context, options=options)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        if self._events is None:
            raise ValidationError("nothing was asked yet", hint="await stream.send_query(…) first")
        async for event in self._events:
            if event.row is not None:
                yield Chunk(type="trace", row=event.row)
            if event.result is not None:
                answer = event.result
                yield Chunk(type="content", text=answer.text)
                yield Chunk(type="metadata", modules=answer.constellation_metadata.registry_nodes_utilized)
                yield Chunk(type="complete", response=answer, processing_time_ms=answer.metadata.processing_time_ms)


async def _read_error(response: aiohttp.ClientResponse) -> LukhasError:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return as_error(response.status, headers, await response.read())


@contextmanager
def _meaning(name: str, timeout_s: float) -> Iterator[None]:
    """Turns the HTTP library's errors into ours."""
    import aiohttp

    try:
        yield
    except TimeoutError as error:
        raise ModuleTimeout(f"no answer from {name} within {timeout_s:g} s", hint="see: lukhas daemon logs") from error
    except aiohttp.ClientConnectorError as error:
        raise DaemonUnreachable(f"no daemon answers at {name}", hint="start it: lukhas daemon start") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise DaemonUnreachable(
            f"the connection to {name} failed: {error}", hint="see: lukhas daemon status, lukhas daemon logs"
        ) from error
