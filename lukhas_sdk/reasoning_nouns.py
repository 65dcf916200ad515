"""`client.reasoning`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lukhas_sdk.contract import analysis
from lukhas_sdk.contract import causal as causes
from lukhas_sdk.contract import causal_query as queries
from lukhas_sdk.nouns import as_struct
from lukhas_sdk.verbs import Client, Noun, verb


class ReasoningNoun(Noun[Client]):
    @verb
    def causal(
        self,
        observations: Sequence[causes.Observation | dict[str, Any]],
        hypothesis: str | None = None,
        *,
        cause: str | None = None,
        effect: str | None = None,
        window: causes.ObservationWindow | dict[str, Any] | None = None,
        period_s: float | None = None,
        seed: int = 0,
        name_unobserved: bool = False,
    ) -> causes.CausalResponse:
        """How strongly one event brings another about. Name the two, or give a hypothesis that does."""
        rows = [as_struct(each, causes.Observation, "observations") for each in observations]
        span = None if window is None else as_struct(window, causes.ObservationWindow, "window")
        body = causes.CausalRequest(rows, hypothesis, cause, effect, span, period_s, seed, name_unobserved)
        return self._client.call(causes.INFER, body=body)

    @verb
    def causal_query(
        self,
        edges: Sequence[tuple[str, str]],
        tables: Sequence[queries.Table | dict[str, Any]],
        do: Mapping[str, str],
        outcome: str,
        *,
        hidden: Sequence[str] = (),
    ) -> queries.CausalQueryResponse:
        """How `outcome` would be distributed if `do` were done; `edges` go from causes to what they act on."""
        given = [as_struct(each, queries.Table, "tables") for each in tables]
        body = queries.CausalQueryRequest(list(edges), given, dict(do), outcome, list(hidden))
        return self._client.call(queries.QUERY, body=body)

    @verb
    def causal_question(self, question: str) -> queries.CausalQueryResponse:
        """`causal_query` in words, which takes a language model; `asked` of the answer is what it made of them."""
        return self._client.call(queries.QUERY, body=queries.CausalQueryRequest(question=question))

    def analyze(
        self,
        query: str,
        *,
        reasoning_type: analysis.ReasoningType = "auto",
        depth: analysis.Depth = "standard",
        premises: str = "",
    ) -> analysis.AnalyzeResponse:
        """What of a query can be computed, proved or remembered; its `status` says what it takes beyond that."""
        return self._client.call(analysis.ANALYZE, body=analysis.AnalyzeRequest(query, reasoning_type, depth, premises))
