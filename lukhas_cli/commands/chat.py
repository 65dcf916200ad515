"""`lukhas chat`: a conversation."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Streamed

app = new_app()

EXAMPLES = """lukhas chat
lukhas chat --session trip-to-lisbon
echo "Where is the spare key?" | lukhas chat --new
"""


@command(app, examples=EXAMPLES)
def chat(
    context: typer.Context,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="The conversation to go on with, or to begin under this name.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin another conversation.")] = False,
) -> Streamed:
    """Talk with what memory holds.

    Goes on with the last conversation where that was less than 30 minutes ago. Lines that begin with / are commands:
    /help lists them. Ctrl-C stops an answer and the daemon's work on it, Ctrl-D leaves. In a pipe, each line is a
    question, and its answer is printed; with --json, each answer is an object, and the last line is {"type":"end"}.
    """
    from lukhas_cli.chatting import Chat

    return Streamed(Chat(session_of(context), session_id=session, new=new).run())
