"""Incidents, made from the verdict log: each rejection with a grave finding, and each that is the guardian's failure.

They are read off the log in the background, from where the last one was: what a crash or a failed write keeps from
being stored is made up for later, at the next verdict or the next start.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from lukhas_sdk.contract import incidents as contract
from lukhas_sdk.contract.guardian import Severity, Verdict
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor, insert_rows
from lukhasd.guardian.links import Place
from lukhasd.guardian.log import VerdictLog
from lukhasd.identity.caller import Caller
from lukhasd.records.metrics import Metrics
from lukhasd.records.moments import read_moment

logger = logging.getLogger(__name__)

GRAVE: tuple[Severity, ...] = ("high", "critical")
FAILURE: tuple[str, str, Severity] = (contract.GUARDIAN_FAILED, "guardian", "high")
BATCH = 2000
"""Entries of the log read for one transaction."""
RETRY_S = 30.0
UNLOGGED_KEPT = 1000
COLUMNS = (
    "incident_id, status, rule, category, severity, owner, who, session_id, count, first_seen, last_seen,"
    " validation_ids, resolved_at, resolved_by, note"
)


@dataclass(frozen=True)
class Event:
    """One grave rule of one rejected verdict."""

    at: datetime
    rule: str
    category: str
    severity: Severity
    owner: str | None
    who: str | None
    session_id: str | None
    validation_id: str

    @property
    def group(self) -> tuple[str | None, str | None, str]:
        return self.owner, self.session_id, self.rule


@dataclass
class _Row:
    """An open incident while verdicts are added to it."""

    incident_id: str
    severity: Severity
    count: int
    last_seen: datetime
    validation_ids: list[str]

    def add(self, event: Event) -> None:
        self.severity = max(self.severity, event.severity, key=GRAVE.index)
        self.count += 1
        self.last_seen = max(self.last_seen, event.at)
        self.validation_ids = [*self.validation_ids, event.validation_id][-contract.IDS_KEPT :]


def events_of(record: VerdictRecord, at: datetime) -> list[Event]:
    """One for each rule with a grave finding, or one for the guardian's failure; none for another decision."""
    if record.decision != "REJECTED":
        return []
    found = {
        finding.rule: (finding.rule, finding.category, finding.severity)
        for finding in sorted(record.findings, key=lambda each: each.severity == "critical")
        if finding.severity in GRAVE
    }
    if "decision" in record.reasons:
        found[contract.GUARDIAN_FAILED] = FAILURE
    return [
        Event(at, rule, category, severity, record.owner, record.who, record.session_id, record.validation_id)
        for rule, category, severity in found.values()
    ]


class Incidents:
    """Open with `Incidents.open`. `told` may be called from any thread; `close` waits for what is on its way."""

    def __init__(self, database: Database, log: VerdictLog, metrics: Metrics, *, seq: int) -> None:
        self._database = database
        self._log = log
        self._metrics = metrics
        self._seq = min(seq, log.entries)
        self._place: Place | None = None
        self.changed: Callable[[Sequence[str], str], None] = lambda ids, status: None
        """Given the ids of incidents that were opened or resolved, and which; from any thread."""
        self._unlogged: list[Event] = []
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="incidents", daemon=True)

    @classmethod
    def open(cls, database: Database, log: VerdictLog, metrics: Metrics) -> Incidents:
        """Blocks. What the log holds that no incident was made of yet is looked at in the background."""
        sql = "SELECT max(seq) FROM incidents_progress"
        (row,) = database.call(lambda cursor: cursor.execute(sql).fetchall())
        incidents = cls(database, log, metrics, seq=int(row[0] or 0))
        incidents._news.set()
        incidents._thread.start()
        return incidents

    def told(self, record: VerdictRecord | None, verdict: Verdict) -> None:
        """A verdict was answered; `record` is None where the log could not be written: then this is all that is known
        of it."""
        if verdict.decision != "REJECTED":
            return
        if record is None:
            with self._lock:
                event = Event(datetime.now(UTC), *FAILURE, None, None, None, verdict.validation_id)
                self._unlogged = [*self._unlogged, event][-UNLOGGED_KEPT:]
        self._news.set()

    def catch_up(self) -> None:
        """Makes incidents of all that the log holds now. Raises what the database raises; nothing is lost then."""
        while self._step():
            pass

    def close(self) -> None:
        self._closing.set()
        self._news.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._news.wait()
            self._news.clear()
            try:
                self.catch_up()
            except Exception:
                self._metrics.increment("incidents.failed")
                if self._closing.is_set():
                    logger.warning("incidents of the last verdicts are made at the next start")
                    return
                logger.exception("incidents could not be stored; they are made from the verdict log later")
                self._news.wait(RETRY_S)
                self._news.set()

    def _step(self) -> bool:
        """One batch; whether there may be more."""
        start = self._place or self._log.place_of(self._seq)
        read = list(islice(self._log.since(start), BATCH))
        with self._lock:
            unlogged = [*self._unlogged]
        events = [event for _, line in read if line.seq > self._seq for event in _events(line.entry, line.time)]
        events += unlogged
        seq = max([self._seq, *(line.seq for _, line in read)])
        if events or seq > self._seq:
            opened = self._database.call(lambda cursor: _store(cursor, events, seq))
            if opened:
                self.changed(opened, "opened")
        if read:
            self._seq, self._place = seq, read[-1][0]
        with self._lock:
            self._unlogged = self._unlogged[len(unlogged) :]
        return len(read) == BATCH

    async def find_all(self, params: contract.IncidentListParams) -> contract.IncidentListResponse:
        before, moment = _cursor(params.cursor), read_moment(params.since, "since")

        def read(cursor: Cursor) -> tuple[Sequence[tuple[Any, ...]], int]:
            where = " (? IS NULL OR status = ?) AND (? IS NULL OR severity = ?) AND (? IS NULL OR last_seen >= ?)"
            since = _naive(moment) if moment else None
            values = [params.status, params.status, params.severity, params.severity, since, since]
            count = cursor.execute(f"SELECT count(*) FROM incidents WHERE{where}", values).fetchall()  # noqa: S608
            rows = cursor.execute(
                f"SELECT {COLUMNS} FROM incidents WHERE{where}"  # noqa: S608
                " AND (? IS NULL OR (first_seen, incident_id) < (?, ?))"
                " ORDER BY first_seen DESC, incident_id DESC LIMIT ?",
                [*values, before and before[0], before and before[0], before and before[1], params.limit + 1],
            ).fetchall()
            return rows, int(count[0][0])

        rows, total = await self._database.read(read)
        found = [_incident(row) for row in rows]
        page = found[: params.limit]
        last = page[-1] if len(found) > len(page) else None
        return contract.IncidentListResponse(
            page, total, f"{_naive(last.first_seen).isoformat()}_{last.incident_id}" if last else None
        )

    async def show(self, incident_id: str) -> contract.Incident:
        """NotFound."""
        sql = f"SELECT {COLUMNS} FROM incidents WHERE incident_id = ?"  # noqa: S608
        rows = await self._database.read(lambda cursor: cursor.execute(sql, [incident_id]).fetchall())
        if not rows:
            raise NotFound(f"no incident is called {incident_id}", hint="see: lukhas incidents list")
        return _incident(rows[0])

    async def resolve(self, incident_id: str, note: str, caller: Caller) -> contract.Incident:
        """NotFound, or Conflict where it is resolved already."""
        now = _naive(datetime.now(UTC))

        def write(cursor: Cursor) -> bool:
            changed = cursor.execute(
                "UPDATE incidents SET status = 'resolved', resolved_at = ?, resolved_by = ?, note = ?"
                " WHERE incident_id = ? AND status = 'open' RETURNING incident_id",
                [now, caller.lambda_id, note, incident_id],
            ).fetchall()
            return bool(changed)

        changed = await self._database.write(write)
        incident = await self.show(incident_id)
        if not changed:
            raise Conflict(
                f"{incident_id} was resolved already by {incident.resolved_by}",
                hint="a new verdict of its kind opens a new incident",
            )
        self.changed([incident_id], "resolved")
        return incident


