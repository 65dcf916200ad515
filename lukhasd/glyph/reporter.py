"""What happens inside, told on the bus once, each as one token. Nouns are handed these methods as callbacks.

| what happened | symbol |
|---|---|
| something was stored, or merged into what is known | REMEMBER |
| a memory was edited, repaired, put back; its drift changed | ADAPT |
| a contradiction was found, decided or dropped | LEARN |
| a memory was deleted, forgotten or quarantined | PROTECT |
| the guardian gave a verdict; an incident was opened or resolved | PROTECT |
| a key was made or ended, a login failed, a password was set | TRUST |
| an input went through the pipeline | REFLECT |
| feedback was given or taken back | LEARN |
| a language model was chosen | CONNECT |
| a webhook was added, removed, given a new secret; a delivery is given up | CONNECT |
| a job's state changed | CREATE |
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lukhas_sdk.contract import glyph as contract
from lukhas_sdk.contract.guardian import Verdict
from lukhas_sdk.contract.jobs import Job
from lukhas_sdk.contract.matriz import ProcessResponse
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhasd.glyph.bus import Bus
from lukhasd.glyph.events import drift_token
from lukhasd.glyph.sending import new_id
from lukhasd.memory.core import Change
from lukhasd.memory.gauge import Drifted
from lukhasd.models.directory import ModelDirectory

LOG = logging.getLogger(__name__)
IDS_NAMED = 20
"""Of the memories that one change touches."""
MEMORY_SYMBOLS = {"stored": "REMEMBER", "merged": "REMEMBER", "deleted": "PROTECT", "forgotten": "PROTECT",
                  "quarantined": "PROTECT", "compared": "LEARN", "decided": "LEARN"}  # fmt: skip
"""Any other change is ADAPT."""


class Reporter:
    """May be called from any thread; raises nothing, and never waits. `owner` is the machine's, whom what is nobody
    else's concerns."""

    def __init__(self, bus: Bus, owner: str) -> None:
        self._bus = bus
        self._owner = owner

    def drifted(self, change: Drifted) -> None:
        try:
            self._bus.publish(drift_token(change.owner, change.memory_id, change.drift, change.suggested))
        except Exception:
            LOG.exception("a drift could not be told")

    def memory_changed(self, change: Change) -> None:
        ids = [*change.ids]
        self._tell(
            MEMORY_SYMBOLS.get(change.kind, "ADAPT"), "memory", "store", f"memory_{change.kind}", owner=change.owner,
            data={"count": len(ids), "ids": ids[:IDS_NAMED]},
        )  # fmt: skip

    def judged(self, record: VerdictRecord | None, verdict: Verdict) -> None:
        """`record` is None where the verdict could not be written down."""
        grave = verdict.stops
        self._tell(
            "PROTECT", "guardian", "verdict", "guardian_verdict",
            owner=record.owner if record else None,
            session_id=record.session_id if record else None,
            priority="high" if grave else "normal",
            data={
                "validation_id": verdict.validation_id, "decision": verdict.decision, "logged": record is not None,
                "findings": len(verdict.reasoning.findings), "duration_ms": verdict.duration_ms,
            },
        )  # fmt: skip

    def incident_changed(self, incident_ids: Sequence[str], status: str) -> None:
        """Incidents are the machine's owner's business."""
        self._tell(
            "PROTECT", "records", "incidents", f"incident_{status}", priority="high", data={"ids": [*incident_ids]}
        )

    def identity_changed(self, identity_id: str | None, what: str, key_id: str | None) -> None:
        """None: nobody here is called so."""
        self._tell(
            "TRUST", "identity", "credentials", f"identity_{what}", owner=identity_id,
            priority="high" if what == "login_failed" else "normal", data={"key_id": key_id} if key_id else {},
        )  # fmt: skip

    def processed(self, owner: str, session_id: str | None, answer: ProcessResponse) -> None:
        metadata = answer.metadata
        self._tell(
            "REFLECT", "matriz", "pipeline", "interaction_processed", owner=owner, session_id=session_id,
            interaction_id=metadata.interaction_id, confidence=metadata.confidence,
            data={
                "fold_id": answer.memory_fold_created, "processing_time_ms": metadata.processing_time_ms,
                "answered": metadata.answered, "source": metadata.answer_source, "intent": metadata.intent,
                "decision": metadata.guardian_decision, "cited": len(answer.citations),
            },
        )  # fmt: skip

    def feedback_changed(self, owner: str, feedback_id: str, what: str) -> None:
        self._tell(
            "LEARN", "records", "feedback", f"feedback_{what}", owner=owner, priority="low",
            data={"feedback_id": feedback_id},
        )  # fmt: skip

    def model_chosen(self, models: ModelDirectory) -> None:
        model = models.current()
        self._tell("CONNECT", "models", "directory", "model_chosen", data={"model": model.name if model else None})

    def webhook_changed(self, owner: str, webhook_id: str, what: str) -> None:
        self._tell("CONNECT", "webhooks", "deliveries", f"webhook_{what}", owner=owner, data={"webhook_id": webhook_id})

    def job_changed(self, owner: str, job: Job) -> None:
        self._tell(
            "CREATE", "jobs", "queue", "job_changed", owner=owner, priority="low",
            data={"job_id": job.job_id, "kind": job.kind, "state": job.state},
        )  # fmt: skip

    def _tell(
        self,
        symbol: str,
        module: str,
        component: str,
        action: str,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        interaction_id: str | None = None,
        confidence: float | None = None,
        priority: contract.Priority = "normal",
        data: dict[str, Any],
    ) -> None:
        try:
            self._bus.publish(
                contract.Token(
                    glyph_id=new_id(),
                    symbol=symbol,
                    timestamp=datetime.now(UTC),
                    source=contract.GlyphSource(module=module, component=component, confidence=confidence),
                    target=contract.GlyphTarget(module=module),
                    context=contract.GlyphContext(
                        user_id=owner or self._owner, session_id=session_id or None, interaction_id=interaction_id
                    ),
                    payload=contract.GlyphPayload(action=action, data=data),
                    metadata=contract.GlyphMetadata(priority=priority),
                )
            )
        except Exception:  # who did it must not fail because it could not be told
            LOG.exception("%s could not be told on the bus", action)
