"""The group `lukhas memory`, and the options that its commands share."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import typer
from typer._types import TyperChoice

from lukhas_cli.command import new_app
from lukhas_sdk.contract.memory import FacetName, MemoryType, SearchField, SortOrder

EXAMPLES = """lukhas memory import notes/
lukhas memory store "The spare key is under the blue pot." --tag home
lukhas memory search "spare key"
"""

KINDS = get_args(MemoryType)

app = new_app("Keep memories, find them, forget them.", examples=EXAMPLES)

Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag; may be given several times.")]
TypeOption = Annotated[MemoryType | None, typer.Option("--type", help="What kind of memory.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="WHEN", help="What was true on this date or at this date-time.")
]
Superseded = Annotated[bool, typer.Option("--include-superseded", help="Also what is not true any more.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="EXPR",
        help="Only what fits: words, \"phrases\", budg*, AND, OR, NOT, -word, (…), text:, speaker:, tag:, type:, "
        "source:, context.KEY:, importance>=0.7, date:2025-03, date>=2025-01-01.",
    ),
]  # fmt: skip
Sort = Annotated[SortOrder | None, typer.Option("--sort", help="Default: relevance; without a query the newest first.")]
Facets = Annotated[
    list[str] | None,
    typer.Option("--facet", click_type=TyperChoice(get_args(FacetName)), help="Count all matches by this; repeatable."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", click_type=TyperChoice(get_args(SearchField)), help="Look for the words here alone; repeatable."
    ),
]
Cursor = Annotated[
    str | None,
    typer.Option("--cursor", metavar="CURSOR", help="first: begin in pages; then what the page before ended with."),
]
MemoryId = Annotated[str, typer.Argument(metavar="ID", help="A memory's id, as mem_2025_01_31_abcdef.")]


def facet_names(given: list[str] | None) -> list[FacetName]:
    return cast("list[FacetName]", list(dict.fromkeys(given or [])))


def field_names(given: list[str] | None) -> list[SearchField] | None:
    return cast("list[SearchField]", list(dict.fromkeys(given))) if given else None
