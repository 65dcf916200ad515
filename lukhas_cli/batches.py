"""Many verdicts: a line in, a line out, in order, a few asked for at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from lukhas_cli.render.envelope import Error, print_json
from lukhas_cli.render.progress import counting
from lukhas_cli.render.verdict import EXITS
from lukhas_sdk.client import LukhasClient
from lukhas_sdk.contract.guardian import VALIDATE, ActionType, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import DaemonUnreachable, Exit, LukhasError, NotFound, ValidationError

if TYPE_CHECKING:
    from lukhas_cli.session import Session

WORKERS = 4
AHEAD = 64
"""Lines read and not yet printed."""
LONGEST_LINE_BYTES = 8_000_000
RETRIES = 1000
"""A caller whom a rate limit applies to waits as long as it is told, again and again."""
WORST = (Exit.REJECTED, Exit.REVIEW, Exit.FAILURE, Exit.OK)


class Item(msgspec.Struct, frozen=True):
    """One line of JSON. Other fields are passed over: a data set may have columns of its own."""

    content: str | None = None
    text: str | None = None
    type: ActionType | None = None
    id: str | int | None = None
    intent: str | None = None
    context: str | None = None


class Judged(msgspec.Struct, frozen=True, omit_defaults=True):
    line: int
    id: str | int | None = None
    decision: str | None = None
    verdict: Verdict | None = None
    error: Error | None = None


class End(msgspec.Struct, frozen=True, tag_field="type", tag="end"):
    """The last line with `--json`."""

    judged: int
    errors: int
    decisions: dict[str, int]
    seconds: float


class Clients:
    """A client for each thread; they share the login, whose tokens one at a time renews."""

    def __init__(self, session: Session) -> None:
        first = session.client  # the daemon is started, if it must be, once
        self._paths = session.paths
        self._credential = first.credential
        self._lock = threading.Lock()
        self._own = threading.local()
        self._made: list[LukhasClient] = []

    def mine(self) -> LukhasClient:
        client: LukhasClient | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = LukhasClient(paths=self._paths, retries=RETRIES)
            client.credential = self._locked if self._credential else None
            self._made.append(client)
        return client

    def _locked(self) -> str:
        assert self._credential is not None
        with self._lock:
            return self._credential()

    def close(self) -> None:
        for client in self._made:
            client.close()


def run_batch(session: Session, source: str, request: ValidateRequest, *, plain: bool) -> Exit:
    """Judges each line of the file `source`, or of stdin where it is `-`, like `request` where it says nothing else.

    Lines are read here and printed by a thread, so that what is judged is printed while a slow pipe is waited for.
    """
    started_s = time.monotonic()
    clients = Clients(session)
    waiting: SimpleQueue[Future[Judged] | None] = SimpleQueue()
    room = threading.Semaphore(AHEAD)
    tally: Counter[str] = Counter()
    failures: list[BaseException] = []
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="batch")
    with opened(source) as (lines, total), counting("judging", total) as advance:

        def write() -> None:
            try:
                while (future := waiting.get()) is not None:
                    judged = future.result()
                    print_json(judged)
                    sys.stdout.flush()
                    tally[judged.decision or "errors"] += 1
                    advance(1, "")
                    room.release()
            except BaseException as error:  # handed to the thread that reads
                failures.append(error)
                room.release()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number, raw in enumerate(lines, start=1):
                if raw is not None and not raw.strip():
                    continue
                room.acquire()
                if failures:
                    break
                waiting.put(pool.submit(judge_line, clients, number, raw, request, plain))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            waiting.put(None)
            writer.join()
            pool.shutdown(cancel_futures=True)
            clients.close()
    if failures and not isinstance(failures[0], CancelledError):
        raise failures[0]
    return _end(session, tally, time.monotonic() - started_s)


def judge_line(clients: Clients, number: int, raw: bytes | None, request: ValidateRequest, plain: bool) -> Judged:
    """Raises DaemonUnreachable alone: the lines to come would not be judged either."""
    identifier = None
    try:
        if raw is None:
            raise ValidationError(f"longer than {LONGEST_LINE_BYTES} bytes", hint="split it")
        item = Item(content=raw.decode("utf-8").rstrip("\r\n")) if plain else msgspec.json.decode(raw, type=Item)
        identifier = item.id
        content = item.content if item.content is not None else item.text
        if content is None:
            raise ValidationError("has neither content nor text", hint='such as {"content": "…"}')
        given = request.action
        action = GuardianAction(
            item.type or given.type, content, context=item.context or given.context,
            intent=item.intent or given.intent,
        )  # fmt: skip
        verdict = clients.mine().call(VALIDATE, body=msgspec.structs.replace(request, action=action))
        return Judged(number, identifier, verdict.decision, verdict)
    except DaemonUnreachable:
        raise
    except LukhasError as error:
        said = Error(error.code, f"line {number}: {error.message}", error.hint)
    except (UnicodeError, msgspec.MsgspecError, RecursionError) as error:
        hint = "--lines takes lines of plain text" if not plain else "convert it to UTF-8 with iconv"
        said = Error("VALIDATION_ERROR", f"line {number}: {error}", hint)
    return Judged(number, identifier, error=said)


@contextmanager
def opened(source: str) -> Iterator[tuple[Iterator[bytes | None], int | None]]:
    """The lines of a file, or of stdin, and how many there are where that is known; None for one that is too long."""
    if source == "-":
        yield cut(sys.stdin.buffer), None
        return
    path = Path(source)
    try:
        with path.open("rb") as file:
            total = count_lines(file) if sys.stderr.isatty() and path.is_file() else None
            yield cut(file), total
    except FileNotFoundError:
        raise NotFound(f"no such file: {path}", hint="check the path") from None
    except OSError as error:
        if error.filename is None:  # of the output, not of the file
            raise
        raise ValidationError(f"{path} cannot be read: {error.strerror}", field="--batch") from None


def cut(file: BinaryIO) -> Iterator[bytes | None]:
    while raw := file.readline(LONGEST_LINE_BYTES):
        if len(raw) < LONGEST_LINE_BYTES or raw.endswith(b"\n"):
            yield raw
            continue
        while (rest := file.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None


def count_lines(file: BinaryIO) -> int:
    reader: Callable[[], bytes] = lambda: file.read(1 << 20)  # noqa: E731
    total = sum(chunk.count(b"\n") for chunk in iter(reader, b""))
    file.seek(0, os.SEEK_SET)
    return total


def _end(session: Session, tally: Counter[str], seconds: float) -> Exit:
    decisions = {name: tally[name] for name in EXITS if tally[name]}
    judged, errors = sum(decisions.values()), tally["errors"]
    if session.json:
        print_json(End(judged, errors, decisions, round(seconds, 3)))
    said = ", ".join([*(f"{count} {name}" for name, count in decisions.items()), f"{errors} not judged"])
    print(f"{judged} judged in {seconds:.1f} s ({judged / seconds:.0f} a second): {said}", file=sys.stderr)
    found: set[Any] = {EXITS[name] for name in decisions} | ({Exit.FAILURE} if errors else set())
    return next((code for code in WORST if code in found), Exit.OK)
