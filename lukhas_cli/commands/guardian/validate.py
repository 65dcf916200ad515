"""`lukhas guardian validate`: a verdict before something is done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.guardian.app import ProfileOption, TypeOption, app
from lukhas_cli.inputs import ask_terminal, read_file, read_stdin
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.redaction import redact_text, tell
from lukhas_cli.render.verdict import EXITS, show_verdict
from lukhas_cli.session import Session
from lukhas_sdk.contract.guardian import VALIDATE, EthicsLevel, GuardianAction, ValidateRequest
from lukhas_sdk.errors import Exit, ValidationError


@command(
    app,
    examples='lukhas guardian validate --type shell_command -- "rm -rf /"\n'
    "lukhas guardian validate --file reply.txt --type response_generation && send reply.txt\n"
    "cat page.html | lukhas guardian validate --type tool_output -\n"
    "lukhas guardian validate --redact --type message - < draft > clean\n"
    "lukhas guardian validate --batch actions.jsonl > verdicts.jsonl",
)
def validate(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to judge; - or nothing reads it from stdin.")
    ] = None,
    type: TypeOption = "user_input",
    profile: ProfileOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="The same as --ethics-level STRICT.")] = False,
    ethics_level: Annotated[
        EthicsLevel | None, typer.Option(help="A level stricter than the setting; a looser one has no effect.")
    ] = None,
    intent: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What was asked for, to compare the action with.")
    ] = None,
    claim: Annotated[
        str | None, typer.Option("--context", metavar="TEXT", help="What it is said to be for; never lowers a risk.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Actions of one session share a measure of drift.")
    ] = None,
    undertake: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A condition that you bind yourself to; repeatable.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="PATH", dir_okay=False, help="Judge this file's text.")] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Print the text with what the verdict names taken out; verdict on stderr.")
    ] = False,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="FILE|-", help="Judge each line of a JSON Lines file or of stdin.")
    ] = None,
    asking: Annotated[
        bool, typer.Option("--ask", help="Say nothing when approved; on REVIEW or CONDITIONAL ask on the terminal.")
    ] = False,
    lines: Annotated[bool, typer.Option("--lines", help="With --batch: each line is a text.")] = False,
) -> Outcome | Streamed:
    """Judge an action: exit code 0 when it is approved, 6 when rejected, 7 when a person should look.

    Prints the decision, then one line per reason: rule, category, place in the text, what the rule says, its severity
    and probability (against the threshold, where there is one) and what it fired on. Then the conditions, each with
    its id, and what would change the verdict. CONDITIONAL is exit code 0 as well: what is printed has to be done. Put
    `--` before a text that begins with a dash.

    --redact prints the text only if it passes once the spans are taken out; otherwise it prints none. The exit code is
    that of the text as it was given.

    --ask prints nothing when the action is approved, and otherwise the verdict on stderr. On REVIEW and CONDITIONAL it
    asks: y is exit code 0, anything else 7, as where there is no terminal.

    --batch takes objects {"content", "type", "id", "intent", "context"} (all but content may be left out; the options
    stand in) and prints one of {"line", "id", "decision", "verdict"} for each, in order. A line that cannot be judged
    gets {"line", "error"}, and the rest go on; empty lines are passed over. The exit code is the worst: 6, 7, 1, 0.
    """
    level: EthicsLevel | None = "STRICT" if strict else ethics_level
    if batch is not None:
        if text is not None or file is not None or redact or asking:
            raise ValidationError(
                "--batch goes with no TEXT, --file, --redact or --ask", field="--batch", hint="leave the other out"
            )
        from lukhas_cli.batches import run_batch

        action = GuardianAction(type, "", context=claim, intent=intent)
        request = ValidateRequest(action, level, profile, session, undertake or [])
        return Streamed(run_batch(session_of(context), batch, request, plain=lines))
    if lines:
        raise ValidationError("--lines goes with --batch", field="--lines", hint="add --batch FILE")
    content = _content(text, file)
    if not content.strip():
        raise ValidationError("there is nothing to judge", field="TEXT", hint="give some text, - or --file PATH")
    action = GuardianAction(type, content, context=claim, intent=intent)
    request = ValidateRequest(action, level, profile, session, undertake or [])
    if asking:
        return ask_about(session_of(context), request)
    if redact:
        return redact_text(session_of(context), request)
    verdict = session_of(context).call(VALIDATE, body=request)
    found = "; ".join(dict.fromkeys(finding.text for finding in verdict.reasoning.findings))
    code, problem = EXITS[verdict.decision], f"{verdict.decision}: {found}"
    return Outcome(verdict, lambda screen: show_verdict(screen, verdict, content), code, problem)


def ask_about(session: Session, request: ValidateRequest) -> Outcome:
    verdict = session.call(VALIDATE, body=request)
    code = EXITS[verdict.decision]
    if verdict.decision != "APPROVED":
        tell(verdict, request.action.content)
    if verdict.decision in ("REVIEW", "CONDITIONAL"):
        code = Exit.OK if ask_terminal("go ahead all the same?") else Exit.REVIEW
    return Outcome(verdict, lambda screen: None, code, f"{verdict.decision}: nobody agreed to it")


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
