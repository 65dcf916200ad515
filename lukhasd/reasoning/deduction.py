"""What follows from statements and rules, with the proof.

The rules are written out for every entity that is named, as clauses, and units are propagated (Davis, Putnam 1960):
what is derived follows in classical logic. What is not derived is then supposed false: where that alone runs into
a contradiction, it is proved too. Nothing is taken to be false for not being said.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lukhas_sdk.contract.analysis import Deduction, ProofStep
from lukhasd.reasoning.literals import Atom, Literal, Premises, Question, Rule, show

MOST_CLAUSES = 50_000
FEW = 200
"""So many cases are looked at one by one."""
ARBITRARY = "an arbitrary one"
GIVEN = "given"
SUPPOSED = "supposed"


class TooLargeError(ValueError):
    """More clauses than are worked on."""


@dataclass(frozen=True)
class Clause:
    """At least one of the literals holds, because of `why`."""

    literals: tuple[Literal, ...]
    why: str


@dataclass
class _State:
    """What holds: each literal with the clause that it came from. `conflict`: a clause none of whose literals can."""

    held: dict[Literal, Clause]
    conflict: Clause | None = None


class Theory:
    def __init__(self, rules: Sequence[Rule], names: Mapping[str, str], *, also: Iterable[str] = ()) -> None:
        """`also`: entities that the rules do not name. Raises TooLargeError."""
        self._names = names
        named = {name for rule in rules for one in (*rule.conditions, rule.conclusion) for name in one.atom.arguments}
        self.entities = sorted({name for name in named if not name.startswith("?")} | set(also))
        self.clauses = [*self._ground([*rules, *_orders(rules)])]
        self._occurs: dict[Literal, list[Clause]] = {}
        for clause in self.clauses:
            for literal in clause.literals:
                self._occurs.setdefault(literal, []).append(clause)
        self._state = self._propagate(_State({}), [clause for clause in self.clauses if len(clause.literals) == 1])

    @property
    def is_consistent(self) -> bool:
        """As far as propagation sees."""
        return self._state.conflict is None

    def decide(self, literal: Literal, question: str, *, refute: bool = True) -> Deduction:
        """`refute` False: only what is derived, not what its opposite contradicts."""
        if self._state.conflict is not None:
            return Deduction(question, "inconsistent", self._proof(self._state, None))
        for wanted, verdict in ((literal, "true"), (literal.negated(), "false")):
            if wanted in self._state.held:
                return Deduction(question, verdict, self._proof(self._state, wanted))  # type: ignore[arg-type]
        for wanted, verdict in ((literal, "true"), (literal.negated(), "false")) if refute else ():
            supposed = Clause((wanted.negated(),), SUPPOSED)
            state = self._propagate(_State(dict(self._state.held)), [supposed])
            if state.conflict is not None:
                return Deduction(question, verdict, self._proof(state, None, therefore=wanted))  # type: ignore[arg-type]
        return Deduction(question, "unknown", [])

    def _ground(self, rules: Sequence[Rule]) -> Iterable[Clause]:
        count = 0
        for rule in rules:
            literals = [*(one.negated() for one in rule.conditions), rule.conclusion]
            variables = sorted({name for one in literals for name in one.atom.arguments if name.startswith("?")})
            count += len(self.entities) ** len(variables)
            if count > MOST_CLAUSES:
                raise TooLargeError(f"the rules speak of more than {MOST_CLAUSES} cases")
            for chosen in product(self.entities, repeat=len(variables)):
                meant = dict(zip(variables, chosen, strict=True))
                put = tuple(dict.fromkeys(_put(one, meant) for one in literals))
                if not any(one.negated() in put for one in put):
                    yield Clause(put, rule.text if rule.conditions or variables else GIVEN)

    def _propagate(self, state: _State, units: Iterable[Clause]) -> _State:
        waiting = deque(units)
        while waiting:
            clause = waiting.popleft()
            open_ones = [one for one in clause.literals if one.negated() not in state.held]
            if not open_ones:
                state.conflict = clause
                return state
            if len(open_ones) > 1 or open_ones[0] in state.held:
                continue
            state.held[open_ones[0]] = clause
            waiting.extend(self._occurs.get(open_ones[0].negated(), ()))
        return state

    def _proof(self, state: _State, wanted: Literal | None, *, therefore: Literal | None = None) -> list[ProofStep]:
        """The steps to `wanted`, or to the state's contradiction, in order."""
        steps: list[ProofStep] = []
        numbers: dict[Literal, int] = {}

        def add(clause: Clause, statement: str, literal: Literal | None) -> int:
            uses = []
            for other in clause.literals:
                if other != literal:
                    uses.append(numbers[other.negated()])
            steps.append(ProofStep(len(steps) + 1, statement, clause.why, uses))
            return len(steps)

        target = state.conflict.literals if wanted is None and state.conflict else ()
        pending = [one.negated() for one in target] if wanted is None else [wanted]
        stack = [(one, False) for one in reversed(pending)]
        while stack:
            literal, ready = stack.pop()
            if literal in numbers:
                continue
            clause = state.held[literal]
            if ready:
                numbers[literal] = add(clause, show(literal, self._names), literal)
            else:
                stack.append((literal, True))
                stack.extend((one.negated(), False) for one in reversed(clause.literals) if one != literal)
        if wanted is None and state.conflict is not None:
            number = add(state.conflict, "a contradiction", None)
            if therefore is not None:
                steps.append(
                    ProofStep(
                        number + 1, show(therefore, self._names), "its opposite leads to a contradiction", [number]
                    )
                )
        return steps


