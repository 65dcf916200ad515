"""The asynchronous Python client: the same nouns and verbs as `LukhasClient`, to await.

from lukhas_sdk import AsyncLukhasClient

async with AsyncLukhasClient() as client:
    print((await client.process("Where did I leave the spare key?")).text)
    async for drift in client.memory.drift_events():
        print(drift.memory_id, drift.level)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from lukhas_sdk.client import PASSING, BaseClient, as_error
from lukhas_sdk.contract.base import API_PREFIX, Operation, Stream
from lukhas_sdk.contract.matriz import Context, PipelineOptions, ProcessEvent, ProcessRequest, ProcessResponse, TraceRow
from lukhas_sdk.contract.streams import PROCESS_STREAM, Cancel, Query, Subscribed
from lukhas_sdk.errors import CODES, DaemonUnreachable, LukhasError, ModuleTimeout, NotFound, ValidationError, from_body
from lukhas_sdk.paths import Paths
from lukhas_sdk.transport import split_base_url
from lukhas_sdk.websocket import MESSAGE_LIMIT_BYTES, SILENCE_S, Progress, read_event, reconnect_pause_s

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
        return operation.read(content)

    async def call_raw(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> bytes:
        """Like `call`, with the answer's bytes as they came."""
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

    async def follow(
        self,
        operation: Stream[Params, Result],
        *,
        params: Params | None = None,
        told: Callable[[Subscribed], None] | None = None,
    ) -> AsyncIterator[Result]:
        """As `LukhasClient.follow`."""
        from aiohttp import WSMsgType

        progress = Progress(operation, params, told)
        attempt = 0
        connected = False
        while True:
            try:
                path, headers, _ = await self._prepare(operation, progress.params, None)
                async with self._upgraded(path, headers) as socket:
                    connected, attempt = True, 0
                    async for message in socket:
                        if message.type is WSMsgType.TEXT:
                            event = progress.read(message.data)
                            if event is not None:
                                yield event
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
    """A piece of an answer: `trace` as each stage ends, `content` as the response is released, then `metadata` and
    `complete`, each with its own field."""

    type: Literal["trace", "content", "metadata", "complete"]
    row: TraceRow | None = None
    text: str | None = None
    replace: bool = False
    """With `content`: what came before is void, and `text` begins the answer anew."""
    modules: list[str] | None = None
    """The nodes that the answer came through."""
    response: ProcessResponse | None = None
    """With `complete`: the whole answer."""
    processing_time_ms: float | None = None


class AnswerStream:
    """Questions and their answers over one WebSocket; over NDJSON with a daemon that has none for them."""

    def __init__(self, client: AsyncLukhasClient) -> None:
        self._client = client
        self._stack = AsyncExitStack()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._events: AsyncIterator[ProcessEvent] | None = None

    async def __aenter__(self) -> AnswerStream:
        try:
            path, headers, _ = await self._client._prepare(PROCESS_STREAM, None, None)
            self._socket = await self._stack.enter_async_context(self._client._upgraded(path, headers))
        except NotFound:
            self._socket = None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()
        await self._stack.aclose()

    async def send_query(
        self,
        input: str,
        *,
        context: Context | dict[str, Any] | None = None,
        options: PipelineOptions | dict[str, Any] | None = None,
    ) -> None:
        """Its answer is what iterating gives next; one before it that was not read to its end is cancelled."""
        from lukhas_sdk.nouns import process_request

        await self._leave()
        question = process_request(input, context, options, None)
        if self._socket is None:
            self._events = self._client.process_stream(input, context=context, options=options)
            return
        query = Query(**{name: getattr(question, name) for name in ProcessRequest.__struct_fields__})
        await self._socket.send_str(msgspec.json.encode(query).decode())
        self._events = self._heard(self._socket)

    async def cancel(self) -> None:
        """Stops the daemon's work on the question; iterating ends then."""
        if self._socket is not None and self._events is not None:
            await self._socket.send_str(msgspec.json.encode(Cancel()).decode())
        else:
            await self._leave()

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        if self._events is None:
            raise ValidationError("nothing was asked yet", hint="await stream.send_query(…) first")
        told = False
        async for event in self._events:
            if event.row is not None:
                yield Chunk(type="trace", row=event.row)
            if event.type == "content":
                told = True
                yield Chunk(type="content", text=event.text, replace=event.replace)
            if event.result is not None:
                answer = event.result
                if not told:
                    yield Chunk(type="content", text=answer.text)
                yield Chunk(type="metadata", modules=answer.constellation_metadata.registry_nodes_utilized)
                yield Chunk(type="complete", response=answer, processing_time_ms=answer.metadata.processing_time_ms)
        self._events = None

    async def _heard(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[ProcessEvent]:
        """Up to the answer's end. An error event is raised."""
        from aiohttp import WSMsgType

        failure: LukhasError | None = None
        with _meaning(str(self._client._target), SILENCE_S):
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                event = read_event(PROCESS_STREAM, message.data)
                if not isinstance(event, ProcessEvent):
                    continue
                if event.type == "error" and event.error is not None:
                    failure = from_body(CODES[event.error["code"]][0], {"error": event.error})
                    continue
                if event.type == "end":
                    break
                yield event
            else:
                raise DaemonUnreachable("the answer broke off", hint="see: lukhas daemon logs")
        if failure is not None:
            raise failure

    async def _leave(self) -> None:
        """Cancels what was asked, and reads over what of it is still to come."""
        events, self._events = self._events, None
        if events is None:
            return
        if self._socket is None:
            await events.aclose()  # type: ignore[attr-defined]  # a generator's
        elif not self._socket.closed:
            await self._socket.send_str(msgspec.json.encode(Cancel()).decode())
            with suppress(LukhasError):
                async for _ in events:
                    pass


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
