"""The Python client. It imports no more than a round trip needs: nouns and their Structs come when they are used."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from lukhas_sdk.contract.base import API_PREFIX, NoBody, NoParams, Operation, Stream
from lukhas_sdk.errors import CODES, LukhasError, from_body
from lukhas_sdk.paths import Paths
from lukhas_sdk.paths import resolve as resolve_paths
from lukhas_sdk.transport import Answer, Transport
from lukhas_sdk.verbs import HasNouns, feed, verb

if TYPE_CHECKING:
    from lukhas_sdk.contract.base import StageName
    from lukhas_sdk.contract.batch import BatchQuery, BatchResponse
    from lukhas_sdk.contract.interactions import InteractionListResponse, SessionListResponse
    from lukhas_sdk.contract.matriz import ConstellationConfig, Context, PipelineOptions, ProcessEvent, ProcessResponse
    from lukhas_sdk.contract.stages import StageConfig, StageData, StageResponse
    from lukhas_sdk.contract.streams import Subscribed
    from lukhas_sdk.contract.system import HealthResponse, MatrizStatusResponse, StatusResponse

Params = TypeVar("Params")
Body = TypeVar("Body")
Result = TypeVar("Result")

LONGEST_WAIT_S = 60.0
PASSING = (429, 503)
"""Statuses that pass by themselves: too many requests, no daemon."""


class BaseClient(HasNouns):
    """What both clients share: where the daemon is, the key, what a request is made of, and the verbs."""

    def __init__(self, api_key: str | None, base_url: str | None, *, paths: Paths | None, retries: int) -> None:
        self.paths = paths or resolve_paths()
        self.retries = retries
        self._api_key = api_key
        self.credential: Callable[[], str] | None = None
        """Asked for a key or an access token before each request, where there is one."""
        self._target = base_url or self.paths.socket

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._target)!r})"

    @verb
    def process(
        self,
        input: str,
        *,
        context: Context | dict[str, Any] | None = None,
        options: PipelineOptions | dict[str, Any] | None = None,
        constellation_config: ConstellationConfig | dict[str, Any] | None = None,
    ) -> ProcessResponse:
        """One input through the six stages. `options` are the pipeline's, or the short `use_memory` and
        `creative_mode`."""
        from lukhas_sdk import nouns

        body = nouns.process_request(input, context, options, constellation_config)
        return cast("LukhasClient", self).call(nouns.PROCESS, body=body)

    @feed
    def process_stream(
        self,
        input: str,
        *,
        context: Context | dict[str, Any] | None = None,
        options: PipelineOptions | dict[str, Any] | None = None,
        constellation_config: ConstellationConfig | dict[str, Any] | None = None,
    ) -> Iterator[ProcessEvent]:
        """Like `process`: each stage's row of the trace as it ends, then the result, then the end."""
        from lukhas_sdk import nouns

        body = nouns.process_request(input, context, options, constellation_config)
        return cast("LukhasClient", self).events(nouns.PROCESS, body=body)

    @verb
    def batch_process(
        self,
        queries: Sequence[str | BatchQuery | dict[str, Any]],
        *,
        common_context: Context | dict[str, Any] | None = None,
        options: PipelineOptions | dict[str, Any] | None = None,
        parallel: bool = True,
        as_job: bool = False,
    ) -> BatchResponse:
        """Each query through the six stages; `responses` are in their order, each with its answer or its error. More
        than 50 queries have to be sent with `as_job`: the results are then those of `client.jobs.results(job_id)`."""
        from lukhas_sdk import nouns
        from lukhas_sdk.contract.batch import BATCH

        body = nouns.batch_request(queries, common_context, options, parallel=parallel, as_job=as_job)
        return cast("LukhasClient", self).call(BATCH, body=body)

    @verb
    def stage(
        self,
        name: StageName,
        input_data: StageData | dict[str, Any] | str,
        *,
        context: Context | dict[str, Any] | None = None,
        stage_config: StageConfig | dict[str, Any] | None = None,
    ) -> StageResponse:
        """One stage of the pipeline. `input_data` is a text, or the `stage_result` of the stage before."""
        from lukhas_sdk import nodes_nouns

        params, body = nodes_nouns.stage_request(name, input_data, context, stage_config)
        return cast("LukhasClient", self).call(nodes_nouns.RUN_STAGE, params=params, body=body)

    @verb
    def health(self) -> HealthResponse:
        from lukhas_sdk.contract.system import HEALTH

        return cast("LukhasClient", self).call(HEALTH)

    @verb
    def status(self) -> StatusResponse:
        from lukhas_sdk.contract.system import STATUS

        return cast("LukhasClient", self).call(STATUS)

    @verb
    def matriz_status(self) -> MatrizStatusResponse:
        """The six stages, the pillars, and whether the budgets are met."""
        from lukhas_sdk.contract.system import MATRIZ_STATUS

        return cast("LukhasClient", self).call(MATRIZ_STATUS)

    @verb
    def sessions(self, *, limit: int = 20, cursor: str | None = None) -> SessionListResponse:
        """Conversations, the one that was used last first."""
        from lukhas_sdk.contract.interactions import SESSIONS, SessionListParams

        return cast("LukhasClient", self).call(SESSIONS, params=SessionListParams(limit, cursor))

    @verb
    def interactions(
        self, session_id: str | None = None, *, limit: int = 20, cursor: str | None = None
    ) -> InteractionListResponse:
        """What was asked and answered, newest first."""
        from lukhas_sdk.contract.interactions import INTERACTIONS, InteractionListParams

        return cast("LukhasClient", self).call(INTERACTIONS, params=InteractionListParams(session_id, limit, cursor))

    def _request(
        self, operation: Operation[Any, Any, Any], params: Any, body: Any
    ) -> tuple[str, dict[str, str], bytes | None]:
        """Path, headers and body."""
        headers = {"Accept": operation.media_type}
        content = None
        if operation.body is not NoBody:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        if not operation.public:
            key = self._key()
            if key.count(".") == 2 and not key.startswith("lk_"):  # an access token
                headers["Authorization"] = f"Bearer {key}"
            else:
                headers["X-API-Key"] = key
        return _fill(operation, params), headers, content

    def _key(self) -> str:
        if self.credential is not None:
            return self.credential()
        if self._api_key is None:
            self._api_key = os.environ.get("LUKHAS_API_KEY") or None
        if self._api_key is None:
            from lukhas_sdk.secrets import read_secret

            self._api_key = read_secret(self.paths, "local.key")
        if not self._api_key:
            if self._target == self.paths.socket and not self.paths.socket.exists():
                from lukhas_sdk.errors import DaemonUnreachable

                raise DaemonUnreachable(
                    f"no daemon has run with {self.paths.state}: there is no key yet",
                    hint="start it: lukhas daemon start",
                )
            raise LukhasError(
                "no API key: none was given, and this machine's own cannot be read",
                code="INVALID_TOKEN",
                hint="pass api_key=…, or restart the daemon: it makes the local key anew",
            )
        return self._api_key

    def _pause_s(self, error: LukhasError, attempt: int) -> float:
        """How long to wait before the request is sent for the `attempt`th time again; raises where it is not."""
        wait_s = error.retry_after_s if error.retry_after_s is not None else 0.1 * 2**attempt
        if error.status not in PASSING or attempt > self.retries or wait_s > LONGEST_WAIT_S:
            raise error
        return wait_s


