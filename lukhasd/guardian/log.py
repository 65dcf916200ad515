"""The verdict log: every verdict that was answered, its appeals, and how to find them again.

The newest verdicts' places are kept in memory; an older one is found by reading the files from their end.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from lukhas_sdk.contract import verdict_log as contract
from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.guardian import ValidateRequest, Verdict
from lukhas_sdk.contract.system import LogVerification
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhas_sdk.errors import Conflict, LukhasError, NotFound
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore, Secret, read_secret, store_secret
from lukhasd.guardian.chain import SEGMENT_BYTES, Chain
from lukhasd.guardian.entries import AppealRecord, Line, LogContent, Mask, record_of
from lukhasd.guardian.links import Place, holds
from lukhasd.guardian.log_filters import Wanted, cursor_at, place_in
from lukhasd.identity.caller import Caller

logger = logging.getLogger(__name__)

KEY = "guardian.log.key"
KEY_BYTES = 32
FOLDER = ("guardian", "log")
INDEXED = 100_000
"""Verdicts whose place is kept in memory."""
LOOKED_THROUGH = 20_000
"""Lines that one page looks at."""
ID = re.compile(r"val_[0-9a-f]{32}")
APPEAL = b'"entry":{"kind":"appeal"'


class Glance(msgspec.Struct, frozen=True):
    """As much of an entry as the index needs."""

    kind: str
    validation_id: str = ""


class GlanceLine(msgspec.Struct, frozen=True):
    seq: int
    entry: Glance


class VerdictLog:
    """Open with `VerdictLog.open`. Safe to use from any thread; none of it may run on the event loop."""

    def __init__(self, chain: Chain, *, key: Secret, keep: LogContent) -> None:
        self._chain = chain
        self._key = bytes.fromhex(key.reveal())
        self._keep = keep
        self._lines = msgspec.json.Decoder(Line)
        self._lock = threading.Lock()
        self._index: OrderedDict[int, Place] = OrderedDict()
        self._appeals: dict[str, list[Place]] = {}
        self.verified: LogVerification | None = None
        """What the last verification found."""

    @classmethod
    def open(
        cls, paths: Paths, *, keep: LogContent, key_store: KeyStore, segment_bytes: int = SEGMENT_BYTES
    ) -> VerdictLog:
        """LukhasError where the folder is a link or another's, or a file of it cannot be read."""
        chain = Chain.open(paths.data.joinpath(*FOLDER), segment_bytes=segment_bytes)
        log = cls(chain, key=_ensure_key(paths, key_store), keep=keep)
        log._build_index()
        return log

    @property
    def entries(self) -> int:
        """Verdicts, appeals and notices ever written."""
        return self._chain.end.seq

    def record(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None) -> VerdictRecord:
        """Writes it down. Raises Unwritable where that fails, and whatever a verdict that cannot be written raises."""
        record = record_of(request, verdict, caller, keep=self._keep, key=self._key)
        link = self._chain.append(record)
        with self._lock:
            self._index[_number(record.validation_id)] = link.place
            if len(self._index) > INDEXED:
                self._index.popitem(last=False)
        return record

    def find(self, validation_id: str, caller: Caller) -> contract.LogEntry:
        """NotFound also where the verdict is another's."""
        return self._entry(self._line(self._own(validation_id, caller)))

    def position(self, validation_id: str, caller: Caller) -> contract.ChainPosition:
        line = self._chain.read(self._own(validation_id, caller))
        found = self._line_of(line)
        return contract.ChainPosition(found.seq, found.hash, holds(line))

    def find_all(self, caller: Caller, params: contract.LogListParams) -> contract.LogListResponse:
        wanted = Wanted(params, None if caller.tier is Tier.PRIME else caller.identity_id)
        found, cursor = self._page(params.cursor, params.limit, wanted.may_fit, wanted.fits)
        return contract.LogListResponse([self._entry(line) for line in found], cursor)

    def appeal(self, request: contract.AppealRequest, caller: Caller, *, mask: Mask) -> contract.AppealResponse:
        """Puts it on record; `mask` takes secrets out of what it says. NotFound, or Conflict after 20 of them."""
        verdict = self.find(request.validation_id, caller).verdict
        record = AppealRecord(
            appeal_id=f"appeal_{secrets.token_hex(8)}",
            validation_id=request.validation_id,
            owner=caller.identity_id,
            who=caller.lambda_id,
            reason=mask(request.reason),
            evidence=None if request.evidence is None else mask(request.evidence),
        )
        with self._lock:
            made = self._appeals.setdefault(request.validation_id, [])
            if len(made) >= contract.MOST_APPEALS:
                raise Conflict(
                    f"{contract.MOST_APPEALS} appeals to {request.validation_id} are on record already",
                    hint="a person has to look at them: lukhas guardian explain",
                )
            link = self._chain.append(record)
            made.append(link.place)
        return contract.AppealResponse(
            record.appeal_id, record.validation_id, "recorded", link.time, verdict.decision
        )  # fmt: skip

    def appeals_to(self, entry: contract.LogEntry) -> list[contract.Appeal]:
        """Oldest first."""
        with self._lock:
            places = [*self._appeals.get(entry.verdict.validation_id, [])]
        return [_appeal(self._line(place), entry.verdict) for place in places]

    def appeals(self, params: contract.AppealListParams) -> contract.AppealListResponse:
        found, cursor = self._page(
            params.cursor, params.limit, lambda line: APPEAL in line, lambda line: isinstance(line.entry, AppealRecord)
        )
        return contract.AppealListResponse([_appeal(line, self._verdict_of(line)) for line in found], cursor)

    def since(self, after: Place) -> Iterator[tuple[Place, Line]]:
        """Verdicts after a place, in order; a line that cannot be read is left to `verify`."""
        for place, raw in self._chain.forwards(after):
            try:
                line = self._line_of(raw)
            except LukhasError:
                continue
            if isinstance(line.entry, VerdictRecord):
                yield place, line

    def place_of(self, seq: int) -> Place:
        """A place from which `since` gives that entry and what follows, and perhaps a few before it."""
        return self._chain.before(seq)

    def newest(self) -> Iterator[VerdictRecord]:
        """Newest first, as many as are indexed."""
        left = INDEXED
        for _, raw in self._chain.backwards():
            if left == 0:
                return
            left -= 1
            if b'"behaviour":{' in raw:
                try:
                    line = self._line_of(raw)
                except LukhasError:
                    continue
                if isinstance(line.entry, VerdictRecord):
                    yield line.entry

    def verify(self) -> LogVerification:
        self.verified = self._chain.verify()
        return self.verified

    async def export(self, send: Callable[[str], Awaitable[None]]) -> contract.LogExport:
        """Sends whole lines, as they are when it begins."""
        digest, entries = hashlib.sha256(), 0
        chunks, head = self._chain.chunks(), self._chain.end.hash
        while chunk := await asyncio.to_thread(next, chunks, b""):
            lines = chunk.decode("utf-8", "replace")  # a damaged byte is sent as what JSON can carry
            digest.update(lines.encode())
            entries += lines.count("\n")
            await send(lines)
        return contract.LogExport(entries, digest.hexdigest(), head)

    def close(self) -> None:
        self._chain.close()

    def _own(self, validation_id: str, caller: Caller) -> Place:
        place = self._place(validation_id)
        if place is not None:
            entry = self._line(place).entry
            if isinstance(entry, VerdictRecord) and (
                caller.tier is Tier.PRIME or entry.owner == caller.identity_id
            ):  # fmt: skip
                return place
        raise NotFound(
            f"the log holds no verdict {validation_id} of the caller's", hint="see: lukhas guardian log list"
        )

    def _place(self, validation_id: str) -> Place | None:
        if not ID.fullmatch(validation_id):
            return None
        with self._lock:
            known = self._index.get(_number(validation_id))
            complete = len(self._index) < INDEXED
        if known is not None or complete:
            return known
        # Written by us alone: a quotation mark within a text has a backslash before it.
        wanted = f'"entry":{{"kind":"verdict","validation_id":"{validation_id}"'.encode()
        for number, content in self._chain.contents():
            found = content.find(wanted)
            if found >= 0:
                return Place(number, content.rfind(b"\n", 0, found) + 1)
        return None

    def _line(self, place: Place) -> Line:
        return self._line_of(self._chain.read(place))

    def _line_of(self, raw: bytes) -> Line:
        try:
            return self._lines.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LukhasError(
                f"an entry of the verdict log is damaged: {error}", hint="see: lukhas guardian log verify"
            ) from None

    def _verdict_of(self, line: Line) -> VerdictRecord | None:
        assert isinstance(line.entry, AppealRecord)
        place = self._place(line.entry.validation_id)
        entry = self._line(place).entry if place is not None else None
        return entry if isinstance(entry, VerdictRecord) else None

    def _entry(self, line: Line) -> contract.LogEntry:
        assert isinstance(line.entry, VerdictRecord)
        with self._lock:
            appeals = len(self._appeals.get(line.entry.validation_id, []))
        return contract.LogEntry(line.seq, line.time, line.previous, line.hash, appeals, line.entry)

    def _page(
        self, cursor: str | None, limit: int, may_fit: Callable[[bytes], bool], fits: Callable[[Line], bool]
    ) -> tuple[list[Line], str | None]:
        before = place_in(cursor)
        found: list[Line] = []
        looked = 0
        last = before
        for _, raw in self._chain.backwards(before):
            looked += 1
            if len(found) == limit or (looked > LOOKED_THROUGH and last != before):
                return found, cursor_at(last)
            if not may_fit(raw) and looked < LOOKED_THROUGH:
                continue
            try:
                line = self._line_of(raw)
            except LukhasError:  # damaged: `verify` tells of it
                continue
            if before is not None and line.seq >= before:
                looked -= 1
                continue
            last = line.seq
            if fits(line):
                found.append(line)
        return found, None

    def _build_index(self) -> None:
        """Places of the newest verdicts, and of every appeal."""
        glance = msgspec.json.Decoder(GlanceLine)
        places: list[tuple[int, Place]] = []
        for place, raw in self._chain.backwards():
            if len(places) >= INDEXED:
                break
            try:
                entry = glance.decode(raw).entry
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            if entry.kind == "verdict" and ID.fullmatch(entry.validation_id):
                places.append((_number(entry.validation_id), place))
        self._index.update(reversed(places))
        for number, content in reversed([*self._appeals_in()]):
            self._appeals.setdefault(number, []).extend(content)

    def _appeals_in(self) -> Iterator[tuple[str, list[Place]]]:
        """Newest first."""
        glance = msgspec.json.Decoder(GlanceLine)
        for number, content in self._chain.contents():
            end = len(content)
            while (found := content.rfind(APPEAL, 0, end)) >= 0:
                end = start = content.rfind(b"\n", 0, found) + 1
                try:
                    entry = glance.decode(content[start : content.find(b"\n", found)]).entry
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue
                yield entry.validation_id, [Place(number, start)]


def _appeal(line: Line, verdict: VerdictRecord | None) -> contract.Appeal:
    entry = line.entry
    assert isinstance(entry, AppealRecord)
    return contract.Appeal(
        appeal_id=entry.appeal_id,
        validation_id=entry.validation_id,
        seq=line.seq,
        recorded_at=line.time,
        who=entry.who,
        decision=verdict.decision if verdict else None,
        reason=entry.reason,
        evidence=entry.evidence,
    )


def _number(validation_id: str) -> int:
    """An id as a number, which takes a third of the room."""
    return int(validation_id.removeprefix("val_"), 16)


def _ensure_key(paths: Paths, key_store: KeyStore) -> Secret:
    """The key of the contents' hashes. A lost one is made anew: hashes from before then fit nothing any more."""
    try:
        key = read_secret(paths, KEY)
    except LukhasError as error:
        logger.warning("the verdict log's key is made anew: %s", error.message)
        key = None
    if key is None or not re.fullmatch(rf"[0-9a-f]{{{2 * KEY_BYTES}}}", key):
        key = secrets.token_hex(KEY_BYTES)
        store_secret(paths, KEY, key, key_store)
    return Secret(key)
