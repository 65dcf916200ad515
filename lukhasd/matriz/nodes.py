"""The built-in nodes: the pipeline's own processors, which the registry builds with the modules that they name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lukhas_sdk.contract.base import StageName
from lukhas_sdk.contract.nodes import NodePlace, RegisterNodeRequest
from lukhas_sdk.contract.stages import (
    MemoryConfig,
    StageConfig,
    StageData,
    StageRequest,
    StageResponse,
)
from lukhasd.constellation.node import NOT_CONFIGURED, NodeFailed, NodeInput, NodeOutput
from lukhasd.constellation.stars import Stars
from lukhasd.identity.caller import Caller
from lukhasd.matriz.stage_runs import StageRuns
from lukhasd.memory import MemoryStore
from lukhasd.models.directory import ModelDirectory

DEEP = StageConfig(memory=MemoryConfig(depth=2))
PLAIN = StageConfig()
STAR_OF: Mapping[StageName, str] = {
    "memory": "memory", "attention": "consciousness", "thought": "consciousness", "risk": "guardian",
    "intent": "identity", "action": "memory",
}  # fmt: skip
"""Whose self-test a stage stands and falls with; that of consciousness runs attention and thought on a sample."""


@dataclass(frozen=True)
class StageModule:
    """One stage, as a dependency: `memory_module` is that of the stage memory."""

    stage: StageName
    runs: StageRuns
    stars: Stars
    loop: asyncio.AbstractEventLoop

    async def run(
        self, caller: Caller, data: StageData, config: StageConfig = PLAIN, *, quoting: bool = False
    ) -> StageResponse:
        """From any thread's event loop."""
        work = self._run(caller, data, config, quoting=quoting)
        if asyncio.get_running_loop() is self.loop:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def _run(self, caller: Caller, data: StageData, config: StageConfig, *, quoting: bool) -> StageResponse:
        return await self.runs.run(
            caller, self.stage, StageRequest(data, stage_config=config), alone=True, quoting=quoting
        )

    async def check(self) -> str | None:
        state = await self.stars.state(STAR_OF[self.stage])
        return state.reason


class StageNode:
    """Runs its stage, and before it those that it builds on and that nothing has run yet."""

    about: ClassVar[RegisterNodeRequest]
    config: ClassVar[StageConfig] = PLAIN
    quoting: ClassVar[bool] = True

    def __init__(self, *modules: StageModule) -> None:
        self._modules = modules

    async def check(self) -> str | None:
        return await self._modules[-1].check()

    async def process(self, given: NodeInput) -> NodeOutput:
        data = given.data or StageData(given.text)
        confidence = None
        for module in self._modules:
            if module is self._modules[-1] or getattr(data, module.stage) is None:
                answer = await module.run(given.caller, data, self.config, quoting=self.quoting)
                data, confidence = answer.stage_result, answer.confidence
        return NodeOutput(self.say(data), confidence, data)

    def say(self, data: StageData) -> str | None:
        raise NodeFailed("it says nothing by itself")


def _about(node_id: str, stage: StageName, pillar: str, *capabilities: str) -> RegisterNodeRequest:
    return RegisterNodeRequest(node_id, "built_in_processor", NodePlace([stage], [pillar]), list(capabilities))


class HybridSearch(StageNode):
    about = _about("hybrid_search", "memory", "memory", "word_search", "meaning_search")

    def __init__(self, *, memory_module: StageModule) -> None:
        super().__init__(memory_module)

    def say(self, data: StageData) -> str | None:
        found = data.memory.memories if data.memory else []
        return "\n".join(one.memory_id for one in found) or None


class LinkHops(HybridSearch):
    about = _about("link_hops", "memory", "memory", "link_following")
    config = DEEP


class MmrAttention(StageNode):
    about = _about("mmr_attention", "attention", "consciousness", "focus_management", "diversity")

    def __init__(self, *, memory_module: StageModule, attention_module: StageModule) -> None:
        super().__init__(memory_module, attention_module)

    def say(self, data: StageData) -> str | None:
        kept = data.attention.kept if data.attention else []
        return "\n".join(f"{one.memory_id} {one.weight or 0.0:.3f}" for one in kept) or None


class ExtractiveDraft(StageNode):
    about = _about("extractive_draft", "thought", "consciousness", "quotation", "citation")

    def __init__(
        self, *, memory_module: StageModule, attention_module: StageModule, thought_module: StageModule
    ) -> None:
        super().__init__(memory_module, attention_module, thought_module)

    def say(self, data: StageData) -> str | None:
        return data.thought.text if data.thought else None


class LanguageModelDraft(ExtractiveDraft):
    about = _about("language_model_draft", "thought", "consciousness", "language_model", "citation")
    quoting = False

    def __init__(
        self,
        *,
        memory_module: StageModule,
        attention_module: StageModule,
        thought_module: StageModule,
        model_module: ModelDirectory,
    ) -> None:
        super().__init__(memory_module=memory_module, attention_module=attention_module, thought_module=thought_module)
        self._models = model_module

    async def check(self) -> str | None:
        return f"{NOT_CONFIGURED}no language model is chosen" if self._models.current() is None else None

    def say(self, data: StageData) -> str | None:
        if data.thought is None or data.thought.source != "model":
            raise NodeFailed("no language model drafted")
        return data.thought.text


class GuardianRules(StageNode):
    about = _about("guardian_rules", "risk", "guardian", "policy_rules", "hazard_classification")

    def __init__(
        self,
        *,
        memory_module: StageModule,
        attention_module: StageModule,
        thought_module: StageModule,
        risk_module: StageModule,
    ) -> None:
        super().__init__(memory_module, attention_module, thought_module, risk_module)

    def say(self, data: StageData) -> str | None:
        return data.risk.decision if data.risk else None


class IntentNode(StageNode):
    about = _about("intent_classifier", "intent", "identity", "intent_classification", "authorisation")

    def __init__(
        self,
        *,
        memory_module: StageModule,
        attention_module: StageModule,
        thought_module: StageModule,
        intent_module: StageModule,
    ) -> None:
        super().__init__(memory_module, attention_module, thought_module, intent_module)

    def say(self, data: StageData) -> str | None:
        return data.intent.intent if data.intent else None


class FoldWriter:
    """It writes, so it runs in the action stage alone."""

    about = _about("fold_writer", "action", "memory", "fold_writing")

    def __init__(self, *, action_module: StageModule, store_module: MemoryStore) -> None:
        self._action = action_module
        self._store = store_module

    async def check(self) -> str | None:
        return await self._action.check() or await self._store.self_test()

    async def process(self, given: NodeInput) -> NodeOutput:
        raise NodeFailed("it writes to memory, and runs in the action stage alone")


def modules(
    runs: StageRuns, stars: Stars, *, models: ModelDirectory, store: MemoryStore, **others: object
) -> dict[str, object]:
    """What nodes may depend on, by name. Called on the event loop that they run on."""
    loop = asyncio.get_running_loop()
    stages = {f"{stage}_module": StageModule(stage, runs, stars, loop) for stage in STAR_OF}
    return {**stages, "model_module": models, "store_module": store, **others}
