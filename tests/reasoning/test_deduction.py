"""Deduction: rule sets in the manner of ProofWriter, made here, against a decision procedure that shares no code."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product

import pytest

from lukhasd.reasoning import deduction, english
from lukhasd.reasoning.deduction import TooLargeError

Fact = tuple[str, str, str, bool]
"""Subject, predicate, object ("" for a quality), and whether it holds; “?” as subject is anyone."""
Implication = tuple[tuple[Fact, ...], Fact]

NAMES = ("Anne", "Bob", "Charlie")
BEASTS = ("the cat", "the dog", "the bald eagle")
QUALITIES = ("kind", "rough", "young", "quiet", "green", "big")
VERBS = ("like", "chase", "see")
LATE = {"like": "likes", "chase": "chases", "see": "sees"}
SETS = 400


def entails(facts: Iterable[Fact], rules: Iterable[Implication], entities: Sequence[str], wanted: Fact) -> bool | None:
    """By the Davis–Putnam–Logemann–Loveland procedure; None where the premises cannot all hold."""
    clauses = [frozenset([fact]) for fact in facts]
    for conditions, conclusion in rules:
        free = any(part[0] == "?" for part in (*conditions, conclusion))
        for entity in entities if free else ("",):
            put = [
                (entity if s == "?" else s, p, entity if o == "?" else o, h) for s, p, o, h in (*conditions, conclusion)
            ]
            clauses.append(frozenset([*((s, p, o, not h) for s, p, o, h in put[:-1]), put[-1]]))
    if not satisfiable(clauses):
        return None
    return not satisfiable([*clauses, frozenset([(*wanted[:3], not wanted[3])])])


def satisfiable(clauses: Sequence[frozenset[Fact]]) -> bool:
    while True:
        if not all(clauses):
            return False
        unit = next((next(iter(clause)) for clause in clauses if len(clause) == 1), None)
        if unit is None:
            break
        clauses = put(clauses, unit)
    if not clauses:
        return True
    chosen = next(iter(clauses[0]))
    return satisfiable(put(clauses, chosen)) or satisfiable(put(clauses, (*chosen[:3], not chosen[3])))


def put(clauses: Sequence[frozenset[Fact]], fact: Fact) -> list[frozenset[Fact]]:
    opposite = (*fact[:3], not fact[3])
    return [clause - {opposite} for clause in clauses if fact not in clause]


class Maker:
    """A rule set, its sentences in varied wording, and a statement to decide."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.entities = self.chance.choice((NAMES, BEASTS))
        self.facts = [self.fact(self.chance.choice(self.entities)) for _ in range(self.chance.randint(3, 6))]
        self.rules = [self.rule() for _ in range(self.chance.randint(3, 7))]
        self.wanted = self.fact(self.chance.choice(self.entities))

    def fact(self, subject: str, negative: float = 0.25) -> Fact:
        holds = self.chance.random() > negative
        if self.chance.random() < 0.7:
            return (subject, self.chance.choice(QUALITIES), "", holds)
        return (subject, self.chance.choice(VERBS), self.chance.choice(self.entities), holds)

    def rule(self) -> Implication:
        subject = "?" if self.chance.random() < 0.8 else self.chance.choice(self.entities)
        conditions = tuple(self.fact(subject, 0.2) for _ in range(self.chance.choice((1, 1, 2, 2, 3))))
        return conditions, self.fact(subject, 0.2)

    @property
    def text(self) -> str:
        sentences = [f"{self.capital(self.clause(fact, fact[0]))}." for fact in self.facts]
        sentences += [self.sentence(rule) for rule in self.rules]
        self.chance.shuffle(sentences)
        return " ".join(sentences)

    def sentence(self, rule: Implication) -> str:
        conditions, conclusion = rule
        plain = all(not part[2] and part[3] for part in conditions)
        if conditions[0][0] == "?" and plain and self.chance.random() < 0.5:
            qualities = list(dict.fromkeys(part[1] for part in conditions))
            if len(qualities) == 1 and self.chance.random() < 0.5:
                return f"All {qualities[0]} things {self.plural(conclusion)}."
            return f"{self.capital(', '.join(qualities))} people {self.plural(conclusion)}."
        one = self.chance.choice(("someone", "something"))
        again = {"someone": "they", "something": "it"}[one]
        subject = one if conditions[0][0] == "?" else conditions[0][0]
        said = [self.clause(conditions[0], subject)]
        said += [self.clause(part, again if subject == one else subject) for part in conditions[1:]]
        then = self.clause(conclusion, again if subject == one else subject)
        if self.chance.random() < 0.3 and subject != one:
            return f"{self.capital(then)} if {' and '.join(said)}."
        return f"If {' and '.join(said)} then {then}."

    def clause(self, fact: Fact, subject: str) -> str:
        _, predicate, other, holds = fact
        many = subject == "they"
        if not other:
            return f"{subject} {'are' if many else 'is'} {'' if holds else 'not '}{predicate}"
        if holds:
            return f"{subject} {predicate if many else LATE[predicate]} {other}"
        return f"{subject} {'do' if many else 'does'} not {predicate} {other}"

    def plural(self, fact: Fact) -> str:
        return self.clause((fact[0], *fact[1:]), "they").removeprefix("they ")

    def question(self) -> str:
        subject, predicate, other, holds = self.wanted
        if not holds or self.chance.random() < 0.3:
            return f"True or false: {self.clause(self.wanted, subject)}."
        return f"Does {subject} {predicate} {other}?" if other else f"Is {subject} {predicate}?"

    def capital(self, text: str) -> str:
        return text[:1].upper() + text[1:]


