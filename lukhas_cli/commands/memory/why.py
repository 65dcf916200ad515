"""`lukhas memory why`: where one memory stands in a search."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import AsOf, MemoryId, Superseded, Where, app
from lukhas_cli.inputs import LONGEST_QUERY, read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.memories import show_why
from lukhas_sdk.contract import memory as contract


@command(app, examples='lukhas memory why mem_2025_01_31_abcdef "spare key"')
def why(
    context: typer.Context,
    memory_id: MemoryId,
    query: Annotated[str, typer.Argument(metavar="QUERY|-", help="The search; - reads it from stdin.")],
    where: Where = None,
    as_of: AsOf = None,
    include_superseded: Superseded = False,
) -> Outcome:
    """Say where a memory stands in a search, what its score is made of, or what leaves it out."""
    body = contract.WhyRequest(
        memory_id=memory_id,
        query=read_text(query, field="QUERY", longest=LONGEST_QUERY),
        where=where,
        as_of=as_of,
        include_superseded=include_superseded,
    )
    answer = session_of(context).call(contract.WHY, body=body)
    return Outcome(answer, lambda screen: show_why(screen, answer))
