"""A node made of built-in nodes, one after another, each on what the one before gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lukhas_sdk.contract.base import StageName
from lukhas_sdk.contract.nodes import RegisterNodeRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.constellation.node import Node, NodeFailed, NodeInput, NodeOutput


class Composition:
    def __init__(self, steps: Sequence[tuple[StageName, Node]]) -> None:
        self._steps = steps

    async def check(self) -> str | None:
        for _, node in self._steps:
            reason = await node.check()
            if reason is not None:
                return reason
        return None

    async def process(self, given: NodeInput) -> NodeOutput:
        output = NodeOutput(None, None)
        for stage, node in self._steps:
            output = await node.process(replace(given, stage=stage, data=output.data))
        if output.answer is None:
            raise NodeFailed("its last step gave no answer")
        return replace(output, data=None)


def check_steps(composition: Sequence[str], built_in: Mapping[str, RegisterNodeRequest]) -> None:
    """ValidationError where a step is no built-in node, or writes. A step that builds on stages which no step before it
    has run runs them itself."""
    for place, node_id in enumerate(composition):
        field = f"$.composition[{place}]"
        if node_id not in built_in:
            raise ValidationError(
                f"{node_id} is no built-in node", field=field, hint=f"there are: {', '.join(sorted(built_in))}"
            )
        if "action" in built_in[node_id].constellation_metadata.pipeline_stages:
            raise ValidationError(
                f"{node_id} writes to memory, which a composition may not", field=field, hint="leave it out"
            )
