"""How aware the daemon is of each identity's work, and what of it attention is on.

level = share of active stars × 2^(−idle time / 5 min) × (0.5 + 0.5 × concentration of the last attention)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from lukhas_sdk.contract import consciousness as contract
from lukhas_sdk.contract.base import STAGES, StageName
from lukhas_sdk.contract.matriz import ProcessEvent, ProcessResponse, TraceRow
from lukhas_sdk.contract.stars import StarListResponse
from lukhas_sdk.contract.streams import Awareness, AwarenessState, Mode, StageData
from lukhas_sdk.errors import GuardianRejection
from lukhasd.consciousness.events import awareness_token, stage_token
from lukhasd.constellation.stars import Stars
from lukhasd.glyph import Bus
from lukhasd.records.metrics import Metrics

HALF_LIFE_S = 300.0
TOLD_FROM = 0.05
"""A change of the level that is told."""
TICK_S = 5.0
"""How often idle time is looked at, until the level is too low to change by that much."""
TOGETHER_S = 0.05
"""What happens within it is looked at once: an answer has six stages in less."""
STARS_KEPT_S = 30.0
FIRST_LOOK_S = 5.0
"""At most so long after the start the stars are tried for the first time: that takes most of a second of a processor,
which whoever came with the start needs more."""
SHIFTS: dict[StageName, str] = {
    "memory": "memory_recall",
    "attention": "focus_selection",
    "thought": "reasoning",
    "risk": "ethical_constraints",
    "intent": "intent_verification",
    "action": "response",
}
MODE_SHIFTS: dict[Mode, str] = {"REFLECTING": "reflection", "DREAMING": "dream"}
BOUNDS: tuple[tuple[float, AwarenessState], ...] = (
    (0.85, "ABSORBED"), (0.6, "FOCUSED"), (0.4, "AWARE"), (0.2, "DROWSY"), (0.0, "DORMANT"),
)  # fmt: skip
RISKS: dict[str, contract.RiskAssessment] = {
    "APPROVED": "low", "CONDITIONAL": "elevated", "REVIEW": "high", "REJECTED": "high",
}  # fmt: skip
NOTHING_YET = "nothing of the caller's was processed since the daemon's start"


def name_of(level: float) -> AwarenessState:
    return next(name for bound, name in BOUNDS if level >= bound)


@dataclass
class Mind:
    """What is known of one identity's work."""

    began_s: float
    """Of the mode."""
    active_s: float
    """When it last did something."""
    works: dict[str, StageName] = field(default_factory=dict)
    """Inputs that are worked on, by process id, each with the stage that runs."""
    other_works: list[Mode] = field(default_factory=list)
    """What else is done for it, as REFLECTING; the newest last."""
    concentration: float | None = None
    answer: ProcessResponse | None = None
    risk: contract.RiskAssessment | None = None
    intent_verified: bool | None = None
    told: Awareness | None = None

    @property
    def stage(self) -> StageName | None:
        return [*self.works.values()][-1] if self.works else None

    @property
    def mode(self) -> Mode:
        if self.works:
            return "MATRIZ_PROCESSING"
        return self.other_works[-1] if self.other_works else "IDLE"

    @property
    def shift(self) -> str:
        return SHIFTS[self.stage] if self.stage else MODE_SHIFTS.get(self.mode, "idle")


