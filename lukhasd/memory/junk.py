"""What is not worth remembering, and why: rules of high precision, in `junk.toml`."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import msgspec

LONGEST_CHARS = 4_000
"""A text longer than this is never junk as a whole: somebody would have to read it to say so."""
MOST_SENTENCES = 40
ANSWER_LEAST_WORDS = 5
"""A shorter answer may be anybody's own words."""
ANSWER_SHARE = 0.8
"""Of an answer's words that a part of it must hold to be that answer fed back."""
FED_BACK = "it is an answer that was given to you, fed back: what it rests on is in memory already"
NOTHING_SAID = "it holds no word and no number"

_TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-", "\u00a0": " "})
_SENTENCES = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+|\s+[|·•»›]\s+|\s*;\s+")
_CRUMBS = re.compile(
    r"(?:home|start|startseite|index)(?: ?[>›»/] ?[\w&'-]{1,25}(?: [\w&'-]{1,25}){0,2}){2,8}", re.IGNORECASE
)
_EDGES = " \t.,;:!?*_~\"'`()[]{}<>-=#|\\/…•·✅✓☑✔👍❤️🎉🙂😊😀🙏💯🔥✨👋😂🤣🤖⏰💓❌⚠️ℹ️"
_LIGHT_EDGES = " \t.,;:!?*_~\"'`-…•·✅✓☑✔👍❤️🎉🙂😊😀🙏💯🔥✨👋😂🤣🤖⏰💓❌⚠️ℹ️"
_EMOTICON = re.compile(r"[<>]?[:;=8xX]['-]?[)(DPpOo3/\\|*]+|<\/?3+|[xX]D+|\^_*\^")
_CITATION = re.compile(r"\[\d+\]|\(?\bmem_\d{4}_\d\d_\d\d_\w+\)?")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_NAVIGATION_WORDS = """
home about contact privacy policy terms service services of use cookie cookies settings log in login out register sign
up cart search menu help faq blog news shop products careers press imprint sitemap legal support account and us main
store basket wishlist checkout my profile subscribe newsletter share language english next previous accept reject all
manage preferences unsubscribe view browser more back top skip content
"""
_NAVIGATION = frozenset(_NAVIGATION_WORDS.split())


class _Kind(msgspec.Struct, frozen=True):
    name: str
    reason: str
    patterns: list[str]


class _File(msgspec.Struct, frozen=True):
    longest_words: int
    empty_words: str
    anchors: str
    kept: str
    kind: list[_Kind]


@dataclass(frozen=True)
class Junk:
    kind: str
    reason: str


class Judge:
    """Made by `load`; may be used from any thread."""

    def __init__(self, file: _File) -> None:
        self._empty = frozenset(file.empty_words.split())
        self._anchors = frozenset(file.anchors.split())
        self._longest_words = file.longest_words
        self._kept = re.compile(file.kept)
        self._kinds = [
            (Junk(kind.name, kind.reason), re.compile("|".join(f"(?:{each})" for each in kind.patterns), re.DOTALL))
            for kind in file.kind
        ]
        self._small_talk = self._kinds[0][0]
        self._boilerplate = next(junk for junk, _ in self._kinds if junk.kind == "boilerplate")

    def judge(self, text: str, *, answers_a_question: bool = False) -> Junk | None:
        """Why `text` is junk, None where it is worth keeping. What answers a question that is kept with it may be as
        short as "yes"."""
        if len(text) > LONGEST_CHARS:
            return None
        plain = unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY).strip()
        if not any(unicodedata.category(char)[0] in "LN" for char in plain) or _EMOTICON.fullmatch(plain):
            return Junk("no words", NOTHING_SAID)
        if answers_a_question:
            return None
        if _CRUMBS.fullmatch(plain) or _is_navigation(plain):
            return self._boilerplate
        whole = self._any_pattern(plain, _LIGHT_EDGES)
        if whole is not None:
            return whole
        sentences = [part for part in _SENTENCES.split(plain) if part.strip(_EDGES)]
        if not 0 < len(sentences) <= MOST_SENTENCES:
            return None
        first: Junk | None = None
        for sentence in sentences:
            found = self._sentence(sentence)
            if found is None:
                return None
            first = first if first is not None and first is not self._small_talk else found
        return first

    def _sentence(self, sentence: str) -> Junk | None:
        found = self._any_pattern(sentence, _LIGHT_EDGES, _EDGES)
        if found is not None:
            return found
        clauses = [part for part in re.split(r",\s+|\s+-\s+|!\s*|:\s+", sentence) if part.strip(_EDGES)]
        if len(clauses) > 1 and all(
            self._is_empty(part) or self._pattern(_bare(part.strip(_EDGES))) for part in clauses
        ):
            return self._small_talk
        return self._small_talk if self._is_empty(sentence) else None

    def _any_pattern(self, text: str, *edges: str) -> Junk | None:
        forms = dict.fromkeys([_bare(text), *(_bare(text.strip(edge)) for edge in edges)])
        return next((found for found in map(self._pattern, forms) if found is not None), None)

    def _pattern(self, bare: str) -> Junk | None:
        return next((junk for junk, pattern in self._kinds if pattern.fullmatch(bare)), None)

    def _is_empty(self, sentence: str) -> bool:
        bare = _bare(sentence)
        words = _WORD.findall(bare)
        if not 0 < len(words) <= self._longest_words or not self._empty.issuperset(words):
            return False
        if self._anchors.isdisjoint(words):
            return False
        named = any(word[:1].isupper() and word.lower() != "i" for word in sentence.split()[1:] if not word.isupper())
        return not named and not self._kept.fullmatch(bare.strip(_EDGES))


@lru_cache(maxsize=1)
def load() -> Judge:
    """The judge of this program; the rules are read once."""
    raw = (resources.files("lukhasd.memory") / "junk.toml").read_text(encoding="utf-8")
    return Judge(msgspec.convert(tomllib.loads(raw), _File))


Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """In order and folded, without marks of citation."""
    plain = unicodedata.normalize("NFKC", _CITATION.sub(" ", text[:LONGEST_CHARS])).translate(_TYPOGRAPHY)
    return tuple(_WORD.findall(plain.lower()))


def is_fed_back(text: str, answers: Sequence[Words]) -> bool:
    """Whether `text` is one of `answers`, or nearly the whole of one."""
    if not answers or len(text) > LONGEST_CHARS:
        return False
    said = words_of(text)
    if len(said) < ANSWER_LEAST_WORDS:
        return False
    joined = f" {' '.join(said)} "
    for words in answers:
        if len(words) >= ANSWER_LEAST_WORDS and ANSWER_SHARE <= len(said) / len(words) <= 1 / ANSWER_SHARE:
            whole = f" {' '.join(words)} "
            if joined in whole or whole in joined:
                return True
    return False


def _bare(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower().replace('"', "")).strip().rstrip(".!?,;: ")


def _is_navigation(plain: str) -> bool:
    """Links side by side, and nothing else."""
    parts = [part.strip() for part in re.split(r"\s*[|·•>›»\n]\s*|\s{2,}", plain) if part.strip()]
    if len(parts) < 2 or any(len(part.split()) > 4 for part in parts):
        return False
    words = [word.lower() for part in parts for word in re.findall(r"[^\W\d_]+", part)]
    return bool(words) and sum(word in _NAVIGATION for word in words) >= 0.75 * len(words)
