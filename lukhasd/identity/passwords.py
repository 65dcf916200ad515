"""Passwords: Argon2id, and a lock after five wrong ones."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from lukhas_sdk.errors import InvalidToken
from lukhasd.identity.people import People, Person, now

FAILURES_ALLOWED = 5
LOCK = timedelta(minutes=15)
STRANGERS_KEPT = 1024
"""Unknown names whose failures are remembered, so that a lock does not tell which names exist."""


class Passwords:
    """One check at a time: a check takes 64 MiB, and failures must be counted one by one."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._hasher = PasswordHasher()
        self._one_at_a_time = asyncio.Lock()
        self._decoy: str | None = None
        self._strangers: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()

    async def check(self, name: str, password: str) -> Person:
        """The person called `name`. InvalidToken if the password is wrong, the name unknown, or either is locked."""
        async with self._one_at_a_time:
            person = self._people.by_name(name)
            failures, locked_until = (
                (person.failures, person.locked_until) if person else self._strangers.get(name, (0, None))
            )
            if locked_until is not None:
                _refuse_while_locked(locked_until)
                failures = 0
            matches = await asyncio.to_thread(self._verify, person.password if person else None, password)
            if person and matches:
                if person.failures:
                    await self._people.set_failures(person, 0, None)
                return self._people.by_id(person.identity_id) or person
            failures += 1
            await self._count(name, person, failures, now() + LOCK if failures >= FAILURES_ALLOWED else None)
        raise InvalidToken(
            "the name or the password is wrong",
            hint="the name is a ΛiD (see: lukhas auth status); a password is set with: lukhas auth password",
        )

    async def set(self, person: Person, password: str) -> None:
        async with self._one_at_a_time:
            phc = await asyncio.to_thread(self._hasher.hash, password)
            await self._people.set_password(person, phc)

    async def _count(self, name: str, person: Person | None, failures: int, locked_until: datetime | None) -> None:
        if person:
            await self._people.set_failures(person, failures, locked_until)
            return
        self._strangers[name] = (failures, locked_until)
        self._strangers.move_to_end(name)
        if len(self._strangers) > STRANGERS_KEPT:
            self._strangers.popitem(last=False)

    def _verify(self, phc: str | None, password: str) -> bool:
        """Takes as long for an unknown name, or one without a password, as for a known one."""
        if self._decoy is None:
            self._decoy = self._hasher.hash("no one's password")
        try:
            matches = self._hasher.verify(phc or self._decoy, password)
        except VerifyMismatchError:
            return False
        except VerificationError as error:
            raise InvalidToken(
                "the stored password cannot be checked", hint="set a new one: lukhas auth password"
            ) from error
        return matches and phc is not None


def _refuse_while_locked(locked_until: datetime) -> None:
    left_s = (locked_until - now()).total_seconds()
    if left_s > 0:
        raise InvalidToken(
            f"too many wrong passwords: locked until {locked_until:%H:%M:%S} UTC",
            hint=f"wait {math.ceil(left_s / 60)} min; the local key keeps working",
            retry_after_s=left_s,
        )
