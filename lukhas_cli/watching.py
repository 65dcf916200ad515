"""A folder of notes and the memories made of it, kept in step.

The folder is looked over again and again rather than watched through the kernel: what changed while nobody watched has
to be found that way in any case, it works on every file system (network shares and synchronised folders tell the kernel
nothing), and needs no library. A look costs about 10 ms for 1,000 files, and is taken so seldom that it stays under 5 %
of a core.

The state file holds hashes, names and ids, and no text.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from lukhas_cli.importing import batches, refused_by
from lukhas_cli.pieces import Note, Section, State, Step, hash_of, plan, section_of
from lukhas_cli.session import Session
from lukhas_sdk.contract.helix import EDIT, EditRequest
from lukhas_sdk.contract.memory import (
    DELETE,
    IMPORT,
    RECALL,
    STORE,
    ImportRequest,
    MemoryParams,
    MemoryType,
    RecallParams,
    StoreRequest,
)
from lukhas_sdk.errors import Conflict, GuardianRejection, NotFound, ValidationError
from lukhas_sdk.importers import Source, list_sources, read_source
from lukhas_sdk.paths import Paths, make_private, read_private, write_private

FOLDER = "watch"
BATCH_ITEMS = 200
MOVED = -1
"""In place of a note's size: it has another name now, which its memories do not say yet."""
NOTE_KEYS = ("heading", "title", "timestamp", "aliases", "category", "note", "relation", "target")
"""Of a memory's context: what a note gives, and takes away again."""
Action = Literal[
    "stored", "merged", "edited", "moved", "kept", "deleted", "declined", "quarantined", "rejected", "unreadable"
]


class Event(msgspec.Struct, frozen=True):
    """`kept`: it was taken out of the note, and its memory stays."""

    action: Action
    note: str
    memory_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class WatchOptions:
    prune: bool = False
    tags: tuple[str, ...] = ()
    type: MemoryType | None = None


@dataclass(frozen=True)
class _Take:
    """A note that has changed, and what is to be done about it."""

    name: str
    note: Note
    known: Note
    steps: list[Step]
    moved: bool


@dataclass(frozen=True)
class _Stored:
    outcome: Action
    memory_id: str | None
    reason: str | None


