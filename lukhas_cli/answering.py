"""Many inputs: a line in, a line out, in order. They are one job of the daemon's, so that nothing is lost or done twice
whatever ends this program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lukhas_cli.batches import LONGEST_LINE_BYTES, opened
from lukhas_cli.following import follow
from lukhas_cli.outputs import private_output
from lukhas_cli.render.envelope import encode_json, print_json
from lukhas_sdk.contract.batch import BATCH, QUERIES_MOST, BatchItem, BatchQuery, BatchRequest
from lukhas_sdk.contract.jobs import CANCEL, RESULTS, RESUME, SHOW, Job, JobParams, JobResult, JobResultsParams
from lukhas_sdk.contract.matriz import Context, PipelineOptions, ProcessRequest
from lukhas_sdk.errors import Exit, LukhasError, ValidationError, from_body

if TYPE_CHECKING:
    from lukhas_cli.session import Session

PAGE = 500
SHAPE = 'a line is a JSON text, or an object such as {"input": "…", "id": "…"}; --lines takes plain text'


class Asked(msgspec.Struct, frozen=True):
    """One line of JSON. Other fields are passed over: a data set may have columns of its own."""

    input: str | None = None
    text: str | None = None
    id: str | int | None = None
    context: Context | None = None
    pipeline_options: PipelineOptions | None = None


class Problem(msgspec.Struct, frozen=True):
    """A line that was not sent."""

    line: int
    id: str | None
    exit: int
    error: dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed of a line that was sent. `exit` is what the command would have ended with for it alone."""

    line: int | None
    id: str | None
    exit: int
    response: str | None = None
    summary: str | None = None
    confidence: float | None = None
    processing_time_ms: float | None = None
    citations: list[Any] = []
    metadata: Any = None
    memory_fold_created: str | None = None
    error: Any = None
    reasons: dict[str, str] = {}


class End(msgspec.Struct, frozen=True, tag_field="type", tag="end"):
    """The last line with `--json`."""

    job: str
    succeeded: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Destination:
    file: Path | None
    replace: bool


def start_batch(
    session: Session,
    source: str,
    common: ProcessRequest,
    *,
    plain: bool,
    parallel: bool,
    destination: Destination,
    detach: bool,
) -> Exit:
    """Each line of the file `source`, or of stdin where it is `-`. A line that cannot be sent is reported in its place,
    and the rest go on. `detach`: prints the job's id and does not wait."""
    with written(destination) as write:
        queries, problems = read_lines(source, plain=plain)
        if not queries:
            if not problems:
                raise ValidationError("there is nothing to process", field="--batch", hint=SHAPE)
            for problem in problems:
                write(problem)
            return Exit.FAILURE
        request = BatchRequest(queries, common.context, common.pipeline_options, parallel, as_job=True)
        job = session.call(BATCH, body=request).job
        assert job is not None
        if detach:
            for problem in problems:
                print(f"error: {problem.error['message']}", file=sys.stderr)
            print_json(job) if session.json else print(job.job_id)
            return Exit.FAILURE if problems else Exit.OK
        return _gather(session, job, problems, write)


def resume_batch(session: Session, job_id: str, *, destination: Destination) -> Exit:
    """Goes on with a batch that was stopped, and prints all of its results, the earlier ones too."""
    with written(destination) as write:
        job = session.call(SHOW, params=JobParams(job_id))
        if job.state in ("cancelled", "failed"):
            job = session.call(RESUME, params=JobParams(job_id))
        return _gather(session, job, [], write)


def read_lines(source: str, *, plain: bool) -> tuple[list[str | BatchQuery], list[Problem]]:
    queries: list[str | BatchQuery] = []
    problems: list[Problem] = []
    with opened(source) as (lines, _):
        for number, raw in enumerate(lines, start=1):
            if raw is not None and not raw.strip():
                continue
            try:
                queries.append(_read(number, raw, plain=plain))
            except ValidationError as error:
                said = {
                    "code": error.code,
                    "message": f"line {number}: {error.message}",
                    "details": {**error.details, "suggestion": error.hint},
                }
                problems.append(Problem(number, None, int(error.exit_code), said))
            if len(queries) > QUERIES_MOST:
                raise ValidationError(
                    f"there are more than {QUERIES_MOST} lines, the most that a batch takes",
                    field="--batch",
                    hint=f"split it: split -l {QUERIES_MOST} FILE",
                )
    return queries, problems


