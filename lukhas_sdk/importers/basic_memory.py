"""basic-memory's notes: Markdown whose lists hold observations and relations.

An observation is `- [category] text #tag (context)`, a relation `- kind [[Other note]] (context)`. Both become
memories of their own; the rest of the note is read as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.documents import FENCE, inline_tags, read_front_matter, split_markdown
from lukhas_sdk.importers.base import Source, memories

OBSERVATION = re.compile(r"\s*[-*]\s+\[([^\[\]()]{2,60}|[^\[\]()\sxX])\]\s+(\S.*)$")
"""`- [ ]`, `- [x]` are tasks, and `- [a](b)` is a link."""
RELATION = re.compile(
    r"\s*+[-*]\s++((?:[^\[\]\s](?:[^\[\]]{0,78}?[^\[\]\s])?)?)\s*+\[\[([^\[\]]++)\]\]\s*+(?:\(([^()]*+)\))?\s*+$"
)
PERMALINK = re.compile(r"^permalink\s*:", re.MULTILINE)


def is_note(text: str) -> bool:
    """Whether a Markdown text is one of its notes: its front matter has a permalink, and something is observed."""
    matter, rest = read_front_matter(text)
    return PERMALINK.search(matter) is not None and any(
        OBSERVATION.match(line) or RELATION.match(line) for line in rest.split("\n")
    )


def read(source: Source) -> Iterator[StoreRequest]:
    try:
        text = source.path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        source.broken("the whole", f"not UTF-8 text (byte {error.start})")
        return
    matter, rest = read_front_matter(text)
    kept: list[str] = []
    lines: list[str] = []
    fence = ""
    for line in rest.split("\n"):
        mark = FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        said = not fence and (OBSERVATION.match(line) or RELATION.match(line))
        (lines if said else kept).append(line)
    without = [line for line in kept if line.strip() not in ("## Observations", "## Relations")]
    about = next(split_markdown(f"---\n{matter}---\nx", source=source.name))
    context, tags = about.content.context, about.tags
    if "".join(without).strip():
        yield from split_markdown(f"---\n{matter}---\n" + "\n".join(without), source=source.name)
    for line in lines:
        yield from _observed(line, context, tags) or _related(line, context, tags)


def _observed(line: str, context: dict[str, object], tags: list[str]) -> list[StoreRequest]:
    found = OBSERVATION.match(line)
    if found is None:
        return []
    category, text = found.groups()
    text, aside = _without_aside(text.rstrip())
    about = {**context, "category": category, "note": aside}
    return [*memories(text, type="semantic", context=about, tags=[*tags, *inline_tags(text)])]


def _without_aside(text: str) -> tuple[str, str | None]:
    """The text before the `(context)` that it ends in, and that."""
    start = text.rfind("(")
    inside = text[start + 1 : -1]
    if start < 0 or not text.endswith(")") or not inside or ")" in inside:
        return text, None
    return text[:start].rstrip(), inside


def _related(line: str, context: dict[str, object], tags: list[str]) -> list[StoreRequest]:
    found = RELATION.match(line)
    if found is None:
        return []
    kind, target, aside = found.groups()
    kind = kind or "relates_to"
    subject = str(context.get("title") or context["source"])
    data = f"{subject} {kind.replace('_', ' ')} [[{target}]]"
    about = {**context, "relation": kind, "target": target, "note": aside}
    return [*memories(data, type="semantic", context=about, tags=tags)]
