"""The identities of this machine and what their passwords have been through."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.errors import Conflict
from lukhasd.database import Database
from lukhasd.database.connection import Cursor


@dataclass(frozen=True)
class Person:
    identity_id: str
    lambda_id: str
    tier: Tier
    password: str | None
    """Argon2id, in PHC form."""
    failures: int
    """Wrong passwords in a row."""
    locked_until: datetime | None
    name: str | None
    """Besides the ΛiD; the machine's owner has none."""
    created_at: datetime


def now() -> datetime:
    return datetime.now(UTC)


def to_database(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def from_database(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


class People:
    """All identities in memory, written through to the database: nothing on a request's way waits for a read."""

    def __init__(self, database: Database, people: list[Person]) -> None:
        self._database = database
        self._people = {person.identity_id: person for person in people}

    @classmethod
    async def open(cls, database: Database) -> People:
        """The first start makes the machine's owner."""
        people = await database.read(_load)
        if not people:
            await database.write(_make_owner)
            people = await database.read(_load)
        return cls(database, people)

    @property
    def owner(self) -> Person:
        return next(iter(self._people.values()))

    def by_id(self, identity_id: str) -> Person | None:
        return self._people.get(identity_id)

    def by_name(self, name: str) -> Person | None:
        """By ΛiD or name, of which case does not matter."""
        wanted = name.casefold()
        return next(
            (
                person
                for person in self._people.values()
                if person.lambda_id == name or (person.name is not None and person.name.casefold() == wanted)
            ),
            None,
        )

    def all(self) -> list[Person]:
        """The machine's owner first, then as they came."""
        return [*self._people.values()]

    async def add(self, name: str, tier: Tier) -> Person:
        """Conflict where somebody is called so."""
        if self.by_name(name) is not None:
            raise Conflict(f"an identity called {name!r} exists already", hint="see: lukhas identity list")
        created = now()
        number = max(int(person.lambda_id.rpartition("-")[2]) for person in self._people.values()) + 1
        lambda_id = f"{tier.label}-{created.year}-{number:04d}"
        person = Person(str(uuid.uuid4()), lambda_id, tier, None, 0, None, name, created)
        self._people[person.identity_id] = person  # before the write: a second one of this name must meet it
        try:
            await self._database.write(lambda cursor: _insert(cursor, person))
        except BaseException:
            del self._people[person.identity_id]
            raise
        return person

    async def remove(self, person: Person) -> None:
        await self._database.write(
            lambda cursor: cursor.execute("DELETE FROM identities WHERE identity_id = ?", [person.identity_id])
        )
        self._people.pop(person.identity_id, None)

    async def set_password(self, person: Person, phc: str) -> None:
        await self._save(replace(person, password=phc, failures=0, locked_until=None))

    async def set_failures(self, person: Person, failures: int, locked_until: datetime | None) -> None:
        await self._save(replace(person, failures=failures, locked_until=locked_until))

    async def _save(self, person: Person) -> None:
        def update(cursor: Cursor) -> None:
            cursor.execute(
                "UPDATE identities SET password = ?, failures = ?, locked_until = ? WHERE identity_id = ?",
                [person.password, person.failures, to_database(person.locked_until), person.identity_id],
            )

        await self._database.write(update)
        self._people[person.identity_id] = person


def _load(cursor: Cursor) -> list[Person]:
    rows = cursor.execute(
        "SELECT identity_id, lambda_id, tier, password, failures, locked_until, name, created_at FROM identities"
        " ORDER BY created_at"
    ).fetchall()
    return [
        Person(
            identity_id, lambda_id, Tier.from_label(tier), password, failures, from_database(locked_until), name,
            created_at.replace(tzinfo=UTC),
        )
        for identity_id, lambda_id, tier, password, failures, locked_until, name, created_at in rows
    ]  # fmt: skip


def _insert(cursor: Cursor, person: Person) -> None:
    cursor.execute(
        "INSERT INTO identities (identity_id, lambda_id, tier, failures, created_at, name) VALUES (?, ?, ?, 0, ?, ?)",
        [person.identity_id, person.lambda_id, person.tier.label, to_database(person.created_at), person.name],
    )


def _make_owner(cursor: Cursor) -> None:
    created = now()
    cursor.execute(
        "INSERT INTO identities (identity_id, lambda_id, tier, failures, created_at) VALUES (?, ?, ?, 0, ?)",
        [str(uuid.uuid4()), f"ΛPRIME-{created.year}-0001", Tier.PRIME.label, to_database(created)],
    )
