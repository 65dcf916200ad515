"""What hangs off a client by noun: `client.memory`, `client.embedder`; `lukhas_sdk.verbs` says how for both clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from lukhas_sdk.contract import embedder, forgetting, helix, memory, saved, truth
from lukhas_sdk.contract import folds as folding
from lukhas_sdk.contract.base import Request
from lukhas_sdk.contract.batch import BatchQuery, BatchRequest
from lukhas_sdk.contract.matriz import PROCESS, ConstellationConfig, Context, PipelineOptions, ProcessRequest
from lukhas_sdk.contract.streams import MEMORY_DRIFT, MemoryDriftEvent, RepairMethod
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.verbs import Client, Noun, feed, verb

__all__ = ["PROCESS", "EmbedderNoun", "MemoryNoun", "batch_request", "process_request"]

R = TypeVar("R", bound=Request)


def process_request(
    input: str,
    context: Context | dict[str, Any] | None,
    options: PipelineOptions | dict[str, Any] | None,
    constellation_config: ConstellationConfig | dict[str, Any] | None,
) -> ProcessRequest:
    if isinstance(options, dict):
        options = dict(options)
        if not options.pop("use_memory", True):
            options["memory_depth"] = 0
        if options.pop("creative_mode", False):
            options["thought_mode"] = "creative"
    return ProcessRequest(
        input=input,
        context=as_struct(context, Context, "context"),
        pipeline_options=as_struct(options, PipelineOptions, "options"),
        constellation_config=as_struct(constellation_config, ConstellationConfig, "constellation_config"),
    )


def batch_request(
    queries: Sequence[str | BatchQuery | dict[str, Any]],
    common_context: Context | dict[str, Any] | None,
    options: PipelineOptions | dict[str, Any] | None,
    *,
    parallel: bool,
    as_job: bool,
) -> BatchRequest:
    common = process_request("", common_context, options, None)
    return BatchRequest(
        queries=[query if isinstance(query, str) else as_struct(query, BatchQuery, "queries") for query in queries],
        common_context=common.context,
        pipeline_options=common.pipeline_options,
        parallel=parallel,
        as_job=as_job,
    )


def as_struct(value: R | dict[str, Any] | None, kind: type[R], field: str) -> R:
    """`value` as the contract's Struct; ValidationError names what does not fit."""
    if isinstance(value, kind):
        return value
    try:
        return msgspec.convert(value or {}, kind)
    except msgspec.ValidationError as error:
        raise ValidationError(f"{field}: {error}", field=field, hint=f"see lukhas_sdk.models.{kind.__name__}") from None


