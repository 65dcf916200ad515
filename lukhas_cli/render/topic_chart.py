"""Topics over time as an SVG: one row for each, all on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lukhas_cli.render.text import one_line
from lukhas_sdk.contract.reflection import Reflection, Topic

WIDTH, LEFT, RIGHT, TOP, ROW, GAP = 900, 240, 20, 60, 44, 12
COLOURS = ("#2f6f9f", "#b8552b", "#3d7f47", "#7b4f9d", "#a0722a", "#3b8686", "#a33f5f", "#5a6b2f")
LABELS = 12
"""Dates below, at most."""


def draw(answer: Reflection) -> str:
    """The whole file. Without topics it says why there are none."""
    topics = answer.topics
    height = TOP + max(len(topics), 1) * (ROW + GAP) + 40
    seen = answer.considered
    head = f"Topics by {answer.period or 'time'} in {seen.memories} memories and {seen.interactions} interactions"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(head)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="30" font-size="17" fill="#222222">{escape(head)}</text>',
    ]
    if topics:
        highest = max(max(topic.per_period) for topic in topics)
        for place, topic in enumerate(topics):
            lines += _row(topic, TOP + place * (ROW + GAP), highest, COLOURS[place % len(COLOURS)])
        lines += _dates(answer, height - 14)
    else:
        why = one_line(answer.reasons.get("topics", "there are none"))
        lines.append(f'<text x="20" y="{TOP + 24}" fill="#555555">{escape(why)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _row(topic: Topic, top: int, highest: int, colour: str) -> Iterator[str]:
    base = top + ROW
    yield f'<text x="20" y="{base - 20}" fill="#222222">{escape(_short(topic.label))}</text>'
    yield f'<text x="20" y="{base - 4}" font-size="11" fill="#666666">{topic.count} entries</text>'
    yield f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" stroke="#cccccc"/>'
    wide = (WIDTH - LEFT - RIGHT) / len(topic.per_period)
    for place, count in enumerate(topic.per_period):
        if count:
            tall = count / max(highest, 1) * ROW
            yield (
                f'<rect x="{LEFT + place * wide + 0.1 * wide:.1f}" y="{base - tall:.1f}" width="{0.8 * wide:.1f}"'
                f' height="{tall:.1f}" fill="{colour}"><title>{count}</title></rect>'
            )


def _dates(answer: Reflection, y: int) -> Iterator[str]:
    wide = (WIDTH - LEFT - RIGHT) / len(answer.periods)
    step = -(-len(answer.periods) // LABELS)
    shown = "%b %Y" if answer.period == "month" else "%d %b"
    for place in range(0, len(answer.periods), step):
        start = answer.periods[place].start
        yield f'<text x="{LEFT + place * wide:.1f}" y="{y}" font-size="11" fill="#666666">{start:{shown}}</text>'


def _short(label: str) -> str:
    line = one_line(label)
    return line if len(line) <= 30 else f"{line[:29]}…"