class AwarenessKeeper:
    def __init__(self, stars: Stars, bus: Bus, metrics: Metrics, *, clock: Callable[[], float] = monotonic) -> None:
        self._stars = stars
        self._bus = bus
        self._metrics = metrics
        self._clock = clock
        self._started_s = clock()
        self._minds: dict[str, Mind] = {}
        self._stirred = asyncio.Event()
        self._seen: tuple[float, StarListResponse] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tells the bus of changes from now on."""
        self._task = asyncio.create_task(self._keep(), name="awareness")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @contextmanager
    def processing(
        self, owner: str, on_event: Callable[[ProcessEvent], None]
    ) -> Iterator[tuple[Callable[[ProcessEvent], None], Callable[[ProcessResponse], None]]]:
        """While an input of `owner` is worked on: gives what is to be called in the place of `on_event`, and with the
        answer."""
        now_s = self._clock()
        mind = self._minds.setdefault(owner, Mind(began_s=self._started_s, active_s=now_s))
        process_id = f"process_{secrets.token_hex(6)}"
        if not mind.works:
            mind.began_s = now_s
        mind.works[process_id] = STAGES[0]
        self._stirred.set()

        def watch(event: ProcessEvent) -> None:
            if event.row is not None:
                self._ended(owner, mind, process_id, event.row)
            on_event(event)

        def answered(answer: ProcessResponse) -> None:
            mind.answer = answer
            mind.risk = RISKS[answer.metadata.guardian_decision]
            verified = [row.confidence is not None for row in answer.matriz_pipeline_trace if row.stage == "intent"]
            mind.intent_verified = verified[-1] if verified else None

        try:
            yield watch, answered
        except GuardianRejection:
            mind.risk = "high"
            raise
        finally:
            del mind.works[process_id]
            mind.active_s = self._clock()
            if not mind.works:
                mind.began_s = mind.active_s
            self._stirred.set()

    @asynccontextmanager
    async def working(self, owner: str, mode: Mode) -> AsyncIterator[None]:
        """While something else than an input is worked on for `owner`: told when it begins and when it ends."""
        stars = await self._constellation()
        now_s = self._clock()
        mind = self._minds.setdefault(owner, Mind(began_s=self._started_s, active_s=now_s))
        if mind.mode == "IDLE":
            mind.began_s = now_s
        mind.other_works.append(mode)
        self._tell(owner, mind, stars)
        try:
            yield
        finally:
            mind.other_works.remove(mode)
            mind.active_s = self._clock()
            if mind.mode == "IDLE":
                mind.began_s = mind.active_s
            self._tell(owner, mind, stars)
            self._stirred.set()

    async def awareness(self, owner: str) -> Awareness:
        with self._metrics.timed("consciousness.awareness"):
            return self._measure(self._minds.get(owner), await self._constellation())

    async def state(self, owner: str) -> contract.ConsciousnessState:
        stars = await self._constellation()
        awareness = await self.awareness(owner)
        pipeline = await self._stars.state("consciousness")
        mind = self._minds.get(owner) or Mind(began_s=self._started_s, active_s=self._started_s)
        active = {star.name for star in stars.stars if star.status == "active"}
        answer = mind.answer
        known = {
            "attention_distribution": answer,
            "registry_nodes_active": answer,
            "attention_focused": mind.concentration,
            "risk_assessment": mind.risk,
            "intent_verified": mind.intent_verified,
        }
        return contract.ConsciousnessState(
            consciousness_state=contract.CurrentState(
                current_mode=mind.mode,
                awareness_level=awareness.level,
                active_pipeline_stage=mind.stage,
                constellation_alignment=stars.constellation_alignment,
            ),
            awareness=awareness,
            matriz_context=contract.MatrizContext(
                memory_active="memory" in active,
                attention_focused=None if mind.concentration is None else mind.concentration >= 0.5,
                thought_processing="thought" in mind.works.values(),
                risk_assessment=mind.risk,
                intent_verified=mind.intent_verified,
                action_ready={"memory", "guardian"} <= active and pipeline.active,
            ),
            attention_distribution=answer.metadata.attention_distribution if answer else [],
            state_duration_seconds=round(self._clock() - mind.began_s, 3),
            registry_nodes_active=answer.constellation_metadata.registry_nodes_utilized if answer else [],
            reasons={name: NOTHING_YET for name, value in known.items() if value is None}
            | ({} if mind.stage else {"active_pipeline_stage": "no input of the caller's is worked on"}),
        )

    def _ended(self, owner: str, mind: Mind, process_id: str, row: TraceRow) -> None:
        if row.stage == "attention":  # with no memory, it is all on the input
            mind.concentration = 1.0 if row.confidence is None else row.confidence
        later = STAGES[STAGES.index(row.stage) + 1 :]
        if later:
            mind.works[process_id] = later[0]
        self._bus.publish(
            stage_token(owner, StageData(process_id, row.stage, row.step, row.confidence, row.processing_time_ms))
        )
        self._stirred.set()

    def _measure(self, mind: Mind | None, stars: StarListResponse) -> Awareness:
        now_s = self._clock()
        mode: Mode = mind.mode if mind else "IDLE"
        idle_s = 0.0 if mode != "IDLE" else now_s - (mind.active_s if mind else self._started_s)
        concentration = (mind.concentration if mind else None) or 0.0
        share = stars.active_count / len(stars.stars) if stars.stars else 0.0
        level = round(share * 2 ** (-idle_s / HALF_LIFE_S) * (0.5 + 0.5 * concentration), 4)
        shift = mind.shift if mind else "idle"
        moved = mind is None or mind.told is None or mind.told.attention_shift != shift
        reasons = {} if moved else {"attention_shift": "attention stayed where it was"}
        return Awareness(name_of(level), level, shift if moved else None, mode, reasons)

    async def _constellation(self) -> StarListResponse:
        """The stars as they were at most 30 s ago."""
        if self._seen is None or self._clock() - self._seen[0] > STARS_KEPT_S:
            self._seen = (self._clock(), await self._stars.list())
        return self._seen[1]

    async def _until_quiet(self) -> None:
        """What was worked on first is done, or nothing came for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await self._stirred.wait()
                while any(mind.works for mind in self._minds.values()):
                    self._stirred.clear()
                    await self._stirred.wait()

    async def _keep(self) -> None:
        await self._until_quiet()
        while True:
            self._stirred.clear()
            stars = await self._constellation()
            levels = [self._tell(owner, mind, stars) for owner, mind in self._minds.items()]
            fading = max(levels, default=0.0) >= TOLD_FROM
            try:
                async with asyncio.timeout(TICK_S if fading else None):
                    await self._stirred.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(TOGETHER_S)

    def _tell(self, owner: str, mind: Mind, stars: StarListResponse) -> float:
        now = self._measure(mind, stars)
        told = mind.told
        turned = told is not None and told.mode != now.mode and not {told.mode, now.mode}.isdisjoint(MODE_SHIFTS)
        if told is None or told.state != now.state or turned or abs(told.level - now.level) >= TOLD_FROM:
            mind.told = Awareness(now.state, now.level, mind.shift, now.mode)
            self._bus.publish(awareness_token(owner, now))
        return now.level
