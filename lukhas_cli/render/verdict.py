"""A verdict for people and for pipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from lukhas_cli.render.screen import Screen, show
from lukhas_sdk.contract.guardian import Finding, Verdict
from lukhas_sdk.errors import Exit

COLOURS = {"APPROVED": "bold green", "CONDITIONAL": "bold yellow", "REVIEW": "bold yellow", "REJECTED": "bold red"}
EXITS = {"APPROVED": Exit.OK, "CONDITIONAL": Exit.OK, "REVIEW": Exit.REVIEW, "REJECTED": Exit.REJECTED}
SHOWN = 3
"""Places of one rule that a terminal shows; a pipe is given all."""


def show_verdict(screen: Screen, verdict: Verdict, content: str) -> None:
    """The decision, then `rule category place text probability excerpt` per finding, conditions and the way out."""
    scores = f"safety {show(verdict.safety_score)}, ethics {show(verdict.ethics_score)}, {verdict.ethics_level}"
    if screen.terminal:
        from rich.text import Text

        screen.console.print(Text.assemble((verdict.decision, COLOURS[verdict.decision]), (f"  {scores}", "dim")))
        _explain(screen, verdict.reasoning.findings, content)
    else:
        screen.row(verdict.decision, scores)
        for finding in verdict.reasoning.findings:
            screen.row(
                finding.rule, finding.category, place(finding, content), finding.text, weighed(finding),
                finding.excerpt,
            )  # fmt: skip
    for line in afterwards(verdict):
        screen.text(line)


def reasons(verdict: Verdict, content: str, *, quoting: bool = True) -> list[str]:
    """One line per rule that fired, for a program that shows text; where none did, why there is no approval. Without
    `quoting` nothing of the content is in it."""
    lines = []
    for _, group in groupby(sorted(verdict.reasoning.findings, key=lambda each: each.rule), key=lambda each: each.rule):
        first, *more = group
        others = f" and {len(more)} more" if more else ""
        where = place(first, content)
        excerpt = f" [{clipped(first.excerpt)}]" if quoting else ""
        lines.append(f"{first.rule} ({first.category}, {weighed(first)}) at {where}{others}: {first.text}{excerpt}")
    return lines or list(verdict.reasoning.key_factors)


def afterwards(verdict: Verdict) -> Iterator[str]:
    """What stands below the findings: conditions, a drift worth a word, the second opinion, the way out."""
    if "decision" in verdict.reasons:
        yield f"not judged: {verdict.reasons['decision']}"
    for requirement in verdict.requirements:
        yield f"condition {requirement.id} ({requirement.kind}): {requirement.text}"
    if not verdict.requirements:
        yield from (f"condition: {condition}" for condition in verdict.conditions)
    if verdict.behaviour is not None and verdict.behaviour.state != "steady":
        drift = verdict.behaviour
        yield f"drift of session {drift.session_id}: {show(drift.average)} over {drift.actions} actions ({drift.state})"
    if verdict.judge not in ("off", "not_needed"):
        yield f"second opinion: {verdict.judge}"
    if verdict.reasoning.would_change:
        yield f"what would change it: {verdict.reasoning.would_change}"


def place(finding: Finding, content: str) -> str:
    """Characters, the line too where there are several, and where else than in plain sight it was found."""
    line = f" line {content.count(chr(10), 0, finding.start) + 1}" if "\n" in content.strip("\n") else ""
    found_in = "" if finding.found_in == "plain" else f" ({finding.found_in})"
    return f"{finding.start}-{finding.end}{line}{found_in}"


def weighed(finding: Finding) -> str:
    """Severity and probability, and what it was held against: a rule is held against nothing."""
    if finding.probability is None:
        return finding.severity
    held = "" if finding.threshold is None else f" ≥ {show(finding.threshold)}"
    return f"{finding.severity} {show(finding.probability)}{held}"


def _explain(screen: Screen, findings: Sequence[Finding], content: str) -> None:
    """By rule, the first places of each, so that a long text's verdict fits a screen."""
    rules = dict.fromkeys(finding.rule for finding in findings)
    for rule in rules:
        places = [finding for finding in findings if finding.rule == rule]
        first = places[0]
        screen.text(f"• {first.text}")
        screen.text(f"  {rule} · {first.category} · {weighed(first)}", style="dim")
        for finding in places[:SHOWN]:
            screen.text(f"  at {place(finding, content)}: {clipped(finding.excerpt)}", style="dim")
        if len(places) > SHOWN:
            screen.text(f"  and {len(places) - SHOWN} more", style="dim")


def clipped(text: str, longest: int = 120) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
