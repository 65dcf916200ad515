"""The filter language of a search: from text to a tree.

    budget "spare key" -draft (tag:work OR tag:home) speaker:Ana importance>=0.7 date:2025-03 budg* context.city:Bonn

What stands side by side must all hold, as with AND; OR binds weaker; NOT and - deny what follows. The operators are
written in capitals. A word is found in every form that has its stem. What stands in quotes, or holds more than letters
and digits (C#, notes.md), is found as it is written, symbols included; case, accents, spaces and the punctuation
between words do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from lukhas_sdk.errors import ValidationError
from lukhasd.memory import moments
from lukhasd.memory.catalogue import TYPES
from lukhasd.memory.words import Analyser

DEEPEST: Final = 50
LONGEST_VALUE: Final = 200
"""Values of `context` and of names are compared by so many characters."""
COMPARED: Final = re.compile(r"(importance|date)(>=|<=|>|<|=|:)")
NAMED: Final = re.compile(r"([A-Za-z][\w.\-]*):")
NAMES: Final = ("speaker", "tag", "type", "source")
DAY: Final = re.compile(r"\d{4}(-\d{2}){0,2}")
RUN: Final = re.compile(r'[^\s()"]+')
QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
FIELDS_TOLD: Final = "text, speaker, tag, type, source, context.KEY, importance, date"


@dataclass(frozen=True)
class Word:
    """A stem; `said` asks for it in the memory's text alone."""

    stem: str
    said: bool = False


@dataclass(frozen=True)
class Verbatim:
    """Words and symbols in this very order."""

    tokens: tuple[str, ...]
    said: bool = False


@dataclass(frozen=True)
class Prefix:
    """Of an unstemmed word."""

    start: str
    said: bool = False


@dataclass(frozen=True)
class Fact:
    """As `fact` makes it; with `prefix` whatever begins with it."""

    term: str
    prefix: bool = False


@dataclass(frozen=True)
class Between:
    """`name` is `importance`, or `event` in microseconds since 1970."""

    name: str
    low: float | None = None
    high: float | None = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True)
class Not:
    inner: Node


@dataclass(frozen=True)
class Every:
    inner: tuple[Node, ...]


@dataclass(frozen=True)
class Some:
    inner: tuple[Node, ...]


Node = Word | Verbatim | Prefix | Fact | Between | Not | Every | Some


def fact(key: str, value: str) -> str:
    """How the index keeps that `key` is `value`; case aside."""
    return f"{key}\0{value.casefold()[:LONGEST_VALUE]}"


def parse(text: str, analyser: Analyser) -> Node:
    """ValidationError names the column, from 1, where it cannot go on."""
    return _Parser(text, analyser).read()


@dataclass(frozen=True)
class _Token:
    """`kind` is `(`, `)`, `-`, AND, OR, NOT, or `leaf`: then `node` is what it asks for."""

    kind: str
    at: int
    node: Node | None = None


