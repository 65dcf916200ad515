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
    Facet,
    FacetCount,
    FacetName,
    HitExplanation,
    QueryReading,
    SearchFilters,
    SearchHit,
    SearchRequest,
    SearchResponse,
    SignalShare,
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
from lukhasd.memory.pages import Found, Pages
from lukhasd.memory.phrases import phrases
from lukhasd.memory.query_reading import Reading
from lukhasd.memory.ranking import Closeness, Ranked, Ranking
from lukhasd.memory.rows import MemoryRow, fetch, recall_counts
from lukhasd.memory.text_files import FIELDS
from lukhasd.memory.words import Analyser

DAY_US = 86_400_000_000
PAGED = 250
"""Hits for which a search in pages ranks: four times as many candidates by words, and by meaning."""
FACET_VALUES = 50
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
            found = await self._core.database.read(lambda cursor: fetch(cursor, [hit.row_id for hit in ranking.hits]))
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
            rows = await self._core.database.read(partial(fetch, row_ids=numbers))
            found[phrase] = [rows[number] for number in numbers if number in rows]
        dated = await self._core.run(anchors.date, reading, self._analyser, found.__getitem__)
        return dated.reading, dated.by

    async def why(self, owner: str, request: WhyRequest) -> WhyResponse:
        """NotFound where the owner has no such memory."""
        row = await self._core.find(owner, request.memory_id)
        reading = query_reading.read(request.query, now=datetime.now(UTC))
        when = partial(at_time, as_of=request.as_of, include_superseded=request.include_superseded)
        chosen = when(select(owner, request.filters))
        reasons = await self._core.run(self._filtered_by, when(Selection(owner)), request.filters, row)
        ranking = await self._core.run(partial(self._rank, reading, chosen, WHY_DEPTH, among=(row.row_id,)))
        place = next((place for place, hit in enumerate(ranking.hits) if hit.row_id == row.row_id), None)
        hit = ranking.hits[place] if place is not None else None
        if place is not None:
            before = [each.row_id for each in ranking.hits[: place + 1]][-WHY_DEPTH:]
            found = await self._core.database.read(lambda cursor: fetch(cursor, before))
            ahead = [found[number] for number in before if number in found]
            reasons += [each.reason for each in self._leave_out(ahead, reading) if each.row_id == row.row_id]
        return WhyResponse(
            memory_id=row.memory_id,
            rank=place + 1 if place is not None else None,
            candidates=len(ranking.hits),
            relevance_score=hit.score if hit is not None else None,
            explanation=_explanation(hit) if hit is not None else None,
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
            closeness=_measure(reading),
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
        where = expression.parse(request.where, self._analyser) if request.where is not None else None
        return replace(chosen, where=where)

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
        end = start
        kept = 0
        while end < len(found.rows) and kept < request.limit:
            kept += int(found.rows[end]) not in found.dropped
            end += 1
        places = [int(row) for row in found.rows[start:end]]
        shown = [row for row in places if row not in found.dropped]
        memories = await self._core.database.read(lambda connection: fetch(connection, shown))
        ranked = found.ranked
        if reading is not None and not ranked and shown:
            ranking = await self._core.run(partial(self._rank, reading, chosen, 1, shown, _fields(request)))
            ranked = {hit.row_id: hit for hit in ranking.hits}
        hits = [
            _hit(ranked.get(row, Ranked(row, 0.0, (), None)), memories[row], explain=request.explain)
            for row in shown
            if row in memories
        ]
        judged = None
        if reading is not None and hits:
            judged = await self._core.run(self._judge.probability, reading.text, self._core.calibrated(hits))
        return SearchResponse(
            results=hits if request.include_context else [_without_context(hit) for hit in hits],
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
        by_meaning = order == "relevance" and request.fields is None
        matches = await self._core.run(self._matching, request, reading, chosen, by_meaning)
        counts = await self._core.run(self._core.ranker.facets, matches, request.facets)
        facets = [_facet(name, *counts[name]) for name in request.facets]
        if reading is not None and order == "relevance":
            depth = PAGED if request.cursor is not None else request.limit + SPARE
            ranking = await self._core.run(partial(self._rank, reading, chosen, depth, fields=_fields(request)))
            numbers = [hit.row_id for hit in ranking.hits]
            memories = await self._core.database.read(lambda connection: fetch(connection, numbers))
            there = [memories[number] for number in numbers if number in memories]
            ranked = {hit.row_id: hit for hit in ranking.hits}
            out = await self._core.run(self._leave_out, there, reading)
            dropped = {
                each.row_id: DroppedHit(memories[each.row_id].memory_id, each.reason, ranked[each.row_id].score)
                for each in out
            }
            return Found(np.array(numbers, dtype=np.int64), ranked, dropped, len(matches), facets)
        if order == "most_recalled":
            recalled = await self._core.database.read(recall_counts)
            rows = await self._core.run(self._most_recalled, matches, recalled)
        else:
            by: Literal["newest", "oldest", "importance"] = "newest" if order == "relevance" else order
            rows = await self._core.run(self._core.ranker.sort, matches, by)
        return Found(rows, {}, {}, len(rows), facets)

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
        whole = [_hit(hit, found[hit.row_id], explain=request.explain) for hit in kept]
        return SearchResponse(
            results=whole if request.include_context else [_without_context(hit) for hit in whole],
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


def _facet(name: FacetName, counts: Mapping[str, int], missing: int) -> Facet:
    if name == "month":
        ordered = sorted(counts.items(), reverse=True)
    else:
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Facet(name, [FacetCount(*pair) for pair in ordered[:FACET_VALUES]], len(counts), missing)


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


def _measure(reading: Reading) -> Closeness | None:
    """`query_reading.closeness` to the nearest of the times, for many events at once; None where there is no time."""
    periods = [time.period for time in reading.times if time.period is not None]
    bounds = [
        (
            moments.microseconds(period.start) if period.start is not None else None,
            moments.microseconds(period.end) if period.end is not None else None,
        )
        for period in periods
    ]

    def measure(event_us: NDArray[np.int64]) -> NDArray[np.float64]:
        best = np.zeros(len(event_us))
        for start, end in bounds:
            early = np.maximum(start - event_us, 0) if start is not None else 0
            late = np.maximum(event_us - end, 0) if end is not None else 0
            length = end - start + 1 if start is not None and end is not None else DAY_US
            best = np.maximum(best, np.exp2(-(early + late) / length))
        return best

    return measure if bounds else None


def _hit(ranked: Ranked, row: MemoryRow, *, explain: bool) -> SearchHit:
    content = row.content()
    return SearchHit(
        memory_id=row.memory_id,
        relevance_score=ranked.score,
        content=msgspec.structs.replace(content, context={}),
        context=content.context,
        tags=list(row.tags),
        event_at=row.event_at,
        text_score=ranked.text_score,
        vector_score=ranked.vector_score,
        cosine=ranked.cosine,
        mark=row.mark,
        explanation=_explanation(ranked) if explain else None,
        valid_to=row.valid_to,
        superseded_by=row.superseded_by,
    )


def _without_context(hit: SearchHit) -> SearchHit:
    return msgspec.structs.replace(hit, context=None)


def _explanation(ranked: Ranked) -> HitExplanation:
    return HitExplanation([SignalShare(name, share) for name, share in ranked.signals])
