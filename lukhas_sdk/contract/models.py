"""The language model that drafts, where one is configured."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Request, Response, Tier

BaseUrl = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=r"^https?://[!-~]+$")]
"""Printable ASCII: a host in other letters is written in its xn-- form."""


class ModelServer(Response, frozen=True):
    """An OpenAI-compatible server. An `offered` one answered on its usual loopback port; it is unused until chosen."""

    name: str
    base_url: str | None
    """Null: the process of the daemon's own that runs weights."""
    state: Literal["configured", "offered"]
    reachable: bool
    models: list[str]
    circuit: Literal["closed", "open", "half_open"] | None = None
    """Of the one configured: open, it is not asked for a while because it kept failing; the reason is in `reasons`."""
    reasons: Reasons = {}


class ModelWeights(Response, frozen=True):
    """GGUF weights that the daemon can run itself; `available` ones are pulled by `lukhas model pull NAME`."""

    name: str
    state: Literal["pulled", "available"]
    in_use: bool
    file: str | None
    size_bytes: int
    sha256: str | None
    """As it was checked when they were pulled."""
    source: str | None
    licence: str | None
    note: str | None
    reasons: Reasons = {}


class ModelListResponse(Response, frozen=True):
    current: str | None
    base_url: str | None
    on_failure: Literal["extractive", "error"]
    servers: list[ModelServer]
    weights: list[ModelWeights] = []


class ModelUseRequest(Request, frozen=True):
    def __repr__(self) -> str:
        return f"ModelUseRequest(base_url={self.base_url!r}, model={self.model!r}, api_key=***)"

    base_url: BaseUrl | None = None
    """Null, and no weights: no model any more; answers are extractive."""
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """Null: the server's only model; an error names them when it has several."""
    api_key: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None
    """Kept in the keyring or a 0600 file, never in the configuration."""
    on_failure: Literal["extractive", "error"] | None = None
    weights: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None
    """Pulled ones by name, or a GGUF file by its absolute path; instead of a server."""


class ModelTestResponse(Response, frozen=True):
    base_url: str | None
    model: str
    ok: bool
    answer: str | None
    first_token_ms: float | None
    total_ms: float | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasons: Reasons = {}


class ModelRemoveParams(Request, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class ModelRemoveResponse(Response, frozen=True):
    name: str
    file: str
    freed_bytes: int


MODEL_LIST = Operation(
    "model.list", "GET", "/models", "List the configured model server and those found on this machine.",
    params=NoParams, body=NoBody, result=ModelListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
MODEL_USE = Operation(
    "model.use", "PUT", "/models/current", "Choose the language model, or none.",
    params=NoParams, body=ModelUseRequest, result=ModelListResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("MODULE_TIMEOUT", "NOT_FOUND"),
)  # fmt: skip
MODEL_TEST = Operation(
    "model.test", "POST", "/models/test", "Ask the configured model one short question.",
    params=NoParams, body=NoBody, result=ModelTestResponse, tier=Tier.ULTRA, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
MODEL_REMOVE = Operation(
    "model.remove", "DELETE", "/models/{name}", "Erase pulled weights that are not in use.",
    params=ModelRemoveParams, body=NoBody, result=ModelRemoveResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (MODEL_LIST, MODEL_USE, MODEL_TEST, MODEL_REMOVE)
