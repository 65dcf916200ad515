"""Controlled English, read into statements, rules and questions. What does not fit is not read, and is said.

Statements: “Anne is (not) kind”, “Rex is a dog”, “The cat chases the dog”, “Anne is taller than Bob”, “Rex cannot fly”.
Rules: “If someone is kind and they like the cat then they are nice”, “Anne is nice if …”, “All (kind) birds can fly”,
“Kind, rough people are nice”, “No cats are dogs”, “Everyone who likes the cat is nice”. “Or” joins conditions alone.
“All kind people are not big” says that none of them is.
Questions: “Is Anne nice?”, “Does the cat chase the dog?”, “Who is kind?”, “Are all cats animals?”.

Every “someone” or “something” is one of its own; “they” and “it” are the one such in the rule, else the subject before.
A rule whose pronoun could mean two, or whose conclusion speaks of one that no condition names, is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lukhasd.reasoning.clauses import (
    BE,
    GENERAL,
    NO_NAMES,
    NOT_CLAUSE,
    ONE,
    PRONOUNS,
    VERBS,
    Clauses,
    UnreadError,
    is_plural,
    singular,
)  # fmt: skip
from lukhasd.reasoning.literals import Literal, Premises, Question, Rule

SENTENCE = re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|(?=\n\s*\n)|$(?!\n))", re.DOTALL)
"""Up to a full stop or an empty line. A line that ends is no sentence that ends: the next may be its condition."""
LEAD_IN = re.compile(
    r"^(?:is it true that|does it follow that|can (?:we|you) (?:conclude|infer|prove) that|is it the case that"
    r"|true or false[:,]?|so,?|therefore,?|then,?|given (?:all )?(?:that|this),?|from this,?|hence,?)\s+",
    re.IGNORECASE,
)


def read(text: str, *, premises: str = "") -> Premises:
    """The query's sentences, questions among them, and the premises', where a question is not read."""
    rules: list[Rule] = []
    questions: list[Question] = []
    unread: list[str] = []
    names: dict[str, str] = {}
    for source, asks in ((premises, False), (text, True)):
        for raw in SENTENCE.findall(source.strip()):
            sentence = " ".join(raw.split())
            if len(sentence) < 3:
                continue
            try:
                if asks and (sentence.endswith("?") or LEAD_IN.match(sentence)):
                    questions.append(read_question(sentence, names))
                else:
                    rules.extend(read_sentence(sentence, names))
            except UnreadError:
                unread.append(sentence)
    return Premises(tuple(rules), tuple(questions), tuple(unread), names)


def read_sentence(sentence: str, names: dict[str, str]) -> list[Rule]:
    """`names` learns how entities are written. Raises UnreadError."""
    if len(sentence) > 400:
        raise UnreadError
    text = _plain(sentence)
    low = text.lower()
    if low.startswith("if "):
        match = re.match(r"if (.+?),? then (.+)$", text, re.IGNORECASE) or re.match(
            r"if (.+?), (.+)$", text, re.IGNORECASE
        )
        if match is None:
            raise UnreadError
        return _rules(match[1], match[2], sentence, names)
    if " if " in low:
        conclusion, conditions = re.split(r",? if ", text, maxsplit=1, flags=re.IGNORECASE)
        return _rules(conditions, conclusion, sentence, names)
    general = _general(text)
    if general is not None:
        conditions, conclusion = general
        return _rules(conditions, conclusion, sentence, names)
    return [Rule((), literal, sentence) for literal in _ground(text, names)]


def read_question(sentence: str, names: dict[str, str]) -> Question:
    """Raises UnreadError."""
    text = _plain(sentence)
    while LEAD_IN.match(text):
        text = LEAD_IN.sub("", text, count=1)
    low = text.lower()
    who = re.match(
        rf"(?:who|what|which (?:one|ones|people|things)) ({BE}|can|cannot|does not|do not|\w+s)\b (.*)$", text, re.I
    )
    if who:
        literals = Clauses(names).read(f"someone {who[1].replace('are', 'is')} {who[2]}")
        return Question(sentence, tuple(Rule((), literal, sentence) for literal in literals), names=True)
    universal = re.match(rf"(?:{BE}|do|can) (?=(?:all|every|each|any)\b)(.*)$", text, re.IGNORECASE)
    if universal:
        return Question(sentence, tuple(read_sentence(_restate(low.split()[0], universal[1]), names)))
    asked = re.match(rf"({BE}n't|{BE}|does|do|doesn't|don't|can|can't) (.+)$", text, re.IGNORECASE)
    if asked is None:
        return Question(sentence, tuple(read_sentence(text, names)))
    verb = asked[1].lower()
    said = _declare(verb.removesuffix("n't") if verb != "can't" else "can", asked[2], names)
    return Question(sentence, tuple(Rule((), literal, sentence) for literal in _ground(said, names)))


def _ground(text: str, names: dict[str, str]) -> list[Literal]:
    found = Clauses(names).read(text)
    if any(name.startswith("?") for literal in found for name in literal.atom.arguments):
        raise UnreadError
    return found


def _restate(verb: str, rest: str) -> str:
    """“are”, “all cats animals” as “all cats are animals”: the verb goes after the noun."""
    words = rest.split()
    for place, word in enumerate(words[1:], 1):
        if word.lower() in GENERAL or words[0].lower() in ("every", "each", "any") or is_plural(word):
            said = "" if verb == "do" else f" {verb}"
            return f"{' '.join(words[: place + 1])}{said} {' '.join(words[place + 1 :])}"
    raise UnreadError


def _declare(verb: str, rest: str, names: Mapping[str, str]) -> str:
    """“is”, “Anne not kind” as “Anne is not kind”. The subject is the longest that is named already, else a name or a
    noun with its article."""
    words = rest.split()
    article = words[0].lower() in ("the", "a", "an")
    known = [size for size in range(1, min(6, len(words))) if " ".join(words[article:size]).lower() in names]
    size = known[-1] if known else 1 + article
    subject, said = words[:size], words[size:]
    if not said:
        raise UnreadError
    if verb in ("does", "do"):
        negative = said[0] == "not"
        said = said[1:] if negative else said
        return f"{' '.join(subject)} does {'not ' if negative else 'indeed '}{' '.join(said)}"
    return f"{' '.join(subject)} {verb} {' '.join(said)}"


def _general(text: str) -> tuple[str, str] | None:
    """Conditions and conclusion of a rule that is said of a kind: “all kind birds can fly”."""
    match = re.match(
        r"(?:(?:every(?:one|thing|body)|any(?:one|thing|body)|someone|something|all (?:people|things)) (?:who|that)"
        r"|whoever) (.+)$",
        text,
        re.IGNORECASE,
    )
    said = match[1] if match else ""
    for cut in re.finditer(r" (?:is|are|can|does not|do not) ", said):
        head = _third(said[: cut.start()])
        try:
            Clauses({}).read(f"someone {head}")
        except UnreadError:
            continue
        return f"someone {head}", f"they {said[cut.start() + 1 :]}"
    match = re.match(r"(?:everyone|everything|everybody) (is|can|cannot) (.+)$", text, re.IGNORECASE)
    if match:
        return "", f"someone {match[1]} {match[2]}"
    return _of_a_kind(text)


def _of_a_kind(text: str) -> tuple[str, str] | None:
    words = text.replace(",", " , ").split()
    low = [word.lower() for word in words]
    if not words:
        raise UnreadError
    quantifier = low[0] if low[0] in ("all", "every", "each", "any", "no") else ""
    start = 1 if quantifier else 0
    of_each = quantifier in ("every", "each", "any")
    place = next(
        (
            place
            for place in range(start, len(words) - 1)
            if low[place] in GENERAL
            or (is_plural(low[place]) and (quantifier or low[place + 1] in VERBS) and not of_each)
            or (of_each and low[place + 1] in VERBS)
            or (quantifier == "no" and low[place + 1] in ("is", "can"))
        ),
        None,
    )
    qualities = [word for word in low[start:place] if word not in (",", "and")] if place is not None else []
    if place is None or (set(VERBS) | {"the", "a", "an"}) & set(qualities):
        if quantifier:
            raise UnreadError
        return None
    noun = low[place]
    if (
        not quantifier
        and noun not in GENERAL
        and ((words[place][:1].isupper() and place > 0) or low[place + 1] in ("is", "was"))
    ):
        return None
    if NOT_CLAUSE.intersection((*qualities, noun)) or (set(qualities) | {noun}) & NO_NAMES - GENERAL:
        raise UnreadError
    said = " ".join(words[place + 1 :]).replace(" ,", ",")
    if low[place + 1] == "do" and low[place + 2 : place + 3] != ["not"]:
        raise UnreadError
    kinds = [] if noun in GENERAL else [f"a {singular(noun)}"]
    conditions = " and ".join(
        f"{'they are' if number else 'someone is'} {one}" for number, one in enumerate((*qualities, *kinds))
    )
    if quantifier == "no":
        if low[place + 1] not in ("is", "are", "can"):
            raise UnreadError
        said = f"{low[place + 1]} not {said.partition(' ')[2]}"
    return conditions, f"{'they' if conditions else 'someone'} {said}"


def _rules(conditions: str, conclusion: str, text: str, names: dict[str, str]) -> list[Rule]:
    ways = re.split(r",? or ", conditions)
    if len(ways) > 1 and re.search(r" and |,", conditions):
        raise UnreadError  # what belongs together is not said
    first = conditions.split(" ")[0]
    rules = []
    for place, way in enumerate(ways):
        clauses = Clauses(names)
        if place and way.split(" ")[0].lower() in PRONOUNS:
            way = f"{first} {way.partition(' ')[2]}" if first.lower() in ONE else way
        elif place and not re.search(rf"\b(?:{BE}|can|does|do)\b", way):
            way = f"{' '.join(ways[0].split()[:2])} {way}"
        met = clauses.read(way) if way else []
        for literal in clauses.read(conclusion, concluding=bool(met)):
            known = {name for one in met for name in one.atom.arguments}
            if met and {name for name in literal.atom.arguments if name.startswith("?")} - known:
                raise UnreadError
            rules.append(Rule(tuple(met), literal, text))
    return rules


def _plain(sentence: str) -> str:
    text = sentence.strip().rstrip(".!?").replace("’", "'")
    for short, long in (("isn't", "is not"), ("aren't", "are not"), ("doesn't", "does not"), ("don't", "do not"),
                        ("cannot", "can not"), ("can't", "can not")):  # fmt: skip
        text = re.sub(rf"\b{short}\b", long, text) if text.split()[:1] != [short] else text
    return " ".join(text.split())


def _third(head: str) -> str:
    """What follows “who”, as it is said of one: “are kind” is “is kind”, “like the cat” is “likes the cat”."""
    first, _, rest = head.partition(" ")
    if first == "are":
        first = "is"
    elif first not in ("is", "can", "does", "do") and not first.endswith("s"):
        first = f"{first}s"
    return f"{first} {rest}"
