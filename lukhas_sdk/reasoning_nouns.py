"""`client.reasoning`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lukhas_sdk.contract import causal, causal_query
from lukhas_sdk.nouns import as_struct
from lukhas_sdk.verbs import Client, Noun, verb


class ReasoningNoun(Noun[Client]):
    @verb
    def causal(
        self,
        observations: Sequence[causal.Observation | dict[str, Any]],
        hypothesis: str | None = None,
        *,
        cause: str | None = None,
        effect: str | None = None,
        window: causal.ObservationWindow | dict[str, Any] | None = None,
        period_s: float | None = None,
        seed: int = 0,
    ) -> causal.CausalResponse:
        """How strongly one event brings another about. Name the two, or give a hypothesis that does."""
        rows = [as_struct(each, causal.Observation, "observations") for each in observations]
        span = None if window is None else as_struct(window, causal.ObservationWindow, "window")
        body = causal.CausalRequest(rows, hypothesis, cause, effect, span, period_s, seed)
        return self._client.call(causal.INFER, body=body)

    @verb
    def causal_query(
        self,
        edges: Sequence[tuple[str, str]],
        tables: Sequence[causal_query.Table | dict[str, Any]],
        do: Mapping[str, str],
        outcome: str,
        *,
        hidden: Sequence[str] = (),
    ) -> causal_query.CausalQueryResponse:
        """How `outcome` would be distributed if `do` were done; `edges` go from causes to what they act on."""
        given = [as_struct(each, causal_query.Table, "tables") for each in tables]
        body = causal_query.CausalQueryRequest(list(edges), given, dict(do), outcome, list(hidden))
        return self._client.call(causal_query.QUERY, body=body)
