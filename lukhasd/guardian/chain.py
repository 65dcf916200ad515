"""An append-only file in segments, each line chained to the one before it by its hash.

A line is `{"seq":…,"time":…,"previous":…,"entry":{…},"hash":…}`; its hash is SHA-256 over the hash before it, in hex,
and the line's own bytes up to `,"hash"`, closed by `}`. `head` holds the last number and hash once more, so that a tail
that was cut off is missed. Who can write to the folder can make the whole chain anew: only the last hash, written down
elsewhere, shows that.

What `append` returned for has reached the kernel: it outlives the death of the process, kill -9 too. It is not synced
to the disk: a power cut may lose the last seconds, some 30 with the usual settings of a file system, and the head or
the lines alone; the chain then says that entries are missing. Entries are kept for ever: there is no retention.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lukhas_sdk.contract.system import Broken, LogVerification
from lukhas_sdk.contract.verdict_log import FIRST_HASH
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import make_private, read_private
from lukhasd.guardian.entries import Notice
from lukhasd.guardian.links import End, Link, Place, Unsealed, Walk, outline_of, seal, sealed

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 8_000_000
SEGMENT = re.compile(r"(\d{6})\.jsonl")
HEAD = re.compile(r"(\d{20}) ([0-9a-f]{64})\n")
CREATE = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
CHUNK_BYTES = 200_000


class Unwritable(LukhasError):
    """An entry could not be written, and was taken back."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint, status=507)


@dataclass
class _Segment:
    number: int
    first_seq: int
    size_bytes: int


