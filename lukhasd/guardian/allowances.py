"""The allowlist in force: changed while the daemon runs, and at once what verdicts go by."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from lukhas_sdk.contract.allow import Allowed, AllowListResponse, AllowRequest
from lukhasd.guardian import allowlist
from lukhasd.guardian.allowlist import AllowEntry, Allowlist
from lukhasd.guardian.findings import Match
from lukhasd.guardian.policy import ALLOW_FILE


class Allowances:
    """Safe to use from any thread. What changes the file blocks until it is on disk."""

    def __init__(self, policy_dir: Path) -> None:
        """Raises ValidationError where the file is wrong."""
        self._policy_dir = policy_dir
        self._lock = threading.Lock()
        self._current = Allowlist.load(policy_dir)

    def applied(self, matches: Sequence[Match], content: str) -> list[Match]:
        """`matches`, those of allowed values lowered to notes."""
        return self._current.applied(matches, content, today())

    def listed(self) -> AllowListResponse:
        entries = [described(entry) for entry in self._current.entries]
        return AllowListResponse(entries, str(self._policy_dir / ALLOW_FILE))

    def add(self, request: AllowRequest) -> Allowed:
        entry = AllowEntry(
            rule=request.rule, reason=request.reason, expires=request.expires, sha256=request.sha256,
            path_glob=request.path_glob,
        )  # fmt: skip
        with self._lock:
            self._current = allowlist.add(self._policy_dir, entry)
        return described(entry)

    def remove(self, allow_id: str) -> AllowListResponse:
        with self._lock:
            self._current = allowlist.remove(self._policy_dir, allow_id)
        return self.listed()


def described(entry: AllowEntry) -> Allowed:
    return Allowed(
        id=entry.id, rule=entry.rule, reason=entry.reason, expires=entry.expires, expired=entry.expired(today()),
        sha256=entry.sha256, pattern=entry.pattern, path_glob=entry.path_glob,
    )  # fmt: skip


def today() -> date:
    return datetime.now(UTC).date()
