"""A plug-in's node, kept apart: in a thread with an event loop of its own, it can block nothing but itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from lukhasd.constellation.node import Node, NodeFailed, NodeInput, NodeOutput

Result = TypeVar("Result")

UNENDED_MOST = 2
"""Runs of one node that were given up and still have not ended. From then on it is not run."""


class Plugin:
    def __init__(self, node: Node) -> None:
        self._node = node
        self._running = 0

    async def check(self) -> str | None:
        return await self._apart(lambda: self._node.check())

    async def process(self, given: NodeInput) -> NodeOutput:
        return await self._apart(lambda: self._node.process(given))

    async def _apart(self, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        if self._running >= UNENDED_MOST:
            raise NodeFailed(f"{self._running} earlier runs of it have not ended")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def tell(result: Result | None, error: BaseException | None) -> None:
            self._running -= 1
            if answer.done():  # it was given up
                return
            if error is not None:
                answer.set_exception(NodeFailed(f"{type(error).__name__}: {error}"))
            else:
                answer.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = asyncio.run(make())
            except BaseException as failure:  # SystemExit of a plug-in too is its own failure
                error = failure
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, error)

        self._running += 1
        threading.Thread(target=work, name="plug-in", daemon=True).start()
        return await answer
