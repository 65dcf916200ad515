"""Text ↔ symbols in several languages, by the words of `languages.toml` and of registered symbols.

A word of the text is read by a name or form that is listed, or by a listed stem (`trust*`) that it begins with; where
the script puts no space between words, wherever a listed one stands. Any other word gives nothing.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from lukhas_sdk.contract.glyph import DecodeResponse, EncodeResponse, FoundSymbol
from lukhas_sdk.errors import ValidationError

UNSPACED = ("zh", "ja")
LONGEST_ENDING = 7
"""Letters that may follow a stem."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
KANA = re.compile(r"[\u3041-\u30ff]")
HAN = re.compile(r"[\u4e00-\u9fff]")
SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
)
ARABIC_MARKS = re.compile(r"[\u0640\u064b-\u0652]")
ARABIC_PREFIX = re.compile(r"^(?:[وف]?(?:[بكل]?ال|لل|[بكلس])|[وف])")
"""And, with, to, the: written with the word."""
UNTOLD = "the text does not tell its language; name it"


@dataclass(frozen=True)
class Language:
    tag: str
    name: str
    common: frozenset[str]
    """Words that tell the language."""
    letters: frozenset[str]
    """Letters that no other of the languages in this script has."""
    words: Mapping[str, str]
    """Name or form → symbol."""
    stems: tuple[tuple[str, str], ...]
    """Stem and symbol, the longest first."""
    names: Mapping[str, tuple[str, ...]]
    """Symbol → as it is listed; the first is what it is written with."""
    excluded: frozenset[str]
    """Words that begin with a stem and mean something else."""

    def has(self, word: str) -> bool:
        """Whether a word, folded, tells that a text is in this language."""
        return word in self.common or not self.letters.isdisjoint(word)

    def find(self, text: str) -> Iterator[FoundSymbol]:
        if self.tag in UNSPACED:
            yield from self._find_unspaced(text)
            return
        tokens = [(match.start(), match.end()) for match in WORD.finditer(text)]
        place = 0
        while place < len(tokens):
            taken = 1
            for count in (3, 2, 1):
                if place + count <= len(tokens):
                    start, end = tokens[place][0], tokens[place + count - 1][1]
                    if hit := self._read(text[start:end]):
                        yield FoundSymbol(hit[0], start, end, text[start:end], hit[1])
                        taken = count
                        break
            place += taken

    def _read(self, word: str) -> tuple[str, float] | None:
        folded = fold(word)
        forms = [folded]
        if self.tag == "ar":
            forms.append(ARABIC_PREFIX.sub("", folded))
        for form in forms:
            if form in self.excluded:
                return None
            if form in self.words:
                return self.words[form], 1.0
        for form in forms:
            for stem, symbol in self.stems:
                ending = form[len(stem) :]
                if form.startswith(stem) and len(ending) <= LONGEST_ENDING and (not ending or ending.isalpha()):
                    return symbol, round(len(stem) / len(form), 4)
        return None

    def _find_unspaced(self, text: str) -> Iterator[FoundSymbol]:
        place = 0
        longest = max(map(len, (*self.words, *self.excluded)))
        while place < len(text):
            for size in range(min(longest, len(text) - place), 0, -1):
                word = text[place : place + size]
                if word in self.excluded:
                    place += size
                    break
                if word in self.words:
                    yield FoundSymbol(self.words[word], place, place + size, word, 1.0)
                    place += size
                    break
            else:
                place += 1