class Watcher:
    """Of one folder, by one process: see `watching`."""

    def __init__(self, session: Session, folder: Path, options: WatchOptions, file: Path) -> None:
        self._session = session
        self._folder = folder
        self._options = options
        self._file = file
        self._state = _read_state(file, folder)
        self._seen: dict[str, tuple[int, int]] = {}

    @property
    def memories(self) -> int:
        return sum(len(note.sections) for note in self._state.notes.values())

    @property
    def notes(self) -> int:
        return len(self._state.notes)

    def look(self, *, settled: bool) -> Iterator[Event]:
        """Brings the memories in step with the folder. With `settled`, a note is taken up once it was the same in two
        looks: its editor may be writing it still."""
        found = {source.name: source for source in list_sources(self._folder, _ignore)}
        self._follow_moves(found)
        for name in [name for name in self._state.notes if name not in found]:
            note = self._state.notes[name]
            yield from self._drop(name, [*note.sections, *(note.gone if self._options.prune else ())])
            notes = {key: value for key, value in self._state.notes.items() if key != name}
            kept = () if self._options.prune else (*note.sections, *note.gone)
            self._save(msgspec.structs.replace(self._state, notes=notes, gone=(*self._state.gone, *kept)))
        if self._options.prune and self._state.gone:
            yield from self._drop("", self._state.gone)
            self._save(msgspec.structs.replace(self._state, gone=()))
        batch: list[_Take] = []
        for name, source in found.items():
            changed = self._changed(name, source, settled=settled)
            if changed is None:
                continue
            take, unreadable = self._read(name, source, changed)
            yield from unreadable
            if take is not None:
                batch.append(take)
            if sum(len(each.steps) for each in batch) >= BATCH_ITEMS:
                yield from self._carry_out(batch)
                batch = []
        yield from self._carry_out(batch)

    def _changed(self, name: str, source: Source, *, settled: bool) -> Note | None:
        """What the file is now, None where it is to be left alone."""
        try:
            stat = source.path.stat()
        except OSError:
            return None  # it has gone since
        now = (stat.st_size, stat.st_mtime_ns)
        known = self._state.notes.get(name)
        if known and (known.size_bytes, known.changed_ns) == now and not (self._options.prune and known.gone):
            return None
        if settled and self._seen.get(name) != now:
            self._seen[name] = now
            return None
        self._seen.pop(name, None)
        return Note(stat.st_size, stat.st_mtime_ns, stat.st_ino)

    def _read(self, name: str, source: Source, note: Note) -> tuple[_Take | None, list[Event]]:
        known = self._state.notes.get(name, note)
        unreadable: list[Event] = []
        told = replace(
            source, leave_out=lambda what, reason: unreadable.append(Event("unreadable", what, reason=reason))
        )
        try:
            items = [self._with_options(item) for item in read_source(told)]
        except ValidationError as error:
            self._keep(name, msgspec.structs.replace(note, sections=known.sections, gone=known.gone))
            return None, [Event("unreadable", name, reason=error.message)]
        steps = plan([*known.sections, *known.gone], items)
        return _Take(name, note, known, steps, moved=known.size_bytes == MOVED), unreadable

    def _carry_out(self, batch: Sequence[_Take]) -> Iterator[Event]:
        done: dict[tuple[int, int], Section] = {}
        waiting: list[tuple[int, int, StoreRequest]] = []
        for number, take in enumerate(batch):
            for place, step in enumerate(take.steps):
                if step.item is None:
                    continue
                old = step.old if step.action != "store" else None
                if old and step.action == "same" and not (take.moved and self._is_ours(old)):
                    done[number, place] = old
                elif old and self._is_ours(old) and (event := self._edit(old, step, take.name)):
                    done[number, place] = section_of(step.item, old.memory_id)
                    yield event
                else:
                    waiting.append((number, place, step.item))
        stored = self._store([item for _, _, item in waiting], [*done.values()])
        for (number, place, item), each in zip(waiting, stored, strict=True):
            done[number, place] = section_of(item, each.memory_id, shared=each.outcome == "merged")
            yield Event(each.outcome, batch[number].name, each.memory_id, each.reason)
        for number, take in enumerate(batch):
            sections = tuple(done[number, place] for place, step in enumerate(take.steps) if step.item is not None)
            dropped = tuple(step.old for step in take.steps if step.action == "drop" and step.old is not None)
            self._keep(take.name, msgspec.structs.replace(take.note, sections=sections, gone=dropped))
            newly = [section for section in dropped if self._options.prune or section not in take.known.gone]
            yield from self._drop(take.name, newly)
            if self._options.prune and dropped:
                self._keep(take.name, msgspec.structs.replace(take.note, sections=sections))

    def _is_ours(self, section: Section) -> bool:
        return section.memory_id is not None and not section.shared and self._claims()[section.memory_id] == 1

    def _edit(self, old: Section, step: Step, name: str) -> Event | None:
        """None where the memory is gone by now. One that may not say this stays as it is."""
        assert step.item is not None and old.memory_id is not None
        content = step.item.content
        context = {**dict.fromkeys(NOTE_KEYS), **content.context}
        note = f"as in the note {name}"[:1000]
        body = EditRequest(data=content.data, tags=step.item.tags, context=context, note=note)
        try:
            self._session.call(EDIT, params=MemoryParams(old.memory_id), body=body)
        except NotFound:
            return None
        except GuardianRejection as error:
            return Event("rejected", name, old.memory_id, error.message)
        return Event("moved" if step.action == "same" else "edited", name, old.memory_id)

    def _store(self, items: Sequence[StoreRequest], before: Sequence[Section]) -> list[_Stored]:
        """What became of each item. One that memory holds exactly gets that memory: it was stored before a crash. Where
        that is another piece's, which has been edited since, it is stored all the same."""
        claimed: dict[str | None, str] = {each.memory_id: each.whole for each in before}
        for note in self._state.notes.values():
            claimed |= {each.memory_id: each.whole for each in (*note.sections, *note.gone)}
        results: list[_Stored] = []
        for batch in batches(items):
            for item, each in zip(batch, self._send(batch), strict=True):
                own = section_of(item).whole
                if each.outcome == "merged" and self._holds(each.memory_id, item):
                    each = replace(each, outcome="stored")
                if each.outcome == "stored" and claimed.get(each.memory_id, own) != own:
                    answer = self._session.call(STORE, body=item)
                    each = _Stored(answer.outcome, answer.memory_id, answer.reason)
                results.append(each)
        return results

    def _holds(self, memory_id: str | None, item: StoreRequest) -> bool:
        """Whether that memory began as this very item."""
        if memory_id is None:
            return False
        found = self._session.call(RECALL, params=RecallParams(memory_id))
        return found.metadata.version == 1 and (found.content, sorted(found.tags)) == (item.content, sorted(item.tags))

    def _send(self, batch: Sequence[StoreRequest]) -> list[_Stored]:
        try:
            answer = self._session.call(IMPORT, body=ImportRequest([*batch]))
        except (GuardianRejection, ValidationError) as error:
            refused = refused_by(error)
            if not refused:
                raise
            kept = [item for place, item in enumerate(batch) if place not in refused]
            others = iter(self._send(kept) if kept else ())
            return [
                _Stored("rejected", None, refused[place]) if place in refused else next(others)
                for place in range(len(batch))
            ]
        return [
            _Stored(each.outcome, memory_id, each.reason)
            for memory_id, each in zip(answer.memory_ids, answer.outcomes, strict=True)
        ]

    def _drop(self, name: str, sections: Sequence[Section]) -> Iterator[Event]:
        claims = self._claims()
        for section in sections:
            if section.memory_id is None or section.shared:
                continue
            if not self._options.prune:
                yield Event("kept", name, section.memory_id)
            elif claims[section.memory_id] <= 1:
                try:
                    self._session.call(DELETE, params=MemoryParams(section.memory_id))
                except NotFound:
                    continue
                yield Event("deleted", name, section.memory_id)

    def _claims(self) -> Counter[str]:
        """How many pieces each memory stands for."""
        notes = self._state.notes.values()
        sections = (each for note in notes for each in (*note.sections, *note.gone))
        return Counter(each.memory_id for each in (*sections, *self._state.gone) if each.memory_id is not None)

    def _follow_moves(self, found: dict[str, Source]) -> None:
        """A note that is gone from one path and has come up at another, as the same file or with the same text, is
        the same note."""
        lost = {name: note for name, note in self._state.notes.items() if name not in found}
        come = [name for name in found if name not in self._state.notes]
        if not lost or not come:
            return
        notes = dict(self._state.notes)
        for name in come:
            old = _origin_of(found[name], lost)
            if old is not None:
                moved = lost.pop(old)
                del notes[old]
                notes[name] = msgspec.structs.replace(moved, size_bytes=MOVED)
        self._save(msgspec.structs.replace(self._state, notes=notes))

    def _with_options(self, item: StoreRequest) -> StoreRequest:
        content = item.content
        if self._options.type is not None:
            content = msgspec.structs.replace(content, type=self._options.type)
        tags = [*dict.fromkeys([*item.tags, *self._options.tags])]
        return msgspec.structs.replace(item, content=content, tags=tags)

    def _keep(self, name: str, note: Note) -> None:
        self._save(msgspec.structs.replace(self._state, notes={**self._state.notes, name: note}))

    def _save(self, state: State) -> None:
        self._state = state
        write_private(self._file, msgspec.json.encode(state).decode())


