"""Files, folders and stdin into memory, a batch at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lukhas_cli.inputs import read_file, read_stdin
from lukhas_cli.render.progress import counting
from lukhas_cli.session import Session
from lukhas_sdk.contract.memory import IMPORT, ImportRequest, MemoryType, StoreRequest
from lukhas_sdk.errors import GuardianRejection, LukhasError, NotFound, ValidationError

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen

Split = Literal["section", "paragraph", "line", "whole"]

BATCH_ITEMS = 200
BATCH_BYTES = 4_000_000


@dataclass(frozen=True)
class ImportOptions:
    split: Split | None
    format: Literal["markdown", "text", "jsonl"] | None
    tags: tuple[str, ...]
    type: MemoryType | None
    importance: float | None
    source: str | None


class LeftOut(msgspec.Struct, frozen=True):
    """A file that was not read, or a piece that was not stored."""

    what: str
    reason: str


class ImportSummary(msgspec.Struct):
    """`skipped` pieces were in memory already; `rejected` ones the guardian did not let in."""

    stored: int = 0
    skipped: int = 0
    rejected: list[LeftOut] = []
    skipped_files: list[LeftOut] = []
    interrupted: bool = False


def import_all(session: Session, paths: Sequence[Path], options: ImportOptions) -> ImportSummary:
    """Reads and stores everything; Ctrl-C ends it with what was stored so far. An error says how far it came."""
    for path in paths:
        if path != Path("-") and not path.exists():
            raise NotFound(f"no such file or folder: {path}", hint="nothing was imported")
    summary = ImportSummary()
    total = None
    try:
        if sys.stderr.isatty() and Path("-") not in paths:
            total = sum(1 for _ in pieces(paths, options, skipped=[]))
        session.client  # noqa: B018 - a daemon is started before the bar is shown
        with counting("importing", total) as advance:
            for batch in batches(pieces(paths, options, skipped=summary.skipped_files)):
                _send(session, batch, summary)
                advance(len(batch), str(batch[-1].content.context.get("source", "")))
    except KeyboardInterrupt:
        summary.interrupted = True
    except LukhasError as error:
        if summary.stored or summary.skipped:
            error.details |= {"stored": summary.stored, "skipped": summary.skipped}
            told = f"{summary.stored} were stored before it; importing again stores only what is missing"
            error.hint = f"{error.hint}; {told}" if error.hint else told
        raise
    return summary


def pieces(paths: Sequence[Path], options: ImportOptions, *, skipped: list[LeftOut]) -> Iterator[StoreRequest]:
    """What is to be stored, one after another; files left out are appended to `skipped`."""
    from lukhas_sdk import documents

    for path in paths:
        if path == Path("-"):
            found: Iterable[StoreRequest] = _from_text(read_stdin(), "stdin", options)
        elif options.format is not None and path.is_file():
            found = _from_text(read_file(path), path.name, options)
        else:
            found = documents.iterate_path(
                path,
                split=None if options.split == "section" else options.split,
                on_skip=lambda file, reason: skipped.append(LeftOut(str(file), reason)),
            )
        for item in found:
            yield _with_options(item, options)


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
    screen.row("stored", summary.stored)
    screen.row("skipped", summary.skipped)
    if summary.rejected:
        screen.row("rejected", len(summary.rejected))
    from lukhas_cli.render.text import one_line

    for kind, entries in (("left out", summary.skipped_files), ("rejected", summary.rejected)):
        for entry in entries:
            print(f"{kind}: {one_line(entry.what)}: {one_line(entry.reason)}", file=sys.stderr)
    if summary.interrupted:
        print("interrupted: importing again stores only what is missing", file=sys.stderr)


def _send(session: Session, batch: list[StoreRequest], summary: ImportSummary) -> None:
    """A batch that holds something the guardian rejects is sent again without it."""
    try:
        answer = session.call(IMPORT, body=ImportRequest(batch))
    except GuardianRejection as error:
        rejected = _rejected(error)
        if not rejected:
            raise
        for index, reason in rejected.items():
            summary.rejected.append(LeftOut(_name(batch[index]), reason))
        kept = [item for index, item in enumerate(batch) if index not in rejected]
        if kept:
            _send(session, kept, summary)
        return
    summary.stored += answer.stored
    summary.skipped += answer.skipped


def _rejected(error: GuardianRejection) -> dict[int, str]:
    items: list[Any] = error.details.get("items") or []
    return {
        int(item["index"]): str(item.get("why") or error.message) if isinstance(item, dict) else error.message
        for item in items
    }


def _name(item: StoreRequest) -> str:
    origin = " · ".join(str(item.content.context[key]) for key in ("source", "heading") if key in item.content.context)
    return origin or item.content.data[:60]


def _from_text(text: str, source: str, options: ImportOptions) -> Iterable[StoreRequest]:
    from lukhas_sdk import documents

    if options.format == "jsonl":
        return documents.read_json_lines(text.split("\n"), source=source)
    if options.format == "markdown" and options.split in (None, "section"):
        return documents.split_markdown(text, source=source)
    if options.split == "section":
        raise ValidationError(
            "text has no sections", field="--split", hint="give --format markdown, or another --split"
        )
    by = options.split or ("paragraph" if "\n\n" in text.strip() else "line")
    return documents.split_text(text, source=source, by=by)


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
    )