def verdict(text: str) -> deduction.Deduction:
    found = english.read(text)
    assert found.unread == (), found.unread
    (question,) = found.questions
    (decided,) = deduction.answer(found, question)
    return decided


def test_made_rule_sets() -> None:
    """At least 95 % as the decision procedure has it, and no false proof."""
    right, labels = 0, Counter[str]()
    for seed in range(SETS):
        made = Maker(seed)
        wanted = label(made)
        for _ in range(10 if seed % 3 else 0):  # two in three ask for what can be decided, where it is found
            if wanted != "unknown":
                break
            made.wanted = made.fact(made.chance.choice(made.entities))
            wanted = label(made)
        question = made.question()
        decided = verdict(f"{made.text} {question}")
        right += decided.verdict == wanted
        labels[wanted] += 1
        assert decided.verdict in (wanted, "unknown") or wanted == "inconsistent", (made.text, question, wanted)
        if decided.verdict in ("true", "false"):
            check(decided)
    print(f"{right} of {SETS} right: {labels}")
    assert right >= 0.95 * SETS
    assert labels["true"] >= 0.15 * SETS and labels["false"] >= 0.1 * SETS and labels["unknown"] >= 0.2 * SETS


def label(made: Maker) -> str:
    holds = entails(made.facts, made.rules, made.entities, made.wanted)
    if holds is None:
        return "inconsistent"
    opposite = (*made.wanted[:3], not made.wanted[3])
    if holds:
        return "true"
    return "false" if entails(made.facts, made.rules, made.entities, opposite) else "unknown"


