"""What the API reference's own requests do, from a fresh home."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reference import PROCESS, SEARCH, STORE, Api, Refused

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
CAUSAL = {
    "observations": [
        {"event": "increased_study_time", "timestamp": "2024-01-10"},
        {"event": "improved_test_scores", "timestamp": "2024-01-15"},
    ],
    "hypothesis": "study_time_causes_better_scores",
}
STAGE_ROW = {"stage", "step", "confidence", "processing_time_ms"}


class Refused(Exception):
    """`error` is the reference's error body."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.error = error


class Api:
    """Plain HTTP over TCP, as any program would speak it."""

    def __init__(self, home: Any) -> None:
        self.key = (home.path / "state" / "local.key").read_text().strip()
        self.port = int(home.env["LUKHAS_PORT"])

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = json.dumps(body) if body is not None else None
        given = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, f"/v1{path}", content, {**given, **(headers or {"X-API-Key": self.key})})
        response = connection.getresponse()
        tree = json.loads(response.read())
        connection.close()
        if response.status != 200:
            raise Refused(tree["error"])
        return tree


@pytest.fixture
def api(home: Any) -> Api:
    home.run("daemon", "start", check=True)
    return Api(home)


def test_store_recall_and_search(api: Api) -> None:
    stored = api("POST", "/memory/store", STORE)
    assert stored["outcome"] == "stored"
    assert stored["memory_id"].startswith("mem_")
    recalled = api("GET", f"/memory/recall/{stored['memory_id']}")
    assert recalled["content"]["context"] == STORE["content"]["context"]
    assert {"created_at", "access_count", "last_accessed", "drift_score", "importance"} <= recalled["metadata"].keys()
    assert recalled["metadata"]["access_count"] == 1
    found = api("POST", "/memory/search", SEARCH)
    assert found["results"][0]["memory_id"] == stored["memory_id"]
    assert found["total_matches"] == 1
    assert found["search_time_ms"] > 0
    narrowed = {**SEARCH, "filters": {**SEARCH["filters"], "date_range": {"end": "2024-01-14"}}}  # type: ignore[dict-item]
    assert api("POST", "/memory/search", narrowed)["results"] == []


def test_process(api: Api) -> None:
    api("POST", "/memory/store", STORE)
    first = api("POST", "/matriz/process", PROCESS)
    assert first["metadata"]["t4_compliance_verified"] is None
    assert "process_p95 insufficient_data over 0" in first["metadata"]["reasons"]["t4_compliance_verified"]
    rows = {row["stage"]: row for row in first["matriz_pipeline_trace"]}
    assert list(rows) == ["memory", "attention", "thought", "risk", "intent", "action"]
    assert rows["risk"]["ethics_score"] is not None
    assert rows["intent"]["auth_tier"] == "ΛPRIME"
    assert first["memory_fold_created"].startswith("fold_")
    context = {"previous_interaction_id": first["metadata"]["interaction_id"], "lambda_id": "ΛPRIME-"}
    with pytest.raises(Refused) as refused:
        api("POST", "/matriz/process", {**PROCESS, "context": context})
    assert refused.value.error["code"] == "INSUFFICIENT_PERMISSIONS"
    del context["lambda_id"]
    second = api("POST", "/matriz/process", {**PROCESS, "context": context})
    assert second["metadata"]["interaction_id"] != first["metadata"]["interaction_id"]


def test_an_unknown_option_is_an_error(api: Api) -> None:
    for section in ("", "context.", "context.preferences.", "pipeline_options.", "constellation_config."):
        body: dict[str, Any] = json.loads(json.dumps(PROCESS))
        target = body
        for name in section.split(".")[:-1]:
            target = target[name]
        target["colour"] = "blue"
        with pytest.raises(Refused) as refused:
            api("POST", "/matriz/process", body)
        assert refused.value.error["code"] == "VALIDATION_ERROR"
        assert refused.value.error["details"]["field"] == f"$.{section}colour"


def test_tokens(home: Any, api: Api) -> None:
    home.run("auth", "password", "--password-stdin", input="correct horse battery\n", check=True)
    owner = api("GET", "/auth/whoami")["lambda_id"]
    body = {"username": owner, "password": "correct horse battery"}
    tokens = api("POST", "/auth/token", body, Accept="application/json", **{"Content-Type": "application/json"})
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert tokens["expires_in"] == 3600
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert api("GET", "/auth/whoami", None, **bearer)["method"] == "jwt"
    renewed = api("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert renewed["access_token"] != tokens["access_token"]


def test_causal_inference(api: Api) -> None:
    answer = api("POST", "/reasoning/causal", CAUSAL)
    assert {"causal_strength", "alternative_explanations", "confidence_interval", "recommendation"} <= answer.keys()
    assert {"hypothesis", "probability"} <= answer["alternative_explanations"][0].keys()
    low, high = answer["confidence_interval"]
    assert low <= answer["causal_strength"] <= high
    assert answer["evidence"] == "insufficient"
