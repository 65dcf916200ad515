"""The API reference's examples as far as they are built: what is asked, and the shape of what is answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PROCESS = {
    "input": "Explain quantum entanglement in simple terms",
    "context": {
        "user_id": "user123",
        "session_id": "session456",
        "preferences": {"response_style": "educational", "detail_level": "moderate"},
    },
    "pipeline_options": {
        "memory_depth": 3,
        "attention_focus": "educational_content",
        "thought_mode": "analytical",
        "risk_threshold": 0.15,
        "intent_verification": True,
        "action_type": "cognitive_response",
    },
    "constellation_config": {
        "identity_pillar": "⚛️",
        "consciousness_pillar": "🧠",
        "guardian_pillar": "🛡️",
        "t4_compliance": True,
    },
}
STAGE_CONFIG = {
    "memory": {"depth": 3, "emotional_context": True},
    "attention": {"focus_type": "analytical", "pattern_weights": [0.7, 0.3]},
    "thought": {"reasoning_mode": "symbolic", "glyph_processing": True},
    "risk": {"guardian_threshold": 0.15, "ethics_frameworks": ["constitutional", "utilitarian"]},
    "intent": {"auth_required": True, "lambda_id_verification": True},
    "action": {"response_type": "cognitive", "output_format": "structured"},
}
REGISTER = {
    "node_id": "custom_analytics_node",
    "node_type": "cognitive_processor",
    "capabilities": ["data_analysis", "pattern_recognition"],
    "constructor_config": {
        "t4_compliant": True,
        "instantiation_pattern": "constructor_aware",
        "dependencies": ["memory_module", "attention_module"],
    },
    "constellation_metadata": {"compatible_pillars": ["🧠"], "pipeline_stages": ["attention", "thought"]},
}
STORE = {
    "content": {
        "type": "episodic",
        "data": "User learned about quantum entanglement",
        "context": {
            "timestamp": "2024-01-15T10:30:00Z",
            "location": "main_interaction",
            "associated_concepts": ["quantum", "physics", "education"],
        },
    },
    "tags": ["physics", "learning", "successful_explanation"],
    "importance": 0.8,
}
SEARCH = {
    "query": "quantum physics explanations",
    "filters": {
        "type": ["episodic", "semantic"],
        "date_range": {"start": "2024-01-01", "end": "2024-01-15"},
        "min_importance": 0.5,
    },
    "limit": 10,
    "include_context": True,
}
VALIDATE = {
    "action": {
        "type": "response_generation",
        "content": "Instructions for building a particle accelerator",
        "target_user": "user123",
        "context": "Educational request from physics student",
    }
}
GLYPH = {
    "symbol": "LEARN",
    "source": {"module": "external", "component": "awareness_engine", "confidence": 0.92},
    "target": {"module": "memory", "component": "episodic_storage"},
    "context": {"user_id": "user123", "session_id": "session456", "interaction_id": "interaction789"},
    "payload": {
        "action": "store_learning_event",
        "data": {"concept": "quantum_entanglement", "understanding_level": 0.75},
    },
    "metadata": {"priority": "normal", "ttl_seconds": 300, "requires_guardian": True},
}

_ROW = {"stage": str, "step": str, "confidence": float, "processing_time_ms": float}
_STAGE = {"status": str, "latency_ms": float}
GLYPH_SHAPE = {
    "glyph_id": str,
    "symbol": str,
    "timestamp": str,
    "source": {"module": str, "component": str, "confidence": float},
    "target": {"module": str, "component": str},
    "context": {"user_id": str, "session_id": str, "interaction_id": str},
    "payload": {"action": str, "data": dict},
    "metadata": {"priority": str, "ttl_seconds": float, "requires_guardian": bool},
}
AWARENESS_SHAPE = {
    "stream": str,
    "timestamp": str,
    "data": {"state": str, "level": float, "attention_shift": str},
}
DRIFT_SHAPE = {"memory_id": str, "drift_level": float, "repair_recommended": bool, "suggested_method": str}
ERROR_SHAPE = {"error": {"code": str, "message": str, "details": dict, "trace_id": str, "timestamp": str}}


@dataclass(frozen=True)
class Example:
    """One request, and the types of its answer's fields: float stands for any number, [x] for a list of x."""

    method: str
    path: str
    shape: dict[str, Any]
    body: Any = None


