from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from servers.fixtures import node_url  # noqa: F401
from serving_fixtures import shared_parts as parts  # noqa: F401

from lukhas_sdk.contract.base import Tier
from lukhasd.identity.caller import Caller


@pytest.fixture
def caller() -> Caller:
    identity_id = uuid.uuid4().hex
    return Caller(identity_id, f"ΛULTRA-2026-{identity_id[:6]}", Tier.ULTRA, "api_key")


@pytest.fixture
def other(caller: Caller) -> Caller:
    return replace(caller, identity_id=uuid.uuid4().hex, lambda_id="ΛULTRA-2026-0002")
