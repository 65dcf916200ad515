"""Searches kept under a name."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.memory.app import Cursor, Facets, Fields, Sort, Where, app, facet_names, field_names
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.memories import show_hits
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract import saved as contract
from lukhas_sdk.contract.memory import SearchRequest

EXAMPLES = """lukhas memory saved add drafts --where 'tag:draft -done' --sort oldest
lukhas memory saved run drafts
lukhas memory saved list
"""

saved = new_app("Keep searches under a name, and run them again.", examples=EXAMPLES)
app.add_typer(saved, name="saved")

SavedName = Annotated[str, typer.Argument(metavar="NAME", help="What the search is called.")]


@command(
    saved,
    examples="lukhas memory saved add drafts --where 'tag:draft -done' --sort oldest\n"
    "lukhas memory saved add money --query 'what did we spend' --where 'importance>=0.5' --facet month",
)
def add(
    context: typer.Context,
    name: SavedName,
    query: Annotated[str | None, typer.Option(metavar="QUERY", help="Words or a question.")] = None,
    where: Where = None,
    sort: Sort = None,
    facet: Facets = None,
    field: Fields = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="At most so many.")] = 10,
) -> Outcome:
    """Keep a search: a query, a filter, or both. Times that the query names are read anew at each run."""
    search = SearchRequest(
        query=query, where=where, sort=sort, facets=facet_names(facet), fields=field_names(field), limit=limit
    )
    answer = session_of(context).call(contract.ADD, body=contract.SaveSearchRequest(name, search))
    return Outcome(answer, lambda screen: screen.row("kept", answer.name))


@command(saved, name="list", examples="lukhas memory saved list\nlukhas memory saved list --json")
def list_saved(context: typer.Context) -> Outcome:
    """List the searches that are kept, by name.

    In a pipe, each line is: name, query, filter, order.
    """
    answer = session_of(context).call(contract.LIST)
    return Outcome(answer, lambda screen: _show_list(screen, answer))


@command(saved, examples="lukhas memory saved run drafts\nlukhas memory saved run drafts --limit 50 --json")
def run(
    context: typer.Context,
    name: SavedName,
    limit: Annotated[
        int | None, typer.Option(min=1, max=200, metavar="N", help="At most so many; default: as it was kept.")
    ] = None,
    cursor: Cursor = None,
) -> Outcome:
    """Search as a kept search says.

    In a pipe, each line is as with lukhas memory search.
    """
    body = contract.RunSavedRequest(limit=limit, cursor=cursor)
    answer = session_of(context).call(contract.RUN, params=contract.SavedParams(name), body=body)
    return Outcome(answer, lambda screen: show_hits(screen, answer))


@command(saved, examples="lukhas memory saved remove drafts")
def remove(context: typer.Context, name: SavedName) -> Outcome:
    """Remove a kept search. What it finds stays."""
    answer = session_of(context).call(contract.REMOVE, params=contract.SavedParams(name))
    return Outcome(answer, lambda screen: screen.row("removed", answer.name))


def _show_list(screen: Screen, answer: contract.SavedListResponse) -> None:
    rows = [(each.name, each.search.query, each.search.where, each.search.sort) for each in answer.saved]
    if rows or not screen.terminal:
        screen.table(["name", "query", "where", "sort"], rows, wide="where")
    else:
        screen.text("no search is kept", style="dim")