class _Parser:
    def __init__(self, text: str, analyser: Analyser) -> None:
        self._text = text
        self._analyser = analyser
        self._tokens = list(self._scan())
        self._next = 0

    def read(self) -> Node:
        if not self._tokens:
            self._fail(0, "there is nothing to look for")
        node = self._some(0)
        if self._next < len(self._tokens):
            self._fail(self._tokens[self._next].at, "this parenthesis closes none")
        return node

    def _some(self, depth: int) -> Node:
        parts = [self._every(depth)]
        while self._take("OR"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _every(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self._kind() not in ("OR", ")", ""):
            self._take("AND")
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self, depth: int) -> Node:
        if self._next == len(self._tokens):
            self._fail(len(self._text), "something is missing at the end")
        token = self._tokens[self._next]
        if depth > DEEPEST:
            self._fail(token.at, f"this is nested more than {DEEPEST} deep")
        self._next += 1
        if token.node is not None:
            return token.node
        if token.kind in ("NOT", "-"):
            return Not(self._one(depth + 1))
        if token.kind == "(":
            inner = self._some(depth + 1)
            if not self._take(")"):
                self._fail(token.at, "this parenthesis is never closed")
            return inner
        return self._fail(token.at, f"{token.kind} stands where a word or a field should")

    def _kind(self) -> str:
        return self._tokens[self._next].kind if self._next < len(self._tokens) else ""

    def _take(self, kind: str) -> bool:
        found = self._kind() == kind
        self._next += found
        return found

    def _scan(self) -> Iterator[_Token]:
        text, at = self._text, 0
        while at < len(text):
            letter = text[at]
            if letter.isspace():
                at += 1
            elif letter in "()":
                yield _Token(letter, at)
                at += 1
            elif letter == "-" and at + 1 < len(text) and not text[at + 1].isspace() and text[at + 1] != ")":
                yield _Token("-", at)
                at += 1
            else:
                token, at = self._leaf(at)
                yield token

    def _leaf(self, at: int) -> tuple[_Token, int]:
        run = RUN.match(self._text, at)
        word = run[0] if run else ""
        end = at + len(word)
        if word in ("AND", "OR", "NOT"):
            return _Token(word, at), end
        compared, named = COMPARED.match(word), NAMED.match(word)
        if compared is not None:
            return _Token("leaf", at, self._compare(compared, word, at)), end
        begins = at + (named.end() if named is not None else 0)
        quoted = begins == end and self._text[end : end + 1] == '"'
        value = word[begins - at :]
        if quoted:
            value, end = self._unquote(end)
        key = named[1] if named is not None else "any"
        return _Token("leaf", at, self._ask(key, value, at=at, begins=begins, quoted=quoted)), end

    def _unquote(self, at: int) -> tuple[str, int]:
        found = QUOTED.match(self._text, at)
        if found is None:
            self._fail(at, "this quotation mark is never closed")
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), found.end()

    def _ask(self, key: str, value: str, *, at: int, begins: int, quoted: bool) -> Node:
        if key in ("any", "text"):
            return self._words(value, begins, said=key == "text", quoted=quoted)
        if key not in NAMES and not re.fullmatch(r"context\..+", key):
            self._fail(at, f"there is no field {key}", f"fields: {FIELDS_TOLD}; a text with a colon goes in quotes")
        starred = value.endswith("*") and not quoted
        value = value.removesuffix("*") if starred else value
        if key == "type" and not (starred and any(kind.startswith(value.casefold()) for kind in TYPES)):
            self._known_type(value, begins)
        if not value and not starred:
            self._fail(at, f"{key} is compared with nothing", f"{key}:* finds whatever has one")
        return Fact(fact(key, value), prefix=starred)

    def _known_type(self, value: str, at: int) -> None:
        if value.casefold() not in TYPES:
            self._fail(at, f"there is no type {value[:40]!r}", f"types: {', '.join(TYPES)}")

    def _words(self, value: str, at: int, *, said: bool, quoted: bool) -> Node:
        if value.endswith("*") and not quoted:
            start = self._analyser.tokens(value[:-1])
            if len(start) != 1 or not start[0].isalnum():
                self._fail(at, "* stands after the beginning of a word", "as budg*; in quotes it is a symbol")
            return Prefix(start[0], said)
        tokens = self._analyser.tokens(value)
        if not tokens:
            self._fail(at, "there is nothing to look for")
        stems = self._analyser.terms(value)
        if len(tokens) == 1 and len(stems) == 1 and not quoted and tokens[0] == self._analyser.words(value)[0]:
            return Word(stems[0], said)
        return Verbatim(tuple(tokens), said)

    def _compare(self, found: re.Match[str], word: str, at: int) -> Node:
        name, sign, value = found[1], found[2], word[found.end() :]
        begins = at + found.end()
        if name == "date":
            start, end = self._period(value, begins)
            first, last = moments.microseconds(start), moments.microseconds(end)
            low = {">=": first, ">": last + 1, "=": first, ":": first}.get(sign)
            high = {"<=": last, "<": first - 1, "=": last, ":": last}.get(sign)
            return Between("event", low, high)
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not (0 <= number <= 1 and re.fullmatch(r"[0-9.]+", value)):
            self._fail(begins, f"{value[:40]!r} is not a number from 0 to 1", "as importance>=0.7")
        low_number = number if sign in (">=", ">", "=", ":") else None
        high_number = number if sign in ("<=", "<", "=", ":") else None
        return Between("importance", low_number, high_number, with_low=sign != ">", with_high=sign != "<")

    def _period(self, value: str, at: int) -> tuple[datetime, datetime]:
        """First and last moment of the year, month or day; a date-time is one moment."""
        try:
            if len(value) < 10 and DAY.fullmatch(value):
                first = moments.parse(f"{value}-01-01"[:10] if len(value) == 4 else f"{value}-01", field="$.where")
                following = (
                    (first.year + 1, 1) if len(value) == 4 or first.month == 12 else (first.year, first.month + 1)
                )
                return first, datetime(*following, 1, tzinfo=UTC) - timedelta(microseconds=1)
            return moments.parse(value, field="$.where"), moments.parse(value, field="$.where", end_of_day=True)
        except (ValidationError, ValueError, OverflowError):
            self._fail(at, f"not a date: {value[:40]!r}", "as date:2025, date:2025-03, date>=2025-03-01")

    def _fail(self, at: int, what: str, hint: str | None = None) -> NoReturn:
        column = max(1, min(at + 1, len(self._text)))
        raise ValidationError(
            f"where, column {column}: {what}",
            field="$.where",
            hint=hint or 'as: budget "spare key" tag:work (speaker:Ana OR speaker:Ben) -draft',
            details={"column": column},
        )
