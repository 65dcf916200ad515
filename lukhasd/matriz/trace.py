"""The rows that an interaction leaves: one for each stage, timed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol, TypeVar

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.matriz import ProcessEvent, StageName, TraceRow
from lukhas_sdk.contract.nodes import NodeReport
from lukhas_sdk.errors import LukhasError
from lukhasd.constellation.adaptation import Adaptation
from lukhasd.matriz.stages import intent, risk
from lukhasd.matriz.stages.thought import Draft
from lukhasd.records.metrics import Metrics


class StageOutput(Protocol):
    """What every stage gives besides its own."""

    @property
    def step(self) -> str: ...

    @property
    def confidence(self) -> float | None: ...

    @property
    def reasons(self) -> Reasons: ...


Output = TypeVar("Output", bound=StageOutput)


@dataclass
class Trace:
    """Collects the rows of one interaction."""

    metrics: Metrics
    on_event: Callable[[ProcessEvent], None]
    heard: bool
    """Whether anybody reads the events."""
    ask: Callable[[StageName], Coroutine[None, None, list[NodeReport]] | None]
    """What the registered nodes of a stage say; None where there is none to ask."""
    adaptation: Adaptation
    rows: list[TraceRow] = field(default_factory=list)

    async def stage(self, name: StageName, work: Awaitable[Output]) -> Output:
        """Its row also where it fails: what happened is told before the error is."""
        started = perf_counter()
        asked = self.ask(name)
        asking = asyncio.create_task(asked) if asked is not None else None
        try:
            output = await work
            reports = await asking if asking is not None else []
        except LukhasError as error:
            why = f"Stopped: {error.message}"
            row = TraceRow(name, why, None, (perf_counter() - started) * 1000, reasons={"confidence": error.message})
            self.rows.append(row)
            self.on_event(ProcessEvent(type="trace", row=row))
            error.details.setdefault("stage", name)
            raise
        finally:
            if asking is not None:
                asking.cancel()
        duration_ms = (perf_counter() - started) * 1000
        self.metrics.record(f"stage.{name}", duration_ms)
        row = TraceRow(
            stage=name,
            step=output.step,
            confidence=output.confidence,
            processing_time_ms=duration_ms,
            ethics_score=output.ethics_score if isinstance(output, risk.Judgement) else None,
            auth_tier=output.tier.label if isinstance(output, intent.Permission) else None,
            statements=list(output.statements) if isinstance(output, Draft) else [],
            candidates=list(output.candidates) if isinstance(output, Draft) else [],
            collapse=output.collapse if isinstance(output, Draft) else None,
            nodes=reports,
            modulation=[each for each in self.adaptation.made if each.stage == name and each.after != each.before],
            reasons=output.reasons,
        )
        self.rows.append(row)
        self.on_event(ProcessEvent(type="trace", row=row))
        return output

    def utilized(self, source: str, depth: int) -> list[str]:
        """The nodes that did the work: built-in ones by stage, each followed by the registered ones that answered."""
        built_in = built_in_nodes(source, depth)
        return [
            name
            for row in self.rows
            for name in (*built_in[row.stage], *(one.node_id for one in row.nodes if one.status == "ok"))
        ]


def built_in_nodes(source: str, depth: int) -> dict[StageName, list[str]]:
    """The built-in processors that do each stage's work."""
    return {
        "memory": (["hybrid_search"] if depth else []) + (["link_hops"] if depth > 1 else []),
        "attention": ["mmr_attention"],
        "thought": ["language_model_draft" if source == "model" else "extractive_draft"],
        "risk": ["guardian_rules"],
        "intent": ["intent_classifier"],
        "action": ["fold_writer"],
    }
