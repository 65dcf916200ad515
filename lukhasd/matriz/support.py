"""Which statements of a draft the memories carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lukhas_sdk.contract.thought import Statement
from lukhasd.matriz import sentences
from lukhasd.memory.comparison import OPPOSITES
from lukhasd.memory.statements import CONTRACTIONS
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.embedder import Embedder, EmbedderError

MARK = re.compile(r"\s*\[(\d{1,2})\]")
THRESHOLD = 0.65
"""Least score of a statement that is carried, chosen on the pairs of `tests/data/support.jsonl` marked `fit`."""
WORDS_ALONE = 0.6
"""The same, of the words alone, while there is no embedder."""
WORD_SHARE = 0.5
EMBEDDED_LIMIT = 6
"""Passages that one statement is compared with by meaning, those first that share most words with it."""
NUMBER_LIST = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
MONTH_LIST = "january february march april may june july august september october november december"
NUMBERS = {word: str(number) for number, word in enumerate(NUMBER_LIST.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100", "dozen": "12", "twice": "2",
}  # fmt: skip
MONTHS = frozenset(MONTH_LIST.split())
FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
NAME = re.compile(r"\b[A-Z][\w’'-]+")
DENIAL = re.compile(r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|refuses?d?|stopped)\b", re.I)
INTENDED = re.compile(
    r"\b(?:plan(?:s|ned|ning)?|want(?:s|ed)?|hop(?:e|es|ed|ing)|might|may|could|would|should|consider(?:s|ed|ing)?|think"
    r"(?:s|ing)? (?:about|of)|intend(?:s|ed)?|going to|will|wish(?:es)?|if|maybe|perhaps|suppose[ds]?"
    r"|expect(?:s|ed)?)\b",
    re.I,
)
"""What is meant to be, and is not said to be so."""
PRONOUN = re.compile(r"\b(?:he|she|they|it|we|i|his|her|their|its|our|my)\b", re.I)


@dataclass(frozen=True)
class Source:
    """What a memory was shown as: who said it when, and the text."""

    memory_id: str
    attribution: str
    text: str

    @cached_property
    def passages(self) -> tuple[tuple[str, str], ...]:
        """Each sentence, and each with the one after it; beside it what names may be read from: where the passage has
        a pronoun, the sentence before too."""
        found = sentences.split(self.text)
        rows = []
        for place, one in enumerate(found):
            before = found[place - 1] if place and PRONOUN.search(one) else ""
            rows.append((one, f"{self.attribution} {before} {one}"))
            if place + 1 < len(found):
                both = f"{one} {found[place + 1]}"
                rows.append((both, f"{self.attribution} {before} {both}"))
        return tuple(rows)


def check(draft: str, sources: Sequence[Source], *, analyser: Analyser, embedder: Embedder | None) -> list[Statement]:
    """The statements of `draft`, in order; `[2]` in it cites `sources[1]`. Blocks."""
    rows = []
    for sentence in _statements(draft):
        text = MARK.sub("", sentence).strip()
        if analyser.query_terms(text) and not text.endswith("?"):
            cited = [int(number) - 1 for number in MARK.findall(sentence)]
            marked = [sources[place].memory_id for place in dict.fromkeys(cited) if 0 <= place < len(sources)]
            rows.append(_judged(text, marked, sources, analyser, embedder))
    return rows


def share(statements: Sequence[Statement]) -> float | None:
    """Of the statements, those that are carried; None where there is none."""
    return sum(one.supported for one in statements) / len(statements) if statements else None


def _statements(draft: str) -> list[str]:
    """The sentences, each with the marks that follow its full stop."""
    return sentences.split(re.sub(r"([.!?…])((?:\s*\[\d{1,2}\])+)", r"\2\1", draft))


def _judged(
    text: str, cited: list[str], sources: Sequence[Source], analyser: Analyser, embedder: Embedder | None
) -> Statement:
    terms = set(analyser.query_terms(text))
    rows = [
        (len(terms.intersection(analyser.terms(around))) / len(terms), place, passage, around)
        for place, source in enumerate(sources)
        for passage, around in source.passages
    ]
    rows.sort(key=lambda row: -row[0])
    rows = rows[:EMBEDDED_LIMIT]
    cosines = _cosines(text, [passage for _, _, passage, _ in rows], embedder)
    carriers: dict[str, float] = {}
    best, why = 0.0, "no memory shown speaks of it"
    for (words, place, passage, around), cosine in zip(rows, cosines, strict=True):
        score = words if cosine is None else WORD_SHARE * words + (1 - WORD_SHARE) * max(0.0, cosine)
        against = contradicted(text, passage, around, analyser)
        if score < (WORDS_ALONE if cosine is None else THRESHOLD):
            if score > best and not carriers:
                best, why = score, "no memory shown says enough of it"
        elif against is None:
            name = sources[place].memory_id
            carriers[name] = max(score, carriers.get(name, 0.0))
        elif not carriers:
            why = against
    if carriers:
        ranked = sorted(carriers, key=lambda name: -carriers[name])
        return Statement(text, True, ranked, round(min(carriers[ranked[0]], 1.0), 4), cited)
    speaks_against = why not in ("no memory shown speaks of it", "no memory shown says enough of it")
    return Statement(text, False, [], 0.0 if speaks_against else round(best, 4), cited, why)


def contradicted(text: str, passage: str, around: str, analyser: Analyser) -> str | None:
    """What in the passage speaks against the statement, None where nothing does. `around` also holds who said the
    passage when."""
    missing = figures(text) - figures(around)
    if missing:
        return f"the memory does not hold the figure {sorted(missing)[0]}"
    held = set(analyser.terms(around))
    unknown = [name for name in names(text) if held.isdisjoint(analyser.terms(name))]
    if unknown:
        return f"the memory does not name {unknown[0]}"
    said, source = spelled(text), spelled(passage)
    if bool(DENIAL.search(said)) != bool(DENIAL.search(source)):
        return "one of the two denies it"
    words, others = set(analyser.words(said)), set(analyser.words(source))
    for one, other in OPPOSITES:
        for mine, its in ((one, other), (other, one)):
            if mine in words and its in others and mine not in others and its not in words:
                return f"the memory says “{its}”, not “{mine}”"
    if INTENDED.search(source) and not INTENDED.search(said):
        return "the memory only says that it was meant to be"
    if _swapped(text, passage):
        return "the memory says it the other way round"
    return None


def figures(text: str) -> set[str]:
    """Numbers as digits, number words too, and months by name: 1,200 is 1200, and June is June."""
    found = {number.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", number) else number.strip(".,:")
             for number in FIGURE.findall(re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text))}  # fmt: skip
    words = re.findall(r"[a-z]+", text.lower())
    found |= {NUMBERS[word] for word in words if word in NUMBERS and word not in ("one", "zero")}
    return found | {word for word in re.findall(r"[A-Z][a-z]+", text) if word.lower() in MONTHS}


def names(text: str) -> list[str]:
    """Capitalised words; of the first word of the text only where it is no plain word of grammar or of time."""
    found = []
    for match in NAME.finditer(text):
        word = re.sub(r"[’']s?$", "", match[0])
        plain = word.lower() in FUNCTION_WORDS or word.lower() in ("according", "yes", "yesterday", "today", "tomorrow")
        first = match.start() == 0
        if not plain and not (first and (word.endswith(("ly", "ing")) or word.lower() in NUMBERS)):
            found.append(word)
    return found


def spelled(text: str) -> str:
    for pattern, full in CONTRACTIONS:
        text = re.sub(pattern, full, text.replace("’", "'"))
    return text


def _swapped(text: str, passage: str) -> bool:
    """Two names that both hold stand in the other order, and neither is told in the passive."""
    mine = [name for name in dict.fromkeys(names(text)) if re.search(rf"\b{re.escape(name)}\b", passage)]
    if len(mine) < 2 or re.search(r"\bby\b", text) or re.search(r"\bby\b", passage):
        return False
    places = [passage.index(name) for name in mine[:2]]
    return places[0] > places[1]


def _cosines(text: str, passages: Sequence[str], embedder: Embedder | None) -> list[float | None]:
    if embedder is None or not passages:
        return [None] * len(passages)
    try:
        vectors = embedder.embed([text, *passages])
    except EmbedderError:
        return [None] * len(passages)
    return [float(value) for value in vectors[1:] @ vectors[0]]
