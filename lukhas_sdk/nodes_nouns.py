"""`client.nodes`, `client.stars` and what `client.stage` sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lukhas_sdk.contract import nodes, stages, stars
from lukhas_sdk.contract.base import StageName
from lukhas_sdk.contract.matriz import Context
from lukhas_sdk.contract.stages import RUN as RUN_STAGE
from lukhas_sdk.nouns import as_struct
from lukhas_sdk.verbs import Client, Noun, verb

__all__ = ["RUN_STAGE", "NodesNoun", "StarsNoun", "stage_request"]


def stage_request(
    name: StageName,
    input_data: stages.StageData | dict[str, Any] | str,
    context: Context | dict[str, Any] | None,
    stage_config: stages.StageConfig | dict[str, Any] | None,
) -> tuple[stages.StageParams, stages.StageRequest]:
    given = {"input": input_data} if isinstance(input_data, str) else input_data
    return stages.StageParams(name), stages.StageRequest(
        as_struct(given, stages.StageData, "input_data"),
        as_struct(context, Context, "context"),
        as_struct(stage_config, stages.StageConfig, "stage_config"),
    )


class NodesNoun(Noun[Client]):
    @verb
    def register(
        self,
        node_id: str,
        *,
        stages: Sequence[StageName],
        node_type: str = "cognitive_processor",
        capabilities: Sequence[str] = (),
        pillars: Sequence[str] = (),
        dependencies: Sequence[str] = (),
        callback: nodes.NodeCallback | dict[str, Any] | str | None = None,
        composition: Sequence[str] | None = None,
    ) -> nodes.RegisterNodeResponse:
        """`callback` is an address on this machine, or that with its `timeout_ms`."""
        if isinstance(callback, str):
            callback = {"url": callback}
        body = nodes.RegisterNodeRequest(
            node_id=node_id,
            node_type=node_type,
            constellation_metadata=nodes.NodePlace(list(stages), list(pillars)),
            capabilities=list(capabilities),
            constructor_config=nodes.ConstructorConfig(dependencies=list(dependencies)),
            callback=None if callback is None else as_struct(callback, nodes.NodeCallback, "callback"),
            composition=None if composition is None else list(composition),
        )
        return self._client.call(nodes.REGISTER, body=body)

    @verb
    def list(self, *, stage: StageName | None = None, pillar: str | None = None) -> nodes.NodeListResponse:
        """`pillar`: a star's or a pillar's name or symbol."""
        return self._client.call(nodes.LIST, params=nodes.NodeListParams(stage, pillar))

    @verb
    def show(self, node_id: str) -> nodes.Node:
        return self._client.call(nodes.SHOW, params=nodes.NodeParams(node_id))

    @verb
    def test(
        self, node_id: str, input: str = nodes.SAMPLE, *, stage: StageName | None = None
    ) -> nodes.TestNodeResponse:
        """One run now; `report` says how it went, and nothing is raised where it failed."""
        body = nodes.TestNodeRequest(input, stage)
        return self._client.call(nodes.TEST, params=nodes.NodeParams(node_id), body=body)

    @verb
    def remove(self, node_id: str) -> nodes.RemoveNodeResponse:
        return self._client.call(nodes.REMOVE, params=nodes.NodeParams(node_id))


class StarsNoun(Noun[Client]):
    @verb
    def list(self) -> stars.StarListResponse:
        return self._client.call(stars.LIST)

    @verb
    def test(self, star: stars.StarName) -> stars.Star:
        """Runs its self-test now."""
        return self._client.call(stars.TEST, params=stars.StarParams(star))