def answer(premises: Premises, question: Question) -> list[Deduction]:
    """One deduction a statement asked about; of “who is …”, one for each entity of which it is so. Raises
    TooLargeError."""
    found: list[Deduction] = []
    for wanted in question.wanted:
        variables = [name for name in wanted.conclusion.atom.arguments if name.startswith("?")]
        if question.names:
            theory = Theory(premises.rules, premises.names, also=_named(wanted))
            verdicts = [
                theory.decide(literal, show(literal, premises.names), refute=len(theory.entities) <= FEW)
                for name in theory.entities
                for literal in [_put(wanted.conclusion, dict.fromkeys(variables, name))]
            ]
            kept = [one for one in verdicts if one.verdict in ("true", "inconsistent")]
            found.extend(kept or [Deduction(question.text, "unknown", [])])
        elif variables or wanted.conditions:
            found.append(_in_general(premises, wanted, question.text))
        else:
            theory = Theory(premises.rules, premises.names, also=_named(wanted))
            found.append(theory.decide(wanted.conclusion, question.text))
    return found


def _in_general(premises: Premises, wanted: Rule, text: str) -> Deduction:
    """A rule holds where its conclusion follows for one of which nothing but the conditions is known, and fails where
    somebody named meets the conditions and not the conclusion."""
    names = {name: f"{ARBITRARY} {place}".removesuffix(" 0") for place, name in enumerate(_variables(wanted))}
    assumed = [Rule((), _put(one, names), GIVEN) for one in wanted.conditions]
    general = Theory([*premises.rules, *assumed], premises.names, also=[*names.values(), *_named(wanted)])
    known = Theory(premises.rules, premises.names, also=_named(wanted))
    if not known.is_consistent:
        return known.decide(wanted.conclusion, text)
    if not general.is_consistent:
        return Deduction(text, "unknown", [])  # nothing can meet the conditions
    holds = general.decide(_put(wanted.conclusion, names), text)
    if holds.verdict == "true":
        return holds
    few = len(known.entities) ** len(names) <= FEW
    for chosen in product(known.entities, repeat=len(names)) if few else ():
        meant = dict(zip(names, chosen, strict=True))
        parts = [known.decide(_put(one, meant), text) for one in (*wanted.conditions, wanted.conclusion.negated())]
        if all(part.verdict == "true" for part in parts):
            return Deduction(text, "false", _joined([part.proof for part in parts]))
    return Deduction(text, "unknown", [])


def _joined(proofs: Sequence[Sequence[ProofStep]]) -> list[ProofStep]:
    steps: list[ProofStep] = []
    for proof in proofs:
        shift = len(steps)
        steps += [ProofStep(s.number + shift, s.statement, s.because, [n + shift for n in s.uses]) for s in proof]
    return steps


def _orders(rules: Sequence[Rule]) -> list[Rule]:
    """That “taller than” and its like are strict orders: what the comparative means."""
    predicates = {one.atom.predicate for rule in rules for one in (*rule.conditions, rule.conclusion)}
    found = []
    for predicate in sorted(name for name in predicates if re.fullmatch(r"is (?:more [\w-]+|[\w-]+er) than", name)):
        ab, bc, ac, ba = (
            Literal(Atom(predicate, pair)) for pair in (("?0", "?1"), ("?1", "?2"), ("?0", "?2"), ("?1", "?0"))
        )
        said = predicate.removeprefix("is ")
        found.append(Rule((ab, bc), ac, f"“{said}” passes on: from the first to the third"))
        found.append(Rule((ab,), ba.negated(), f"“{said}” holds one way only"))
    return found


def _put(literal: Literal, meant: dict[str, str]) -> Literal:
    atom = literal.atom
    return Literal(Atom(atom.predicate, tuple(meant.get(name, name) for name in atom.arguments)), literal.positive)


def _variables(rule: Rule) -> list[str]:
    literals = (*rule.conditions, rule.conclusion)
    return sorted({name for one in literals for name in one.atom.arguments if name.startswith("?")})


def _named(rule: Rule) -> list[str]:
    literals = (*rule.conditions, rule.conclusion)
    return [name for one in literals for name in one.atom.arguments if not name.startswith("?")]
