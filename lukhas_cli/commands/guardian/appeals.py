"""`lukhas guardian explain`, `appeal` and `appeals`: why a verdict is what it is, and an objection to it."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.commands.guardian.log import ValidationId
from lukhas_cli.inputs import read_text
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen, show
from lukhas_sdk.contract import verdict_log as contract


@command(app, examples="lukhas guardian explain val_0123456789abcdef0123456789abcdef")
def explain(context: typer.Context, validation_id: ValidationId) -> Outcome:
    """Say why a recorded verdict is what it is: what each rule that fired says, and what would change the verdict.

    Works for whatever was rejected, and judges nothing: its exit code is 0.
    """
    answer = session_of(context).call(contract.EXPLAIN, params=contract.LogParams(validation_id))
    return Outcome(answer, lambda screen: _show(screen, answer))


@command(
    app,
    examples="lukhas guardian appeal val_0123456789abcdef0123456789abcdef --reason 'It is our own test server.'\n"
    "lukhas guardian appeal val_0123456789abcdef0123456789abcdef --reason - < why.txt",
)
def appeal(
    context: typer.Context,
    validation_id: ValidationId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT|-", help="Why it is wrong; - reads it from stdin.")],
    evidence: Annotated[str | None, typer.Option(metavar="TEXT", help="Where to look.")] = None,
) -> Outcome:
    """Put an objection to a verdict on record, for a person to look at. It changes no decision.

    It stays in the log for ever; its secrets are masked.
    """
    text = read_text(reason, field="--reason", longest=contract.LONGEST_REASON)
    answer = session_of(context).call(contract.APPEAL, body=contract.AppealRequest(validation_id, text, evidence))
    return Outcome(
        answer,
        lambda screen: screen.pairs(
            [("appeal", answer.appeal_id), ("status", answer.status), ("decision", f"{answer.decision} (unchanged)")]
        ),
    )


@command(app, examples="lukhas guardian appeals --limit 50")
def appeals(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=contract.LONGEST_PAGE, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List the objections on record, newest first.

    In a pipe, each line is: time, by whom, the verdict's decision and id, the reason.
    """
    answer = session_of(context).call(contract.APPEALS, params=contract.AppealListParams(limit, cursor))
    rows = [
        (local(each.recorded_at), each.who, each.decision, each.validation_id, each.reason) for each in answer.appeals
    ]

    def present(screen: Screen) -> None:
        screen.table(["time", "by", "decision", "verdict", "reason"], rows, wide="reason")
        if answer.next_cursor and screen.terminal:
            screen.text(f"go on with --cursor {answer.next_cursor}", style="dim")

    return Outcome(answer, present)


def _show(screen: Screen, told: contract.Explanation) -> None:
    screen.pairs(
        [
            ("verdict", f"{told.decision} at level {told.ethics_level}, profile {told.profile}"),
            ("action", f"{told.action_type}, judged {local(told.time)}"),
            ("scores", f"safety {show(told.safety_score)}, ethics {show(told.ethics_score)}"),
            ("decided by", ", ".join(told.decided_by) or "no finding"),
            ("other levels", _levels(told)),
            ("judge", told.judge),
            *([("behaviour", _behaviour(told))] if told.behaviour else []),
            *([("undertaken", ", ".join(told.undertakings))] if told.undertakings else []),
            ("entry", f"{told.chain.seq}, {'its hash holds' if told.chain.holds else 'ITS HASH DOES NOT HOLD'}"),
        ]
    )
    for finding in told.findings:
        screen.text()
        screen.text(f"{finding.rule}: {finding.says or finding.reasons['says']}", style="yellow")
        threshold = f" against {finding.threshold:.2f}" if finding.threshold is not None else ""
        screen.text(
            f"  {finding.severity}, {finding.category}, {finding.framework}; characters {finding.start}-{finding.end} "
            f"({finding.found_in}); probability of harm {show(finding.probability)}{threshold}"
        )
    if told.would_change:
        screen.text()
        for line in told.would_change:
            screen.text(f"what would change it: {line}")
    for name, why in told.reasons.items():
        screen.text(f"– {name}: {why}", style="dim")
    for each in told.appeals:
        screen.text(f"appeal of {local(each.recorded_at)} by {each.who}: {each.reason}")


def _levels(told: contract.Explanation) -> str:
    if told.at_levels is None:
        return told.reasons.get("at_levels", show(None))
    return ", ".join(f"{level} {decision}" for level, decision in told.at_levels.items() if level != told.ethics_level)


def _behaviour(told: contract.Explanation) -> str:
    behaviour = told.behaviour
    assert behaviour is not None
    return f"{behaviour.state}: drift {show(behaviour.drift)}, average {show(behaviour.average)} of {behaviour.actions}"
