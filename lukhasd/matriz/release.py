"""Gives a draft to the caller while it is written: each sentence once the guardian let it pass with all before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from lukhas_sdk.contract.matriz import ProcessEvent
from lukhasd.matriz.grounded import pieces


class Release:
    """`judge` says whether a text may be shown. One draft at a time; used on one event loop."""

    def __init__(self, judge: Callable[[str], Awaitable[bool]], emit: Callable[[ProcessEvent], None]) -> None:
        self._judge = judge
        self._emit = emit
        self._clean: Callable[[str], str] = str
        self._seen = ""
        self._released = ""
        self._passed = True
        self._work: asyncio.Task[None] | None = None

    def begin(self, clean: Callable[[str], str]) -> None:
        """A draft begins; `clean` makes of what the model wrote what is shown."""
        self._clean = clean
        self._seen = ""

    def take(self, piece: str) -> None:
        """The next piece that the model wrote."""
        self._seen += piece
        if self._passed and self._work is None and len(self._prefix()) > len(self._released):
            self._work = asyncio.ensure_future(self._judge_on())

    async def stop(self) -> None:
        """The model wrote its last; what was not released by then waits for `finish`."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            self._work = None

    def finish(self, text: str) -> None:
        """The whole response, which may be shown: what is missing of it, by lines, or all anew where it is another."""
        replace = not text.startswith(self._released)
        rest = text if replace else text[len(self._released) :]
        for line in rest.splitlines(keepends=True):
            self._emit(ProcessEvent(type="content", text=line, replace=replace))
            replace = False
        self._released = text

    def _prefix(self) -> str:
        """What is shown of the sentences that are whole, without the space after them: the next may be left out."""
        return self._clean("".join(pieces(self._seen)[:-1]).strip())

    async def _judge_on(self) -> None:
        """Until no whole sentence is left that was not judged."""
        while len(prefix := self._prefix()) > len(self._released):
            self._passed = await self._judge(prefix)
            if not self._passed:
                return
            self._emit(ProcessEvent(type="content", text=prefix[len(self._released) :]))
            self._released = prefix
        self._work = None
