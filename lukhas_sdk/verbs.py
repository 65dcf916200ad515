"""Methods that are written once for both clients.

What such a method returns is what its client's `call` or `events` returns, unread: a result or an iterator from
LukhasClient, something to `await` or an asynchronous iterator from AsyncLukhasClient. Only type checkers need to be
told; when it runs, a decorated method is the method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Any, Concatenate, ParamSpec, overload

    from lukhas_sdk.aio import AsyncLukhasClient
    from lukhas_sdk.client import LukhasClient

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
