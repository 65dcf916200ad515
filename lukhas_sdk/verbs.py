"""Methods that are written once for both clients, and the nouns that they hang off.

What such a method returns is what its client's `call` or `events` returns, unread: a result or an iterator from
LukhasClient, something to `await` or an asynchronous iterator from AsyncLukhasClient. Only type checkers need to be
told; when it runs, a decorated method is the method.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Any, Concatenate, ParamSpec, Self, overload

    from lukhas_sdk.aio import AsyncLukhasClient
    from lukhas_sdk.client import LukhasClient
    from lukhas_sdk.consciousness_nouns import ConsciousnessNoun
    from lukhas_sdk.dream_nouns import DreamNoun
    from lukhas_sdk.feedback_nouns import BioNoun, FeedbackNoun
    from lukhas_sdk.glyph_nouns import AuditNoun, GlyphNoun
    from lukhas_sdk.guardian_nouns import GuardianNoun, IncidentsNoun
    from lukhas_sdk.jobs_nouns import JobsNoun
    from lukhas_sdk.models_nouns import ModelNoun
    from lukhas_sdk.nodes_nouns import NodesNoun, StarsNoun
    from lukhas_sdk.nouns import EmbedderNoun, MemoryNoun
    from lukhas_sdk.ops_nouns import OpsNoun, PerfNoun, T4Noun
    from lukhas_sdk.reasoning_nouns import ReasoningNoun
    from lukhas_sdk.webhooks_nouns import WebhooksNoun

    P = ParamSpec("P")
    R = TypeVar("R")

    class verb(Generic[P, R]):  # noqa: N801
        def __init__(self, method: Callable[Concatenate[Any, P], R]) -> None: ...
        @overload
        def __get__(self, owner: Noun[LukhasClient] | LukhasClient, kind: Any) -> Callable[P, R]: ...
        @overload
        def __get__(
            self, owner: Noun[AsyncLukhasClient] | AsyncLukhasClient, kind: Any
        ) -> Callable[P, Awaitable[R]]: ...
        def __get__(self, owner: Any, kind: Any) -> Any: ...

    class feed(Generic[P, R]):  # noqa: N801
        def __init__(self, method: Callable[Concatenate[Any, P], Iterator[R]]) -> None: ...
        @overload
        def __get__(self, owner: Noun[LukhasClient] | LukhasClient, kind: Any) -> Callable[P, Iterator[R]]: ...
        @overload
        def __get__(
            self, owner: Noun[AsyncLukhasClient] | AsyncLukhasClient, kind: Any
        ) -> Callable[P, AsyncIterator[R]]: ...
        def __get__(self, owner: Any, kind: Any) -> Any: ...

else:

    def verb(method):
        return method

    feed = verb

Client = TypeVar("Client")


class Noun(Generic[Client]):
    """What hangs off a client by noun."""

    def __init__(self, client: Client) -> None:
        self._client = cast("LukhasClient", client)


NOUNS = {
    "memory": ("nouns", "MemoryNoun"),
    "model": ("models_nouns", "ModelNoun"),
    "embedder": ("nouns", "EmbedderNoun"),
    "guardian": ("guardian_nouns", "GuardianNoun"),
    "jobs": ("jobs_nouns", "JobsNoun"),
    "nodes": ("nodes_nouns", "NodesNoun"),
    "stars": ("nodes_nouns", "StarsNoun"),
    "glyph": ("glyph_nouns", "GlyphNoun"),
    "audit": ("glyph_nouns", "AuditNoun"),
    "incidents": ("guardian_nouns", "IncidentsNoun"),
    "consciousness": ("consciousness_nouns", "ConsciousnessNoun"),
    "t4": ("ops_nouns", "T4Noun"),
    "perf": ("ops_nouns", "PerfNoun"),
    "ops": ("ops_nouns", "OpsNoun"),
    "dream": ("dream_nouns", "DreamNoun"),
    "feedback": ("feedback_nouns", "FeedbackNoun"),
    "bio": ("feedback_nouns", "BioNoun"),
    "reasoning": ("reasoning_nouns", "ReasoningNoun"),
    "webhooks": ("webhooks_nouns", "WebhooksNoun"),
}
"""What hangs off a client: the module and the class of each noun."""


class HasNouns:
    """A client: each noun is imported when it is used."""

    memory: MemoryNoun[Self]
    model: ModelNoun[Self]
    embedder: EmbedderNoun[Self]
    guardian: GuardianNoun[Self]
    jobs: JobsNoun[Self]
    nodes: NodesNoun[Self]
    stars: StarsNoun[Self]
    glyph: GlyphNoun[Self]
    audit: AuditNoun[Self]
    incidents: IncidentsNoun[Self]
    consciousness: ConsciousnessNoun[Self]
    t4: T4Noun[Self]
    perf: PerfNoun[Self]
    ops: OpsNoun[Self]
    dream: DreamNoun[Self]
    feedback: FeedbackNoun[Self]
    bio: BioNoun[Self]
    reasoning: ReasoningNoun[Self]
    webhooks: WebhooksNoun[Self]

    if not TYPE_CHECKING:  # it would make every name one that a client has

        def __getattr__(self, name: str) -> Any:
            if name not in NOUNS:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self)
            module, noun = NOUNS[name]
            return getattr(import_module(f"lukhas_sdk.{module}"), noun)(self)

    def __dir__(self) -> Iterator[str]:
        yield from (*super().__dir__(), *NOUNS)
