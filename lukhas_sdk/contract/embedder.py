"""What turns texts into vectors: the packaged model, or an endpoint that the user chose."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Request, Response, Tier
from lukhas_sdk.contract.models import BaseUrl


class EmbedderInfo(Response, frozen=True):
    name: str
    """Vectors of differing names are never compared."""
    kind: Literal["builtin", "openai"]
    base_url: str | None
    model: str
    dimensions: int | None
    """Null until it was asked."""
    leaves_machine: bool
    """Memory text and queries are sent to another machine."""
    since: datetime | None
    """Chosen, or searched since then; null for the packaged one that was never changed."""


class EmbedderProgress(Response, frozen=True):
    """The change to another embedder."""

    embedder: EmbedderInfo
    done: int
    """Memories that have its vectors."""
    total: int
    per_second: float | None
    """Measured since this daemon began with it."""
    left_s: float | None
    problem: str | None
    reasons: Reasons = {}


class EmbedderStatusResponse(Response, frozen=True):
    serving: EmbedderInfo
    """Whose vectors are searched."""
    changing_to: EmbedderProgress | None
    former: EmbedderInfo | None
    """Its vectors are still there: to use it again takes as long as what it lacks."""
    memories: int
    """Everybody's for ΛPRIME, else the caller's own; so are the other counts here."""
    pending_vectors: int
    """Memories that are found by their words only, so far."""
    problem: str | None


class EmbedderUseRequest(Request, frozen=True):
    def __repr__(self) -> str:
        return f"EmbedderUseRequest(base_url={self.base_url!r}, model={self.model!r}, api_key=***)"

    base_url: BaseUrl | None = None
    """OpenAI-compatible, up to and with its version; null: the packaged embedder."""
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """Needed with a base URL."""
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=8192)] | None = None
    """Asked of a model that can give several; null: its own."""
    api_key: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None
    """Kept in the keyring or a 0600 file, never in the configuration."""


class EmbedderTestResponse(Response, frozen=True):
    embedder: EmbedderInfo
    ok: bool
    total_ms: float | None
    """For three short texts."""
    reasons: Reasons = {}


EMBEDDER_STATUS = Operation(
    "embedder.status", "GET", "/embedder", "Say whose vectors are searched, and how far a change of embedder has come.",
    params=NoParams, body=NoBody, result=EmbedderStatusResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
EMBEDDER_USE = Operation(
    "embedder.use", "PUT", "/embedder", "Choose the embedder; its vectors are computed in the background.",
    params=NoParams, body=EmbedderUseRequest, result=EmbedderStatusResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("MODULE_TIMEOUT",),
)  # fmt: skip
EMBEDDER_TEST = Operation(
    "embedder.test", "POST", "/embedder/test", "Have the chosen embedder embed three short texts.",
    params=NoParams, body=NoBody, result=EmbedderTestResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (EMBEDDER_STATUS, EMBEDDER_USE, EMBEDDER_TEST)
