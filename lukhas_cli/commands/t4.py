"""`lukhas t4`: whether what was served kept to the budgets."""

from __future__ import annotations

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen, show
from lukhas_sdk.contract.t4 import REPORT, Budget, T4ReportResponse
from lukhas_sdk.errors import Exit

app = new_app()


@command(app, examples="lukhas t4\nlukhas t4 --json | jq '.data.budgets[] | {name, verdict, observed}'")
def t4(context: typer.Context) -> Outcome:
    """Hold what was served against the budgets: T4/0.01 %.

    A budget passes or fails where the samples show it at 95 %; until they do, the word is insufficient_data. The exit
    code is 1 where a budget fails. In a pipe, each line is: name, target, observed, samples, worse than the target,
    verdict.
    """
    report = session_of(context).call(REPORT)
    failed = [budget.name for budget in report.budgets if budget.verdict == "fail"]
    exit_code = Exit.FAILURE if report.overall == "fail" else Exit.OK
    return Outcome(report, lambda screen: _show(screen, report), exit_code, f"failed: {', '.join(failed)}")


def _show(screen: Screen, report: T4ReportResponse) -> None:
    screen.table(
        ["budget", "target", "observed", "samples", "worse", "verdict"],
        [
            (budget.name, _figure(budget, budget.target), _figure(budget, budget.observed), budget.samples,
             budget.worse, budget.verdict)
            for budget in report.budgets
        ],
    )  # fmt: skip
    if screen.terminal:
        screen.text(f"overall: {report.overall}")
        for budget in report.budgets:
            for field in ("verdict", "samples"):
                if reason := budget.reasons.get(field):
                    screen.text(f"– {budget.name}: {reason}", style="dim")


def _figure(budget: Budget, value: float | None) -> str | None:
    if value is None:
        return None
    return f"{show(value)} ms" if budget.unit == "ms" else f"{100 * value:.3g} %"
