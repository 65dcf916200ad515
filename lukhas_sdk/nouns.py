"""What hangs off a client by noun: `client.memory`, `client.guardian`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lukhas_sdk.contract import guardian, memory
from lukhas_sdk.contract.base import Request
from lukhas_sdk.contract.matriz import PROCESS, ConstellationConfig, Context, PipelineOptions, ProcessRequest
from lukhas_sdk.errors import ValidationError

if TYPE_CHECKING:
    from lukhas_sdk.client import LukhasClient

__all__ = ["PROCESS", "GuardianNoun", "MemoryNoun", "process_request"]

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


def as_struct(value: R | dict[str, Any] | None, kind: type[R], field: str) -> R:
    """`value` as the contract's Struct; ValidationError names what does not fit."""
    if isinstance(value, kind):
        return value
    try:
        return msgspec.convert(value or {}, kind)
    except msgspec.ValidationError as error:
        raise ValidationError(f"{field}: {error}", field=field, hint=f"see lukhas_sdk.models.{kind.__name__}") from None


class MemoryNoun:
    def __init__(self, client: LukhasClient) -> None:
        self._client = client

    def store(
        self,
        content: memory.MemoryContent | dict[str, Any] | str,
        *,
        tags: Sequence[str] = (),
        importance: float = 0.5,
    ) -> memory.StoreResponse:
        """On disk when this returns. A plain string is stored as a semantic memory."""
        if isinstance(content, str):
            content = memory.MemoryContent(type="semantic", data=content)
        body = memory.StoreRequest(
            content=as_struct(content, memory.MemoryContent, "content"), tags=list(tags), importance=importance
        )
        return self._client.call(memory.STORE, body=body)

    def search(
        self,
        query: str,
        *,
        filters: memory.SearchFilters | dict[str, Any] | None = None,
        limit: int = 10,
        include_context: bool = True,
    ) -> memory.SearchResponse:
        body = memory.SearchRequest(
            query=query,
            filters=as_struct(filters, memory.SearchFilters, "filters"),
            limit=limit,
            include_context=include_context,
        )
        return self._client.call(memory.SEARCH, body=body)

    def recall(self, memory_id: str) -> memory.Memory:
        return self._client.call(memory.RECALL, params=memory.MemoryParams(memory_id=memory_id))

    def list(
        self,
        *,
        limit: int = 20,
        cursor: str | None = None,
        type: memory.MemoryType | None = None,
        tag: str | None = None,
    ) -> memory.ListResponse:
        params = memory.ListParams(limit=limit, cursor=cursor, type=type, tag=tag)
        return self._client.call(memory.LIST, params=params)

    def delete(self, memory_id: str) -> memory.DeleteResponse:
        return self._client.call(memory.DELETE, params=memory.MemoryParams(memory_id=memory_id))

    def import_items(self, items: Sequence[memory.StoreRequest]) -> memory.ImportResponse:
        """At most 500 at a time; those that memory holds already are left out."""
        return self._client.call(memory.IMPORT, body=memory.ImportRequest(items=[*items]))

    def stats(self) -> memory.StatsResponse:
        return self._client.call(memory.STATS)


class GuardianNoun:
    def __init__(self, client: LukhasClient) -> None:
        self._client = client

    def validate(
        self,
        content: str,
        *,
        type: guardian.ActionType = "user_input",
        target_user: str | None = None,
        context: str | None = None,
        ethics_level: guardian.EthicsLevel | None = None,
    ) -> guardian.Verdict:
        """The verdict, whatever it is: nothing is raised for a rejection."""
        action = guardian.GuardianAction(type=type, content=content, target_user=target_user, context=context)
        return self._client.call(
            guardian.VALIDATE, body=guardian.ValidateRequest(action=action, ethics_level=ethics_level)
        )

    def policy(self) -> guardian.PolicyResponse:
        return self._client.call(guardian.POLICY)