class Lexicon:
    """What every language calls the symbols."""

    def __init__(self, languages: Iterable[Language]) -> None:
        self._languages = {each.tag: each for each in languages}

    @classmethod
    def load(cls) -> Lexicon:
        """Blocks."""
        tree = tomllib.loads((resources.files(__package__) / "languages.toml").read_text("utf-8"))
        return cls(_language(tag, entries) for tag, entries in tree.items())

    @property
    def languages(self) -> dict[str, str]:
        return {tag: each.name for tag, each in self._languages.items()}

    def with_names(self, names: Mapping[str, Mapping[str, list[str]]]) -> Lexicon:
        """These symbols too. A word that is taken stays with the symbol that has it; a symbol's own name is a word of
        every language."""
        return Lexicon(
            _extended(each, {symbol: [*of.get(each.tag, ()), symbol.replace("_", " ")] for symbol, of in names.items()})
            for each in self._languages.values()
        )

    def names_of(self, symbol: str) -> dict[str, list[str]]:
        return {tag: list(each.names[symbol]) for tag, each in self._languages.items() if symbol in each.names}

    def known(self, tag: str, *, field: str = "$.language") -> str:
        """The tag as it is listed. ValidationError for a language that is not."""
        plain = tag.split("-")[0].split("_")[0].lower()
        if plain not in self._languages:
            raise ValidationError(
                f"{tag} is not among the languages", field=field, hint=f"one of {', '.join(self._languages)}"
            )
        return plain

    def encode(self, text: str, language: str | None) -> EncodeResponse:
        """Where the text does not tell its language, what all that it may be agree on."""
        tags = [self.known(language)] if language is not None else self.detect(text)
        found = [list(self._languages[tag].find(text)) for tag in tags]
        agreed = found[0] if found else []
        for others in found[1:]:
            same = {(each.symbol, each.start, each.end) for each in others}
            agreed = [each for each in agreed if (each.symbol, each.start, each.end) in same]
        reasons = {} if len(tags) == 1 else {"language": UNTOLD}
        return EncodeResponse(
            symbols=list(dict.fromkeys(each.symbol for each in agreed)),
            found=agreed,
            language=tags[0] if len(tags) == 1 else None,
            reasons=reasons,
        )

    def decode(self, symbols: list[str], language: str) -> DecodeResponse:
        tag = self.known(language)
        of = self._languages[tag].names
        names = [of[symbol][0] if symbol in of else symbol for symbol in symbols]
        lacking = [symbol for symbol in dict.fromkeys(symbols) if symbol not in of]
        joint = {"zh": "、", "ja": "、", "ar": "، "}.get(tag, ", ")
        why = f"no name in {self.languages[tag]}: {', '.join(lacking)}"
        return DecodeResponse(joint.join(names), tag, names, {"names": why} if lacking else {})

    def detect(self, text: str) -> list[str]:
        """The languages that the text may be in: by its script, else by the words that tell, else by the words that
        name symbols."""
        if KANA.search(text):
            return ["ja"]
        for tag, script in SCRIPTS:
            if script.search(text):
                return [tag]
        if HAN.search(text):
            han = ["zh", "ja"]
            return han if all(any(self._languages[tag].find(text)) for tag in han) else ["zh"]
        words = Counter(fold(match.group()) for match in WORD.finditer(text))
        latin = [each for each in self._languages.values() if each.tag not in ("zh", "ja", "ar", "ru")]
        told = {each.tag: sum(count for word, count in words.items() if each.has(word)) for each in latin}
        named = {each.tag: sum(1 for _ in each.find(text)) for each in latin}
        best = max((told[each.tag], named[each.tag]) for each in latin)
        return [each.tag for each in latin if (told[each.tag], named[each.tag]) == best] if any(best) else []


def fold(word: str) -> str:
    """Case, the kind of apostrophe, and Arabic's vowel marks do not matter."""
    text = unicodedata.normalize("NFC", word).replace("İ", "i").casefold().replace("’", "'")
    return ARABIC_MARKS.sub("", text)


def _language(tag: str, entries: Mapping[str, Any]) -> Language:
    letters = frozenset(entries.get("letters", ""))
    empty = Language(tag, entries["name"], frozenset(entries["common"].split()), letters, {}, (), {}, frozenset())
    listed = {symbol: words for symbol, words in entries.items() if symbol.isupper()}
    excluded = frozenset(fold(word) for word in entries.get("excluded", "").split())
    return replace(_extended(empty, listed), excluded=excluded)


def _extended(language: Language, listed: Mapping[str, list[str]]) -> Language:
    words, stems, names = dict(language.words), dict(language.stems), dict(language.names)
    for symbol, forms in listed.items():
        for form in forms:
            if form.endswith("*"):
                stems.setdefault(fold(form[:-1]), symbol)
            else:
                words.setdefault(fold(form), symbol)
        whole = tuple(form for form in forms if not form.endswith("*"))
        mine = [form for form in whole if words[fold(form)] == symbol]
        if mine:
            names[symbol] = tuple(mine)
    ordered = tuple(sorted(stems.items(), key=lambda pair: -len(pair[0])))
    return replace(language, words=words, stems=ordered, names=names)
