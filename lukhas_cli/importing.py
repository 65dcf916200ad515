"""Files, folders and stdin into memory, a batch at a time."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lukhas_cli.render.progress import counting
from lukhas_cli.resuming import Bookmark
from lukhas_cli.session import Session
from lukhas_sdk.contract.memory import IMPORT, ImportRequest, MemoryType, StoreRequest
from lukhas_sdk.errors import Exit, GuardianRejection, LukhasError, NotFound, ValidationError

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen
    from lukhas_sdk.importers import LeaveOut, Source

Split = Literal["section", "paragraph", "line", "whole"]
Format = Literal[
    "auto", "markdown", "text", "jsonl", "chatgpt", "claude", "mem0", "basic-memory", "mbox", "shell-history"
]

BATCH_ITEMS = 200
BATCH_BYTES = 4_000_000
COUNTED_BELOW_BYTES = 50_000_000
"""A bar needs the number of memories, which means to read everything twice; of more than this only a count is shown."""
STDIN = "stdin"


@dataclass(frozen=True)
class ImportOptions:
    split: Split | None = None
    format: Format = "auto"
    tags: tuple[str, ...] = ()
    type: MemoryType | None = None
    importance: float | None = None
    source: str | None = None
    force: bool = False
    """Keep also what the gate would decline, merge or quarantine."""
    from_start: bool = False
    """Send again also what was sent before an interruption."""


class LeftOut(msgspec.Struct, frozen=True):
    """A file that was not read, a record that is broken, or a piece that was not stored."""

    what: str
    reason: str


class ImportSummary(msgspec.Struct):
    stored: int = 0
    skipped: int = 0
    """They were in memory already."""
    merged: int = 0
    """They gave a memory that says the same a new version."""
    declined: list[LeftOut] = []
    """They are not worth keeping."""
    quarantined: list[LeftOut] = []
    resumed: int = 0
    """They were sent before the import was interrupted, and not again."""
    rejected: list[LeftOut] = []
    """The guardian did not let them in."""
    broken: list[LeftOut] = []
    """Records that could not be read."""
    skipped_files: list[LeftOut] = []
    empty: list[str] = []
    """Files that were named and in which nothing to store was found."""
    interrupted: bool = False

    @property
    def exit(self) -> Exit:
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.rejected:
            return Exit.REJECTED
        return Exit.FAILURE if self.broken or self.empty else Exit.OK

    @property
    def problem(self) -> str:
        counts = ((len(self.rejected), "rejected"), (len(self.broken), "broken"), (len(self.empty), "empty"))
        told = ", ".join(f"{count} {kind}" for count, kind in counts if count)
        return "; ".join(filter(None, [told, "interrupted" if self.interrupted else ""]))


def import_all(session: Session, paths: Sequence[Path], options: ImportOptions) -> ImportSummary:
    """Reads and stores everything; Ctrl-C ends it with what was stored so far. An error says how far it came.

    What was interrupted goes on where it ended when it is called again with the same, unchanged files.
    """
    for path in paths:
        if path != Path("-") and not path.exists():
            raise NotFound(f"no such file or folder: {path}", hint="nothing was imported")
    summary = ImportSummary()
    with ExitStack() as closing:
        reading = Reading(paths, options, summary, closing)
        reading.check()
        try:
            _send_all(session, reading, summary)
        except KeyboardInterrupt:
            summary.interrupted = True
        except LukhasError as error:
            if summary.stored or summary.skipped:
                error.details |= {"stored": summary.stored, "skipped": summary.skipped}
                told = f"{summary.stored} were stored before it; importing again goes on from there"
                error.hint = f"{error.hint}; {told}" if error.hint else told
            raise
    return summary


class Reading:
    """What is to be read. stdin is kept in a file that nobody else sees, so that it can be looked at first."""

    def __init__(
        self, paths: Sequence[Path], options: ImportOptions, summary: ImportSummary, closing: ExitStack
    ) -> None:
        self.options = options
        self._summary = summary
        self._stdin = _spool(closing) if Path("-") in paths else None
        self._paths = [self._stdin if self._stdin and path == Path("-") else path for path in paths]

    def check(self) -> None:
        """Raises ValidationError for a named file that cannot be read as it is asked for, before anything is sent."""
        from lukhas_sdk.importers import importer_of

        for path in self._paths:
            if not path.is_dir():
                for source in self._sources(path, _ignore):
                    importer_of(source, format=self._format, split=self._split(source))

    def files(self) -> list[Path]:
        return [source.path for path in self._paths for source in self._sources(path, _ignore)]

    def bookmark(self, session: Session) -> Bookmark | None:
        """None for stdin, which cannot be the same again."""
        if self._stdin:
            return None
        return Bookmark(session.paths, self.files(), replace(self.options, from_start=False))

    def count(self) -> int | None:
        """How many memories there are, None where that takes long to find out."""
        if sum(file.stat().st_size for file in self.files()) > COUNTED_BELOW_BYTES:
            return None
        return sum(1 for path in self._paths for _ in self._pieces(path, _ignore, _ignore))

    def pieces(self) -> Iterator[StoreRequest]:
        """What is to be stored, one after another; what is left out is noted in the summary."""

        def leave_out(what: str, reason: str) -> None:
            self._summary.skipped_files.append(LeftOut(what, reason))

        def broken(what: str, reason: str) -> None:
            self._summary.broken.append(LeftOut(what, reason))

        for path in self._paths:
            found = 0
            for item in self._pieces(path, leave_out, broken):
                found += 1
                yield _with_options(item, self.options)
            if not found and not path.is_dir():
                self._summary.empty.append(STDIN if path == self._stdin else str(path))

    def _pieces(self, path: Path, leave_out: LeaveOut, broken: LeaveOut) -> Iterator[StoreRequest]:
        from lukhas_sdk.importers import read_source

        for source in self._sources(path, leave_out):
            records = replace(source, leave_out=broken)
            try:
                yield from read_source(records, format=self._format, split=self._split(source))
            except ValidationError as error:
                if not path.is_dir():
                    raise
                leave_out(str(source.path), error.message)

    def _sources(self, path: Path, leave_out: LeaveOut) -> Iterator[Source]:
        from lukhas_sdk.importers import list_sources

        for source in list_sources(path, leave_out):
            yield replace(source, name=STDIN) if path == self._stdin else source

    def _split(self, source: Source) -> Split | None:
        """As asked for. Text from stdin, or that is only called text, has paragraphs where it has blank lines."""
        from lukhas_sdk.importers import detect

        if self.options.split is not None:
            return self.options.split
        guessed = self.options.format == "auto" and source.name == STDIN and detect(source.path, STDIN) == "text"
        if guessed or self.options.format == "text":
            return "paragraph" if b"\n\n" in source.path.read_bytes().strip() else "line"
        return None

    @property
    def _format(self) -> Any:
        return None if self.options.format == "auto" else self.options.format


def batches(items: Iterable[StoreRequest]) -> Iterator[list[StoreRequest]]:
    """At most BATCH_ITEMS and, unless a single item is larger, BATCH_BYTES of JSON each."""
    batch: list[StoreRequest] = []
    size_bytes = 0
    for item in items:
        item_bytes = len(msgspec.json.encode(item))
        if batch and (len(batch) == BATCH_ITEMS or size_bytes + item_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(item)
        size_bytes += item_bytes
    if batch:
        yield batch


def show_summary(screen: Screen, summary: ImportSummary) -> None:
    from lukhas_cli.render.text import one_line

    screen.row("stored", summary.stored)
    screen.row("skipped", summary.skipped)
    told = (
        ("left out", summary.skipped_files), ("declined", summary.declined), ("quarantined", summary.quarantined),
        ("rejected", summary.rejected), ("broken", summary.broken),
    )  # fmt: skip
    counted = [("merged", summary.merged), ("resumed", summary.resumed)]
    for name, count in counted + [(kind, len(entries)) for kind, entries in told[1:]]:
        if count:
            screen.row(name, count)
    for kind, entries in told:
        for entry in entries:
            print(f"{kind}: {one_line(entry.what)}: {one_line(entry.reason)}", file=sys.stderr)
    for name in summary.empty:
        print(f"nothing to store was found in {one_line(name)}", file=sys.stderr)
    if summary.interrupted:
        print("interrupted: importing again goes on from here", file=sys.stderr)


def _send_all(session: Session, reading: Reading, summary: ImportSummary) -> None:
    bookmark = reading.bookmark(session)
    items = reading.pieces()
    if bookmark is not None and not reading.options.from_start:
        summary.resumed = sum(1 for _ in islice(items, bookmark.sent))
    total = reading.count() if sys.stderr.isatty() else None
    session.client  # noqa: B018 - a daemon is started before the bar is shown
    sent = summary.resumed
    with counting("importing", total) as advance:
        advance(sent, "")
        for batch in batches(items):
            _send(session, batch, summary)
            sent += len(batch)
            if bookmark is not None:
                bookmark.note(sent)
            advance(len(batch), str(batch[-1].content.context.get("source", "")))
    if bookmark is not None:
        bookmark.clear()


def _send(session: Session, batch: list[StoreRequest], summary: ImportSummary) -> None:
    """A batch with something that the guardian rejects, or that the daemon cannot take, is sent again without it."""
    try:
        answer = session.call(IMPORT, body=ImportRequest(batch))
    except (GuardianRejection, ValidationError) as error:
        refused = refused_by(error)
        if not refused:
            raise
        told = summary.rejected if isinstance(error, GuardianRejection) else summary.broken
        told.extend(LeftOut(_name(batch[index]), reason) for index, reason in refused.items())
        kept = [item for index, item in enumerate(batch) if index not in refused]
        if kept:
            _send(session, kept, summary)
        return
    summary.stored += answer.stored
    summary.skipped += answer.skipped
    summary.merged += answer.merged
    for each in answer.outcomes:
        if each.outcome in ("declined", "quarantined"):
            told = summary.declined if each.outcome == "declined" else summary.quarantined
            told.append(LeftOut(_name(batch[each.index]), each.reason or each.outcome))


def refused_by(error: LukhasError) -> dict[int, str]:
    """Why, by index in the batch."""
    if isinstance(error, GuardianRejection):
        items: list[Any] = error.details.get("items") or []
        return {
            int(item["index"]): str(item.get("why") or error.message) if isinstance(item, dict) else error.message
            for item in items
        }
    place = str(error.details.get("field", "")).partition("$.items[")[2].partition("]")[0]
    return {int(place): error.message} if place.isdigit() else {}


def _name(item: StoreRequest) -> str:
    context = item.content.context
    origin = " · ".join(str(context[key]) for key in ("source", "title", "heading") if key in context)
    return origin or item.content.data[:60]


def _with_options(item: StoreRequest, options: ImportOptions) -> StoreRequest:
    content = item.content
    if options.source is not None:
        content = msgspec.structs.replace(content, context={**content.context, "source": options.source})
    if options.type is not None:
        content = msgspec.structs.replace(content, type=options.type)
    return StoreRequest(
        content=content,
        tags=[*dict.fromkeys([*item.tags, *options.tags])],
        importance=item.importance if options.importance is None else options.importance,
        force=item.force or options.force,
    )


def _spool(closing: ExitStack) -> Path:
    spool = closing.enter_context(tempfile.NamedTemporaryFile(prefix="lukhas-"))  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.flush()
    return Path(spool.name)


def _ignore(what: str, reason: str) -> None:
    """For a look ahead: what is left out is told when it is read."""
