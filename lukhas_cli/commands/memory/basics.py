"""Store, search, recall, list, delete."""

from __future__ import annotations

import sys
from typing import Annotated, Any, cast

import msgspec
import typer
from typer._types import TyperChoice

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import (
    KINDS,
    AsOf,
    Cursor,
    Facets,
    Fields,
    MemoryId,
    Sort,
    Superseded,
    Tags,
    TypeOption,
    Where,
    app,
    facet_names,
    field_names,
)
from lukhas_cli.inputs import LONGEST_QUERY, ask, read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.memories import show_hits, show_list, show_memory, show_stats, show_stored, stored_exit
from lukhas_sdk.contract import memory as contract
from lukhas_sdk.contract.memory import MemoryType
from lukhas_sdk.errors import ValidationError


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
    force: Annotated[
        bool,
        typer.Option("--force", help="Keep it, marked, even where the gate would not; no rejection is overridden."),
    ] = False,
) -> Outcome:
    """Store one memory. It is on disk, and found by search, when this returns.

    What memory says already is merged into that memory, as a new version of it. Junk is declined (exit code 1); a
    secret, or an instruction to whoever reads it, is put in quarantine (exit code 1). Both are said on stderr.
    """
    facts: dict[str, Any] = dict(_pair(entry) for entry in about or [])
    if timestamp is not None:
        facts["timestamp"] = timestamp
    body = contract.StoreRequest(
        content=contract.MemoryContent(type=type, data=read_text(text, field="TEXT"), context=facts),
        tags=tag or [],
        importance=importance,
        force=force,
    )
    answer = session_of(context).call(contract.STORE, body=body)
    return Outcome(answer, lambda screen: show_stored(screen, answer), stored_exit(answer), answer.reason or "")


@command(
    app,
    examples='lukhas memory search "quantum physics"\n'
    "lukhas memory search budget --since 2025-01-01 --tag work --limit 5\n"
    "lukhas memory search budget --where '\"spare key\" OR speaker:Ana -tag:old' --facet tag --facet month\n"
    "lukhas memory search --where 'importance>=0.7 date:2025-03' --sort oldest\n"
    "lukhas memory search 'spare key' --json | jq -r '.data.results[].content.data'",
)
def search(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY|-]", help="Words or a question; - reads it from stdin.")
    ] = None,
    where: Where = None,
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
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    as_of: AsOf = None,
    include_superseded: Superseded = False,
    sort: Sort = None,
    facet: Facets = None,
    field: Fields = None,
    cursor: Cursor = None,
) -> Outcome:
    """Find memories by words and by meaning, best first; with --where alone, all that it holds of.

    In --where, what stands side by side must all hold; OR binds weaker than AND, which may be left out; NOT and - deny
    what follows. A word is found in all its forms; what stands in quotes or holds symbols (C#, notes.md) is found as it
    is written, but for case and accents. A field is compared whole: speaker:"Ana Lopez", or by its beginning:
    speaker:Ana*. date and importance take : = > >= < <=; a year or a month is all of it.

    In a pipe, each line is: score, id, date, type, source, text; with --explain also signal=share, space between;
    of what is not true any more also ended=WHEN.
    Counts (facet, name, value, count) and the next page's cursor follow as lines that begin with facet and cursor.
    """
    if query is None and where is None:
        raise ValidationError("QUERY is missing, and so is --where", field="QUERY", hint="give one of them, or both")
    body = contract.SearchRequest(
        query=read_text(query, field="QUERY", longest=LONGEST_QUERY) if query is not None else None,
        where=where,
        filters=contract.SearchFilters(
            type=cast("list[MemoryType]", type) or None,
            date_range=contract.DateRange(since, until) if (since, until) != (None, None) else None,
            min_importance=min_importance,
            tags=tag or None,
        ),
        limit=limit,
        include_context=not no_context,
        explain=explain,
        as_of=as_of,
        include_superseded=include_superseded,
        sort=sort,
        facets=facet_names(facet),
        fields=field_names(field),
        cursor=cursor,
    )
    answer = session_of(context).call(contract.SEARCH, body=body)
    return Outcome(answer, lambda screen: show_hits(screen, answer))


@command(app, examples="lukhas memory recall mem_2025_01_31_abcdef")
def recall(
    context: typer.Context,
    memory_id: MemoryId,
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="As it was at that version.")] = None,
) -> Outcome:
    """Show one memory whole: what is known of it, then its text."""
    answer = session_of(context).call(contract.RECALL, params=contract.RecallParams(memory_id, version))
    return Outcome(answer, lambda screen: show_memory(screen, answer))


@command(app, name="list", examples="lukhas memory list --limit 50\nlukhas memory list --all --tag home --json")
def list_memories(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
    type: TypeOption = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Only memories with this tag.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every page.")] = False,
    as_of: AsOf = None,
    include_superseded: Superseded = False,
) -> Outcome:
    """List memories, newest first.

    In a pipe, each line is: id, date, type, importance, tags, text.
    """
    own = session_of(context)
    size = 200 if everything else limit
    params = contract.ListParams(
        limit=size, cursor=cursor, type=type, tag=tag, as_of=as_of, include_superseded=include_superseded
    )
    page = own.call(contract.LIST, params=params)
    memories = page.memories
    while everything and page.next_cursor:
        page = own.call(contract.LIST, params=msgspec.structs.replace(params, cursor=page.next_cursor))
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
        found = own.call(contract.RECALL, params=contract.RecallParams(memory_id))
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


def _pair(entry: str) -> tuple[str, str]:
    key, found, value = entry.partition("=")
    if not key or not found:
        raise ValidationError(f"not KEY=VALUE: {entry}", field="--context", hint="as --context speaker=Ana")
    return key, value
