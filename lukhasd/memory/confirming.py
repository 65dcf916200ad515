"""What was flagged is shown to a language model, where there is one, behind everything else and one pair at a time.

A pair that it confirms is superseded, one that it dismisses is dismissed, both by `truth` and as reversible as any;
the rest stays flagged. What a person decided is never asked about.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from lukhas_sdk.contract.truth import ConflictState, Kept
from lukhasd.database.connection import Cursor
from lukhasd.memory import conflicts, rows
from lukhasd.memory.conflicts import Conflict
from lukhasd.memory.contradictions import Said
from lukhasd.memory.core import Changed, Core, Numbers
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.second_opinion import Note, SecondOpinion, Verdict
from lukhasd.memory.truth import moment, said
from lukhasd.models.language import LanguageModel, ModelError

LOG = logging.getLogger(__name__)
ATTEMPTS = 3
"""A pair that a model failed on so often is not shown to it again."""
LONGEST_CHARS = 2_000
QUIET_S = 1.0
"""Many changes in a row are looked at together."""
RETRY_S = 60.0
LONGEST_RETRY_S = 3_600.0
RETRIES = 6
"""After so many failures in a row only something new, or another model, has it tried again."""
Outcome = Verdict | Literal["held back", "long", "failed"]
DECISIONS: dict[Outcome, tuple[ConflictState, Kept]] = {
    "replaced": ("superseded", "newer"),
    "both": ("dismissed", "both"),
}
SAID: dict[Outcome, str] = {
    "replaced": "confirmed by {model}: asked in two ways, it says that nothing of the older holds any longer",
    "both": "dismissed by {model}: asked in two ways, it says that both may hold",
    "part": "{model} says that a part of the older still holds",
    "unsure": "the model is not sure: {model}",
    "held back": "not shown to {model}: the guardian holds one of the two back",
    "long": "not shown to {model}: one of the two is too long",
    "failed": "{model} failed to answer",
}


@dataclass(frozen=True)
class Asking:
    """`model` gives the one to ask now, None where there is none; `wrap` quotes a text under a name; `is_harmless`
    says whether a model may read a text."""

    model: Callable[[], LanguageModel | None]
    timeout_s: Callable[[], float]
    wrap: Callable[[str, str], str]
    is_harmless: Callable[[str], Awaitable[bool]]


class Confirming:
    """Made by `open`; used on the event loop that opened it."""

    def __init__(self, core: Core, asking: Asking, *, quiet_s: float, retry_s: float) -> None:
        self._core = core
        self._asking = asking
        self._quiet_s = quiet_s
        self._retry_s = retry_s
        self._woken = asyncio.Event()
        self._chosen = asyncio.Event()
        self._idle = asyncio.Event()
        self._failures = 0
        self._believed: dict[tuple[str, str], bool] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, core: Core, asking: Asking, *, quiet_s: float = QUIET_S, retry_s: float = RETRY_S
    ) -> Confirming:
        """Begins with what is flagged already. `close` it before `core`."""
        confirming = cls(core, asking, quiet_s=quiet_s, retry_s=retry_s)
        core.after_publishing.append(confirming.wake)
        confirming.wake()
        confirming._task = asyncio.create_task(confirming._keep(), name="memory-confirming")
        return confirming

    def wake(self) -> None:
        """Something may have been flagged."""
        self._idle.clear()
        self._woken.set()

    def choose(self) -> None:
        """Another model may be there: what failed is tried at once."""
        self._failures = 0
        self._believed.clear()
        self._chosen.set()
        self.wake()

    async def wait(self, timeout_s: float) -> bool:
        """Whether there was nothing left to ask about, or nobody to ask, in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        if self._task is not None:
            self._core.after_publishing.remove(self.wake)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(self._quiet_s)
            self._woken.clear()
            self._chosen.clear()
            try:
                await self._ask_all()
                self._failures = 0
            except ModelError as error:
                LOG.warning("a language model could not confirm what is flagged", extra={"why": str(error)})
                await self._pause()
            except Exception:
                LOG.exception("what is flagged could not be confirmed")
                await self._pause()
            if not self._woken.is_set():
                self._idle.set()

    async def _pause(self) -> None:
        """Twice as long each time. Then it is tried again, unless it was tried often enough."""
        self._failures += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(self._retry_s * 2 ** (self._failures - 1), LONGEST_RETRY_S)):
                await self._chosen.wait()
        if self._failures < RETRIES:
            self._woken.set()

    async def _ask_all(self) -> None:
        """Raises ModelError at the first failure."""
        while (model := self._asking.model()) is not None:
            conflict = await self._core.database.read(partial(conflicts.unconfirmed, model=model.name, tries=ATTEMPTS))
            if conflict is None:
                return
            opinion = SecondOpinion(model, self._asking.wrap, self._asking.timeout_s())
            if not await self._is_believed(opinion):
                return
            try:
                outcome = await self._judge(opinion, conflict)
            except ModelError as error:
                if error.kind != "unreachable":  # it was not shown the pair
                    await self._core.finish(self._record(conflict, model.name, "failed"))
                raise
            await self._core.finish(self._record(conflict, model.name, outcome))

    async def _is_believed(self, opinion: SecondOpinion) -> bool:
        key = (opinion.model.base_url, opinion.model.name)
        if key not in self._believed:
            self._believed[key] = passed = await opinion.examine()
            message = "judges known contradictions well enough" if passed else "is not asked: it misjudged known ones"
            LOG.log(logging.INFO if passed else logging.WARNING, "%s %s", opinion.model.name, message)
        return self._believed[key]

    async def _judge(self, opinion: SecondOpinion, conflict: Conflict) -> Outcome:
        sides = await self._core.database.read(partial(_sides, conflict))
        if sides is None:
            return "unsure"  # what is gone is not recorded either
        notes = [Note(_shown(said(row)), row.event_at.date()) for row in sides]
        if any(len(note.text) > LONGEST_CHARS for note in notes):
            return "long"
        if not all([await self._asking.is_harmless(note.text) for note in notes]):
            return "held back"
        return await opinion.compare(*notes)

    async def _record(self, asked: Conflict, model: str, outcome: Outcome) -> None:
        def record(cursor: Cursor) -> bool:
            tries = conflicts.note_asked(cursor, asked.conflict_id, model, done=outcome != "failed")
            conflict = conflicts.find(cursor, asked.owner, asked.conflict_id)
            if conflict != asked or _sides(conflict, cursor) is None:  # a person decided, or one says something else
                return False
            if outcome != "failed" or tries >= ATTEMPTS:
                conflicts.add_evidence(cursor, conflict, SAID[outcome].format(model=model))
            if outcome in DECISIONS:
                state, kept = DECISIONS[outcome]
                now = datetime.now(UTC)
                conflicts.decide(cursor, asked.conflict_id, state=state, kept=kept, actor=conflicts.TRUTH, at=now)
            return True

        def end(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            rows_of = (asked.older_row, asked.newer_row) if record(cursor) else ()
            return None, Changed(touched=conflicts.settle(cursor, rows_of, numbers))

        if outcome == "replaced":
            await self._core.change(end, at_most=2)
        else:
            await self._core.database.write(record)  # no memory is another for it


def _sides(conflict: Conflict, cursor: Cursor) -> tuple[MemoryRow, MemoryRow] | None:
    """The older and the newer; None where one is gone or says something else than what was compared."""
    found = rows.fetch(cursor, (conflict.older_row, conflict.newer_row))
    older, newer = found.get(conflict.older_row), found.get(conflict.newer_row)
    if older is None or newer is None:
        return None
    same = (older.version, newer.version) == (conflict.older_version, conflict.newer_version)
    return (older, newer) if same and moment(older) <= moment(newer) else None


def _shown(spoken: Said) -> str:
    return f"({spoken.speaker} says)\n{spoken.text}" if spoken.speaker else spoken.text
