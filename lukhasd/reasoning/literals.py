"""What a logic speaks of: statements about named things, and rules over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Atom:
    """`predicate` as "is kind", "chase", "can fly"; arguments are entities, or variables, which begin with “?”."""

    predicate: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Literal:
    atom: Atom
    positive: bool = True

    def negated(self) -> Literal:
        return replace(self, positive=not self.positive)


@dataclass(frozen=True)
class Rule:
    """For all its variables: where the conditions hold, so does the conclusion. A statement has no conditions."""

    conditions: tuple[Literal, ...]
    conclusion: Literal
    text: str


@dataclass(frozen=True)
class Question:
    """`wanted` is a statement, a rule asked about in general, or, with `?who`, a search for all that fit."""

    text: str
    wanted: tuple[Rule, ...]
    names: bool = False


@dataclass(frozen=True)
class Premises:
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    unread: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """Each entity as the text writes it."""


def show(literal: Literal, names: Mapping[str, str]) -> str:
    """A literal in words: “Anne is not kind”."""
    predicate, arguments = literal.atom.predicate, [names.get(name, name) for name in literal.atom.arguments]
    rest = "".join(f" {name}" for name in arguments[1:])
    for verb in ("is", "was", "can"):
        if predicate.startswith(f"{verb} "):
            said = re.sub(r"^a (?=[aeiou])", "an ", predicate.removeprefix(f"{verb} "))
            return f"{arguments[0]} {verb} {'' if literal.positive else 'not '}{said}{rest}"
    if not literal.positive:
        return f"{arguments[0]} does not {predicate}{rest}"
    ending = "es" if re.search(r"(?:ch|sh|ss|x|o|z)$", predicate) else "s"
    verb = "has" if predicate == "have" else re.sub(r"(?<=[^aeiou])y$", "ie", predicate) + ending
    return f"{arguments[0]} {verb}{rest}"