def _read(number: int, raw: bytes | None, *, plain: bool) -> BatchQuery:
    """ValidationError where the daemon would not take it."""
    if raw is None:
        raise ValidationError(f"longer than {LONGEST_LINE_BYTES} bytes")
    try:
        line: str | Asked = raw.decode("utf-8").rstrip("\r\n") if plain else msgspec.json.decode(raw, type=str | Asked)
        asked = Asked(input=line) if isinstance(line, str) else line
        text = asked.input if asked.input is not None else asked.text
        if text is None:
            raise ValidationError("has neither input nor text", hint=SHAPE)
        if "\0" in text:
            raise ValidationError("holds a NUL character")
        name = None if asked.id is None else str(asked.id)
        query = BatchQuery(text, asked.context, asked.pipeline_options, name, number)
        return msgspec.json.decode(msgspec.json.encode(query), type=BatchQuery)
    except (UnicodeError, msgspec.MsgspecError, RecursionError) as error:
        raise ValidationError(str(error), hint=SHAPE) from None


@contextmanager
def written(destination: Destination) -> Iterator[Callable[[Any], None]]:
    """How a line is written: to stdout, or to a file that is there only once it is whole."""
    if destination.file is None:
        yield print_json
        return
    with private_output(destination.file, replace=destination.replace) as output:
        yield lambda value: _append(output, value)


def _append(output: Any, value: Any) -> None:
    output.write(encode_json(value).encode())


class _Printer:
    """Writes results in the order of the lines as far as they are there, the problems among them in their places."""

    def __init__(self, session: Session, job_id: str, problems: list[Problem], write: Callable[[Any], None]) -> None:
        self._session = session
        self._job_id = job_id
        self._problems = problems
        self._write = write
        self._next = 0
        self.failed = 0

    def look(self, job: Job) -> None:
        while self._next < job.done:
            params = JobResultsParams(self._job_id, self._next - 1, limit=PAGE)
            page = self._session.call(RESULTS, params=params).results
            before = self._next
            for result in page:
                if result.number != self._next:
                    break
                self._print(result)
            if self._next - before < PAGE:
                break
        sys.stdout.flush()

    def finish(self) -> None:
        while self._problems:
            self._write(self._problems.pop(0))

    def _print(self, result: JobResult) -> None:
        answer = _answer(result)
        while self._problems and answer.line is not None and self._problems[0].line < answer.line:
            self._write(self._problems.pop(0))
        self._write(answer)
        self.failed += answer.exit != Exit.OK
        self._next += 1


def _answer(result: JobResult) -> Answer:
    if result.result is None:
        return Answer(line=None, id=None, exit=int(Exit.FAILURE), reasons=result.reasons)
    item = msgspec.convert(result.result, BatchItem)
    said = msgspec.to_builtins(item.error) if item.error is not None else None
    code = from_body(0, {"error": said}).exit_code if said is not None else Exit.OK
    return Answer(
        line=item.line,
        id=item.id,
        exit=int(code),
        response=item.response,
        summary=item.summary,
        confidence=item.confidence,
        processing_time_ms=item.processing_time_ms,
        citations=item.citations,
        metadata=item.metadata,
        memory_fold_created=item.memory_fold_created,
        error=said,
        reasons=item.reasons,
    )


def _gather(session: Session, job: Job, problems: list[Problem], write: Callable[[Any], None]) -> Exit:
    started_s, unsent = time.monotonic(), len(problems)
    printer = _Printer(session, job.job_id, problems, write)
    way_on = f"go on with: lukhas process --resume {job.job_id}"
    before = job.done
    try:
        job = follow(session, job.job_id, seen=printer.look)
        printer.finish()
    except KeyboardInterrupt:
        session.client.close()  # an answer may have been half read
        with suppress(LukhasError):  # it has ended meanwhile
            job = session.call(CANCEL, params=JobParams(job.job_id))
        print(f"\nstopped: {job.done} of {job.total} are done; {way_on}", file=sys.stderr)
        raise
    except LukhasError as error:
        error.hint = f"{error.hint}; {way_on}" if error.hint else way_on
        raise
    seconds = time.monotonic() - started_s
    if job.state != "done":
        raise LukhasError(f"{job.job_id} {job.state}: {job.problem or 'somebody stopped it'}", hint=way_on)
    failed = printer.failed + unsent
    if session.json:
        print_json(End(job.job_id, job.total - printer.failed, failed, round(seconds, 3)))
    rate = f" ({(job.done - before) / seconds:.1f} a second)" if seconds else ""
    print(
        f"{job.total - printer.failed} answered, {failed} failed in {seconds:.1f} s{rate}; {job.job_id}",
        file=sys.stderr,
    )
    return Exit.FAILURE if failed else Exit.OK
