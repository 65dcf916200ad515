"""What the API reference's own requests do, from a fresh home."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reference import PROCESS, SEARCH, STORE, Api, Refused

CAUSAL = {
    "observations": [
        {"event": "increased_study_time", "timestamp": "2024-01-10"},
        {"event": "improved_test_scores", "timestamp": "2024-01-15"},
    ],
    "hypothesis": "study_time_causes_better_scores",
}


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


def test_reflection(api: Api) -> None:
    body = {"topic": "recent_interactions", "depth": 3, "include_emotions": True}
    reflection = api("POST", "/consciousness/reflect", body)
    assert {"reflection_id", "insights", "emotional_assessment"} <= reflection.keys()
    assert "insights" in reflection["reasons"], "nothing found is said"


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
