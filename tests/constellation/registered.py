"""Nodes of a caller's own: what the tests of the registry share."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from lukhas_sdk.contract.nodes import (
    NodeCallback,
    NodePlace,
    NodeReport,
    RegisterNodeRequest,
    RegisterNodeResponse,
    TestNodeRequest,
)
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts

QUESTION = "Where is the spare key?"


def asked(url: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{url}/asked", timeout=5) as response:
        return list(json.load(response))


async def add(
    parts: Parts, caller: Caller, url: str, name: str = "my_node", *, stage: Any = "thought", timeout_ms: int = 400
) -> RegisterNodeResponse:
    request = RegisterNodeRequest(
        name, "cognitive_processor", NodePlace([stage]), callback=NodeCallback(url, timeout_ms)
    )
    return await parts.nodes.register(caller, request)


async def once(parts: Parts, caller: Caller, name: str = "my_node", text: str = QUESTION) -> NodeReport:
    answer = await parts.nodes.test(caller, name, TestNodeRequest(text))
    assert answer.report is not None
    return answer.report
