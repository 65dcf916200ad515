"""Language models behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a model wrote. `first_token_ms` and `total_ms` are measured from the request; tokens are as the server
    counts them, None where it does not say."""

    text: str
    model: str
    first_token_ms: float
    total_ms: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


ErrorKind = Literal["timeout", "unreachable", "refused", "unusable", "open_circuit"]


class ModelError(Exception):
    """The model did not give a usable answer: `kind` says how, the message says what."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SchemaError(ModelError):
    """The model answered, and twice not as the schema asks."""

    def __init__(self, message: str) -> None:
        super().__init__("unusable", message)


class LanguageModel(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def base_url(self) -> str:
        """Where it is asked, `embedded` for the model that the daemon runs itself."""

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        timeout_s: float,
        schema: Mapping[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Raises ModelError, never anything else, and never takes longer than `timeout_s`. Cancelled, it closes the
        connection at once, which is how a server learns to stop.

        `on_text` is called on the event loop with each piece as it comes; joined they are the text, but for white space
        at its end. With a `schema` (what `lukhasd.models.json_schema` knows of JSON Schema) the text is one JSON value
        that fits it, whatever the server promises: it is checked here, and `on_text` gets it whole once it fits.
        """

    async def list_models(self, *, timeout_s: float) -> list[str]:
        """Names the server offers. Raises ModelError."""
