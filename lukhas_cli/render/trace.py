"""An answer with its citations and the trace of the six stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lukhas_cli.render.screen import Screen, show
from lukhas_cli.render.text import one_line, printable

if TYPE_CHECKING:
    from lukhas_sdk.contract.matriz import ProcessResponse, TraceRow


def show_answer(screen: Screen, answer: ProcessResponse) -> None:
    """On a terminal: answer, citations, trace. In a pipe: the answer's text, then tab-separated lines of
    `[n] quote source date id`, then of `stage step confidence ms`."""
    screen.text(answer.response)
    show_grounds(screen, answer)


def show_grounds(screen: Screen, answer: ProcessResponse) -> None:
    """What follows the answer's text."""
    if not screen.terminal:
        for number, citation in enumerate(answer.citations, 1):
            screen.row(
                f"[{number}]", citation.quote, citation.source, citation.event_at.isoformat(), citation.memory_id
            )
        for row in answer.matriz_pipeline_trace:
            screen.row(row.stage, row.step, _confidence(row), f"{row.processing_time_ms:.1f}")
        return
    _show_citations(screen, answer)
    _show_trace(screen, answer.matriz_pipeline_trace)
    _show_foot(screen, answer)


def _show_citations(screen: Screen, answer: ProcessResponse) -> None:
    """Where each citation is from; its words only where a model's answer does not quote them itself."""
    from rich.padding import Padding
    from rich.text import Text

    quoted = answer.metadata.answer_source != "model"
    for number, citation in enumerate(answer.citations, 1):
        if number == 1 or not quoted:
            screen.console.print()
        screen.console.print(
            Text.assemble((f"[{number}] ", "bold cyan"), (one_line(citation.source or "memory"), "cyan"),
                          (f"  {citation.event_at:%Y-%m-%d}  {citation.memory_id}", "dim"))
        )  # fmt: skip
        if not quoted:
            screen.console.print(Padding(Text(f"“{printable(citation.quote)}”", style="italic"), (0, 0, 0, 4)))


def _show_trace(screen: Screen, rows: list[TraceRow]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    table.add_column("stage", no_wrap=True, style="cyan")
    table.add_column("step", ratio=1, overflow="fold")
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    for row in rows:
        step = Text(one_line(row.step))
        if row.confidence is None and (reason := row.reasons.get("confidence")):
            step.append(f"\n– {one_line(reason)}", style="dim")
        confidence = "–" if row.confidence is None else f"{row.confidence:.2f}"
        table.add_row(row.stage, step, confidence, f"{row.processing_time_ms:.1f}")
    screen.console.print()
    screen.console.print(table)


def _show_foot(screen: Screen, answer: ProcessResponse) -> None:
    facts = answer.metadata
    parts = [
        {"memory": "from memory", "model": f"written by {facts.model}", "none": "nothing answers"}[facts.answer_source],
        f"confidence {show(facts.confidence)}",
        f"guardian {facts.guardian_decision}",
        f"{facts.processing_time_ms:.0f} ms",
        facts.interaction_id,
        answer.memory_fold_created or "no fold",
    ]
    screen.console.print()
    screen.text(" · ".join(parts), style="dim")
    for made in facts.bio.modulation if facts.bio is not None else []:
        if made.after != made.before:
            screen.text(f"{made.setting} {show(made.before)} → {show(made.after)}: {made.why}; lukhas bio", style="dim")
    style = facts.style
    if style is None:
        return
    for value, origin in (
        (style.response_style, style.response_style_from), (style.detail_level, style.detail_level_from)
    ):  # fmt: skip
        if origin.source in ("feedback", "set"):
            screen.text(f"{value}: {origin.why}; lukhas feedback style", style="dim")


def _confidence(row: TraceRow) -> str:
    if row.confidence is not None:
        return f"{row.confidence:.3f}"
    reason = row.reasons.get("confidence")
    return f"– ({one_line(reason)})" if reason else "–"
