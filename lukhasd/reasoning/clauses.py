"""Clauses of controlled English: “Anne is not kind”, “someone likes the cat”, “they can fly”."""

from __future__ import annotations

import re

from lukhasd.reasoning.literals import Atom, Literal

ONE = frozenset({"someone", "something", "somebody", "anyone", "anything", "anybody"})
THINGS = frozenset({"something", "anything"})
PRONOUNS = frozenset({"they", "it", "he", "she", "them", "him", "her"})
NO_NAMES = frozenset({
    "everyone", "everything", "everybody", "nobody", "nothing", "none", "no", "neither", "there", "this", "that",
    "these", "those", "here", "we", "both", "all", "each", "every", "what", "who", "which", "people", "things",
    "others", "ones",
})  # fmt: skip
"""What stands for no one thing, or for one that only the surroundings know."""
GENERAL = frozenset({"people", "things", "person", "thing"})
IRREGULAR = {"men": "man", "women": "woman", "people": "person", "children": "child", "mice": "mouse", "geese": "goose",
             "wolves": "wolf", "teeth": "tooth", "feet": "foot", "sheep": "sheep", "fish": "fish"}  # fmt: skip
BE = r"(?:is|are|was|were|am)"
VERBS = ("is", "are", "was", "were", "can", "do", "does")
NOT_CLAUSE = frozenset({
    "because", "although", "though", "while", "when", "whenever", "before", "after", "unless", "until", "since",
    "maybe", "perhaps", "probably", "likely", "might", "may", "should", "would", "could", "will", "usually",
    "often", "sometimes", "mostly", "most", "many", "few", "some", "several", "think", "thinks", "believe",
    "believes", "said", "says", "say", "unlikely", "possibly", "never", "always", "only", "either", "neither",
    "nor", "that", "which", "who", "whom", "whose", "if", "then", "or", "but", "where", "what", "why", "how",
    "and", "claim", "claims", "allegedly", "supposedly", "reportedly", "almost", "nearly",
})  # fmt: skip
"""A clause that holds one of these means more than is read here."""
COMPARED = re.compile(r"((?:more|less) [\w-]+|[\w-]+er) than (.+)$")
PLACED = re.compile(
    r"((?:in|on|at|near|inside|under|above|behind|beside|part of|[\w-]+ (?:of|to|by)))(?: (?=the|[A-Z]|some))(.+)$"
)


class UnreadError(ValueError):
    """Not of this English."""


