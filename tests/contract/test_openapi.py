from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from lukhas_sdk.contract.base import Stream
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.contract.streams import CLOSE_CODES
from lukhas_sdk.errors import CODES
from lukhasd.api.openapi import document


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(document()))
    return decoded


def test_it_is_valid(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described["openapi"].startswith("3.1")


def test_it_holds_every_operation_once(described: dict[str, Any]) -> None:
    found = {
        entry["operationId"]: (method.upper(), path)
        for path, entries in described["paths"].items()
        for method, entry in entries.items()
    }
    assert found == {operation.id: (operation.method, operation.path) for operation in ALL}
    assert len(found) == len(ALL)


def test_each_says_tier_limit_credentials_and_errors(described: dict[str, Any]) -> None:
    for operation in ALL:
        entry = described["paths"][operation.path][operation.method.lower()]
        assert entry["x-lukhas-tier"] == operation.tier.label
        assert (entry.get("x-rate-limit") is None) == (operation.limit is None)
        assert (entry.get("security") == []) == operation.public
        statuses = entry["responses"]
        well = "101" if isinstance(operation, Stream) else "200"
        assert {well, "400", "401", "403", "413", "415", "421", "422", "500"} <= set(statuses)
        assert ("429" in statuses) == (operation.limit is not None)
        for code in operation.errors:
            assert code in statuses[str(CODES[code][0])]["description"]
        if operation.limit:
            assert "X-RateLimit-Remaining" in statuses[well]["headers"]
            assert "Retry-After" in statuses["429"]["headers"]


def test_parameters_are_where_the_path_says(described: dict[str, Any]) -> None:
    recall = described["paths"]["/memory/recall/{memory_id}"]["get"]["parameters"]
    assert [(one["name"], one["in"], one["required"]) for one in recall] == [
        ("memory_id", "path", True),
        ("version", "query", False),
    ]
    listed = described["paths"]["/memory/list"]["get"]["parameters"]
    assert {(one["name"], one["in"], one["required"]) for one in listed} == {
        (name, "query", False) for name in ("limit", "cursor", "type", "tag", "as_of", "include_superseded")
    }


def test_a_stream_says_its_messages_and_how_it_ends(described: dict[str, Any]) -> None:
    entry = described["paths"]["/stream/memory-drift"]["get"]
    assert "requestBody" not in entry
    assert "426" in entry["responses"]
    assert entry["x-websocket"]["first_message"] == {"$ref": "#/components/schemas/Subscribe"}
    assert {"$ref": "#/components/schemas/MemoryDriftEvent"} in entry["x-websocket"]["messages"]
    assert entry["x-websocket"]["close_codes"].keys() == {str(code) for code in CLOSE_CODES}


def test_it_has_no_examples(described: dict[str, Any]) -> None:
    assert '"example' not in json.dumps(described)
