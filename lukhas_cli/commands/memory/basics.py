"""Store, search, recall, list, delete, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import typer
from typer._types import TyperChoice

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import KINDS, MemoryId, Tags, TypeOption, app
from lukhas_cli.importing import ImportOptions, Split, import_all, show_summary
from lukhas_cli.inputs import ask, read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.memories import show_hits, show_list, show_memory, show_stats
from lukhas_sdk.contract import memory as contract
from lukhas_sdk.contract.memory import MemoryType
from lukhas_sdk.errors import Exit, ValidationError


@command(
    app,
    examples='lukhas memory store "The spare key is under the blue pot." --tag home\n'
    'lukhas memory store "Mara moved to Lisbon" --type episodic --timestamp 2025-03-04 --context speaker=Ana\n'
    "pbpaste | lukhas memory store -",
)
def store(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT|-", help="What to remember; - reads it from stdin.")],
    type: Annotated[MemoryType, typer.Option(help="What kind of memory.")] = "semantic",
    tag: Tags = None,
    importance: Annotated[float, typer.Option(min=0, max=1, metavar="X", help="How much it matters.")] = 0.5,
    about: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="Where it comes from: speaker, location, … Repeatable."),
    ] = None,
    timestamp: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When it happened: an ISO 8601 date or date-time.")
    ] = None,
) -> Outcome:
    """Store one memory. It is on disk, and found by search, when this returns."""
    facts: dict[str, Any] = dict(_pair(entry) for entry in about or [])
    if timestamp is not None:
        facts["timestamp"] = timestamp
    body = contract.StoreRequest(
        content=contract.MemoryContent(type=type, data=read_text(text, field="TEXT"), context=facts),
        tags=tag or [],
        importance=importance,
    )
    answer = session_of(context).call(contract.STORE, body=body)
    return Outcome(answer, lambda screen: screen.row(answer.memory_id))


@command(
    app,
    examples='lukhas memory search "quantum physics"\n'
    "lukhas memory search budget --since 2025-01-01 --tag work --limit 5\n"
    "lukhas memory search 'spare key' --json | jq -r '.data.results[].content.data'",
)
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY|-", help="Words or a question; - reads it from stdin.")],
    type: Annotated[
        list[str] | None,
        typer.Option("--type", click_type=TyperChoice(KINDS), help="Only memories of this kind; repeatable."),
    ] = None,
    tag: Tags = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Not before this date or date-time.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Not after this date or date-time.")] = None,
    min_importance: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="X", help="Only what matters this much.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="At most so many.")] = 10,
    no_context: Annotated[bool, typer.Option("--no-context", help="Leave each memory's context out.")] = False,
) -> Outcome:
    """Find memories by words and by meaning, best first.

    In a pipe, each line is: score, id, date, type, source, text.
    """
    body = contract.SearchRequest(
        query=read_text(query, field="QUERY"),
        filters=contract.SearchFilters(
            type=cast("list[MemoryType]", type) or None,
            date_range=contract.DateRange(since, until) if since or until else None,
            min_importance=min_importance,
            tags=tag or None,
        ),
        limit=limit,
        include_context=not no_context,
    )
    answer = session_of(context).call(contract.SEARCH, body=body)
    return Outcome(answer, lambda screen: show_hits(screen, answer))


@command(app, examples="lukhas memory recall mem_2025_01_31_abcdef")
def recall(context: typer.Context, memory_id: MemoryId) -> Outcome:
    """Show one memory whole: what is known of it, then its text."""
    answer = session_of(context).call(contract.RECALL, params=contract.MemoryParams(memory_id))
    return Outcome(answer, lambda screen: show_memory(screen, answer))


@command(app, name="list", examples="lukhas memory list --limit 50\nlukhas memory list --all --tag home --json")
def list_memories(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
    type: TypeOption = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only memories with this tag.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every page.")] = False,
) -> Outcome:
    """List memories, newest first.

    In a pipe, each line is: id, date, type, importance, tags, text.
    """
    own = session_of(context)
    size = 200 if everything else limit
    page = own.call(contract.LIST, params=contract.ListParams(limit=size, cursor=cursor, type=type, tag=tag))
    memories = page.memories
    while everything and page.next_cursor:
        params = contract.ListParams(limit=size, cursor=page.next_cursor, type=type, tag=tag)
        page = own.call(contract.LIST, params=params)
        memories = [*memories, *page.memories]
    answer = msgspec.structs.replace(page, memories=memories)
    return Outcome(answer, lambda screen: show_list(screen, answer))


@command(app, examples="lukhas memory delete mem_2025_01_31_abcdef --yes")
def delete(
    context: typer.Context,
    memory_id: MemoryId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Delete one memory. Asks first on a terminal; elsewhere --yes is needed."""
    own = session_of(context)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ValidationError("nobody can be asked here", field="--yes", hint="give --yes to delete it")
        found = own.call(contract.RECALL, params=contract.MemoryParams(memory_id))
        own.notice(found.content.data[:400])
        if not ask(f"delete {memory_id}?"):
            raise typer.Abort
    answer = own.call(contract.DELETE, params=contract.MemoryParams(memory_id))
    return Outcome(answer, lambda screen: screen.row("deleted", answer.memory_id))


@command(app, examples="lukhas memory stats\nlukhas memory stats --json | jq .data.by_type")
def stats(context: typer.Context) -> Outcome:
    """Show how many memories there are, of which kinds, and their size."""
    answer = session_of(context).call(contract.STATS)
    return Outcome(answer, lambda screen: show_stats(screen, answer))


@command(
    app,
    name="import",
    examples="lukhas memory import README.md notes/\n"
    "lukhas memory import chat.jsonl --tag chat\n"
    "git log --format='%h %ad %s' | lukhas memory import - --source git",
)
def import_(
    context: typer.Context,
    path: Annotated[list[Path], typer.Argument(metavar="PATH…|-", help="Files and folders; - reads stdin.")],
    split: Annotated[
        Split | None, typer.Option(help="What one memory is; default: a section of Markdown, a paragraph of text.")
    ] = None,
    format: Annotated[
        Literal["markdown", "text", "jsonl"] | None, typer.Option(help="Default: by the file's name; stdin is text.")
    ] = None,
    tag: Tags = None,
    type: TypeOption = None,
    importance: Annotated[float | None, typer.Option(min=0, max=1, metavar="X", help="How much it matters.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Say that it comes from NAME.")] = None,
) -> Outcome:
    """Import text, Markdown (by section), JSON Lines, or a folder of them. Importing again changes nothing.

    A line of JSON Lines is an object with the text in `text`, `data` or `content`, and what is known of it in
    `speaker`, `timestamp`, `tags`, `importance` and any other name.
    """
    options = ImportOptions(
        split=split, format=format, tags=tuple(tag or ()), type=type, importance=importance, source=source
    )
    summary = import_all(session_of(context), path, options)
    code = Exit.INTERRUPTED if summary.interrupted else Exit.REJECTED if summary.rejected else Exit.OK
    return Outcome(summary, lambda screen: show_summary(screen, summary), code)


def _pair(entry: str) -> tuple[str, str]:
    key, found, value = entry.partition("=")
    if not key or not found:
        raise ValidationError(f"not KEY=VALUE: {entry}", field="--context", hint="as --context speaker=Ana")
    return key, value
