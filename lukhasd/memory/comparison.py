"""What an older and a newer sentence share, and where they part: what a contradiction is judged by."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from lukhasd.memory import statements
from lukhasd.memory.statements import SPEAKER, Statement
from lukhasd.memory.words import FUNCTION_WORDS, Analyser

CHARS_READ = 4_000
SENTENCES_READ = 12
PAIRS_COMPARED = 4
READ_KEPT = 512
"""Texts whose sentences are kept: the same few are compared again and again."""
DENIAL_REACH = 7
"""Words that a denial is taken to reach."""
DENIAL_LIST = """
abandoned alone avoids broke cancelled canceled cannot dislike dislikes divorced dropped ended exclusively former
formerly gave hate hates instead left longer lost neither never no nobody none nor not only quit quitting rather
refuses sold stopped switched unlike without
"""
OPPOSITE_LIST = """
accepted/rejected advocate/opponent after/before alive/dead allowed/forbidden always/never approved/rejected
closed/open cold/hot dating/broke dislike/enjoy dislike/like dislike/love disabled/enabled drive/sold engaged/broke
engaged/single enjoy/hate evening/morning failed/passed for-profit/non-profit full-time/part-time hate/like hate/love
have/sold has/sold indoor/outdoor indoors/outdoors learning/gave married/divorced married/single meat/vegan
meat/vegetarian modern/traditional native/non-native off/on oppose/support own/rent own/sold private/public smoke/quit
sustainable/non-sustainable with/without work/left work/quit
"""
MANY_VALUED_LIST = """
allergic ate bakes bought buy called children cook cooked donated eat enjoy enjoys fluent gave go hobbies hobby know
knows learn learned like likes love loves paid play played plays ran read reads saw see took travel traveled travelled
travels tried visit visited visits watch watched went write wrote
"""
EVENT_LIST = """
apologised backed bought called cooked donated failed finished fixed gave had lost met paid passed played praised
rained ran read saw scored slept told took tried visited watched watered went won wrote
"""
ADDRESS_LIST = """
absolutely agreed aww awesome bye congrats congratulations cool definitely glad gonna gotcha haha hello here hey hi let
lol nice oh please sorry sure thank thanks totally wow yay yeah yep yes you your yours yourself you'll
"""
ADDRESS = frozenset(ADDRESS_LIST.split())
"""Words of talking to somebody, not of saying how something is."""
IDIOMS = re.compile(
    r"\b(?:can not wait|no matter what|no doubts?|long time no see|(?:do not|no) worr(?:y|ies)|no prob(?:lem)?|not only"
    r"|(?:not|never) (?:quit|stop|give up|forget))\b",
    re.IGNORECASE,
)
"""Denials that deny nothing."""
DENIALS = frozenset(DENIAL_LIST.split())
OPPOSITES = tuple((pair.partition("/")[0], pair.partition("/")[2]) for pair in OPPOSITE_LIST.split())
MANY_VALUED = frozenset(MANY_VALUED_LIST.split())
"""What one may do with many things at once, or many times."""
EVENTS = frozenset(EVENT_LIST.split())
FEATURES = (
    "shared_of_older", "shared_count", "same_start", "same_subject", "name_overlap", "names_replaced", "numbers_differ",
    "opposite", "statement", "nothing_replaced", "only_added", "event",
    "denied_relation", "denied_lost_name", "denied_precision", "one_hole",
    "frame_and_replaced", "coverage", "length_ratio",
)  # fmt: skip
_DETERMINERS = (("the",), ("my",), ("our",))
_TOKEN = re.compile(r"[^\W_]+(?:['.:,/-][^\W_]+)*")
_VERB_AFTER_NAME = re.compile(r"[a-z]+s|and|[a-z]+ed|bought|did|got|had|lost|never|no|not|only|quit|went|will|won")


@dataclass(frozen=True)
class Sentence:
    text: str
    speaker: str | None
    tokens: tuple[str, ...]
    """Folded words in order, possessive endings taken off."""
    stems: frozenset[str]
    """Of the telling words: no names, numbers, function words or denials."""
    names: frozenset[str]
    subject: frozenset[str]
    """Words of the names that it begins with, or whom the first person stands for; empty where it names nobody."""
    first_person: bool
    has_topic: bool
    """It begins with a name of something or somebody, or with `the` or `my` something."""
    numbers: frozenset[str]
    denials: frozenset[str]
    denied: frozenset[str]
    """Stems, and words of names, within reach of a denial."""
    relation: str | None
    """The stem of the first telling word: most often the verb or the trade."""
    statements: tuple[Statement, ...]

    @property
    def said(self) -> frozenset[str]:
        """Stems, and names other than those it begins with."""
        return self.stems | (self.names - self.subject)

    @property
    def weight(self) -> int:
        return len(self.stems) + len(self.names) + len(self.numbers)


@dataclass(frozen=True)
class Comparison:
    older: Sentence
    newer: Sentence
    features: tuple[float, ...]
    """In the order of `FEATURES`."""
    coverage: float
    """The share of the whole older text that its sentence is."""
    disagreement: tuple[Statement, Statement] | None
    replaced: Sequence[tuple[str, str]]
    """Spans in the same place: the older's, the newer's."""
    opposites: Sequence[tuple[str, str]]

    @property
    def shared(self) -> frozenset[str]:
        return self.older.said & self.newer.said

    @property
    def same_subject(self) -> bool:
        return self.older.subject == self.newer.subject

    @property
    def other_subject(self) -> bool:
        """Both say of whom they speak, and of nobody in common."""
        return bool(self.older.subject and self.newer.subject) and not self.older.subject & self.newer.subject

    @property
    def denied(self) -> float:
        """The share of what one of the two says that the other denies."""
        mine, other = self.older, self.newer
        return max(_share(other.denied & mine.said, mine.said), _share(mine.denied & other.said, other.said))

    @property
    def denied_name(self) -> bool:
        """The newer says `not` of somebody whom the older names."""
        return bool(self.newer.denied & (self.older.names - (self.older.subject & self.newer.subject)))

    @property
    def other_names(self) -> bool:
        """Names of the one are not in the other, both ways."""
        return bool(self.older.names - self.newer.names) and bool(self.newer.names - self.older.names)

    @property
    def same_relation(self) -> bool:
        old, new = self.older, self.newer
        return (old.relation is not None and old.relation in new.stems) or new.relation in old.stems


class Comparer:
    def __init__(self) -> None:
        self._analyser = Analyser()
        self.read = lru_cache(READ_KEPT)(self._read)
        """The sentences of a text."""

    def _read(self, text: str, speaker: str | None) -> tuple[Sentence, ...]:
        parts = statements.sentences(text[:CHARS_READ])[:SENTENCES_READ]
        return tuple(self._sentence(part, speaker) for part in parts)

    def compare(self, older: Sequence[Sentence], newer: Sequence[Sentence]) -> list[Comparison]:
        """The pairs of sentences that have most in common, at most `PAIRS_COMPARED`."""
        whole = max(sum(sentence.weight for sentence in older), 1)
        pairs = [(_in_common(old, new), old, new) for old in older for new in newer if _related(old, new)]
        pairs.sort(key=lambda pair: -pair[0])
        return [_compare(old, new, old.weight / whole) for _, old, new in pairs[:PAIRS_COMPARED]]

    def _sentence(self, text: str, speaker: str | None) -> Sentence:
        raw = _TOKEN.findall(IDIOMS.sub(" ", text))
        named = _name_places(raw)
        tokens = tuple(re.sub(r"'s?$", "", word.lower()) for word in raw)
        telling = [
            place
            for place, word in enumerate(tokens)
            if place not in named and word not in FUNCTION_WORDS | DENIALS and not word[0].isdigit()
        ]
        reached = {
            place
            for start, word in enumerate(tokens)
            if word in DENIALS
            for place in range(start + 1, min(start + 1 + DENIAL_REACH, len(tokens)))
        }

        def stems(places: Sequence[int]) -> frozenset[str]:
            return frozenset(self._analyser.terms(" ".join(tokens[place] for place in places)))

        subject, first_person = _subject(tokens, named, speaker)
        return Sentence(
            text=text,
            speaker=speaker,
            tokens=tokens,
            stems=stems(telling),
            names=frozenset(tokens[place] for place in named),
            subject=subject,
            first_person=first_person,
            has_topic=bool(subject and not first_person) or tokens[:1] in _DETERMINERS,
            numbers=frozenset(statements.numbers(text)),
            denials=DENIALS & set(tokens),
            denied=stems([place for place in telling if place in reached])
            | {tokens[place] for place in named & reached},
            relation=next(iter(stems(telling[:1])), None),
            statements=statements.read(text, speaker=speaker),
        )


def _in_common(old: Sentence, new: Sentence) -> int:
    return len((old.stems | old.names) & (new.stems | new.names))


def _related(old: Sentence, new: Sentence) -> bool:
    return _in_common(old, new) > 0 or bool(old.subject & new.subject) or _disagreement(old, new) is not None


def _compare(old: Sentence, new: Sentence, coverage: float) -> Comparison:
    matcher = SequenceMatcher(None, old.tokens, new.tokens, autojunk=False)
    replaced = [
        (" ".join(old.tokens[a:b]), " ".join(new.tokens[c:d]))
        for kind, a, b, c, d in matcher.get_opcodes()
        if kind == "replace"
    ]
    shorter = max(min(len(old.tokens), len(new.tokens)), 1)
    start = _equal_places(old.tokens, new.tokens) / shorter
    end = _equal_places(old.tokens[::-1], new.tokens[::-1]) / shorter
    shared = old.stems & new.stems
    same = (bool(old.subject) and old.subject == new.subject) or not (old.subject or new.subject)
    fresh_denials = old.denials != new.denials
    lost, gained = old.names - new.names - new.subject, new.names - old.names - old.subject
    disagreement, opposites = _disagreement(old, new), _opposites(old.tokens, new.tokens)
    differ = bool(old.numbers and new.numbers) and old.numbers != new.numbers
    added = old.stems <= new.stems and old.names <= new.names and old.numbers <= new.numbers and not fresh_denials
    denied_names = new.denied & ((old.names - old.subject) | (old.subject - new.subject))
    features = (
        _share(shared, old.stems),
        math.log1p(len(shared)),
        start,
        float(same),
        _share(old.names & new.names, old.names | new.names),
        float(bool(lost and gained)),
        float(differ),
        float(bool(opposites)),
        float(disagreement is not None),
        float(not replaced),
        float(added),
        float(bool(EVENTS & set(old.tokens[:2]))),
        float(old.relation is not None and old.relation in new.denied),
        float(bool(denied_names)),
        _share(new.denied & (old.stems | old.names), new.denied),
        min(start + end, 1.0),
        matcher.ratio() * float(bool(replaced)) * math.log1p(len(shared)),
        coverage,
        math.log(max(len(new.tokens), 1) / max(len(old.tokens), 1)),
    )
    return Comparison(old, new, features, coverage, disagreement, replaced, opposites)


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part) / len(whole) if whole else 0.0


def _equal_places(old: Sequence[str], new: Sequence[str]) -> int:
    """How many words from the first on are the same."""
    shorter = min(len(old), len(new))
    return next((place for place in range(shorter) if old[place] != new[place]), shorter)


def _name_places(raw: Sequence[str]) -> set[int]:
    """Where capitals say that a name stands. The first word is one beside another name or before a verb."""
    places = {
        place for place, word in enumerate(raw) if place and word[0].isupper() and not re.match(r"I(?:'|$)", word)
    }
    if raw and raw[0][0].isupper() and raw[0].lower() not in FUNCTION_WORDS:
        follows = raw[1].lower() if len(raw) > 1 else ""
        if 1 in places or raw[0].endswith("'s") or _VERB_AFTER_NAME.fullmatch(follows):
            places.add(0)
    return places


def _subject(tokens: Sequence[str], named: set[int], speaker: str | None) -> tuple[frozenset[str], bool]:
    """The names at the start and those joined to them, or else whom a first person near the start stands for; and
    whether it is the first person."""
    words = []
    for place, word in enumerate(tokens):
        if place in named:
            words.append(word)
        elif words and word == "i":
            words.extend(_speaker(speaker))
        elif word not in ("and", "both"):
            break
    if words:
        return frozenset(words), False
    if {"i", "my", "we", "our"} & set(tokens[:4]):
        return _speaker(speaker), True
    return frozenset(), False


def _speaker(speaker: str | None) -> frozenset[str]:
    return statements.fold(speaker) if speaker else frozenset({SPEAKER})


def _opposites(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, str]]:
    def says(tokens: Sequence[str], word: str) -> bool:
        return word in tokens or f"{word}s" in tokens

    return [
        (mine, other)
        for left, right in OPPOSITES
        for mine, other in ((left, right), (right, left))
        if says(old, mine) and says(new, other) and not says(new, mine)
    ]


def _disagreement(old: Sentence, new: Sentence) -> tuple[Statement, Statement] | None:
    pairs = ((mine, other) for mine in old.statements for other in new.statements)
    return next(((mine, other) for mine, other in pairs if mine.differs(other)), None)
