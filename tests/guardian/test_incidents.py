"""Incidents are made of the verdict log, in the background; a failure or a crash on the way loses none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from keeping import ANA, BOB, PRIME, ask, finding, open_log, verdict
from serving import make_paths

from lukhas_sdk.contract.guardian import Finding, Verdict
from lukhas_sdk.contract.incidents import GUARDIAN_FAILED, Incident, IncidentListParams
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhasd.database import Database
from lukhasd.guardian.log import VerdictLog
from lukhasd.identity.caller import Caller
from lukhasd.records.incidents import Incidents
from lukhasd.records.metrics import Metrics

WIPE = finding("shell.wipe", "high")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return make_paths(tmp_path)


@contextmanager
def running(paths: Paths, metrics: Metrics | None = None) -> Iterator[tuple[Incidents, VerdictLog, Database]]:
    database, log = Database.open(paths.database), open_log(paths)
    incidents = Incidents.open(database, log, metrics or Metrics())
    try:
        yield incidents, log, database
    finally:
        incidents.close()
        log.close()
        database.close()


def tell(
    incidents: Incidents, log: VerdictLog, made: Verdict, caller: Caller | None = ANA, session: str | None = None
) -> str:
    record = log.record(ask("x", session=session), made, caller)
    incidents.told(record, made)
    return made.validation_id


async def found(incidents: Incidents, verdicts: int, **filters: Any) -> list[Incident]:
    """Once they hold so many verdicts together."""
    deadline_s = time.monotonic() + 10
    while True:
        listed = (await incidents.find_all(IncidentListParams(**filters))).incidents
        if sum(each.count for each in listed) >= verdicts or time.monotonic() > deadline_s:
            assert sum(each.count for each in listed) == verdicts
            return listed


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        (verdict("REJECTED", finding("a.one", "high")), ["a.one"]),
        (verdict("REJECTED", finding("a.one", "critical"), finding("a.two", "high")), ["a.one", "a.two"]),
        (verdict("REJECTED", finding("a.one", "high"), finding("a.one", "high", start=5, end=9)), ["a.one"]),
        (verdict("REJECTED", finding("a.one", "high"), finding("a.note", "medium")), ["a.one"]),
        (verdict("REJECTED", reasons={"decision": "no verdict within 5 ms"}), [GUARDIAN_FAILED]),
        (verdict("REJECTED", finding("a.one", "medium")), []),
        (verdict("REVIEW", finding("a.one", "critical")), []),
        (verdict("APPROVED", finding("a.one", "high")), []),
    ],
)
async def test_what_opens_one(paths: Paths, made: Verdict, rules: list[str]) -> None:
    with running(paths) as (incidents, log, _):
        tell(incidents, log, made)
        tell(incidents, log, verdict("REJECTED", finding("z.last", "high")), BOB)  # the log is read in order
        listed = await found(incidents, len(rules) + 1)
        assert sorted(each.rule for each in listed) == [*rules, "z.last"]
        first = [each for each in listed if each.rule != "z.last"]
        assert all(each.validation_ids == [made.validation_id] for each in first)
        assert all((each.status, each.who) == ("open", ANA.lambda_id) for each in first)


async def test_what_belongs_together_is_one(paths: Paths) -> None:
    with running(paths) as (incidents, log, _):
        ids = [tell(incidents, log, verdict("REJECTED", WIPE), session="s") for _ in range(30)]
        tell(incidents, log, verdict("REJECTED", finding("shell.wipe", "critical")), session="s")
        tell(incidents, log, verdict("REJECTED", WIPE), session="other")
        tell(incidents, log, verdict("REJECTED", WIPE))
        tell(incidents, log, verdict("REJECTED", WIPE), BOB, session="s")
        tell(incidents, log, verdict("REJECTED", finding("shell.else", "high")), session="s")
        listed = await found(incidents, 35)
        assert len(listed) == 5
        (large,) = (each for each in listed if each.count == 31)
        assert (large.severity, large.session_id, large.rule) == ("critical", "s", "shell.wipe")
        assert len(large.validation_ids) == 20
        assert large.validation_ids[:-1] == ids[11:]
        assert large.last_seen > large.first_seen


async def test_after_ten_minutes_it_is_a_new_one(paths: Paths) -> None:
    with running(paths) as (incidents, log, database):
        tell(incidents, log, verdict("REJECTED", WIPE))
        await found(incidents, 1)
        tell(incidents, log, verdict("REJECTED", WIPE))
        assert len(await found(incidents, 2)) == 1
        await database.write(
            lambda cursor: cursor.execute("UPDATE incidents SET last_seen = last_seen - INTERVAL 601 SECOND")
        )
        tell(incidents, log, verdict("REJECTED", WIPE))
        assert [each.count for each in await found(incidents, 3)] == [1, 2]


async def test_a_resolved_one_stays_so(paths: Paths) -> None:
    with running(paths) as (incidents, log, _):
        tell(incidents, log, verdict("REJECTED", WIPE))
        (one,) = await found(incidents, 1)
        done = await incidents.resolve(one.incident_id, "a typing mistake", PRIME)
        assert (done.status, done.resolved_by, done.note) == ("resolved", PRIME.lambda_id, "a typing mistake")
        with pytest.raises(Conflict, match="resolved already"):
            await incidents.resolve(one.incident_id, "again", PRIME)
        with pytest.raises(NotFound):
            await incidents.resolve("inc_nobody", "x", PRIME)
        tell(incidents, log, verdict("REJECTED", WIPE))
        listed = await found(incidents, 2)
        assert sorted(each.status for each in listed) == ["open", "resolved"]
        assert (await incidents.show(one.incident_id)).count == 1


async def test_a_list_is_filtered_and_goes_on(paths: Paths) -> None:
    with running(paths) as (incidents, log, _):
        for number in range(7):
            tell(incidents, log, verdict("REJECTED", finding(f"a.r{number}", "critical" if number % 2 else "high")))
        listed = await found(incidents, 7)
        await incidents.resolve(listed[0].incident_id, "done", PRIME)
        assert len((await incidents.find_all(IncidentListParams(severity="critical"))).incidents) == 3
        assert len((await incidents.find_all(IncidentListParams(status="open"))).incidents) == 6
        late = listed[0].last_seen + timedelta(seconds=1)
        assert (await incidents.find_all(IncidentListParams(since=late.isoformat()))).total_count == 0
        walked: list[str] = []
        cursor = None
        while True:
            page = await incidents.find_all(IncidentListParams(limit=3, cursor=cursor))
            assert page.total_count == 7
            walked += [each.incident_id for each in page.incidents]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert walked == [each.incident_id for each in listed]
        with pytest.raises(ValidationError, match="cursor"):
            await incidents.find_all(IncidentListParams(cursor="yesterday"))


async def test_what_a_crash_kept_from_being_stored_is_made_up_for(paths: Paths) -> None:
    """The log has them, the database does not: as after a kill between the two."""
    with running(paths) as (incidents, log, _):
        tell(incidents, log, verdict("REJECTED", WIPE))
        await found(incidents, 1)
    log = open_log(paths)
    for number in range(3):
        log.record(ask("x"), verdict("REJECTED", finding(f"a.r{number}", "high")), ANA)
    log.close()
    for _ in range(2):  # the second start finds nothing more to do
        with running(paths) as (incidents, log, _):
            listed = await found(incidents, 4)
            assert sorted(each.rule for each in listed) == ["a.r0", "a.r1", "a.r2", "shell.wipe"]


async def test_a_write_that_fails_is_made_again(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lukhasd.records.incidents.RETRY_S", 0.01)
    metrics = Metrics()
    with running(paths, metrics) as (incidents, log, database):
        call, failures = database.call, iter(range(3))

        def failing(run: Any) -> Any:
            if next(failures, None) is not None:
                raise duckdb.IOException("Could not write file")
            return call(run)

        monkeypatch.setattr(database, "call", failing)
        tell(incidents, log, verdict("REJECTED", WIPE))
        (one,) = await found(incidents, 1)
        assert one.count == 1
        assert metrics.counter("incidents.failed") == 3


async def test_a_verdict_that_is_not_in_the_log_is_one_too(paths: Paths) -> None:
    with running(paths) as (incidents, _, _):
        made = verdict("REJECTED", reasons={"decision": "the verdict could not be written down"})
        incidents.told(None, made)
        (one,) = await found(incidents, 1)
        assert (one.rule, one.validation_ids) == (GUARDIAN_FAILED, [made.validation_id])


async def test_it_shows_no_content(paths: Paths) -> None:
    said: Finding = finding("a.one", "high", excerpt="waldo", text="It is about waldo.")
    with running(paths) as (incidents, log, database):
        tell(incidents, log, verdict("REJECTED", said))
        await found(incidents, 1)
        rows = await database.read(lambda cursor: cursor.execute("SELECT * FROM incidents").fetchall())
        assert "waldo" not in json.dumps(rows, default=str)


def test_from_the_command_line(unlimited_home: Any) -> None:
    home = unlimited_home
    rejected = home.run("guardian", "validate", "--type", "shell_command", "--json", "--", "rm -rf /")
    verdict_id = json.loads(rejected.stdout)["data"]["validation_id"]
    deadline_s = time.monotonic() + 20
    rows: list[list[str]] = []
    while not rows:
        assert time.monotonic() < deadline_s
        listed = home.run("incidents", "list", "--status", "open", "--severity", "critical", check=True)
        rows = [line.split("\t") for line in listed.stdout.splitlines()]
    incident_id = rows[0][0]
    assert verdict_id in home.run("incidents", "show", incident_id, check=True).stdout
    done = home.run("incidents", "resolve", incident_id, "--note", "-", input="a test\n", check=True)
    assert "resolved" in done.stdout
    assert home.run("incidents", "resolve", incident_id, "--note", "again").returncode == 1
    assert home.run("incidents", "show", "inc_nobody").returncode == 5
    assert home.run("incidents", "list", "--since", "someday").returncode == 2
    assert json.loads(home.run("incidents", "list", "--json", check=True).stdout)["data"]["total_count"] >= 1
