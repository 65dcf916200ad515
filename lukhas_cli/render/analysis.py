"""An analysis: the answer, what it was computed or proved from, and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lukhas_cli.render.screen import Cell, Screen

if TYPE_CHECKING:
    from lukhas_sdk.contract.analysis import AnalyzeResponse, Computation


def show_analysis(screen: Screen, answer: AnalyzeResponse) -> None:
    screen.text(answer.answer or answer.reasons.get("answer", ""))
    if screen.terminal:
        screen.text()
    screen.row("status", answer.status, answer.query_type)
    if answer.computed:
        rows = [_row(one) for one in answer.computed]
        if screen.terminal:
            screen.table(["computed", "before", "value", "unit", "ratio", "formula"], rows, wide="formula")
        else:
            for row in rows:
                screen.row("computed", *row)
    for one in answer.deductions:
        screen.row("decided", one.verdict, one.question)
        for step in one.proof:
            screen.row("proof", step.number, step.statement, _because(step.because, step.uses))
    for part in answer.parts:
        for citation in part.known:
            screen.row("memory", citation.memory_id, citation.event_at.date().isoformat(), citation.quote)
    if answer.status == "needs_model" or answer.model:
        for planned in answer.plan:
            screen.row("plan", planned.tool, planned.input, planned.result)
    for factor in answer.uncertainty_factors:
        screen.row("uncertain", factor)


def _because(why: str, uses: list[int]) -> str:
    return f"{why} [{', '.join(map(str, uses))}]" if uses else why


def _row(one: Computation) -> tuple[Cell, ...]:
    value = one.text if one.value is None else f"{one.value:.6g}"
    before = None if one.before is None else f"{one.before:.6g}"
    ratio = None if one.ratio is None else f"{one.ratio:.4g}"
    return one.name, before, value, one.unit, ratio, one.formula