class Clauses:
    """Reads the clauses of one rule, whose pronouns hang together."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._variables: list[str] = []
        self._things = False
        """Whether a variable was introduced as a thing, which “it” may mean."""
        self._constants: list[str] = []
        self._subject = ""

    def read(self, text: str, *, concluding: bool = False) -> list[Literal]:
        """The clauses that “and” joins. A conclusion names nobody new."""
        count = len(self._variables)
        found: list[Literal] = []
        joined = re.split(r",? and (?:also )?|, ", text.strip())
        before = ""
        for piece in joined:
            try:
                literal, lead = self._clause(piece)
            except UnreadError:
                if not before:
                    raise
                literal, lead = self._clause(f"{before} {piece}", again=True)
            before = lead
            found.append(literal)
        if concluding and len(self._variables) > count:
            raise UnreadError
        return found

    def _clause(self, text: str, again: bool = False) -> tuple[Literal, str]:
        """And what a next piece without a verb of its own continues: “Anne is”."""
        words = text.split()
        if not 0 < len(words) <= 14 or NOT_CLAUSE.intersection(word.lower() for word in words):
            raise UnreadError
        match = re.match(rf"(.+?) (?:({BE}) (not )?|(can) (not )?)(.+)$", text)
        if match:
            who, verb, positive = match[1], match[2] or match[4], not (match[3] or match[5])
            subject = self._entity(who, subject=True, again=again)
            if verb == "can":
                if len(match[6].split()) > 4:
                    raise UnreadError
                return Literal(Atom(f"can {match[6].lower()}", (subject,)), positive), f"{who} can"
            return Literal(self._quality(subject, verb, match[6], positive=positive), positive), f"{who} {verb}"
        match = re.match(r"(.+?) (?:do|does) (not|indeed) ([\w-]+)(?: (.+))?$", text)
        if match:
            subject, positive = self._entity(match[1], subject=True, again=again), match[2] != "not"
            return Literal(self._relation(subject, match[3].lower(), match[4], positive=positive), positive), match[1]
        first = 2 if words[0].lower() in ("the", "a", "an") else 1
        for place in range(first, len(words)):
            word = words[place]
            bare = words[0].lower() in PRONOUNS and place == 1
            if bare or (re.search(r"[^su]s$", word) and word.islower()):
                who = " ".join(words[:place])
                subject = self._entity(who, subject=True, again=again)
                verb = word if bare and not word.endswith("s") else lemma(word)
                return Literal(self._relation(subject, verb, " ".join(words[place + 1 :]), positive=True)), who
        raise UnreadError

    def _quality(self, subject: str, verb: str, said: str, *, positive: bool) -> Atom:
        tense = "was" if verb.lower() in ("was", "were") else "is"
        compared = COMPARED.match(said) or PLACED.match(said)
        if compared:
            joint = " than" if COMPARED.match(said) else ""
            other = self._entity(compared[2], subject=False, positive=positive)
            return Atom(f"{tense} {compared[1].lower()}{joint}", (subject, other))
        quality = said.lower()
        words = quality.split()
        if len(words) > 4 or not re.fullmatch(r"[\w' -]+", quality) or {"the", "not", *VERBS}.intersection(words):
            raise UnreadError
        noun = re.sub(r"^an? ", "", quality)
        if noun != quality:
            return Atom(f"{tense} a {noun}", (subject,))
        if verb.lower() in ("are", "were") and " " not in quality and is_plural(quality):
            return Atom(f"{tense} a {singular(quality)}", (subject,))
        return Atom(f"{tense} {quality}", (subject,))

    def _relation(self, subject: str, verb: str, said: str | None, *, positive: bool) -> Atom:
        if verb in GENERAL or verb in VERBS:
            raise UnreadError
        if not said:
            return Atom(verb, (subject,))
        return Atom(verb, (subject, self._entity(said, subject=False, positive=positive)))

    def _entity(self, text: str, *, subject: bool, again: bool = False, positive: bool = True) -> str:
        text = text.strip()
        name = text.lower()
        if name in ONE:
            if not subject and (not positive or name.startswith("any")):
                raise UnreadError
            if subject and again and self._subject.startswith("?"):
                return self._subject
            self._variables.append(f"?{len(self._variables)}")
            self._things |= name in THINGS
            meant = self._variables[-1]
        elif name in PRONOUNS:
            meant = self._meant(name)
        else:
            meant = self._named(text)
        if subject:
            self._subject = meant
        return meant

    def _meant(self, pronoun: str) -> str:
        """What a pronoun stands for; UnreadError where it could be two."""
        constants = list(dict.fromkeys(self._constants))
        if len(self._variables) == 1:
            if pronoun == "it" and constants and not self._things:
                raise UnreadError
            return self._variables[0]
        if self._variables or len(constants) != 1:
            raise UnreadError
        return constants[0]

    def _named(self, text: str) -> str:
        words = text.split()
        definite = words[0].lower() == "the"
        words = words[1:] if definite else words
        proper = all(word[:1].isupper() or word[:1].isdigit() for word in words)
        if not words or len(words) > 4 or (len(words) > 1 and not definite and not proper):
            raise UnreadError
        entity = " ".join(words).lower()
        unfit = NO_NAMES | GENERAL | ONE | PRONOUNS | NOT_CLAUSE | set(VERBS) | {"a", "an", "the", "my", "his", "not"}
        if unfit.intersection(entity.split()) or not re.fullmatch(r"[\w' -]+", entity):
            raise UnreadError
        self._constants.append(entity)
        self._names.setdefault(entity, f"the {' '.join(words)}" if definite else " ".join(words))
        return entity


def lemma(verb: str) -> str:
    if verb == "has":
        return "have"
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    return re.sub(r"(?<=ch|sh|ss)es$|(?<=[xoz])es$|s$", "", verb)


def is_plural(word: str) -> bool:
    return word in IRREGULAR or word in ("people", "things", "ones") or bool(re.search(r"[^su]s$", word))


def singular(word: str) -> str:
    return IRREGULAR.get(word) or lemma(word)
