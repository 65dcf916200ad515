"""Values that someone looked at and let pass for a while: `allow.toml` in the policy folder.

    [[allow]]
    sha256 = "9f86d081…"            # of the exact text that the rule fires on; or a bounded pattern = '''…''' for it
    rule = "secrets.password"       # `secrets.*` for all of a pack
    reason = "the password of the demonstration database, which anyone may know"
    expires = 2027-03-31            # at most a year ahead
    path_glob = "docs/*"            # optional: only for content that comes from such a file

It silences findings of secrets and personal data, and no others: those become notes. A digest of a short or common
value can be guessed by whoever reads the file, which is why it is kept 0600.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.guardian.findings import Match
from lukhasd.guardian.patterns import compile_bounded
from lukhasd.guardian.policy import ALLOW_FILE

CATEGORIES = frozenset({"secret", "personal_data"})
LONGEST = timedelta(days=366)
MAX_BYTES = 500_000
MAX_ENTRIES = 1000
HINT = f"mend or remove the entry in {ALLOW_FILE}, or remove it: lukhas guardian allow remove"


class AllowEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One value, or those of a pattern, that a rule may find without consequence until the end of `expires` (UTC)."""

    rule: str
    reason: str
    expires: date
    sha256: str | None = None
    pattern: str | None = None
    path_glob: str | None = None

    @property
    def id(self) -> str:
        """The same for the same rule, value and paths."""
        told = "\0".join((self.rule, self.sha256 or "", self.pattern or "", self.path_glob or ""))
        return f"allow_{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    def expired(self, today: date) -> bool:
        return today > self.expires


class AllowFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    allow: list[AllowEntry] = []


@dataclass(frozen=True)
class Allowlist:
    """The entries in the order of the file, and their patterns, compiled."""

    entries: tuple[AllowEntry, ...]
    patterns: dict[str, re.Pattern[str]]

    @classmethod
    def load(cls, policy_dir: Path, *, today: date | None = None) -> Allowlist:
        """The list in `policy_dir`; empty without a file. ValidationError that names the entry where one is wrong."""
        path = policy_dir / ALLOW_FILE
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return cls((), {})
        except OSError as error:
            raise ValidationError(
                f"{path} cannot be read: {error.strerror}", field=str(path), hint="mend its permissions or remove it"
            ) from error
        return cls.of(_parsed(raw, path), where=str(path), today=today or _today())

    @classmethod
    def of(cls, entries: Sequence[AllowEntry], *, where: str, today: date) -> Allowlist:
        """A checked list of `entries`."""
        if len(entries) > MAX_ENTRIES:
            raise ValidationError(f"{where} has more than {MAX_ENTRIES} entries", field=where, hint=HINT)
        compiled: dict[str, re.Pattern[str]] = {}
        for number, entry in enumerate(entries, 1):
            place = f"{where}: entry {number} ({entry.rule or 'no rule'})"
            _check(entry, place, today)
            if entry.pattern is not None:
                compiled[entry.pattern] = compile_bounded(entry.pattern, where=place)
        return cls(tuple(entries), compiled)

    def permits(self, match: Match, content: str, today: date, *, path: str | None = None) -> AllowEntry | None:
        """The entry that lets `match` in `content` pass on `today`, or None. `path`: the file the content is from."""
        category = match.category or match.rule.category
        if not {category, match.rule.category} <= CATEGORIES or match.rule.pattern is None:
            return None
        value = content[match.start : match.end]
        return next((entry for entry in self.entries if self._covers(entry, match, value, today, path)), None)

    def applied(self, matches: Iterable[Match], content: str, today: date, *, path: str | None = None) -> list[Match]:
        """`matches`, those that are permitted lowered to notes that say until when and why."""
        return [
            match if (entry := self.permits(match, content, today, path=path)) is None else permitted(match, entry)
            for match in matches
        ]

    def notices(self, today: date) -> list[str]:
        """One line for each entry that no longer counts."""
        return [
            f"{entry.id} ({entry.rule}) expired on {entry.expires}: its value is reported again"
            for entry in self.entries
            if entry.expired(today)
        ]

    def _covers(self, entry: AllowEntry, match: Match, value: str, today: date, path: str | None) -> bool:
        if entry.expired(today) or not fnmatchcase(match.rule.name, entry.rule):
            return False
        if entry.path_glob is not None and (path is None or not fnmatchcase(path, entry.path_glob)):
            return False
        if entry.pattern is not None:
            return self.patterns[entry.pattern].fullmatch(value) is not None
        return entry.sha256 == digest(value)


