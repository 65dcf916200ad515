"""A search from its request to its response: filters, ranking, what is left out, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import (
    FIRST_PAGE,
    DroppedHit,
    QueryReading,
    SearchFilters,
    SearchRequest,
    SearchResponse,
    TimeReading,
    WhyRequest,
    WhyResponse,
)
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import anchors, expression, moments, query_reading
from lukhasd.memory.answerable import Answerable
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.core import Core
from lukhasd.memory.diversity import LeftOut, left_out
from lukhasd.memory.hits import explain_hit, make_facet, make_hit, without_context
from lukhasd.memory.nearness import measure_closeness
from lukhasd.memory.pages import Found, Pages
from lukhasd.memory.phrases import phrases
from lukhasd.memory.query_reading import Reading
from lukhasd.memory.ranking import Ranked, Ranking
from lukhasd.memory.rows import MemoryRow, recall_counts
from lukhasd.memory.text_files import FIELDS
from lukhasd.memory.words import Analyser

PAGED = 250
"""Hits for which a search in pages ranks at most: four times as many candidates by words, and by meaning."""
DEEPER = 4
"""Times as many hits are ranked when the pages come to the end of those before."""
SPARE = 10
"""Hits ranked beside those asked for, to take the places of what is left out."""
WHY_DEPTH = 1_000
"""Four times as many candidates by words, and by meaning, are compared to say where a memory stands."""


class Search:
    def __init__(self, core: Core, judge: Answerable) -> None:
        self._core = core
        self._judge = judge
        self._analyser = Analyser()
        self._pages = Pages()

    async def search(self, owner: str, request: SearchRequest) -> SearchResponse:
        """By words alone while the embedding model is out of order."""
        started = perf_counter()
        reading = query_reading.read(request.query, now=datetime.now(UTC)) if request.query is not None else None
        chosen = self.choose(owner, request)
        dated_by: dict[str, str] = {}
        if reading is not None and any(time.anchor is not None for time in reading.times):
            reading, dated_by = await self._date(reading, chosen)
        if reading is None or request.cursor is not None or request.facets or request.sort not in (None, "relevance"):
            response = await self._browse(owner, request, reading, chosen)
        else:
            fields = _fields(request)
            ranking = await self._core.run(partial(self._rank, reading, chosen, request.limit + SPARE, fields=fields))
            found = await self._core.kept.fetch(hit.row_id for hit in ranking.hits)
            hits = [hit for hit in ranking.hits if hit.row_id in found]
            finish = partial(self._finish, request, reading, hits, found, total=ranking.total)
            response = await self._core.run(finish)
        duration_ms = (perf_counter() - started) * 1000
        self._core.metrics.record("memory.search", duration_ms)
        if dated_by and response.reading is not None:
            times = [msgspec.structs.replace(time, dated_by=dated_by.get(time.text)) for time in response.reading.times]
            told = msgspec.structs.replace(response.reading, times=times)
            response = msgspec.structs.replace(response, reading=told)
        pending = self._core.upkeep.pending.count(owner)
        return msgspec.structs.replace(response, search_time_ms=duration_ms, pending_vectors=pending)

    async def _date(self, reading: Reading, chosen: Selection) -> tuple[Reading, dict[str, str]]:
        found: dict[str, list[MemoryRow]] = {}
        for phrase in {time.anchor.phrase for time in reading.times if time.anchor is not None}:
            asked = Reading(text=phrase, excluded=(), times=())
            ranking = await self._core.run(partial(self._rank, asked, chosen, anchors.LOOKED_AT))
            numbers = [hit.row_id for hit in ranking.hits]
            rows = await self._core.kept.fetch(numbers)
            found[phrase] = [rows[number] for number in numbers if number in rows]
        dated = await self._core.run(anchors.date, reading, self._analyser, found.__getitem__)
        return dated.reading, dated.by

    async def why(self, owner: str, request: WhyRequest) -> WhyResponse:
        """NotFound where the owner has no such memory."""
        row = await self._core.find(owner, request.memory_id)
        reading = query_reading.read(request.query, now=datetime.now(UTC))
        when = partial(at_time, as_of=request.as_of, include_superseded=request.include_superseded)
        where = self._parse(request.where)
        chosen = replace(when(select(owner, request.filters)), where=where)
        reasons = await self._core.run(self._filtered_by, when(Selection(owner)), request.filters, row)
        if not await self._core.run(self._passes, _ever(Selection(owner, where=where)), row):
            reasons.append("where does not hold of it")
        ranking = await self._core.run(partial(self._rank, reading, chosen, WHY_DEPTH, among=(row.row_id,)))
        place = next((place for place, hit in enumerate(ranking.hits) if hit.row_id == row.row_id), None)
        hit = ranking.hits[place] if place is not None else None
        if place is not None:
            before = [each.row_id for each in ranking.hits[: place + 1]][-WHY_DEPTH:]
            found = await self._core.kept.fetch(before)
            ahead = [found[number] for number in before if number in found]
            reasons += [each.reason for each in self._leave_out(ahead, reading) if each.row_id == row.row_id]
        return WhyResponse(
            memory_id=row.memory_id,
            rank=place + 1 if place is not None else None,
            candidates=len(ranking.hits),
            relevance_score=hit.score if hit is not None else None,
            explanation=explain_hit(hit) if hit is not None else None,
            cosine=hit.cosine if hit is not None else None,
            left_out_by=reasons,
            reading=_told(reading),
        )

    def _rank(
        self,
        reading: Reading,
        chosen: Selection,
        limit: int,
        among: Sequence[int] = (),
        fields: Sequence[str] | None = None,
    ) -> Ranking:
        """`fields` None: all, and meaning too."""
        meaning = self._core.meaning
        return self._core.ranker.rank(
            reading.text,
            self._core.embed_query(reading.text, meaning.embedder) if fields is None else None,
            chosen,
            limit,
            closeness=measure_closeness(reading),
            among=among,
            vectors=meaning.index,
            fields=fields or FIELDS,
            phrases=phrases(reading.text, self._analyser) if fields is None else (),
        )

    def choose(self, owner: str, request: SearchRequest) -> Selection:
        """ValidationError for what cannot be asked."""
        _check(request)
        chosen = at_time(
            select(owner, request.filters), as_of=request.as_of, include_superseded=request.include_superseded
        )
        return replace(chosen, where=self._parse(request.where))

    def _parse(self, where: str | None) -> expression.Node | None:
        return expression.parse(where, self._analyser) if where is not None else None

    async def _browse(
        self, owner: str, request: SearchRequest, reading: Reading | None, chosen: Selection
    ) -> SearchResponse:
        """All matches counted, in any order, page by page."""
        cursor = request.cursor
        if cursor in (None, FIRST_PAGE):
            found = await self._find_all(request, reading, chosen)
            key, start = self._pages.keep(owner, request, found) if cursor is not None else "", 0
        else:
            key, found, start = self._pages.find(owner, request, cursor or "")
        end = _page_end(found, start, request.limit)
        while reading is not None and cursor is not None and found.depth is not None and end == len(found.rows):
            found = self._pages.grow(key, found, await self._deepen(request, reading, chosen, found))
            end = _page_end(found, start, request.limit)
        places = [int(row) for row in found.rows[start:end]]
        shown = [row for row in places if row not in found.dropped]
        memories = await self._core.kept.fetch(shown)
        ranked = found.ranked
        if reading is not None and not ranked and shown:
            ranking = await self._core.run(partial(self._rank, reading, chosen, 1, shown, _fields(request)))
            ranked = {hit.row_id: hit for hit in ranking.hits}
        hits = [
            make_hit(ranked.get(row, Ranked(row, 0.0, (), None)), memories[row], explain=request.explain)
            for row in shown
            if row in memories
        ]
        judged = None
        if reading is not None and hits:
            judged = await self._core.run(self._judge.probability, reading.text, self._core.calibrated(hits))
        return SearchResponse(
            results=hits if request.include_context else [without_context(hit) for hit in hits],
            total_matches=found.total,
            search_time_ms=0.0,
            answerable=judged,
            dropped=[found.dropped[row] for row in places if row in found.dropped],
            reading=_told(reading) if reading is not None else None,
            facets=list(found.facets),
            next_cursor=f"{key}-{end}" if cursor is not None and end < len(found.rows) else None,
        )

    async def _find_all(self, request: SearchRequest, reading: Reading | None, chosen: Selection) -> Found:
        order = request.sort or ("newest" if reading is None else "relevance")
        if reading is not None and order == "relevance":
            found = Found(np.array([], dtype=np.int64), {}, {}, 0, [], depth=0, end=self._core.ranker.end)
            found = await self._deepen(request, reading, chosen, found)
            if not request.facets:
                return found
        by_meaning = order == "relevance" and request.fields is None
        matches = await self._core.run(self._matching, request, reading, chosen, by_meaning)
        counts = await self._core.run(self._core.ranker.facets, matches, request.facets)
        facets = [make_facet(name, *counts[name]) for name in request.facets]
        if reading is not None and order == "relevance":
            return replace(found, total=len(matches), facets=facets)
        if order == "most_recalled":
            recalled = await self._core.database.read(recall_counts)
            rows = await self._core.run(self._most_recalled, matches, recalled)
        else:
            by: Literal["newest", "oldest", "importance"] = "newest" if order == "relevance" else order
            rows = await self._core.run(self._core.ranker.sort, matches, by)
        return Found(rows, {}, {}, len(rows), facets)

    async def _deepen(self, request: SearchRequest, reading: Reading, chosen: Selection, before: Found) -> Found:
        """The same with what comes after it, ranked among more candidates."""
        depth = min(before.depth * DEEPER, PAGED) if before.depth else request.limit + SPARE
        ranking = await self._core.run(partial(self._rank, reading, chosen, depth, fields=_fields(request)))
        new = [hit for hit in ranking.hits if hit.row_id not in before.ranked and hit.row_id < before.end]
        ranked = {**before.ranked, **{hit.row_id: hit for hit in new}}
        memories = await self._core.kept.fetch(ranked)
        there = [memories[row] for row in ranked if row in memories]
        out = await self._core.run(self._leave_out, there, reading)
        dropped = {
            each.row_id: DroppedHit(memories[each.row_id].memory_id, each.reason, ranked[each.row_id].score)
            for each in out
        }
        return replace(
            before,
            rows=np.append(
                before.rows, np.array([hit.row_id for hit in new if hit.row_id in memories], dtype=np.int64)
            ),
            ranked=ranked,
            dropped=dropped,
            total=before.total if before.depth else ranking.total,
            depth=depth if depth <= len(ranking.hits) and depth < PAGED else None,
        )

    def _most_recalled(self, matches: NDArray[np.int64], recalled: Mapping[int, int]) -> NDArray[np.int64]:
        """Of those recalled as often the newest first."""
        newest = self._core.ranker.sort(matches, "newest")
        size = max(int(newest.max(initial=0)), max(recalled, default=0)) + 1
        counts = np.zeros(size, dtype=np.int64)
        counts[list(recalled)] = list(recalled.values())
        return newest[np.argsort(-counts[newest], kind="stable")]

    def _matching(
        self, request: SearchRequest, reading: Reading | None, chosen: Selection, by_meaning: bool
    ) -> NDArray[np.int64]:
        ranker, meaning = self._core.ranker, self._core.meaning
        if reading is None:
            return ranker.newest(chosen)
        vector = self._core.embed_query(reading.text, meaning.embedder) if by_meaning else None
        return ranker.matching(reading.text, vector, chosen, fields=_fields(request) or FIELDS)

    def _finish(
        self,
        request: SearchRequest,
        reading: Reading,
        hits: Sequence[Ranked],
        found: dict[int, MemoryRow],
        *,
        total: int,
    ) -> SearchResponse:
        out = {each.row_id: each.reason for each in self._leave_out([found[hit.row_id] for hit in hits], reading)}
        kept = [hit for hit in hits if hit.row_id not in out][: request.limit]
        last = hits.index(kept[-1]) if len(kept) == request.limit else len(hits)
        whole = [make_hit(hit, found[hit.row_id], explain=request.explain) for hit in kept]
        return SearchResponse(
            results=whole if request.include_context else [without_context(hit) for hit in whole],
            total_matches=total,
            search_time_ms=0.0,
            answerable=self._judge.probability(reading.text, self._core.calibrated(whole)) if whole else None,
            dropped=[
                DroppedHit(found[hit.row_id].memory_id, out[hit.row_id], hit.score)
                for hit in hits[:last]
                if hit.row_id in out
            ],
            reading=_told(reading),
        )

    def _leave_out(self, found: Sequence[MemoryRow], reading: Reading) -> list[LeftOut]:
        return left_out(found, excluded=reading.excluded, analyser=self._analyser)

    def _filtered_by(self, then: Selection, filters: SearchFilters, row: MemoryRow) -> list[str]:
        """The filters that the memory does not pass, each by itself; `then` is everything at the time asked for."""
        reasons = [
            f"filters.{name} does not let it pass"
            for name in filters.__struct_fields__
            if (value := getattr(filters, name)) is not None
            and not self._passes(_ever(select(then.owner, SearchFilters(**{name: value}))), row)
        ]
        if not self._passes(then, row):
            later = then.as_of is not None and row.event_at > then.as_of
            reasons.append("as_of: it happened later" if later else f"superseded by {row.superseded_by}")
        return reasons

    def _passes(self, chosen: Selection, row: MemoryRow) -> bool:
        return self._core.ranker.allows(chosen, row.row_id)


def _page_end(found: Found, start: int, limit: int) -> int:
    """Behind so many rows that are not left out."""
    end = start
    kept = 0
    while end < len(found.rows) and kept < limit:
        kept += int(found.rows[end]) not in found.dropped
        end += 1
    return end


def _check(request: SearchRequest) -> None:
    if request.query is None:
        if request.where is None:
            raise ValidationError(
                "query is missing, and where too", field="$.query", hint="give one of the two, or both"
            )
        if request.sort == "relevance" or request.fields is not None:
            field = "fields" if request.fields is not None else "sort"
            raise ValidationError(
                f"{field} has no meaning without a query",
                field=f"$.{field}",
                hint=f"give a query, or leave {field} out",
            )


def _fields(request: SearchRequest) -> list[str] | None:
    """Of the text index."""
    return ["data" if name == "text" else name for name in request.fields] if request.fields is not None else None


def select(owner: str, filters: SearchFilters) -> Selection:
    """The filters, checked."""
    start, end = moments.parse_range(filters.date_range) if filters.date_range is not None else (None, None)
    return Selection(
        owner,
        types=filters.type,
        start=start,
        end=end,
        min_importance=filters.min_importance,
        tags=filters.tags or (),
    )


def _ever(chosen: Selection) -> Selection:
    return replace(chosen, include_superseded=True)


def at_time(chosen: Selection, *, as_of: str | None, include_superseded: bool) -> Selection:
    """The same with what a request says of time; a day means its end."""
    moment = moments.parse(as_of, field="$.as_of", end_of_day=True) if as_of is not None else None
    return replace(chosen, as_of=moment, include_superseded=include_superseded)


def _told(reading: Reading) -> QueryReading:
    periods = [(time.text, time.period) for time in reading.times if time.period is not None]
    return QueryReading(
        text=reading.text,
        excluded=list(reading.excluded),
        times=[TimeReading(text, period.start, period.end) for text, period in periods],
    )
