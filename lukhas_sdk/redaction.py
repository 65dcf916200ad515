"""A text without what a verdict asks to be taken out of it."""

from __future__ import annotations

from collections.abc import Iterable

from lukhas_sdk.contract.guardian import Span


def apply_spans(content: str, spans: Iterable[Span]) -> str:
    """Each span's replacement in its place; of spans that overlap the first replaces them all."""
    parts: list[str] = []
    end = 0
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        if span.start >= end:
            parts += [content[end : span.start], span.replacement]
        end = max(end, span.end)
    return "".join([*parts, content[end:]])