class Chain:
    """Open with `Chain.open`. Safe to use from any thread; none of it may run on the event loop."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._segments: list[_Segment] = []
        self._end = End(0, FIRST_HASH)
        self._file = -1
        self._head = -1
        self._stuck: str | None = None

    @classmethod
    def open(cls, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> Chain:
        """Makes the folder (0700) or takes it up. LukhasError where it is a link, or another's.

        A last line that a crash cut short is moved aside and noted in the chain; it was never answered for.
        """
        make_private(folder.parent)
        make_private(folder)
        chain = cls(folder, segment_bytes=segment_bytes)
        try:
            chain._take_up()
        except OSError as error:
            raise LukhasError(
                f"the verdict log in {folder} cannot be opened: {error.strerror}",
                hint="make room on the disk, or mend the folder's permissions",
            ) from error
        return chain

    @property
    def end(self) -> End:
        return self._end

    def append(self, entry: Any) -> Link:
        """Writes one entry. Unwritable where the disk or the folder refuses it: then it is not there."""
        with self._lock:
            return self._append(entry)

    def close(self) -> None:
        with self._lock:
            for descriptor in (self._file, self._head):
                if descriptor >= 0:
                    os.close(descriptor)
            self._file = self._head = -1
            self._stuck = "the log is closed"

    def read(self, place: Place) -> bytes:
        """The line at `place`, without its end."""
        with _open(self._path(place.segment)) as source:
            source.seek(place.offset)
            line: bytes = source.readline()
            return line.removesuffix(b"\n")

    def backwards(self, before: int | None = None) -> Iterator[tuple[Place, bytes]]:
        """Lines, newest first, from the segment that holds number `before` on."""
        segments = self._known()
        if before is not None:
            segments = segments[: max(bisect_right([each.first_seq for each in segments], before), 0)]
        for segment in reversed(segments):
            yield from reversed(list(self._lines(segment)))

    def forwards(self, after: Place) -> Iterator[tuple[Place, bytes]]:
        """Lines in order, those after the one at `after`."""
        for segment in self._known():
            if segment.number >= after.segment:
                start = after.offset if segment.number == after.segment else -1
                for place, line in self._lines(segment, max(start, 0)):
                    if place.offset > start:
                        yield place, line

    def before(self, seq: int) -> Place:
        """A place before the line of that number, in its segment."""
        segments = self._known()
        found = bisect_right([each.first_seq for each in segments], seq)
        return Place(segments[found - 1].number if found else 0, -1)

    def contents(self) -> Iterator[tuple[int, bytes]]:
        """Each segment's number and bytes, newest first."""
        for segment in reversed(self._known()):
            yield segment.number, self._content(segment)

    def chunks(self) -> Iterator[bytes]:
        """All lines as they are in the files now, some at a time."""
        for segment in self._known():
            with _open(self._path(segment.number)) as source:
                left = segment.size_bytes
                while left > 0 and (chunk := source.read(min(CHUNK_BYTES, left)) + source.readline()):
                    left -= len(chunk)
                    yield chunk

    def verify(self) -> LogVerification:
        """Walks the whole chain, and compares its end with the head."""
        with self._lock:
            segments, end = [_Segment(**vars(each)) for each in self._segments], self._end
            try:
                head = self._read_head()
            except LukhasError:
                head = None
        walk = Walk()
        for segment in segments:
            name = self._path(segment.number).name
            try:
                content = self._content(segment)
            except LukhasError as error:
                walk.breaks(Broken(name, 0, error.message))
                continue
            for number, line in enumerate(content.splitlines(keepends=True), start=1):
                walk.step(name, number, line)
        if head is None:
            walk.breaks(Broken("head", 0, "it is missing or damaged"))
        elif head != end or walk.end != head:
            walk.breaks(Broken("head", 0, f"it says {head.seq} entries, the chain ends with entry {walk.end.seq}"))
        return LogVerification(
            ok=walk.broken is None, entries=walk.entries, first=walk.first, last=walk.end.seq if walk.entries else None,
            head=walk.end.hash, broken_at=walk.broken, segments=len(segments), checked_at=datetime.now(UTC),
        )  # fmt: skip

    def _append(self, entry: Any) -> Link:
        if self._stuck is not None:
            raise Unwritable(self._stuck, hint="see: lukhas guardian log verify, then restart the daemon")
        seq, now, previous = self._end.seq + 1, datetime.now(UTC), self._end.hash
        body = self._encoder.encode(Unsealed(seq, now, previous, entry))
        digest = seal(previous, body)
        line = sealed(body, digest)
        try:
            segment = self._writable(len(line), seq)
            self._write(segment, line, End(seq, digest))
        except OSError as error:
            raise Unwritable(
                f"the verdict log cannot be written: {error.strerror or error}",
                hint=f"make room, or mend the permissions of {self._folder}",
            ) from error
        place = Place(segment.number, segment.size_bytes)
        segment.size_bytes += len(line)
        self._end = End(seq, digest)
        return Link(seq, now, previous, digest, place)

    def _writable(self, size_bytes: int, seq: int) -> _Segment:
        """The segment that takes the next line; a new one where there is none, or the last is full."""
        last = self._segments[-1] if self._segments else None
        if last is not None and self._file >= 0:
            info = os.fstat(self._file)
            if info.st_nlink == 0:
                raise OSError(f"{self._path(last.number)} was removed while the daemon runs")
            if info.st_size != last.size_bytes:
                logger.error("the verdict log was changed by another program", extra={"segment": last.number})
                last.size_bytes = info.st_size
            if last.size_bytes == 0 or last.size_bytes + size_bytes <= self._segment_bytes:
                return last
        number = last.number + 1 if last else 1
        descriptor = os.open(self._path(number), os.O_WRONLY | os.O_APPEND | os.O_EXCL | CREATE, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file = descriptor
        self._segments.append(_Segment(number, seq, 0))
        return self._segments[-1]

    def _write(self, segment: _Segment, line: bytes, end: End) -> None:
        """The line, then the head; both or neither."""
        try:
            left = memoryview(line)
            while left:
                left = left[os.write(self._file, left) :]
            self._write_head(end)
        except BaseException:
            try:
                os.ftruncate(self._file, segment.size_bytes)
                self._write_head(self._end)
            except OSError as error:
                self._stuck = f"the verdict log could not be put right after a failed write: {error.strerror}"
            raise

    def _write_head(self, end: End) -> None:
        os.pwrite(self._head, f"{end.seq:020d} {end.hash}\n".encode(), 0)

    def _read_head(self) -> End | None:
        try:
            text = read_private(self._folder / "head")
        except UnicodeDecodeError:
            text = None
        found = HEAD.fullmatch(text or "")
        return End(int(found[1]), found[2]) if found else None

    def _take_up(self) -> None:
        """Finds the end, and makes the files ready to be written to."""
        numbers = sorted(
            int(found[1]) for each in self._folder.iterdir() if (found := SEGMENT.fullmatch(each.name))
        )  # fmt: skip
        torn = self._mend(numbers[-1]) if numbers else None
        last: End | None = None
        for number in numbers:
            with _open(self._path(number)) as source:
                first, size_bytes = outline_of(source.readline()), os.fstat(source.fileno()).st_size
            known = self._segments[-1].first_seq if self._segments else 1
            self._segments.append(_Segment(number, first.seq if first else known, size_bytes))
        for segment in reversed(self._segments):
            if segment.size_bytes:
                final = outline_of(self._content(segment).rstrip(b"\n").rpartition(b"\n")[2])
                last = End(final.seq, final.hash) if final else None
                break
        has_lines = any(segment.size_bytes for segment in self._segments)
        head = self._read_head()
        # Where the head knows more than the files, the chain goes on from the head: the gap then stays visible.
        if head is not None and (last is None or last.seq < head.seq or (last.seq == head.seq and last != head)):
            self._end = head
        else:
            self._end = last or End(0, FIRST_HASH)
        if self._segments:
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._path(self._segments[-1].number), flags)
        self._head = os.open(self._folder / "head", os.O_WRONLY | CREATE, 0o600)
        if head is None:
            os.ftruncate(self._head, 0)
        if head is not None or not has_lines:
            self._write_head(self._end)
        if has_lines and head is None:
            self._note("the head was missing or damaged when the daemon started: entries may be missing", breaks=True)
        if torn is not None:
            self._note(torn, breaks=False)

    def _note(self, text: str, *, breaks: bool) -> None:
        logger.warning("verdict log: %s", text)
        try:
            self._append(Notice(text=text, breaks=breaks))
        except Unwritable as error:  # every verdict will say so too
            logger.error("verdict log: %s", error.message)

    def _mend(self, number: int) -> str | None:
        """Moves what follows the last whole line of a segment into a file of its own, and says so."""
        path = self._path(number)
        with _open(path) as source:
            content = source.read()
        whole = content.rfind(b"\n") + 1
        if whole == len(content):
            return None
        aside = self._folder / f"torn-{number:06d}-{whole}.part"
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_EXCL | CREATE, 0o600), "wb") as out:
            out.write(content[whole:])
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.ftruncate(descriptor, whole)
        finally:
            os.close(descriptor)
        return f"a last line that was cut short ({len(content) - whole} bytes) was moved to {aside.name}"

    def _known(self) -> list[_Segment]:
        with self._lock:
            return [_Segment(**vars(each)) for each in self._segments]

    def _content(self, segment: _Segment, offset: int = 0) -> bytes:
        with _open(self._path(segment.number)) as source:
            source.seek(offset)
            content: bytes = source.read(max(segment.size_bytes - offset, 0))
            return content

    def _lines(self, segment: _Segment, offset: int = 0) -> Iterator[tuple[Place, bytes]]:
        for line in self._content(segment, offset).split(b"\n"):
            if line:
                yield Place(segment.number, offset), line
            offset += len(line) + 1

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jsonl"


def _open(path: Path) -> Any:
    """A regular file of ours, to read; a link or another's is refused."""
    try:
        source = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise LukhasError(
            f"{path} cannot be read: {error.strerror}", hint="the verdict log must be regular files of ours"
        ) from error
    info = os.fstat(source.fileno())
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid():
        source.close()
        raise LukhasError(f"{path} is not a file of ours", hint="the verdict log must be regular files of ours")
    if info.st_mode & 0o077:
        os.fchmod(source.fileno(), 0o600)
    return source