HEALTH = Example(
    "GET",
    "/health",
    {
        "status": str,
        "timestamp": str,
        "version": str,
        "modules": {
            "brain_hub": {"status": str, "latency_ms": float},
            "guardian": {"status": str, "latency_ms": float, "ethics_level": str},
            "memory": {"status": str, "latency_ms": float, "drift_level": float},
            "consciousness": {"status": str, "latency_ms": float, "awareness_level": str},
        },
    },
)
STATUS = Example(
    "GET",
    "/status",
    {
        "system": {
            "uptime_seconds": float,
            "total_interactions": float,
            "active_sessions": float,
            "memory_usage_gb": float,
            "cpu_usage_percent": float,
        },
        "guardian": {
            "total_validations": float,
            "approvals": float,
            "rejections": float,
            "approval_rate": float,
            "average_validation_time_ms": float,
        },
        "performance": {
            "average_response_time_ms": float,
            "p95_response_time_ms": float,
            "p99_response_time_ms": float,
        },
    },
)
PIPELINE = Example(
    "POST",
    "/matriz/process",
    {
        "response": str,
        "metadata": {
            "interaction_id": str,
            "processing_time_ms": float,
            "confidence": float,
            "pipeline_stages_used": [str],
            "constellation_validation": bool,
            "t4_compliance_verified": bool,
        },
        "matriz_pipeline_trace": [_ROW],
        "constellation_metadata": {
            "identity_pillar_active": bool,
            "consciousness_pillar_active": bool,
            "guardian_pillar_active": bool,
            "registry_nodes_utilized": [str],
        },
        "memory_fold_created": str,
    },
    PROCESS,
)
PIPELINE_STATUS = Example(
    "GET",
    "/matriz/status",
    {
        "pipeline_health": dict.fromkeys(("memory", "attention", "thought", "risk", "intent", "action"), _STAGE),
        "constellation_framework": {"identity_pillar": str, "consciousness_pillar": str, "guardian_pillar": str},
        "t4_compliance": {
            "performance_standards": str,
            "audit_readiness": bool,
            "constructor_aware_instantiation": str,
        },
    },
)
CONSCIOUSNESS = Example(
    "GET",
    "/consciousness/state",
    {
        "consciousness_state": {
            "current_mode": str,
            "awareness_level": float,
            "active_pipeline_stage": str,
            "constellation_alignment": str,
        },
        "matriz_context": {
            "memory_active": bool,
            "attention_focused": bool,
            "thought_processing": bool,
            "risk_assessment": str,
            "intent_verified": bool,
            "action_ready": bool,
        },
        "attention_distribution": [{"target": str, "attention_weight": float, "pipeline_stage": str}],
        "state_duration_seconds": float,
        "registry_nodes_active": [str],
    },
)
RECALL_SHAPE = {
    "memory_id": str,
    "content": {"type": str, "data": str, "context": dict},
    "metadata": {
        "created_at": str,
        "access_count": float,
        "last_accessed": str,
        "drift_score": float,
        "importance": float,
    },
    "related_memories": [str],
}
STAGE_SHAPE = {
    "stage_result": dict,
    "next_stage": str,
    "confidence": float,
    "processing_time_ms": float,
    "constellation_context": {"current_state": dict, "node_utilization": [str]},
}
EXAMPLES = (
    HEALTH,
    STATUS,
    PIPELINE,
    PIPELINE_STATUS,
    Example(
        "POST",
        "/constellation/registry/nodes",
        {
            "registration_id": str,
            "status": str,
            "validation_results": {
                "t4_compliance": bool,
                "constructor_validation": str,
                "constellation_compatibility": str,
            },
        },
        REGISTER,
    ),
    Example(
        "GET",
        "/constellation/registry/nodes?stage=attention&pillar=consciousness",
        {
            "nodes": [{"node_id": str, "capabilities": [str], "t4_compliant": bool, "availability": str}],
            "total_count": float,
            "registry_health": str,
        },
    ),
    CONSCIOUSNESS,
    Example(
        "POST",
        "/guardian/validate",
        {
            "validation_id": str,
            "decision": str,
            "ethics_score": float,
            "safety_score": float,
            "conditions": [str],
            "reasoning": {"ethical_framework": str, "key_factors": [str]},
        },
        VALIDATE,
    ),
    Example(
        "POST",
        "/memory/store",
        {"memory_id": str, "helix_id": str, "drift_score": float, "storage_confirmed": bool},
        STORE,
    ),
    Example(
        "POST",
        "/memory/search",
        {
            "results": [{"memory_id": str, "relevance_score": float, "content": dict, "context": dict}],
            "total_matches": float,
            "search_time_ms": float,
        },
        SEARCH,
    ),
    Example("POST", "/glyph/send", {"token": GLYPH_SHAPE}, GLYPH),
)
"""In an order in which each can be asked."""


class Refused(Exception):
    """`body` is what came with a status that is not 200."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.body = body
        self.error: dict[str, Any] = body["error"]


class Api:
    """Plain HTTP over TCP, as any program would speak it."""

    def __init__(self, home: Any) -> None:
        self.key = (home.path / "state" / "local.key").read_text().strip()
        self.port = int(home.env["LUKHAS_PORT"])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = json.dumps(body) if body is not None else None
        given = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, f"/v1{path}", content, {**given, **(headers or {"X-API-Key": self.key})})
        response = connection.getresponse()
        tree = json.loads(response.read())
        connection.close()
        if response.status != 200:
            raise Refused(tree)
        return tree


def misfits(tree: Any, shape: Any, path: str = "", reasons: frozenset[str] = frozenset()) -> list[str]:
    """What of `shape` is not in `tree`: a field that is absent, of another type, or null without a reason. The reason
    stands in its object or one around it, under the field's name, its path, or what it is a part of."""
    if isinstance(shape, list):
        if not isinstance(tree, list):
            return [f"{path}: {tree!r} is no list"]
        return [
            each for place, item in enumerate(tree) for each in misfits(item, shape[0], f"{path}[{place}]", reasons)
        ]
    if not isinstance(shape, dict):
        number = isinstance(tree, int | float) and not isinstance(tree, bool)
        fits = number if shape is float else isinstance(tree, shape)
        return [] if fits else [f"{path}: {tree!r} is no {shape.__name__}"]
    if not isinstance(tree, dict):
        return [f"{path}: {tree!r} is no object"]
    named = {name for name, why in tree.get("reasons", {}).items() if why}
    reasons |= named | {f"{path}.{name}" for name in named}
    found: list[str] = []
    for name, kind in shape.items():
        place = f"{path}.{name}"
        if name not in tree:
            found.append(f"{place} is absent")
        elif tree[name] is not None:
            found += misfits(tree[name], kind, place, reasons)
        elif name not in reasons and not any(part in reasons for part in _enclosing(place)):
            found.append(f"{place} is null without a reason")
    return found


def _enclosing(place: str) -> Iterator[str]:
    while place:
        yield place
        place = place.rpartition(".")[0]
