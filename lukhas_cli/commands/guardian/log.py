"""`lukhas guardian log`: what the guardian decided, and whether the record of it still holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.moments import local, moment
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.outputs import private_output
from lukhas_cli.render.progress import counting
from lukhas_cli.render.screen import Screen, show
from lukhas_cli.session import Session
from lukhas_sdk.contract import verdict_log as contract
from lukhas_sdk.contract.guardian import ActionType, Decision
from lukhas_sdk.errors import DaemonUnreachable, Exit, ValidationError

EXAMPLES = """lukhas guardian log list --decision REJECTED
lukhas guardian log verify
"""

log = new_app(
    "Every verdict that was answered, in a chain that shows whether anything was changed since.\n\nNo text of what was "
    "judged is kept, unless guardian.log_content says so.",
    examples=EXAMPLES,
)
app.add_typer(log, name="log")

ValidationId = Annotated[str, typer.Argument(metavar="ID", help="A verdict's id, as val_0123….")]


@command(
    log,
    name="list",
    examples="lukhas guardian log list --decision REJECTED\nlukhas guardian log list --since 2025-01-01 --json",
)
def list_entries(
    context: typer.Context,
    decision: Annotated[Decision | None, typer.Option(help="Only these.")] = None,
    type: Annotated[ActionType | None, typer.Option(metavar="TYPE", help="Only this kind of action.")] = None,
    category: Annotated[
        str | None, typer.Option(metavar="CATEGORY", help="Only where a finding is of this category.")
    ] = None,
    rule: Annotated[str | None, typer.Option(metavar="RULE", help="Only where this rule fired.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Only this session.")] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="From this date or date-time on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Up to this date-time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=contract.LONGEST_PAGE, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List recorded verdicts, newest first.

    In a pipe, each line is: number, time, decision, action, rules, id.
    """
    params = contract.LogListParams(
        decision, type, category, rule, session, moment(since, "--since"), moment(until, "--until"), limit, cursor
    )
    answer = session_of(context).call(contract.LIST, params=params)
    rows = [
        (
            entry.seq,
            local(entry.time),
            entry.verdict.decision,
            entry.verdict.action_type,
            ", ".join(dict.fromkeys(each.rule for each in entry.verdict.findings)),
            entry.verdict.validation_id,
        )
        for entry in answer.entries
    ]

    def present(screen: Screen) -> None:
        screen.table(["no.", "time", "decision", "action", "rules", "id"], rows, wide="rules")
        if answer.next_cursor and screen.terminal:
            screen.text(f"go on with --cursor {answer.next_cursor}", style="dim")

    return Outcome(answer, present)


@command(log, name="show", examples="lukhas guardian log show val_0123456789abcdef0123456789abcdef")
def show_entry(context: typer.Context, validation_id: ValidationId) -> Outcome:
    """Show one recorded verdict as it is kept. `lukhas guardian explain` says what it means."""
    entry = session_of(context).call(contract.SHOW, params=contract.LogParams(validation_id))
    return Outcome(entry, lambda screen: _show_entry(screen, entry))


@command(log, examples="lukhas guardian log verify && echo whole")
def verify(context: typer.Context) -> Outcome:
    """Check the whole chain: exit code 1 where an entry was changed, taken out or put in.

    The head that it prints is the last entry's hash: kept elsewhere, it shows later that nothing before it was made
    anew.
    """
    found = session_of(context).call(contract.VERIFY)
    broken = found.broken_at
    where = f"{broken.segment}{f', line {broken.line}' if broken.line else ''}: {broken.why}" if broken else ""

    def present(screen: Screen) -> None:
        screen.pairs(
            [
                ("chain", "holds" if found.ok else "broken"),
                *([("where", where)] if where else []),
                ("entries", found.entries),
                ("files", found.segments),
                ("head", found.head),
            ]
        )

    return Outcome(found, present, Exit.OK if found.ok else Exit.FAILURE, f"the verdict log is broken: {where}")


@command(log, examples="lukhas guardian log export verdicts.jsonl\nlukhas guardian log export - | gzip > verdicts.gz")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="Where to write it; - is stdout.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> Outcome | Streamed:
    """Write every entry of the log as it is kept, one JSON object a line: verdicts, appeals and notices."""
    session = session_of(context)
    if file == Path("-"):
        if session.json:
            raise ValidationError("the export and --json both want stdout", field="--json", hint="leave --json out")
        _write(session, sys.stdout.buffer)
        sys.stdout.flush()
        return Streamed()
    with private_output(file, replace=force) as output:
        told = _write(session, output)
    return Outcome(
        told, lambda screen: screen.pairs([("entries", told.entries), ("sha256", told.sha256), ("head", told.head)])
    )


def _write(session: Session, output: BinaryIO) -> contract.LogExport:
    told: contract.LogExport | None = None
    with counting("exporting", None) as advance:
        for event in session.client.events(contract.EXPORT):
            if event.type == "lines":
                output.write(event.lines.encode())
                advance(event.lines.count("\n"), "")
            elif event.type == "result":
                told = event.result
    if told is None:
        raise DaemonUnreachable("the export ended before it was whole", hint="see: lukhas daemon logs")
    return told


def _show_entry(screen: Screen, entry: contract.LogEntry) -> None:
    record = entry.verdict
    screen.pairs(
        [
            ("id", record.validation_id),
            ("entry", entry.seq),
            ("time", local(entry.time)),
            ("decision", record.decision),
            ("action", record.action_type),
            ("by", record.who),
            ("session", record.session_id),
            ("level", f"{record.ethics_level}, {record.profile}"),
            ("scores", f"safety {show(record.safety_score)}, ethics {show(record.ethics_score)}"),
            ("content", f"{record.content_length} characters, {record.content_hash or 'no hash kept'}"),
            *([("text", record.content)] if record.content is not None else []),
            *((each.rule, f"{each.severity}, {each.category}, at {each.start}-{each.end}") for each in record.findings),
            ("appeals", entry.appeals),
            ("hash", entry.hash),
        ]
    )