class MemoryNoun(Noun[Client]):
    @verb
    def store(
        self,
        content: memory.MemoryContent | dict[str, Any] | str,
        *,
        tags: Sequence[str] = (),
        importance: float = 0.5,
        force: bool = False,
    ) -> memory.StoreResponse:
        """On disk when this returns, unless its outcome says that it was declined or quarantined. A plain string is
        stored as a semantic memory. `force` keeps it, marked, where the gate would not."""
        if isinstance(content, str):
            content = memory.MemoryContent(type="semantic", data=content)
        body = memory.StoreRequest(
            content=as_struct(content, memory.MemoryContent, "content"),
            tags=list(tags),
            importance=importance,
            force=force,
        )
        return self._client.call(memory.STORE, body=body)

    @verb
    def search(
        self,
        query: str | None = None,
        *,
        filters: memory.SearchFilters | dict[str, Any] | None = None,
        limit: int = 10,
        include_context: bool = True,
        explain: bool = False,
        as_of: str | None = None,
        include_superseded: bool = False,
        where: str | None = None,
        sort: memory.SortOrder | None = None,
        cursor: str | None = None,
        facets: Sequence[memory.FacetName] = (),
        fields: Sequence[memory.SearchField] | None = None,
    ) -> memory.SearchResponse:
        """What is true now; with `as_of` (an ISO date or date-time) what was true then. `where` is a filter in words,
        see `lukhas memory search --help`; `cursor` "first" begins in pages."""
        body = memory.SearchRequest(
            query=query,
            filters=as_struct(filters, memory.SearchFilters, "filters"),
            limit=limit,
            include_context=include_context,
            explain=explain,
            as_of=as_of,
            include_superseded=include_superseded,
            where=where,
            sort=sort,
            cursor=cursor,
            facets=[*facets],
            fields=[*fields] if fields is not None else None,
        )
        return self._client.call(memory.SEARCH, body=body)

    @verb
    def save_search(
        self,
        name: str,
        query: str | None = None,
        *,
        where: str | None = None,
        sort: memory.SortOrder | None = None,
        facets: Sequence[memory.FacetName] = (),
        limit: int = 10,
    ) -> saved.SavedSearch:
        """Keeps a search under a name. For what else a search can say, call `saved.ADD` with a `SearchRequest`."""
        search = memory.SearchRequest(query=query, where=where, sort=sort, facets=[*facets], limit=limit)
        return self._client.call(saved.ADD, body=saved.SaveSearchRequest(name, search))

    @verb
    def saved_searches(self) -> saved.SavedListResponse:
        return self._client.call(saved.LIST)

    @verb
    def run_saved(self, name: str, *, limit: int | None = None, cursor: str | None = None) -> memory.SearchResponse:
        body = saved.RunSavedRequest(limit=limit, cursor=cursor)
        return self._client.call(saved.RUN, params=saved.SavedParams(name), body=body)

    @verb
    def remove_saved(self, name: str) -> saved.RemoveSavedResponse:
        return self._client.call(saved.REMOVE, params=saved.SavedParams(name))

    @verb
    def why(
        self,
        memory_id: str,
        query: str,
        *,
        filters: memory.SearchFilters | dict[str, Any] | None = None,
        as_of: str | None = None,
        include_superseded: bool = False,
        where: str | None = None,
    ) -> memory.WhyResponse:
        """Where one memory stands in that search, and what its score is made of."""
        body = memory.WhyRequest(
            memory_id=memory_id,
            query=query,
            filters=as_struct(filters, memory.SearchFilters, "filters"),
            as_of=as_of,
            include_superseded=include_superseded,
            where=where,
        )
        return self._client.call(memory.WHY, body=body)

    @verb
    def recall(self, memory_id: str, *, version: int | None = None) -> memory.Memory:
        return self._client.call(memory.RECALL, params=memory.RecallParams(memory_id=memory_id, version=version))

    @verb
    def list(
        self,
        *,
        limit: int = 20,
        cursor: str | None = None,
        type: memory.MemoryType | None = None,
        tag: str | None = None,
        as_of: str | None = None,
        include_superseded: bool = False,
    ) -> memory.ListResponse:
        params = memory.ListParams(
            limit=limit, cursor=cursor, type=type, tag=tag, as_of=as_of, include_superseded=include_superseded
        )
        return self._client.call(memory.LIST, params=params)

    @verb
    def delete(self, memory_id: str) -> memory.DeleteResponse:
        return self._client.call(memory.DELETE, params=memory.MemoryParams(memory_id=memory_id))

    @verb
    def forget(self, *memory_ids: str) -> forgetting.ForgetReceipt:
        """Erases them from every file for good; the receipt says what went. There is no undo."""
        return self._client.call(forgetting.FORGET, body=forgetting.ForgetRequest(memory_ids=[*memory_ids]))

    @verb
    def preview_forget(
        self,
        *memory_ids: str,
        query: str | None = None,
        filters: memory.SearchFilters | dict[str, Any] | None = None,
        limit: int = 10,
    ) -> forgetting.ForgetReceipt:
        """What would go: those memories, or those that `query` finds."""
        body = forgetting.ForgetRequest(
            memory_ids=[*memory_ids],
            query=query,
            filters=as_struct(filters, memory.SearchFilters, "filters"),
            limit=limit,
            preview=True,
        )
        return self._client.call(forgetting.FORGET, body=body)

    @verb
    def folds(
        self,
        *,
        state: folding.FoldState | None = None,
        query: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> folding.FoldListResponse:
        """Newest first; archived ones too, unless a `state` says otherwise."""
        params = folding.FoldListParams(state=state, query=query, limit=limit, cursor=cursor)
        return self._client.call(folding.LIST, params=params)

    @verb
    def fold(self, fold_id: str) -> folding.Fold:
        return self._client.call(folding.SHOW, params=folding.FoldParams(fold_id=fold_id))

    @verb
    def import_items(self, items: Sequence[memory.StoreRequest]) -> memory.ImportResponse:
        """At most 500 at a time; those that memory holds already are left out."""
        return self._client.call(memory.IMPORT, body=memory.ImportRequest(items=[*items]))

    @verb
    def conflicts(
        self, *, state: truth.ConflictState | None = None, limit: int = 20, cursor: str | None = None
    ) -> truth.ConflictListResponse:
        """Contradictions between memories, newest first."""
        return self._client.call(truth.LIST, params=truth.ConflictListParams(state=state, limit=limit, cursor=cursor))

    @verb
    def resolve_conflict(self, conflict_id: str, *, keep: truth.Kept) -> truth.Conflict:
        """Decides which of the two holds; can be decided otherwise later."""
        params = truth.ConflictParams(conflict_id=conflict_id)
        return self._client.call(truth.RESOLVE, params=params, body=truth.ResolveRequest(keep=keep))

    @verb
    def stats(self) -> memory.StatsResponse:
        return self._client.call(memory.STATS)

    @verb
    def edit(
        self,
        memory_id: str,
        data: str | None = None,
        *,
        tags: Sequence[str] | None = None,
        importance: float | None = None,
        context: dict[str, Any] | None = None,
        note: str | None = None,
        expected_version: int | None = None,
    ) -> helix.ChangeResponse:
        """Writes a new version; what is not given stays. Of `context`, names given as None are taken out."""
        body = helix.EditRequest(
            data=data,
            tags=None if tags is None else [*tags],
            importance=importance,
            context=context,
            note=note,
            expected_version=expected_version,
        )
        return self._client.call(helix.EDIT, params=memory.MemoryParams(memory_id), body=body)

    @verb
    def history(self, memory_id: str, *, limit: int = 100, before: int | None = None) -> helix.HistoryResponse:
        return self._client.call(helix.HISTORY, params=helix.HistoryParams(memory_id, limit, before))

    @verb
    def diff(self, memory_id: str, *, from_version: int = 1, to_version: int | None = None) -> helix.DiffResponse:
        return self._client.call(helix.DIFF, params=helix.DiffParams(memory_id, from_version, to_version))

    @verb
    def revert(
        self, memory_id: str, to: int, *, note: str | None = None, expected_version: int | None = None
    ) -> helix.ChangeResponse:
        body = helix.RevertRequest(to, note, expected_version)
        return self._client.call(helix.REVERT, params=memory.MemoryParams(memory_id), body=body)

    @verb
    def undo(
        self, memory_id: str, *, note: str | None = None, expected_version: int | None = None
    ) -> helix.ChangeResponse:
        """Back to exactly the version before; done twice, it undoes the undoing."""
        body = helix.UndoRequest(note, expected_version)
        return self._client.call(helix.UNDO, params=memory.MemoryParams(memory_id), body=body)

    @verb
    def repair(
        self,
        memory_id: str,
        method: RepairMethod | None = None,
        *,
        preview: bool = False,
        spans: Sequence[str] = (),
        text: str | None = None,
        note: str | None = None,
        expected_version: int | None = None,
    ) -> helix.RepairResponse:
        """Without a method, the one that trying them suggests. `undo` takes it back."""
        body = helix.RepairRequest(memory_id, method, preview, [*spans], text, note, expected_version)
        return self._client.call(helix.REPAIR, body=body)

    @verb
    def drift(self, *, limit: int = 20) -> helix.DriftResponse:
        return self._client.call(helix.DRIFT, params=helix.DriftParams(limit))

    @feed
    def drift_events(self) -> Iterator[MemoryDriftEvent]:
        """The caller's memories as they drift, without end. A connection that breaks is made again; what happened
        meanwhile is not told."""
        return self._client.events(MEMORY_DRIFT)


class EmbedderNoun(Noun[Client]):
    @verb
    def status(self) -> embedder.EmbedderStatusResponse:
        return self._client.call(embedder.EMBEDDER_STATUS)

    @verb
    def use(
        self,
        base_url: str | None = None,
        *,
        model: str | None = None,
        dimensions: int | None = None,
        api_key: str | None = None,
    ) -> embedder.EmbedderStatusResponse:
        """Chooses an OpenAI-compatible endpoint, or with no argument the packaged embedder. Memories are embedded in
        the background: `status` says how far it is."""
        body = embedder.EmbedderUseRequest(base_url=base_url, model=model, dimensions=dimensions, api_key=api_key)
        return self._client.call(embedder.EMBEDDER_USE, body=body)

    @verb
    def test(self) -> embedder.EmbedderTestResponse:
        return self._client.call(embedder.EMBEDDER_TEST)
