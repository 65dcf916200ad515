"""Memories on a screen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lukhas_cli.render.screen import Screen, show, size
from lukhas_cli.render.text import one_line, printable

if TYPE_CHECKING:
    from lukhas_sdk.contract.memory import ListResponse, Memory, SearchResponse, StatsResponse


def show_hits(screen: Screen, answer: SearchResponse) -> None:
    if not screen.terminal:
        for hit in answer.results:
            screen.row(
                f"{hit.relevance_score:.3f}", hit.memory_id, hit.event_at.isoformat(), hit.content.type,
                _origin(hit.context or {}), hit.content.data,
            )  # fmt: skip
        return
    from rich.padding import Padding
    from rich.text import Text

    for hit in answer.results:
        origin = _origin(hit.context or {})
        head = Text.assemble((f"{hit.relevance_score:.2f}", "bold green"), f"  {one_line(origin) or hit.content.type}",
                             (f"  {_day(hit.event_at)}  {hit.memory_id}", "dim"))  # fmt: skip
        screen.console.print(head)
        screen.console.print(Padding(Text(printable(hit.content.data.strip())), (0, 0, 1, 6)))
    pending = f", {answer.pending_vectors} not yet searchable by meaning" if answer.pending_vectors else ""
    found = f"{len(answer.results)} of {answer.total_matches} matches" if answer.results else "nothing matches"
    screen.text(f"{found} in {answer.search_time_ms:.0f} ms{pending}", style="dim")


def show_list(screen: Screen, answer: ListResponse) -> None:
    if not screen.terminal:
        for memory in answer.memories:
            screen.row(
                memory.memory_id, memory.metadata.event_at.isoformat(), memory.content.type,
                memory.metadata.importance, ", ".join(memory.tags), memory.content.data,
            )  # fmt: skip
        return
    rows = [
        (memory.memory_id, _day(memory.metadata.event_at), memory.content.type, memory.content.data[:500])
        for memory in answer.memories
    ]
    if rows:
        screen.table(["id", "date", "type", "text"], rows, wide="text", clip=True)
    more = f"; go on with --cursor {answer.next_cursor}" if answer.next_cursor else ""
    screen.text(f"{len(rows)} of {answer.total_count} memories{more}", style="dim")


def show_memory(screen: Screen, memory: Memory) -> None:
    facts = memory.metadata
    rows: list[tuple[str, str | int | float | None]] = [
        ("id", memory.memory_id),
        ("type", memory.content.type),
        ("happened", facts.event_at.isoformat()),
        ("stored", facts.created_at.isoformat()),
        ("importance", facts.importance),
        ("tags", ", ".join(memory.tags)),
        *((f"context.{name}", str(value)) for name, value in memory.content.context.items() if name != "timestamp"),
        ("drift", facts.drift_score),
        ("recalled", f"{facts.access_count} times, last {_moment(facts.last_accessed)}"),
        ("helix", memory.helix_id),
        ("related", ", ".join(memory.related_memories)),
    ]
    screen.pairs(rows)
    screen.text()
    screen.text(memory.content.data)


def show_stats(screen: Screen, answer: StatsResponse) -> None:
    screen.pairs(
        [
            ("memories", answer.memories),
            *((f"type {name}", count) for name, count in answer.by_type.items()),
            ("not yet searchable by meaning", answer.pending_vectors),
            ("oldest", _moment(answer.oldest_event_at)),
            ("newest", _moment(answer.newest_event_at)),
            ("mean drift", answer.mean_drift),
            ("95th percentile of drift", answer.p95_drift),
            ("database", size(answer.database_size_bytes)),
            ("indexes", size(answer.index_size_bytes)),
            *((f"tag {name}", count) for name, count in answer.tags.items()),
        ]
    )


def _origin(context: dict[str, Any]) -> str:
    """Who said it, where it stands."""
    return " · ".join(str(context[name]) for name in ("speaker", "source", "heading") if context.get(name))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else show(None)