def permitted(match: Match, entry: AllowEntry) -> Match:
    return replace(match, severity="low", note=f"allowed until {entry.expires}: {entry.reason}")


def digest(value: str) -> str:
    """What `sha256` of an entry for `value` is."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def add(policy_dir: Path, entry: AllowEntry, *, today: date | None = None) -> Allowlist:
    """The list with `entry` at its end, in the place of one with the same id, written to the file."""
    today = today or _today()
    kept = [each for each in Allowlist.load(policy_dir, today=today).entries if each.id != entry.id]
    return _written(policy_dir, [*kept, entry], today)


def remove(policy_dir: Path, entry_id: str, *, today: date | None = None) -> Allowlist:
    """The list without the entry called `entry_id`, written to the file; NotFound where there is none."""
    today = today or _today()
    entries = Allowlist.load(policy_dir, today=today).entries
    kept = [each for each in entries if each.id != entry_id]
    if len(kept) == len(entries):
        raise NotFound(f"nothing called {entry_id} is allowed", hint="see the ids: lukhas guardian allow list")
    return _written(policy_dir, kept, today)


def _today() -> date:
    return datetime.now(UTC).date()


def _parsed(raw: bytes, path: Path) -> list[AllowEntry]:
    if len(raw) > MAX_BYTES:
        raise ValidationError(f"{path} is larger than {MAX_BYTES} bytes", field=str(path), hint=HINT)
    try:
        return msgspec.convert(tomllib.loads(raw.decode("utf-8")), AllowFile).allow
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValidationError(
            f"{path} is not valid TOML: {error}", field=str(path), hint="mend or remove the file"
        ) from None
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        number = re.search(r"allow\[(\d+)\]", place)
        named = f": entry {int(number[1]) + 1}" if number else ""
        raise ValidationError(f"{path}{named}: {message}", field=f"{path}{named}", hint=HINT) from None


def _check(entry: AllowEntry, place: str, today: date) -> None:
    problem = None
    if not re.fullmatch(r"[a-z][\w-]{0,63}\.[\w*?]{1,64}", entry.rule):
        problem = "rule must be <pack>.<rule>, as secrets.password, or <pack>.*"
    elif not entry.reason.strip() or len(entry.reason) > 500 or not entry.reason.isprintable():
        problem = "reason must say in one line of at most 500 characters why the value may pass"
    elif (entry.sha256 is None) == (entry.pattern is None):
        problem = "needs either sha256 or pattern"
    elif entry.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
        problem = "sha256 must be 64 hexadecimal digits, in lower case"
    elif entry.expires > today + LONGEST:
        problem = f"expires must be at most a year ahead, by {today + LONGEST}"
    elif entry.path_glob is not None and not 0 < len(entry.path_glob) <= 300:
        problem = "path_glob must have 1 to 300 characters"
    if problem:
        raise ValidationError(f"{place}: {problem}", field=place, hint=HINT)


def _written(policy_dir: Path, entries: Sequence[AllowEntry], today: date) -> Allowlist:
    """Checks `entries`, then puts the file in its place as a whole, 0600, synced."""
    path = policy_dir / ALLOW_FILE
    made = Allowlist.of(entries, where=str(path), today=today)
    policy_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = policy_dir / f".{ALLOW_FILE}.{secrets.token_hex(6)}"
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write("\n".join(map(_toml, entries)).encode("utf-8"))
            out.flush()
            os.fsync(out.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return made


def _toml(entry: AllowEntry) -> str:
    told = msgspec.structs.asdict(entry)
    lines = [
        f"{name} = {value if isinstance(value, date) else _string(value)}"
        for name, value in told.items()
        if value is not None
    ]
    return "\n".join(["[[allow]]", *lines, ""])


def _string(value: str) -> str:
    """A TOML basic string, which is a JSON string but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
