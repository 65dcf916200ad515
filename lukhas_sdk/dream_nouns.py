"""`client.dream`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lukhas_sdk.contract import consolidation, dream
from lukhas_sdk.verbs import Client, Noun, feed, verb


class DreamNoun(Noun[Client]):
    @verb
    def generate(
        self,
        seed: str,
        constraints: Sequence[str] = (),
        *,
        creativity_level: float = 0.5,
        num_realities: int = 5,
        random_seed: int | None = None,
        use_model: bool = True,
    ) -> dream.Dream:
        """Several different answers to a seed; kept under its `dream_session_id`."""
        body = dream.DreamRequest(seed, list(constraints), creativity_level, num_realities, random_seed, use_model)
        return self._client.call(dream.GENERATE, body=body)

    @feed
    def watch(
        self,
        seed: str,
        constraints: Sequence[str] = (),
        *,
        creativity_level: float = 0.5,
        num_realities: int = 5,
        random_seed: int | None = None,
        use_model: bool = True,
    ) -> Iterator[dream.DreamEvent]:
        """The same, with each step as it is done; the last event has the `result`."""
        body = dream.DreamRequest(seed, list(constraints), creativity_level, num_realities, random_seed, use_model)
        return self._client.events(dream.GENERATE, body=body)

    @verb
    def list(self, *, limit: int = 20, cursor: str | None = None) -> dream.DreamListResponse:
        """Newest first."""
        return self._client.call(dream.LIST, params=dream.DreamListParams(limit, cursor))

    @verb
    def show(self, dream_session_id: str) -> dream.Dream:
        return self._client.call(dream.SHOW, params=dream.DreamParams(dream_session_id))

    @verb
    def compare(self, one: str, other: str) -> dream.DreamComparison:
        return self._client.call(dream.COMPARE, params=dream.CompareParams(one, other))

    @verb
    def consolidate(self, *, apply: bool = False) -> consolidation.Consolidation:
        """What work on memory would come to; with `apply`, what it came to."""
        return self._client.call(consolidation.CONSOLIDATE, body=consolidation.ConsolidateRequest(apply))

    @verb
    def consolidations(self) -> consolidation.ConsolidationListResponse:
        """Newest first."""
        return self._client.call(consolidation.LIST)

    @verb
    def undo(self, consolidation_id: str) -> consolidation.Consolidation:
        """Puts back what a consolidation changed."""
        return self._client.call(consolidation.UNDO, params=consolidation.ConsolidationParams(consolidation_id))
