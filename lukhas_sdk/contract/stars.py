"""The eight stars of the constellation, each active only while its self-test passes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Request, Response, Tier

StarName = Literal["identity", "memory", "vision", "bio", "dream", "ethics", "guardian", "quantum"]
SYMBOLS: dict[StarName, str] = {
    "identity": "⚛️", "memory": "✦", "vision": "🔬", "bio": "🌱", "dream": "🌙", "ethics": "⚖️", "guardian": "🛡️",
    "quantum": "⚛️",
}  # fmt: skip


class Star(Response, frozen=True):
    name: StarName
    symbol: str
    status: Literal["active", "inactive"]
    self_test: str
    """What is tried."""
    reason: str | None
    """Why it is inactive."""
    tested_at: datetime
    duration_ms: float
    """Of the self-test."""


class StarListResponse(Response, frozen=True):
    stars: list[Star]
    active_count: int
    constellation_alignment: str
    """The active ones, as "⚛️ Identity · ✦ Memory"."""


class StarParams(Request, frozen=True):
    star: StarName


LIST = Operation(
    "star.list", "GET", "/constellation/stars", "List the eight stars.",
    params=NoParams, body=NoBody, result=StarListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
TEST = Operation(
    "star.test", "POST", "/constellation/stars/{star}/test", "Run a star's self-test now.",
    params=StarParams, body=NoBody, result=Star, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (LIST, TEST)
