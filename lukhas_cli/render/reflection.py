"""A reflection, as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract.reflection import InsightKind, Reflection

BARS = "▁▂▃▄▅▆▇█"
HEADS: dict[InsightKind, str] = {"topic": "Topics", "preference": "Preferences", "change": "Changes"}
NOT_FOUND = {"topic": "topics", "preference": "preferences", "change": "changes"}
"""Where `reasons` says why there is none."""
SAYS: dict[InsightKind, str] = {"topic": "stability", "preference": "probability", "change": "probability"}
"""What an insight's confidence is."""
CITED = 3


def show_reflection(screen: Screen, answer: Reflection) -> None:
    if not screen.terminal:
        for one in answer.insights:
            screen.row(one.kind, one.confidence, one.evidence_count, one.insight, ",".join(one.supporting_evidence))
        if not answer.insights:
            screen.row("nothing", None, 0, answer.reasons["insights"], "")
        return
    seen = answer.considered
    screen.text(f"{seen.memories} memories and {seen.interactions} interactions were looked at", style="dim")
    for kind, head in HEADS.items():
        some = [one for one in answer.insights if one.kind == kind]
        why = answer.reasons.get(NOT_FOUND[kind])
        if not some and why is None:
            continue
        screen.text(f"\n{head}", style="bold")
        if not some:
            screen.text(f"none: {why}", style="dim")
        for one in some:
            sure = "" if one.confidence is None else f" ({SAYS[kind]} {_percent(one.confidence)})"
            more = f" and {one.evidence_count - CITED} more" if one.evidence_count > CITED else ""
            screen.text(f"{one.insight}{sure}")
            screen.text(f"  {', '.join(one.supporting_evidence[:CITED])}{more}", style="dim")
    _show_course(screen, answer)
    felt = answer.emotional_assessment
    if felt is not None:
        valence = "unmeasured" if felt.overall_valence is None else f"{felt.overall_valence:+.2f}"
        named = ", ".join(felt.detected_emotions) or "none in particular"
        screen.text("\nEmotions", style="bold")
        screen.text(f"valence {valence} over {felt.texts} texts; words of {named}")
    elif why := answer.reasons.get("emotional_assessment"):
        screen.text(f"\nno emotions: {why}", style="dim")


def _percent(share: float) -> str:
    return "over 99 %" if 0.99 < share < 1 else f"{share:.0%}"


def _show_course(screen: Screen, answer: Reflection) -> None:
    if not answer.topics or len(answer.periods) < 2:
        return
    first, last = answer.periods[0].start, answer.periods[-1].start
    screen.text(f"\nTopics by {answer.period}, {first} to {last}", style="bold")
    screen.table(
        ["topic", "entries", "course"], [(one.label, one.count, bars(one.per_period)) for one in answer.topics]
    )


def bars(counts: Sequence[int]) -> str:
    """One character for each, its height from 0 to the highest; a space for none."""
    highest = max(counts, default=0) or 1
    return "".join(BARS[min(7, int(count / highest * 8))] if count else " " for count in counts)
