"""What ranking knows of every memory beside its words and its vector: who said it, in which session, how long it is.

A session is what `context` calls one (`session`, `conversation`, `thread`); else, for what nobody said, its source;
else a run of turns of one owner with at most half an hour between each and the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lukhasd.database.connection import Cursor
from lukhasd.memory.catalogue import Rows
from lukhasd.memory.item import SESSION_KEYS, SPEAKER_KEYS

PAUSE_US = 30 * 60 * 1_000_000
TRAIT_ROWS = 100_000
FIRST_SIZE = 1024
NOBODY = 0
ALONE = 0


@dataclass(frozen=True)
class Trait:
    """`speaker` and `session` are empty where nothing is known."""

    row_id: int
    owner: str
    speaker: str
    session: str
    event_us: int
    chars: int
    source: str = ""


@dataclass(frozen=True)
class TraitColumns:
    """Many traits at once; all of one length."""

    owners: Sequence[str]
    speakers: Sequence[str]
    sessions: Sequence[str]
    row_id: Rows
    event_us: NDArray[np.int64]
    chars: NDArray[np.int32]
    sources: Sequence[str] = ()
    """Empty where none of them has any."""


@dataclass(frozen=True)
class Found:
    """Of some rows, in their order. `session` is a number of its own for each memory that stands alone."""

    speaker: NDArray[np.int32]
    session: NDArray[np.int64]
    event_us: NDArray[np.int64]
    chars: NDArray[np.int32]


@dataclass(frozen=True)
class _Last:
    row_id: int
    event_us: int
    session: int


class Traits:
    """Not locked: whoever holds it does that. About 28 bytes a memory."""

    def __init__(self) -> None:
        self._speaker = np.zeros(FIRST_SIZE, dtype=np.int32)
        self._session = np.zeros(FIRST_SIZE, dtype=np.int64)
        self._event = np.zeros(FIRST_SIZE, dtype=np.int64)
        self._chars = np.zeros(FIRST_SIZE, dtype=np.int32)
        self._source = np.zeros(FIRST_SIZE, dtype=np.int32)
        self._codes: dict[str, int] = {"": NOBODY}
        self._last: dict[str, _Last] = {}
        self._total_chars = 0
        self._count = 0
        self.speakers: list[str] = [""]
        """By code, and sources too."""

    @property
    def mean_chars(self) -> float:
        """Of everything ever added; 1.0 before anything was."""
        return max(self._total_chars / self._count, 1.0) if self._count else 1.0

    def add(self, given: Iterable[Trait]) -> None:
        """In the order of their numbers; one that is there already keeps the run of turns that it is in."""
        for trait in given:
            row = trait.row_id
            self._reach(row)
            if not self._chars[row]:
                self._count += 1
            self._total_chars += trait.chars - int(self._chars[row])
            self._speaker[row] = self._code(trait.speaker)
            self._source[row] = self._code(trait.source)
            self._event[row] = trait.event_us
            self._chars[row] = trait.chars
            if trait.session:
                self._session[row] = _key(trait.owner, trait.session)
            elif not trait.speaker:
                self._session[row] = ALONE
            elif self._session[row] >= 0:
                self._session[row] = self._run(trait)

    def add_columns(self, given: TraitColumns) -> None:
        """The same for many in the order of their numbers, none of which is there yet."""
        rows, events = given.row_id, given.event_us
        if not len(rows):
            return
        self._reach(int(rows[-1]))
        self._count += len(rows)
        self._total_chars += int(given.chars.sum())
        self._speaker[rows] = [self._code(speaker) for speaker in given.speakers]
        if given.sources:
            self._source[rows] = [self._code(source) for source in given.sources]
        self._event[rows] = events
        self._chars[rows] = given.chars
        named = zip(given.owners, given.sessions, strict=True)
        self._session[rows] = [_key(owner, session) if session else ALONE for owner, session in named]
        running: dict[str, list[int]] = {}
        for place, (owner, session) in enumerate(zip(given.owners, given.sessions, strict=True)):
            if not session and given.speakers[place]:
                running.setdefault(owner, []).append(place)
        for owner, places in running.items():
            self._runs(owner, rows[places], events[places])

    def at(self, rows: Rows) -> Found:
        """A row that was never added has no speaker and stands alone."""
        self._reach(int(rows.max(initial=0)))
        session = self._session[rows]
        # A number that no session has: keys are positive and runs negative, above the lowest half.
        alone = np.iinfo(np.int64).min + rows
        return Found(
            self._speaker[rows], np.where(session == ALONE, alone, session), self._event[rows], self._chars[rows]
        )

    def speakers_of(self, rows: Rows) -> dict[str, int]:
        """How many of these rows each speaker said; "" stands for nobody."""
        return self._counts(self._speaker, rows)

    def sources_of(self, rows: Rows) -> dict[str, int]:
        """How many of these rows come from each source; "" stands for none."""
        return self._counts(self._source, rows)

    def _counts(self, column: NDArray[np.int32], rows: Rows) -> dict[str, int]:
        self._reach(int(rows.max(initial=0)))
        codes, counts = np.unique(column[rows], return_counts=True)
        return {self.speakers[code]: count for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}

    def _run(self, trait: Trait) -> int:
        last = self._last.get(trait.owner)
        follows = last is not None and last.row_id < trait.row_id and abs(trait.event_us - last.event_us) <= PAUSE_US
        session = last.session if last is not None and follows else -1 - trait.row_id
        if last is None or last.row_id < trait.row_id:
            self._last[trait.owner] = _Last(trait.row_id, trait.event_us, session)
        return session

    def _runs(self, owner: str, rows: Rows, events: NDArray[np.int64]) -> None:
        """The same for many of one owner."""
        last = self._last.get(owner)
        follows = last is not None and abs(int(events[0]) - last.event_us) <= PAUSE_US
        begins = np.append(not follows, np.abs(np.diff(events)) > PAUSE_US)
        begun = np.maximum.accumulate(np.where(begins, np.arange(len(rows)), -1))
        sessions = np.where(begun >= 0, -1 - rows[begun], last.session if last is not None else ALONE)
        self._session[rows] = sessions
        self._last[owner] = _Last(int(rows[-1]), int(events[-1]), int(sessions[-1]))

    def _code(self, speaker: str) -> int:
        code = self._codes.get(speaker)
        if code is None:
            code = self._codes[speaker] = len(self.speakers)
            self.speakers.append(speaker)
        return code

    def _reach(self, row: int) -> None:
        if row >= len(self._chars):
            size = max(row + 1, len(self._chars) * 3 // 2)
            for name in ("_speaker", "_session", "_event", "_chars", "_source"):
                column = getattr(self, name)
                grown = np.zeros(size, dtype=column.dtype)
                grown[: len(column)] = column
                setattr(self, name, grown)


def read_traits(cursor: Cursor, *, after: int) -> TraitColumns:
    """Of the next TRAIT_ROWS row numbers after that one, in their order."""
    keys = [*SPEAKER_KEYS, *SESSION_KEYS, "source"]
    texts = [f"nullif(trim(said[{place}]), '')" for place in range(1, len(keys) + 1)]
    speakers, sessions = texts[: len(SPEAKER_KEYS)], texts[len(SPEAKER_KEYS) : -1]
    found = cursor.execute(
        f"SELECT row_id, owner, coalesce({', '.join(speakers)}, '') AS speaker,"  # noqa: S608
        f" coalesce({', '.join(sessions)}, CASE WHEN speaker = '' THEN {texts[-1]} END, '') AS session,"
        f" coalesce({texts[-1]}, '') AS source, event_us, chars FROM (SELECT row_id, owner,"
        " json_extract_string(context, ?::VARCHAR[]) AS said,"
        " epoch_us(event_at) AS event_us, greatest(length(current), 1) AS chars"
        " FROM memories WHERE row_id > ? AND row_id <= ?) ORDER BY row_id",
        [[f"$.{key}" for key in keys], after, after + TRAIT_ROWS],
    ).fetchnumpy()
    return TraitColumns(
        owners=found["owner"].tolist(),
        speakers=found["speaker"].tolist(),
        sessions=found["session"].tolist(),
        row_id=np.asarray(found["row_id"], dtype=np.int64),
        event_us=np.asarray(found["event_us"], dtype=np.int64),
        chars=np.asarray(found["chars"], dtype=np.int32),
        sources=found["source"].tolist(),
    )


def _key(owner: str, session: str) -> int:
    """Positive, and the same for as long as the process lives."""
    return hash((owner, session)) >> 1 & np.iinfo(np.int64).max | 1
