"""Policy packs: TOML files of rules with tests of their own, checked when they are loaded.

A user pack in the policy folder *replaces* a built-in pack of the same name, unless it says `extends = true`: then its
rules are added to that pack's, and those with the same id take their place. See `Rule` and `ShellRule` for the fields.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from lukhas_sdk.contract.guardian import ActionType, Decision, PolicyPack, PolicyRule, Severity
from lukhas_sdk.errors import ValidationError
from lukhasd.guardian.detectors.checks import CHECKS
from lukhasd.guardian.patterns import compile_bounded, compile_pattern

Framework = Literal["constitutional", "deontological", "consequentialist", "utilitarian", "virtue", "care"]
ACTION_TYPES: tuple[str, ...] = get_args(ActionType)
MAX_PACK_BYTES = 500_000
ALLOW_FILE = "allow.toml"
"""The list of allowed values, which is no pack: see `allowlist.Allowlist`."""


class ShellRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a command must be for the rule to fire. Every field given must hold; patterns are regular expressions.

    `program` and the patterns of `words` (the operands in order) match whole words. `flags` is a list of
    alternatives, one of each of which must be given; any flag of `without` spares the command. `argument` must be
    found in an operand, as written or as a normalised path; `text` in the whole command; `environment` in an
    assignment before it; `writes` (with > or >>, `truncates` only >) in a redirection's target; `piped_from` is a
    program upstream or the whole of its command, `substitutes` one inside a substitution among the words. `structure`
    names a shape of the whole text: fork_bomb, computed_program, downloaded_code or unparsable.
    """

    program: str | None = None
    words: list[str] = []
    flags: list[list[str]] = []
    without: list[str] = []
    argument: str | None = None
    text: str | None = None
    environment: str | None = None
    writes: str | None = None
    truncates: str | None = None
    piped_from: str | None = None
    substitutes: str | None = None
    structure: Literal["fork_bomb", "unparsable", "computed_program", "downloaded_code"] | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. It has a `pattern` (searched in every view of the content), or `shell` (matched on parsed commands).

    `anchors`: at least one of these lower-case strings is in every match, which spares most searches.
    `check` names a function that must confirm a match (`luhn`, `iban`, `entropy` …). A group called `value` bounds
    the finding, else the whole match does. `near`: one of these lower-case words must stand on the line or close to
    the match. `label` is what a redaction puts in its place, else the id in capitals. `note_in`: types of action in
    which a finding is a mere note (severity low). `remedy` is a condition that the caller can fulfil. `mention` is the
    severity when the match stands in quotation marks in a text that talks about such things. A match is at most 512
    characters long, or 4,096 where the rule is `long`.
    """

    id: str
    category: str
    text: str
    framework: Framework
    severity: Severity
    applies_to: list[ActionType] = []
    pattern: str | None = None
    anchors: list[str] = []
    check: str | None = None
    masked: bool = False
    near: list[str] = []
    label: str | None = None
    note_in: list[ActionType] = []
    remedy: str | None = None
    undertake: bool = False
    """The remedy is something to do later, which the caller can undertake; else the content must change."""
    mention: Severity | None = None
    views: Literal["all", "plain"] = "all"
    long: bool = False
    shell: list[ShellRule] = []
    detector: Literal["intent"] | None = None
    """What applies a rule that has neither: `intent` compares the content with what was asked for."""
    name: str = ""
    """`<pack>.<id>`, set when the pack is loaded."""


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that a pack carries: judged with `type`, `text` must or must not fire a rule, or give a decision."""

    text: str
    type: ActionType
    intent: str | None = None
    fires: str | None = None
    silent: str | None = None
    decision: Decision | None = None


class PackFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pack's file. `value_flags`: per program, the options that take their value from the next word."""

    name: str
    version: str
    applies_to: list[ActionType] = []
    extends: bool = False
    harmless_flags: list[str] = []
    value_flags: dict[str, list[str]] = {}
    rule: list[Rule] = []
    test: list[Test] = []


@dataclass(frozen=True)
class Pack:
    file: PackFile
    origin: Literal["built-in", "user"]
    path: str

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def rules(self) -> list[Rule]:
        return self.file.rule

    def described(self) -> PolicyPack:
        return PolicyPack(
            name=self.name,
            version=self.file.version,
            origin=self.origin,
            path=self.path,
            rules=[
                PolicyRule(
                    rule=rule.name,
                    category=rule.category,
                    text=rule.text,
                    framework=rule.framework,
                    severity=rule.severity,
                    applies_to=list(rule.applies_to),
                )
                for rule in self.rules
            ],
            tests=len(self.file.test),
        )


class Patterns(dict[str, re.Pattern[str]]):
    """Compiled patterns by their text. The user's are all there; of the built-in ones, which the test-suite proved
    bounded, each is compiled when it is first looked for: all of them take a quarter of a second."""

    def __missing__(self, pattern: str) -> re.Pattern[str]:
        compiled = self[pattern] = compile_pattern(pattern)
        return compiled


@dataclass(frozen=True)
class Policy:
    """The packs in force and their patterns."""

    packs: tuple[Pack, ...]
    patterns: Patterns

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for pack in self.packs for rule in pack.rules)

    def applying(self, action_type: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if action_type in rule.applies_to)


