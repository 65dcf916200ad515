"""Topics over time as a picture: one row for each, all on one scale. Laid out once, painted as SVG or PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from lukhas_cli.render.text import one_line
from lukhas_sdk.contract.reflection import Reflection, Topic
from lukhas_sdk.errors import ValidationError

WIDTH, LEFT, RIGHT, TOP, ROW, GAP = 900, 240, 20, 60, 44, 12
COLOURS = ("#2f6f9f", "#b8552b", "#3d7f47", "#7b4f9d", "#a0722a", "#3b8686", "#a33f5f", "#5a6b2f")
LABELS = 12
"""Dates below, at most."""
PIXELS = 2
"""Of a PNG, each way, to one unit of the layout."""


@dataclass(frozen=True)
class Text:
    """`y` is its base line."""

    x: float
    y: float
    text: str
    colour: str = "#222222"
    size: int = 13


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    colour: str
    title: str = ""


@dataclass(frozen=True)
class Chart:
    title: str
    height: int
    marks: Sequence[Text | Box]


def painter(file: Path) -> Callable[[Reflection], bytes]:
    """What draws a reflection into such a file. ValidationError where its ending names no picture that can be drawn."""
    match file.suffix.lower():
        case ".svg":
            return lambda answer: as_svg(lay_out(answer))
        case ".png":
            if find_spec("PIL") is None:
                raise ValidationError(
                    "a PNG needs the package Pillow, which is not installed",
                    field="--plot", hint=f"pip install 'lukhas[plot]', or give it the name {file.stem}.svg",
                )  # fmt: skip
            return lambda answer: as_png(lay_out(answer))
        case ending:
            raise ValidationError(
                f"--plot writes SVG and PNG, not {ending or 'a file without an ending'}",
                field="--plot", hint=f"give it the name {file.with_suffix('.svg').name}",
            )  # fmt: skip


def lay_out(answer: Reflection) -> Chart:
    """Without topics it says why there are none."""
    topics = answer.topics
    height = TOP + max(len(topics), 1) * (ROW + GAP) + 40
    seen = answer.considered
    head = f"Topics by {answer.period or 'time'} in {seen.memories} memories and {seen.interactions} interactions"
    marks: list[Text | Box] = [Text(20, 30, head, size=17)]
    if topics:
        highest = max(max(topic.per_period) for topic in topics)
        for place, topic in enumerate(topics):
            marks += _row(topic, TOP + place * (ROW + GAP), highest, COLOURS[place % len(COLOURS)])
        marks += _dates(answer, height - 14)
    else:
        why = one_line(answer.reasons.get("topics", "there are none"))
        marks.append(Text(20, TOP + 24, why, "#555555"))
    return Chart(head, height, marks)


def as_svg(chart: Chart) -> bytes:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {chart.height}" width="{WIDTH}"'
        f' height="{chart.height}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{chart.height}" fill="#ffffff"/>',
    ]
    for mark in chart.marks:
        if isinstance(mark, Text):
            lines.append(
                f'<text x="{mark.x:.1f}" y="{mark.y:.1f}" font-size="{mark.size}" fill="{mark.colour}">'
                f"{escape(mark.text)}</text>"
            )
        else:
            titled = f"<title>{escape(mark.title)}</title>" if mark.title else ""
            lines.append(
                f'<rect x="{mark.x:.1f}" y="{mark.y:.1f}" width="{mark.width:.1f}" height="{mark.height:.1f}"'
                f' fill="{mark.colour}">{titled}</rect>'
            )
    return "\n".join([*lines, "</svg>", ""]).encode()


def as_png(chart: Chart) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (WIDTH * PIXELS, chart.height * PIXELS), "#ffffff")
    pen = ImageDraw.Draw(image)
    for mark in chart.marks:
        if isinstance(mark, Text):
            font = ImageFont.load_default(mark.size * PIXELS)
            pen.text((mark.x * PIXELS, mark.y * PIXELS), mark.text, mark.colour, font, anchor="ls")
        else:
            right, bottom = mark.x + mark.width, mark.y + mark.height
            corners = [round(side * PIXELS) for side in (mark.x, mark.y, right, bottom)]
            pen.rectangle((*corners[:2], corners[2] - 1, corners[3] - 1), mark.colour)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _row(topic: Topic, top: int, highest: int, colour: str) -> Iterator[Text | Box]:
    base = top + ROW
    yield Text(20, base - 20, _short(topic.label))
    yield Text(20, base - 4, f"{topic.count} entries", "#666666", 11)
    yield Box(LEFT, base - 0.5, WIDTH - RIGHT - LEFT, 1, "#cccccc")
    wide = (WIDTH - LEFT - RIGHT) / len(topic.per_period)
    for place, count in enumerate(topic.per_period):
        if count:
            tall = count / max(highest, 1) * ROW
            yield Box(LEFT + (place + 0.1) * wide, base - tall, 0.8 * wide, tall, colour, str(count))


def _dates(answer: Reflection, y: int) -> Iterator[Text]:
    wide = (WIDTH - LEFT - RIGHT) / len(answer.periods)
    step = -(-len(answer.periods) // LABELS)
    shown = "%b %Y" if answer.period == "month" else "%d %b"
    for place in range(0, len(answer.periods), step):
        yield Text(LEFT + place * wide, y, f"{answer.periods[place].start:{shown}}", "#666666", 11)


def _short(label: str) -> str:
    line = one_line(label)
    return line if len(line) <= 30 else f"{line[:29]}…"