def check(decided: deduction.Deduction) -> None:
    """Each step rests on earlier ones, and gives a fact or a rule as its ground; every step but the last is used."""
    for number, step in enumerate(decided.proof, 1):
        assert step.number == number and all(0 < use < number for use in step.uses)
        assert (
            step.because in ("given", "supposed", "its opposite leads to a contradiction") or step.because[-1] in ".?"
        )
    assert {use for step in decided.proof for use in step.uses} == set(range(1, len(decided.proof)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("All men are mortal. Socrates is a man. Is Socrates mortal?", "true"),
        ("All cats are animals. Rex is not an animal. Is Rex a cat?", "false"),
        ("No cats are dogs. Felix is a cat. Is Felix a dog?", "false"),
        ("Every cat is an animal. All animals are alive. Are all cats alive?", "true"),
        ("All cats are animals. Is every animal a cat?", "unknown"),
        ("All cats are animals. Rex is an animal. Rex is not a cat. Are all animals cats?", "false"),
        ("Penguins cannot fly. Pingu is a penguin. Can Pingu fly?", "false"),
        ("Everyone who is kind is nice. Anne is kind. Isn't Anne nice?", "true"),
        ("Ann is taller than Bob. Bob is taller than Cy. Is Ann taller than Cy?", "true"),
        ("Ann is taller than Bob. Is Bob taller than Ann?", "false"),
        ("If Ann is in or Ann is out then the bell rings. Ann is out. Does the bell ring?", "true"),
        ("If Ann is ill then the bell rings. If Ann is not ill then the bell rings. Does the bell ring?", "true"),
        ("Anne was kind. Is Anne kind?", "unknown"),
        ("Anne is kind. Is Bob kind?", "unknown"),
        ("Anne is kind. Anne is not kind. Is Bob kind?", "inconsistent"),
        ("The box is in the cellar. Is the box in the cellar?", "true"),
    ],
)  # fmt: skip
def test_by_hand(text: str, expected: str) -> None:
    assert verdict(text).verdict == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Most birds can fly.", "Some birds can fly.", "Birds usually fly.", "Nobody is kind.",
        "If everyone is kind then Anne is nice.",
        "If the cat chases the dog then it is big.", "If someone is kind and someone is big then they are nice.",
        "If someone likes the cat then it is nice.", "Anne is kind because Bob is kind.", "Anne might be kind.",
        "If Anne is kind and Bob is big or Cy is old then Dan is nice.", "Anne likes everyone.", "It is big.",
        "Bob thinks Anne is kind.", "Anne is kind or Bob is kind.", "If Anne is kind then something is big.",
        "Unless Anne is kind, Bob is nice.", "Anne is either kind or big.", "There is a cat.", "Few cats are kind.",
        "Anne is kind, they say.", "Anne is kind\nBob is big", "Anne is not",
        "If Bob does not like anyone then Bob is sad.", "Only cats are kind.", "Anne is neither kind nor big.",
    ],
)  # fmt: skip
def test_what_means_more_than_is_read_is_not_read(sentence: str) -> None:
    found = english.read(sentence)
    assert found.rules == ()
    assert found.unread == (" ".join(sentence.split()),)


def test_a_condition_on_the_next_line_belongs_to_its_sentence() -> None:
    found = english.read("Is Anne kind?", premises="Anne is kind\nif Bob is big. Cy is\nold.\n\nDan is 3 m")
    assert [(len(rule.conditions), rule.conclusion.atom.predicate) for rule in found.rules] == [
        (1, "is kind"), (0, "is old"), (0, "is 3 m"),
    ]  # fmt: skip


def test_who() -> None:
    found = english.read("Kind people are nice. Anne is kind. Bob is kind. Cy is old. Who is nice?")
    assert [one.question for one in deduction.answer(found, found.questions[0])] == ["Anne is nice", "Bob is nice"]


def test_premises_ask_nothing() -> None:
    found = english.read("Is Anne nice?", premises="Anne is kind. Is Bob big? Kind people are nice.")
    assert [question.text for question in found.questions] == ["Is Anne nice?"]
    assert deduction.answer(found, found.questions[0])[0].verdict == "true"


def test_too_many_cases_are_refused() -> None:
    names = " ".join(f"N{number} is big." for number in range(400))
    found = english.read(f"{names} If someone likes something then Bob is nice. Is N1 nice?")
    with pytest.raises(TooLargeError):
        deduction.answer(found, found.questions[0])


def test_the_procedure_itself() -> None:
    kind, nice = ("a", "kind", "", True), ("a", "nice", "", True)
    assert entails([kind], [((("?", "kind", "", True),), ("?", "nice", "", True))], ["a"], nice) is True
    assert entails([kind], [], ["a"], nice) is False
    assert entails([kind, ("a", "kind", "", False)], [], ["a"], nice) is None
    assert len({Maker(seed).text for seed in range(20)}) == 20
    assert all(len(list(product(made.entities, repeat=1))) == 3 for made in [Maker(1)])
