"""`lukhas incidents`: what the guardian refused for a grave reason."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.moments import local, moment
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import incidents as contract
from lukhas_sdk.contract.guardian import Severity

EXAMPLES = """lukhas incidents list --status open
lukhas incidents show inc_2025_01_31_0a1b2c3d4e
lukhas incidents resolve inc_2025_01_31_0a1b2c3d4e --note "A mistyped path; nothing was run."
"""

app = new_app(
    "What the guardian refused for a grave reason, or because it failed itself.\n\nVerdicts on one rule that come "
    "within ten minutes of each other, of one session or caller, are one incident.",
    examples=EXAMPLES,
)

IncidentId = Annotated[str, typer.Argument(metavar="ID", help="An incident's id, as inc_2025_01_31_0a1b2c3d4e.")]


@command(app, name="list", examples="lukhas incidents list --status open --severity critical")
def list_incidents(
    context: typer.Context,
    status: Annotated[contract.IncidentStatus | None, typer.Option(help="Only these.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only these.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Seen last on this date-time or later.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List incidents, newest first.

    In a pipe, each line is: id, last seen, status, severity, how many verdicts, rule, caller.
    """
    params = contract.IncidentListParams(status, severity, moment(since, "--since"), limit, cursor)
    answer = session_of(context).call(contract.LIST, params=params)
    rows = [
        (each.incident_id, local(each.last_seen), each.status, each.severity, each.count, each.rule, each.who)
        for each in answer.incidents
    ]

    def present(screen: Screen) -> None:
        screen.table(["id", "last seen", "status", "severity", "verdicts", "rule", "by"], rows, wide="rule")
        if screen.terminal:
            screen.text(f"{len(rows)} of {answer.total_count} incidents{more(answer.next_cursor)}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas incidents show inc_2025_01_31_0a1b2c3d4e")
def show(context: typer.Context, incident_id: IncidentId) -> Outcome:
    """Show one incident and the ids of its last verdicts, for `lukhas guardian explain`."""
    answer = session_of(context).call(contract.SHOW, params=contract.IncidentParams(incident_id))
    return Outcome(answer, lambda screen: _show(screen, answer))


@command(app, examples='lukhas incidents resolve inc_2025_01_31_0a1b2c3d4e --note "A mistyped path."')
def resolve(
    context: typer.Context,
    incident_id: IncidentId,
    note: Annotated[str, typer.Option("--note", metavar="TEXT|-", help="What came of it; - reads it from stdin.")],
) -> Outcome:
    """Close an incident with a note. A new verdict of its kind opens a new one."""
    text = read_text(note, field="--note", longest=4000)
    answer = session_of(context).call(
        contract.RESOLVE, params=contract.IncidentParams(incident_id), body=contract.ResolveIncidentRequest(text)
    )
    return Outcome(answer, lambda screen: _show(screen, answer))


def _show(screen: Screen, incident: contract.Incident) -> None:
    screen.pairs(
        [
            ("id", incident.incident_id),
            ("status", incident.status),
            ("rule", incident.rule),
            ("category", incident.category),
            ("severity", incident.severity),
            ("by", incident.who),
            ("session", incident.session_id),
            ("verdicts", incident.count),
            ("first seen", local(incident.first_seen)),
            ("last seen", local(incident.last_seen)),
            *(
                [("resolved", f"{local(incident.resolved_at)} by {incident.resolved_by}")]
                if incident.resolved_at
                else []
            ),
            *([("note", incident.note)] if incident.note else []),
        ]
    )
    for validation_id in incident.validation_ids:
        screen.row("verdict", validation_id)
