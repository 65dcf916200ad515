"""`lukhas guardian`: a verdict before something is done, and the rules it comes from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_file, read_stdin
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen, show
from lukhas_sdk.contract.guardian import (
    POLICY,
    VALIDATE,
    ActionType,
    EthicsLevel,
    GuardianAction,
    ValidateRequest,
    Verdict,
)  # fmt: skip
from lukhas_sdk.errors import Exit, NotFound, ValidationError

EXITS = {"APPROVED": Exit.OK, "CONDITIONAL": Exit.OK, "REVIEW": Exit.REVIEW, "REJECTED": Exit.REJECTED}
COLOURS = {"APPROVED": "bold green", "CONDITIONAL": "bold yellow", "REVIEW": "bold yellow", "REJECTED": "bold red"}

EXAMPLES = """lukhas guardian validate --type shell_command -- "rm -rf /"
lukhas guardian policy list
"""

app = new_app("Judge an action before it is done, and show the rules.", examples=EXAMPLES)
policy = new_app("Show the policy packs in force.", examples="lukhas guardian policy show commands")
app.add_typer(policy, name="policy")


@command(
    app,
    examples='lukhas guardian validate --type shell_command -- "rm -rf /"\n'
    "lukhas guardian validate --file reply.txt --type response_generation && send reply.txt\n"
    "cat page.html | lukhas guardian validate --type tool_output -",
)
def validate(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to judge; - or nothing reads it from stdin.")
    ] = None,
    type: Annotated[
        ActionType, typer.Option(metavar="TYPE", help=f"What kind of action it is: {', '.join(get_args(ActionType))}.")
    ] = "user_input",
    ethics_level: Annotated[
        EthicsLevel | None, typer.Option(help="A level stricter than the setting; a looser one has no effect.")
    ] = None,
    claim: Annotated[
        str | None, typer.Option("--context", metavar="TEXT", help="What it is said to be for; never lowers a risk.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="PATH", dir_okay=False, help="Judge this file's text.")] = None,
) -> Outcome:
    """Judge an action: exit code 0 when it is approved, 6 when rejected, 7 when a person should look.

    Prints the decision, then one line per reason: rule, category, place in the text, what the rule says. Put `--`
    before a text that begins with a dash.
    """
    content = _content(text, file)
    if not content.strip():
        raise ValidationError("there is nothing to judge", field="TEXT", hint="give some text, - or --file PATH")
    action = GuardianAction(type=type, content=content, context=claim)
    verdict = session_of(context).call(VALIDATE, body=ValidateRequest(action=action, ethics_level=ethics_level))
    found = "; ".join(dict.fromkeys(finding.text for finding in verdict.reasoning.findings))
    code, problem = EXITS[verdict.decision], f"{verdict.decision}: {found}"
    return Outcome(verdict, lambda screen: _show_verdict(screen, verdict), code, problem)


@command(policy, name="list", examples="lukhas guardian policy list")
def list_packs(context: typer.Context) -> Outcome:
    """List the policy packs in force."""
    answer = session_of(context).call(POLICY)
    rows = [(pack.name, pack.version, pack.origin, len(pack.rules), pack.tests, pack.path) for pack in answer.packs]
    columns = ["pack", "version", "origin", "rules", "tests", "file"]
    return Outcome(answer, lambda screen: screen.table(columns, rows, wide="file"))


@command(policy, name="show", examples="lukhas guardian policy show\nlukhas guardian policy show secrets")
def show_rules(
    context: typer.Context,
    pack: Annotated[str | None, typer.Argument(metavar="[PACK]", help="Only this pack's rules.")] = None,
) -> Outcome:
    """Show each rule: its name, category, severity and what it says."""
    answer = session_of(context).call(POLICY)
    packs = [entry for entry in answer.packs if pack in (None, entry.name)]
    if not packs:
        names = ", ".join(entry.name for entry in answer.packs)
        raise NotFound(f"no policy pack is called {pack}", hint=f"there are: {names}")
    rows = [(rule.rule, rule.category, rule.severity, rule.text) for entry in packs for rule in entry.rules]
    return Outcome(packs, lambda screen: screen.table(["rule", "category", "severity", "text"], rows, wide="text"))


def _content(text: str | None, file: Path | None) -> str:
    if file is not None:
        if text is not None:
            raise ValidationError("TEXT and --file were both given", field="--file", hint="give one of them")
        return read_file(file)
    if text == "-" or (text is None and not sys.stdin.isatty()):
        return read_stdin()
    if text is None:
        raise ValidationError("there is nothing to judge", field="TEXT", hint="give TEXT, --file PATH, or - for stdin")
    return text


def _show_verdict(screen: Screen, verdict: Verdict) -> None:
    """The decision, then `rule category start-end text excerpt` per finding, then conditions and the way out."""
    scores = f"safety {show(verdict.safety_score)}, ethics {show(verdict.ethics_score)}, {verdict.ethics_level}"
    if screen.terminal:
        from rich.text import Text

        screen.console.print(Text.assemble((verdict.decision, COLOURS[verdict.decision]), (f"  {scores}", "dim")))
    else:
        screen.row(verdict.decision, scores)
    for finding in verdict.reasoning.findings:
        place = f"{finding.start}-{finding.end}" + ("" if finding.found_in == "plain" else f" ({finding.found_in})")
        if screen.terminal:
            screen.text(f"• {finding.text}")
            screen.text(f"  {finding.rule} · {finding.category} · {finding.severity} · at {place}: {finding.excerpt}",
                        style="dim")  # fmt: skip
        else:
            screen.row(finding.rule, finding.category, place, finding.text, finding.excerpt)
    for condition in verdict.conditions:
        screen.text(f"condition: {condition}")
    if verdict.reasoning.would_change:
        screen.text(f"what would change it: {verdict.reasoning.would_change}")