def read_pack(raw: bytes, *, path: str, origin: Literal["built-in", "user"]) -> Pack:
    """A pack from its file's bytes; raises ValidationError that names the file, the field and the way out."""
    pack = parse_pack(raw, path=path, origin=origin)
    for problem in rule_problems(pack):
        raise problem
    return pack


def parse_pack(raw: bytes, *, path: str, origin: Literal["built-in", "user"]) -> Pack:
    """A pack whose fields are right; what its rules say together is looked at by `rule_problems`."""
    if len(raw) > MAX_PACK_BYTES:
        raise ValidationError(f"{path} is larger than {MAX_PACK_BYTES} bytes", field=path, hint="split it into packs")
    try:
        file = msgspec.convert(tomllib.loads(raw.decode("utf-8")), PackFile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValidationError(
            f"{path} is not valid TOML: {error}", field=path, hint="mend or remove the file"
        ) from None
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$.")
        raise ValidationError(
            f"{path}: {message}{f' in {field}' if field else ''}",
            field=f"{path}: {field}" if field else path,
            hint="compare with the example: lukhas guardian policy example",
        ) from None
    rules = [
        msgspec.structs.replace(rule, name=f"{file.name}.{rule.id}", applies_to=rule.applies_to or file.applies_to)
        for rule in file.rule
    ]
    return Pack(msgspec.structs.replace(file, rule=rules), origin, path)


def rule_problems(pack: Pack) -> Iterator[ValidationError]:
    """What is wrong with the rules of `pack`, their patterns aside."""
    seen: set[str] = set()
    for rule in pack.rules:
        where = f"{pack.path}: rule {rule.id}"
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", rule.id):
            yield ValidationError(f"{where}: the id must be lower-case words", field=where, hint="such as force_push")
        if rule.id in seen:
            yield ValidationError(f"{where}: the id is there twice", field=where, hint="rename one of the two")
        seen.add(rule.id)
        if [rule.pattern is not None, bool(rule.shell), rule.detector is not None].count(True) != 1:
            yield ValidationError(
                f"{where}: needs either pattern or shell", field=where, hint="give one of the two (or a detector)"
            )
        if rule.check is not None and rule.check not in CHECKS:
            yield ValidationError(
                f"{where}: there is no check called {rule.check}", field=where, hint=f"one of {', '.join(CHECKS)}"
            )
        if not rule.applies_to:
            yield ValidationError(
                f"{where}: applies to nothing", field=where, hint=f"applies_to = some of {', '.join(ACTION_TYPES)}"
            )


def compile_rules(packs: tuple[Pack, ...]) -> Patterns:
    """The patterns of the user's packs, each checked."""
    compiled = Patterns()
    for pack in packs:
        if pack.origin == "user":
            for rule in pack.rules:
                for pattern in patterns_of(rule):
                    if pattern not in compiled:
                        compiled[pattern] = compile_bounded(pattern, where=f"{pack.path}: rule {rule.id}")
    return compiled


def patterns_of(rule: Rule) -> list[str]:
    found: list[Any] = [rule.pattern]
    for shell in rule.shell:
        found += [shell.program, *shell.words, shell.argument, shell.text, shell.environment, shell.writes]
        found += [shell.truncates, shell.piped_from, shell.substitutes]
    return [pattern for pattern in found if pattern is not None]


def load_policy(policy_dir: Path, *, candidate: Pack | None = None) -> Policy:
    """The built-in packs with the user's on top, all checked but for their tests. A `candidate` is put in the place of
    the user's pack of its name."""
    packs: dict[str, Pack] = {}
    folder = resources.files("lukhasd.guardian") / "packs"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            pack = read_pack(entry.read_bytes(), path=str(entry), origin="built-in")
            packs[pack.name] = pack
    files = sorted(policy_dir.glob("*.toml")) if policy_dir.is_dir() else []
    users = [read_file(path) for path in files if path.name != ALLOW_FILE]
    if candidate is not None:
        users = [*(pack for pack in users if pack.name != candidate.name), candidate]
    for pack in users:
        if (below := packs.get(pack.name)) and pack.file.extends:
            pack = extend(below, pack)
        packs[pack.name] = pack
    ordered = tuple(packs.values())
    return Policy(ordered, compile_rules(ordered))


def read_file(path: Path) -> Pack:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValidationError(
            f"{path} cannot be read: {error.strerror}", field=str(path), hint="mend its permissions or remove it"
        ) from error
    return read_pack(raw, path=str(path), origin="user")


def extend(below: Pack, above: Pack) -> Pack:
    """`above`'s rules and tests added to `below`'s."""
    ids = {rule.id for rule in above.rules}
    file = msgspec.structs.replace(
        above.file,
        rule=[*(rule for rule in below.rules if rule.id not in ids), *above.rules],
        test=[*(t for t in below.file.test if t.fires not in ids and t.silent not in ids), *above.file.test],
        harmless_flags=[*below.file.harmless_flags, *above.file.harmless_flags],
        value_flags={**below.file.value_flags, **above.file.value_flags},
    )
    return Pack(file, "user", above.path)