def _events(entry: object, at: datetime) -> Iterator[Event]:
    if isinstance(entry, VerdictRecord):
        yield from events_of(entry, at)


def _store(cursor: Cursor, events: Sequence[Event], seq: int) -> list[str]:
    """All of them in one transaction, with how far that is along the log; gives the ids of those that are new."""
    known: dict[tuple[str | None, str | None, str], _Row] = {}
    opened: list[tuple[Event, _Row]] = []
    touched: dict[str, _Row] = {}
    for event in events:
        row = known.get(event.group) or _open_row(cursor, event)
        if row is None or event.at - row.last_seen > timedelta(seconds=contract.GROUPING_S):
            row = _Row(f"inc_{event.at:%Y_%m_%d}_{secrets.token_hex(5)}", event.severity, 0, event.at, [])
            opened.append((event, row))
        elif all(row is not new for _, new in opened):
            touched[row.incident_id] = row
        row.add(event)
        known[event.group] = row
    for row in touched.values():
        cursor.execute(
            "UPDATE incidents SET severity = ?, count = ?, last_seen = ?, validation_ids = ? WHERE incident_id = ?",
            [row.severity, row.count, _naive(row.last_seen), row.validation_ids, row.incident_id],
        )
    for event, row in opened:
        insert_rows(cursor, "incidents", {
            "incident_id": [row.incident_id], "status": ["open"], "rule": [event.rule], "category": [event.category],
            "severity": [row.severity], "owner": [event.owner], "who": [event.who], "session_id": [event.session_id],
            "count": [row.count], "first_seen": [_naive(event.at)], "last_seen": [_naive(row.last_seen)],
            "validation_ids": [row.validation_ids],
        })  # fmt: skip
    cursor.execute("UPDATE incidents_progress SET seq = ?", [seq])
    return [row.incident_id for _, row in opened]


def _open_row(cursor: Cursor, event: Event) -> _Row | None:
    """The open incident that the event may belong to."""
    rows = cursor.execute(
        "SELECT incident_id, severity, count, last_seen, validation_ids FROM incidents"
        " WHERE status = 'open' AND rule = ? AND owner IS NOT DISTINCT FROM ? AND session_id IS NOT DISTINCT FROM ?"
        " ORDER BY last_seen DESC LIMIT 1",
        [event.rule, event.owner, event.session_id],
    ).fetchall()
    if not rows:
        return None
    incident_id, severity, count, last_seen, ids = rows[0]
    return _Row(incident_id, severity, int(count), last_seen.replace(tzinfo=UTC), list(ids))


def _incident(row: tuple[Any, ...]) -> contract.Incident:
    (incident_id, status, rule, category, severity, _, who, session_id, count, first, last, ids, resolved_at,
     resolved_by, note) = row  # fmt: skip
    first, last, resolved_at = (each and each.replace(tzinfo=UTC) for each in (first, last, resolved_at))
    return contract.Incident(
        incident_id, status, rule, category, severity, who, session_id, int(count), first, last, list(ids),
        resolved_at, resolved_by, note,
    )  # fmt: skip


def _cursor(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    moment, _, incident_id = cursor.partition("_")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=None), incident_id
    except ValueError:
        raise ValidationError(
            "cursor is not one that a list gave", field="$.cursor", hint="start again without it"
        ) from None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
