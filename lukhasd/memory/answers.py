"""What was answered lately, so that an answer fed back is not taken for something new."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lukhasd.memory import junk
from lukhasd.memory.core import Core

ANSWERS_REMEMBERED = 40
"""An answer is fed back soon after it was given or not at all."""


class Answers:
    """What was answered to each owner lately, newest first: read once from the database, told of every one after."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._given: dict[str, deque[junk.Words]] = {}

    async def of(self, owner: str) -> Sequence[junk.Words]:
        if owner not in self._given:
            sql = "SELECT response FROM interactions WHERE owner = ? ORDER BY created_at DESC LIMIT ?"
            found = await self._core.database.read(
                lambda cursor: cursor.execute(sql, [owner, ANSWERS_REMEMBERED]).fetchall()
            )
            answers = [junk.words_of(response) for (response,) in found]
            self._given.setdefault(owner, deque(answers, maxlen=ANSWERS_REMEMBERED))
        return tuple(self._given[owner])

    def add(self, owner: str, answer: str) -> None:
        if owner in self._given:
            self._given[owner].appendleft(junk.words_of(answer))
