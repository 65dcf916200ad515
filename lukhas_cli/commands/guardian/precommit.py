"""`lukhas guardian pre-commit`: what a commit adds, judged before it is made."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.guardian.app import ProfileOption, app
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import one_line
from lukhas_sdk.contract.guardian import VALIDATE, Decision, Finding, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import Exit


class Place(msgspec.Struct, frozen=True):
    """One reason why a file does not pass. Nothing of the content is in it."""

    path: str
    line: int
    rule: str
    category: str
    severity: str
    text: str
    decision: Decision
    validation_id: str


class Report(msgspec.Struct, frozen=True):
    files: int
    places: list[Place]


@command(
    app,
    name="pre-commit",
    examples="lukhas guardian pre-commit\n"
    "printf '#!/bin/sh\\nexec lukhas guardian pre-commit\\n' > .git/hooks/pre-commit && "
    "chmod +x .git/hooks/pre-commit",
)
def pre_commit(
    context: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILES]...", help="Only these of the staged.")] = None,
    profile: ProfileOption = None,
) -> Outcome:
    """Judge the lines that are staged for a commit: exit code 1 where one of the files is not approved.

    Prints `file:line: rule: what it says` and never what stands there. Binary files are passed over. Given files of
    which none is staged are judged whole, as in `pre-commit run --all-files`. What is meant for anyone's eyes can be
    put on the allowlist.
    """
    from lukhas_cli.staged import staged

    session = session_of(context)
    added = staged(files or [])
    places: list[Place] = []
    for file in added:
        for piece in file.pieces():
            text = piece.text
            if not text.strip():
                continue
            verdict = session.call(VALIDATE, body=ValidateRequest(GuardianAction("file_write", text), profile=profile))
            if verdict.decision == "APPROVED":
                continue
            findings = [finding for finding in verdict.reasoning.findings if finding.severity != "low"]
            if not findings:
                places.append(unexplained(piece.path, piece.numbers[0], verdict))
            places += [as_place(piece.path, piece.line_of(finding.start), finding, verdict) for finding in findings]
    report = Report(len(added), places)
    if not places:
        return Outcome(report, lambda screen: None)
    count = len({place.path for place in places})
    problem = f"{count} file{'' if count == 1 else 's'} not approved"
    return Outcome(report, lambda screen: show_places(screen, places), Exit.FAILURE, problem)


def as_place(path: str, line: int, finding: Finding, verdict: Verdict) -> Place:
    return Place(
        path, line, finding.rule, finding.category, finding.severity, finding.text, verdict.decision,
        verdict.validation_id,
    )  # fmt: skip


def unexplained(path: str, line: int, verdict: Verdict) -> Place:
    """Not approved and nothing found: the guardian could not judge it."""
    why = verdict.reasons.get("decision") or "; ".join(verdict.reasoning.key_factors)
    return Place(path, line, "guardian", "not judged", "high", why, verdict.decision, verdict.validation_id)


def show_places(screen: Screen, places: list[Place]) -> None:
    for place in places:
        screen.text(one_line(f"{place.path}:{place.line}: {place.rule}: {place.text} ({place.decision})"))