class LukhasClient(BaseClient):
    """Talks to a daemon.

    With no argument it finds the one on this machine: its unix socket, and LUKHAS_API_KEY or else the owner's key.
    `base_url` (as http://127.0.0.1:8000/v1) goes over TCP instead, `api_key` is another key than those.
    `retries` is how often a request is sent again when the daemon says 429 or 503; it waits as long as it is told
    (60 s at most), otherwise 0.2 s doubling. Errors are `lukhas_sdk.exceptions`.
    Use it as a context manager, or call `close`. Not for several threads at once.
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
        self._transport = Transport(self._target, prefix=API_PREFIX, timeout_s=timeout_s)

    def __enter__(self) -> LukhasClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def call(
        self, operation: Operation[Params, Body, Result], *, params: Params | None = None, body: Body | None = None
    ) -> Result:
        """Any operation of the contract, by its row of the table."""
        content = self.call_raw(operation, params=params, body=body)
        return operation.read(content)

    def call_raw(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> bytes:
        """Like `call`, with the answer's bytes as they came."""
        path, headers, content = self._request(operation, params, body)
        attempt = 0
        while True:
            answer = self._transport.send(operation.method, path, headers=headers, body=content)
            if answer.status == 200:
                return answer.body
            attempt += 1
            time.sleep(self._pause_s(as_error(answer.status, answer.headers, answer.body), attempt))

    def events(
        self,
        operation: Operation[Params, Body, Result],
        *,
        params: Params | None = None,
        body: Body | None = None,
    ) -> Iterator[Any]:
        """The events of an operation that streams, as `operation.stream`, until `end`. An error event is raised.

        Those of a WebSocket (a `Stream` of the table) have no end: see `follow`.
        """
        if isinstance(operation, Stream):
            yield from self.follow(operation, params=params)
            return
        path, headers, content = self._request(operation, params, body)
        headers["Accept"] = "application/x-ndjson"
        answer = self._transport.lines(operation.method, path, headers=headers, body=content)
        if isinstance(answer, Answer):
            raise as_error(answer.status, answer.headers, answer.body)
        decoder = msgspec.json.Decoder(operation.stream)
        for line in answer:
            event: Any = decoder.decode(line)
            if event.type == "error":
                raise from_body(CODES[event.error["code"]][0], {"error": event.error})
            yield event

    def follow(
        self,
        operation: Stream[Params, Result],
        *,
        params: Params | None = None,
        told: Callable[[Subscribed], None] | None = None,
    ) -> Iterator[Result]:
        """The events of a WebSocket, on a connection of its own that is made again when it breaks, and goes on after
        the last event. `told` is called when the daemon says how much of that is gone.

        Raises what the daemon says to the handshake, and DaemonUnreachable where already the first one fails.
        """
        from lukhas_sdk.websocket import Progress, reconnect_pause_s

        progress = Progress(operation, params, told)
        transport = Transport(self._target, prefix=API_PREFIX, timeout_s=self._timeout_s)
        attempt = 0
        connected = False
        try:
            while True:
                try:
                    path, headers, _ = self._request(operation, progress.params, None)
                    answer = transport.upgrade(path, headers=headers)
                    if isinstance(answer, Answer):
                        raise as_error(answer.status, answer.headers, answer.body)
                    connected, attempt = True, 0
                    for message in answer:
                        event = progress.read(message)
                        if event is not None:
                            yield event
                except LukhasError as error:
                    if not connected or error.status not in PASSING:
                        raise
                time.sleep(reconnect_pause_s(attempt))
                attempt += 1
        finally:
            transport.close()


def _fill(operation: Operation[Any, Any, Any], params: Any) -> str:
    """The operation's path with its parameters in place and the rest as the query."""
    if operation.params is NoParams:
        return operation.path
    from urllib.parse import quote, urlencode

    path = operation.path
    query: dict[str, str] = {}
    for name, value in msgspec.to_builtins(params).items():
        slot = "{" + name + "}"
        if slot in path:
            path = path.replace(slot, quote(str(value), safe=""))
        elif value is not None:
            query[name] = str(value)
    return f"{path}?{urlencode(query)}" if query else path


def as_error(status: int, headers: dict[str, str], body: bytes) -> LukhasError:
    after = headers.get("retry-after", "")
    retry_after_s = float(after) if after.isdigit() else None
    try:
        tree = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        tree = {}
    return from_body(status, tree, retry_after_s)
