"""An answer as it comes: its text in pieces, written as soon as the daemon releases them."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.text import printable
from lukhas_sdk.contract.matriz import PROCESS, ProcessRequest, ProcessResponse
from lukhas_sdk.errors import DaemonUnreachable

if TYPE_CHECKING:
    from lukhas_cli.session import Session


def write_answer(session: Session, request: ProcessRequest) -> ProcessResponse:
    """The answer, once its text is on stdout. Interrupted, it closes the connection, and the daemon stops its work."""
    answer: ProcessResponse | None = None
    written = ""
    with closing(session.client.events(PROCESS, body=request)) as events:  # type: ignore[type-var]  # a generator
        for event in events:
            if event.type == "content":
                if event.replace and written:
                    _write("\n\n")
                    written = ""
                _write(event.text)
                written += event.text
            answer = event.result or answer
    if answer is None:
        raise DaemonUnreachable("the answer broke off", hint="see: lukhas daemon logs")
    if not written:
        _write(answer.response)
    _write("\n")
    return answer


def write_events(session: Session, request: ProcessRequest) -> None:
    """Every event as a line of JSON, the last being the end."""
    with closing(session.client.events(PROCESS, body=request)) as events:  # type: ignore[type-var]
        for event in events:
            print_json({"type": "end"} if event.type == "end" else event)
            sys.stdout.flush()


def _write(text: str) -> None:
    sys.stdout.write(printable(text))
    sys.stdout.flush()
