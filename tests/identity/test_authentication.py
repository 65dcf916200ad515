"""`POST /constellation/identity/authenticate`, from outside."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Served

PATH = "/constellation/identity/authenticate"
PERMITTED = {"matriz_pipeline": "full_access", "registry_operations": "read_write", "guardian_override": False}


async def lambda_id(served: Served) -> str:
    return str((await served.call("GET", "/auth/whoami")).body["lambda_id"])


async def key_of(served: Served, tier: str) -> str:
    return str((await served.call("POST", "/auth/keys", json={"name": tier, "tier": tier})).body["api_key"])


async def test_the_owner_gets_a_token_that_says_who_it_is(served: Served) -> None:
    name = await lambda_id(served)
    context = {"session_id": "session456", "requested_tier": "ΛPRIME", "constellation_context": True}
    answer = await served.call("POST", PATH, json={"lambda_id": name, "authentication_context": context})
    assert answer.status == 200, answer.raw
    result = answer.body["authentication_result"]
    assert result == {
        "status": "authenticated", "tier_granted": "ΛPRIME", "lambda_id_verified": True, "biometric_match": None,
    }  # fmt: skip
    assert answer.body["access_permissions"] == PERMITTED
    session = answer.body["session_metadata"]
    assert session["expires_in"] == 3600
    assert "⚛️ Identity" in session["constellation_context"]
    assert session["t4_compliance_verified"] is None
    assert {"biometric_match", "t4_compliance_verified"} <= answer.body["reasons"].keys()
    bearer = {"Authorization": f"Bearer {answer.body['constellation_token']}"}
    assert (await served.call("GET", "/auth/whoami", key=None, headers=bearer)).body["lambda_id"] == name


@pytest.mark.parametrize(
    ("tier", "pipeline", "registry"), [("ΛUSER", "full_access", "read_only"), ("ΛGUEST", "none", "none")]
)
async def test_a_lesser_key_gets_no_token_that_could_do_more(
    served: Served, tier: str, pipeline: str, registry: str
) -> None:
    key = await key_of(served, tier)
    answer = await served.call("POST", PATH, json={"lambda_id": await lambda_id(served)}, key=key)
    assert answer.body["authentication_result"]["tier_granted"] == tier
    assert answer.body["constellation_token"] is None
    assert "lower tier" in answer.body["reasons"]["constellation_token"]
    assert answer.body["access_permissions"]["matriz_pipeline"] == pipeline
    assert answer.body["access_permissions"]["registry_operations"] == registry


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"lambda_id": "ΛPRIME-2025-9999"}, 403, "$.lambda_id"),
        ({"biometric_data": "base64_encoded_biometric"}, 422, "$.biometric_data"),
        ({"authentication_context": {"requested_tier": "ΛROOT"}}, 422, "$.authentication_context.requested_tier"),
    ],
)
async def test_what_is_refused(served: Served, change: dict[str, Any], status: int, field: str) -> None:
    answer = await served.call("POST", PATH, json={"lambda_id": await lambda_id(served), **change})
    assert answer.status == status, answer.raw
    assert answer.body["error"]["details"]["field"] == field


async def test_nobody_gets_a_tier_above_its_own(served: Served) -> None:
    body = {"lambda_id": await lambda_id(served), "authentication_context": {"requested_tier": "ΛPRIME"}}
    answer = await served.call("POST", PATH, json=body, key=await key_of(served, "ΛUSER"))
    assert answer.status == 403
    assert answer.body["error"]["details"]["required_tier"] == "ΛPRIME"
    assert (await served.call("POST", PATH, json=body, key=None)).status == 401
