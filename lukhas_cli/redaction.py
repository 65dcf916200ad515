"""A text with what its verdict names taken out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from lukhas_cli.outcome import Outcome
from lukhas_cli.render.envelope import explain
from lukhas_cli.render.text import printable
from lukhas_cli.render.verdict import EXITS, afterwards, reasons
from lukhas_sdk.contract.guardian import VALIDATE, ValidateRequest, Verdict
from lukhas_sdk.errors import Exit, GuardianRejection
from lukhas_sdk.redaction import apply_spans

if TYPE_CHECKING:
    from lukhas_cli.session import Session


class Redacted(msgspec.Struct, frozen=True):
    verdict: Verdict
    """On the text as it was given."""
    content: str | None
    """Null where it does not pass even so."""


def redact_text(session: Session, request: ValidateRequest) -> Outcome:
    """Prints the text once it passes with its spans taken out, and nothing otherwise. The verdict is told on stderr."""
    verdict = session.call(VALIDATE, body=request)
    content = request.action.content
    spans = [span for requirement in verdict.requirements for span in requirement.redact]
    after = verdict
    if spans:
        content = apply_spans(content, spans)
        action = msgspec.structs.replace(request.action, content=content)
        after = session.call(VALIDATE, body=msgspec.structs.replace(request, action=action))
    passes = after.decision == "APPROVED"
    code = EXITS[verdict.decision]
    if not passes and code == Exit.OK:
        code = Exit.FAILURE
    problem = "" if passes else f"{after.decision} with {len(spans)} spans taken out: nothing is printed"
    if not session.json:
        tell(verdict, request.action.content)
        if not passes:
            explain(GuardianRejection(problem, hint=after.reasoning.would_change or "; ".join(after.conditions)))
        elif sys.stdout.isatty():
            content = printable(content)
    shown = content if passes else ""
    return Outcome(Redacted(verdict, shown if passes else None), lambda _: print(shown, end=""), code, problem)


def tell(verdict: Verdict, content: str) -> None:
    lines = [verdict.decision, *(reasons(verdict, content) if verdict.decision != "APPROVED" else []),
             *afterwards(verdict)]  # fmt: skip
    for line in lines:
        print(printable(line), file=sys.stderr)