@contextmanager
def watching(session: Session, folder: Path, options: WatchOptions) -> Iterator[Watcher]:
    """The folder's watcher; Conflict where another process watches it already."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", hint="a single file: lukhas memory import")
    file = state_file(session.paths, folder)
    descriptor = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"{folder} is watched already", hint="end the other one first") from None
        yield Watcher(session, folder, options, file)
    finally:
        os.close(descriptor)


def state_file(paths: Paths, folder: Path) -> Path:
    make_private(paths.state)
    make_private(paths.state / FOLDER)
    return paths.state / FOLDER / f"{hash_of(str(folder.resolve()).encode())[:32]}.json"


def _read_state(file: Path, folder: Path) -> State:
    """A damaged one is begun anew: what is in memory already is found by its content."""
    try:
        return msgspec.json.decode(read_private(file) or "", type=State)
    except msgspec.MsgspecError:
        return State(str(folder.resolve()))


def _origin_of(source: Source, lost: dict[str, Note]) -> str | None:
    """The lost note that a new file is: the same file on disk with something left of it, or the same text."""
    stat = source.path.stat()
    try:
        bodies = Counter(section_of(item).body for item in read_source(source))
    except ValidationError:
        return None
    for name, note in lost.items():
        before = Counter(each.body for each in note.sections)
        if before == bodies or (note.inode == stat.st_ino and (note.size_bytes == stat.st_size or before & bodies)):
            return name
    return None


def _ignore(what: str, reason: str) -> None:
    """What is no note is of no interest, look after look."""
