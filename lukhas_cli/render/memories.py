"""Memories on a screen."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lukhas_cli.render.screen import Screen, show, size
from lukhas_cli.render.text import more, one_line, printable
from lukhas_sdk.errors import Exit

if TYPE_CHECKING:
    from lukhas_sdk.contract.memory import (
        Facet,
        HitExplanation,
        ListResponse,
        Memory,
        QueryReading,
        SearchResponse,
        StatsResponse,
        StoreResponse,
        WhyResponse,
    )


def show_hits(screen: Screen, answer: SearchResponse) -> None:
    if not screen.terminal:
        for hit in answer.results:
            screen.row(
                f"{hit.relevance_score:.3f}", hit.memory_id, hit.event_at.isoformat(), hit.content.type,
                _origin(hit.context or {}), hit.content.data, *_shares(hit.explanation),
                *([f"ended={hit.valid_to.isoformat()}"] if hit.valid_to else []),
            )  # fmt: skip
        for facet in answer.facets:
            for each in facet.values:
                screen.row("facet", facet.name, each.value, each.count)
        if answer.next_cursor:
            screen.row("cursor", answer.next_cursor)
        return
    from rich.padding import Padding
    from rich.text import Text

    for hit in answer.results:
        origin = _origin(hit.context or {})
        score = f"{hit.relevance_score:.2f}" if answer.reading is not None else ""
        head = Text.assemble((score, "bold green"), f"  {one_line(origin) or hit.content.type}",
                             (f"  {_day(hit.event_at)}  {hit.memory_id}", "dim"),
                             (f"  true until {_day(hit.valid_to)}" if hit.valid_to else "", "yellow"))  # fmt: skip
        screen.console.print(head)
        body = [Text(printable(hit.content.data.strip()))]
        if hit.mark:
            body.append(Text(f"marked: {one_line(hit.mark)}", "yellow"))
        if hit.explanation is not None:
            shares = (f"{each.signal} {each.share:.3f}" for each in hit.explanation.signals)
            body.append(Text(" + ".join(shares) or "no signal", "dim"))
        screen.console.print(Padding(Text("\n").join(body), (0, 0, 1, 6)))
    pending = f", {answer.pending_vectors} not yet searchable by meaning" if answer.pending_vectors else ""
    for dropped in answer.dropped:
        screen.text(f"left out: {dropped.memory_id} ({dropped.relevance_score:.2f}), {dropped.reason}", style="dim")
    if answer.reading is not None:
        _show_reading(screen, answer.reading)
    for facet in answer.facets:
        _show_facet(screen, facet)
    if answer.answerable is not None:
        screen.text(f"memory answers this with probability {answer.answerable:.2f}", style="dim")
    found = f"{len(answer.results)} of {answer.total_matches} matches" if answer.results else "nothing matches"
    screen.text(f"{found} in {answer.search_time_ms:.0f} ms{pending}{more(answer.next_cursor)}", style="dim")


def show_why(screen: Screen, answer: WhyResponse) -> None:
    place = f"{answer.rank} of {answer.candidates}" if answer.rank else "not ranked"
    screen.pairs(
        [
            ("id", answer.memory_id),
            ("rank", place),
            ("score", answer.relevance_score),
            *((each.signal, each.share) for each in (answer.explanation.signals if answer.explanation else ())),
            ("cosine", answer.cosine),
            *(("left out", reason) for reason in answer.left_out_by),
        ]
    )
    _show_reading(screen, answer.reading)


def show_stored(screen: Screen, answer: StoreResponse) -> None:
    if answer.memory_id is not None:
        screen.row(answer.memory_id)
    if answer.outcome != "stored":
        print(f"{answer.outcome}: {one_line(answer.reason or '')}", file=sys.stderr)


def _marked(memory: Memory) -> str:
    return "[marked] " if memory.metadata.mark else ""


def stored_exit(answer: StoreResponse) -> Exit:
    return Exit.OK if answer.memory_id is not None else Exit.FAILURE


def show_list(screen: Screen, answer: ListResponse) -> None:
    if not screen.terminal:
        for memory in answer.memories:
            screen.row(
                memory.memory_id, memory.metadata.event_at.isoformat(), memory.content.type,
                memory.metadata.importance, ", ".join(memory.tags), memory.content.data,
            )  # fmt: skip
        return
    rows = [
        (each.memory_id, _day(each.metadata.event_at), each.content.type, _marked(each) + each.content.data[:500])
        for each in answer.memories
    ]
    if rows:
        screen.table(["id", "date", "type", "text"], rows, wide="text", clip=True)
    screen.text(f"{len(rows)} of {answer.total_count} memories{more(answer.next_cursor)}", style="dim")


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
        ("version", facts.version),
        ("drift", facts.drift_score),
        *([("true until", _moment(facts.valid_to)), ("superseded by", facts.superseded_by)] if facts.valid_to else []),
        *([("mark", facts.mark)] if facts.mark is not None else []),
        ("recalled", f"{facts.access_count}, last {_moment(facts.last_accessed)}"),
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


def _show_facet(screen: Screen, facet: Facet) -> None:
    """Values and their counts, with bars; one that is rare has a bar of one character."""
    highest = max((each.count for each in facet.values), default=1)
    rows = [(each.value, each.count, "█" * max(round(20 * each.count / highest), 1)) for each in facet.values]
    screen.table([facet.name, "count", ""], rows)
    if facet.distinct > len(rows):
        screen.text(f"and {facet.distinct - len(rows)} more", style="dim")
    if facet.missing:
        screen.text(f"{facet.missing} without", style="dim")
    screen.text()


def _show_reading(screen: Screen, reading: QueryReading) -> None:
    if reading.excluded or reading.times:
        screen.text(f"searched for: {reading.text}", style="dim")
    for phrase in reading.excluded:
        screen.text(f"ruled out: {phrase}", style="dim")
    for time in reading.times:
        dated_by = f", dated by {time.dated_by}" if time.dated_by else ""
        screen.text(f"{time.text}: {_moment(time.start)} to {_moment(time.end)}{dated_by}", style="dim")


def _shares(explanation: HitExplanation | None) -> list[str]:
    return [" ".join(f"{each.signal}={each.share:.4f}" for each in explanation.signals)] if explanation else []


def _origin(context: dict[str, Any]) -> str:
    """Who said it, where it stands."""
    return " · ".join(str(context[name]) for name in ("speaker", "source", "heading") if context.get(name))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else show(None)
