"""What is worked on for whom, so that an identity that is removed leaves nothing behind that still writes for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lukhas_sdk.errors import InvalidToken
from lukhasd.identity import Caller


@dataclass(frozen=True, eq=False)
class _Work:
    task: asyncio.Task[Any] | None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class InWork:
    def __init__(self) -> None:
        self._works: dict[str, set[_Work]] = {}
        self._gone: set[str] = set()

    @contextmanager
    def of(self, who: Caller | None) -> Iterator[None]:
        """While the current task works for them. InvalidToken where their identity has gone, or goes meanwhile."""
        if who is None:
            yield
            return
        if who.identity_id in self._gone:
            raise _gone()
        work = _Work(asyncio.current_task())
        works = self._works.setdefault(who.identity_id, set())
        works.add(work)
        try:
            yield
        except asyncio.CancelledError:
            if who.identity_id in self._gone and work.task is not None and not work.task.uncancel():
                raise _gone() from None
            raise
        finally:
            works.discard(work)
            work.over.set()
            if not works and self._works.get(who.identity_id) is works:
                del self._works[who.identity_id]

    async def end(self, identity_id: str) -> None:
        """Cancels what is worked on for an identity, but the work that asks for it, and waits for that; nothing more is
        begun."""
        self._gone.add(identity_id)
        works = [work for work in self._works.get(identity_id, ()) if work.task is not asyncio.current_task()]
        for work in works:
            if work.task is not None:
                work.task.cancel()
        for work in works:
            await work.over.wait()


def _gone() -> InvalidToken:
    return InvalidToken("the identity no longer exists", hint="log in again: lukhas auth login")
