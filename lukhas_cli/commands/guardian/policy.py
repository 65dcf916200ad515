"""`lukhas guardian policy`: the rules that verdicts come from, and trying out rules of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.inputs import read_file, read_snippet, read_stdin
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import running
from lukhas_cli.render.screen import Screen
from lukhas_cli.session import Session
from lukhas_sdk.contract.guardian import POLICY
from lukhas_sdk.contract.policy import CHECK, PolicyCheckRequest, PolicyCheckResponse, PolicyTest
from lukhas_sdk.errors import Exit, NotFound, ValidationError

EXAMPLES = """lukhas guardian policy show secrets
lukhas guardian policy example > principles.toml
lukhas guardian policy check principles.toml
"""

policy = new_app("Show the policy packs in force, and try out packs of your own.", examples=EXAMPLES)
app.add_typer(policy, name="policy")


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
    """Show each rule: its name, category, severity and what it says; and the classifier's thresholds.

    From the threshold `review` on a finding of the classifier is medium, from `reject` on it is high.
    """
    answer = session_of(context).call(POLICY)
    packs = [entry for entry in answer.packs if pack in (None, entry.name)]
    if not packs:
        names = ", ".join(entry.name for entry in answer.packs)
        raise NotFound(f"no policy pack is called {pack}", hint=f"there are: {names}")
    rows = [(rule.rule, rule.category, rule.severity, rule.text) for entry in packs for rule in entry.rules]
    limits = [(one.profile, one.classifier, f"{one.review:g}", f"{one.reject:g}") for one in answer.thresholds]

    def present(screen: Screen) -> None:
        screen.table(["rule", "category", "severity", "text"], rows, wide="text")
        if pack is None:
            screen.table(["profile", "classifier", "review", "reject"], limits)

    return Outcome(packs, present)


@command(
    policy,
    examples="lukhas guardian policy check principles.toml\n"
    "lukhas guardian policy example | lukhas guardian policy check -",
)
def check(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A pack; - reads it from stdin.")],
) -> Outcome:
    """Check a pack before it is put in force: exit code 0 when it may be, 1 when not.

    Prints what is wrong, a line each: where, what, and the way out. Looks at its fields, at whether its patterns are
    bounded, and at the tests that it carries. The policy in force is not touched, and no verdict is kept. Put the file
    in the folder `policies` beside what `lukhas config path` prints, and restart the daemon.
    """
    answer = _tried(session_of(context), file)
    failed = [test for test in answer.tests if not test.passed]
    rows = [(problem.where, problem.message, problem.hint) for problem in answer.problems]
    rows += [(f"test {_short(test.text)}", _missed(test), "mend the rule or the test") for test in failed]

    def present(screen: Screen) -> None:
        if answer.valid:
            screen.row("valid", f"{len(answer.tests)} tests passed")
        if rows:
            screen.table(["where", "problem", "hint"], rows, wide="problem")

    return Outcome(answer, present, *_exit(answer, len(rows)))


@command(
    policy,
    examples="lukhas guardian policy test\nlukhas guardian policy test secrets\n"
    "lukhas guardian policy test principles.toml",
)
def test(
    context: typer.Context,
    pack: Annotated[
        str | None, typer.Argument(metavar="[PACK|FILE|-]", help="A pack in force, or a file; otherwise all packs.")
    ] = None,
) -> Outcome:
    """Run the tests that packs carry: exit code 0 when all passed, 1 when not.

    Prints a line for each: passed or FAILED, what was expected, the decision, what fired, the type and the text. What
    the tests hold is judged and not kept: no verdict is logged, no incident is opened, and nobody is rejected.
    """
    session = session_of(context)
    if pack is not None and (pack == "-" or "/" in pack or pack.endswith(".toml") or Path(pack).is_file()):
        answer = _tried(session, pack)
    else:
        with running("testing the packs in force"):
            answer = session.call(CHECK, body=PolicyCheckRequest(pack=pack))
    failed = sum(not each.passed for each in answer.tests)

    def present(screen: Screen) -> None:
        for problem in answer.problems:
            screen.row("PROBLEM", problem.where, problem.message, problem.hint)
        columns = ["", "expected", "decision", "fired", "type", "text"]
        screen.table(columns, _rows(answer.tests), wide="text")
        if screen.terminal:
            screen.text(
                f"{len(answer.tests) - failed} passed, {failed} failed", style="bold red" if failed else "green"
            )

    return Outcome(answer, present, *_exit(answer, failed + len(answer.problems)))


@command(policy, examples="lukhas guardian policy example > principles.toml")
def example(context: typer.Context) -> Outcome:
    """Print a pack that states principles of your own, with comments and tests, to begin from."""
    text = read_snippet("principles.toml")
    return Outcome({"source": text}, lambda _: print(text, end=""))


def _tried(session: Session, file: str) -> PolicyCheckResponse:
    source = read_stdin() if file == "-" else read_file(Path(file))
    if not source.strip():
        raise ValidationError(f"{file} is empty", field="FILE", hint="begin with: lukhas guardian policy example")
    with running("trying the pack"):
        return session.call(CHECK, body=PolicyCheckRequest(source))


def _exit(answer: PolicyCheckResponse, wrong: int) -> tuple[Exit, str]:
    return (Exit.OK, "") if answer.valid else (Exit.FAILURE, f"{wrong} problem{'' if wrong == 1 else 's'}; see data")


def _rows(tests: Sequence[PolicyTest]) -> list[tuple[str, str, str, str, str, str]]:
    return [
        ("passed" if test.passed else "FAILED", test.expected, test.decision or "not judged",
         ", ".join(test.fired) or "none", test.type, test.text)
        for test in tests
    ]  # fmt: skip


def _missed(test: PolicyTest) -> str:
    return f"{test.expected}; fired: {', '.join(test.fired) or 'none'}; decision: {test.decision or 'not judged'}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
