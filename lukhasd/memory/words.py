"""Words as the text index sees them: split, folded, stemmed."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import tantivy

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts written without spaces: each character is a word."""
LONGEST_WORD_BYTES = 80
KEPT_TEXTS = 1_024
KEPT_CHARS = 1_000
PUNCTUATION = re.compile(r"""[,;:!?()\[\]{}"'“”„‘’«»¿¡…–—-]|\.{2,}|\.(?!\w)""")
"""What stands between words; a full stop before a letter or a digit, as in .NET and 3.14, is part of a name."""

FUNCTION_WORD_LIST = """
a about after again all also am an and any are as at be because been before being both but by can could did do does
doing done during each few for from further get gets getting got had has have having he her here hers herself him
himself his how i if in into is it its itself just let many may me might more most much must my myself no nor not of
off on once only or other our ours ourselves out over own s same shall she should so some such t than that the their
theirs them themselves then there these they this those through to too under until up upon very was we were what when
where whether which while who whom whose why will with would you your yours yourself
"""
FUNCTION_WORDS = frozenset(FUNCTION_WORD_LIST.split())
"""English words that say nothing of what a question is about."""


class _Recent:
    """What an analyser made of the last short texts: an answer reads each of its memories several times."""

    def __init__(self, analyser: tantivy.TextAnalyzer) -> None:
        self.analyser = analyser
        self._of = lru_cache(KEPT_TEXTS)(lambda text: tuple(analyser.analyze(text)))
        self.forget = self._of.cache_clear

    @property
    def kept(self) -> int:
        return self._of.cache_info().currsize

    def analyse(self, text: str) -> list[str]:
        return [*self._of(text)] if len(text) <= KEPT_CHARS else self.analyser.analyze(text)


@cache
def _analysers() -> tuple[_Recent, _Recent, tantivy.TextAnalyzer]:
    """Folding; stemming too; and for words of any length and symbols."""
    words = rf"[{UNSPACED}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{UNSPACED}]]+"

    def folding() -> tantivy.TextAnalyzerBuilder:
        builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(words))
        builder = builder.filter(tantivy.Filter.remove_long(LONGEST_WORD_BYTES))
        return builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())

    verbatim = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(rf"{words}|[^\s\p{{L}}\p{{N}}\p{{M}}]"))
    return (
        _Recent(folding().build()),
        _Recent(folding().filter(tantivy.Filter.stemmer("english")).build()),
        verbatim.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold()).build(),
    )


def forget_texts() -> None:
    """What analysers keep of the last texts: one of them was erased."""
    plain, stemming, _ = _analysers()
    plain.forget()
    stemming.forget()


class Analyser:
    """Text to index terms. English stems; accents are folded; other scripts keep their words."""

    def __init__(self) -> None:
        self._plain, self._stemming, self.verbatim = _analysers()
        self.stemming = self._stemming.analyser
        """The same analyser as tantivy uses it."""

    def words(self, text: str) -> list[str]:
        """Folded words in order, not stemmed."""
        return self._plain.analyse(text)

    def tokens(self, text: str) -> list[str]:
        """Folded words and symbols in order, not stemmed; no punctuation."""
        return self.verbatim.analyze(spell(text))

    def terms(self, text: str) -> list[str]:
        """Stemmed words in order, with repetitions."""
        return self._stemming.analyse(text)

    def query_terms(self, query: str) -> list[str]:
        """Distinct stems of the words that a query is about; of all its words when it has function words alone."""
        words = self.words(query)
        telling = [word for word in words if word not in FUNCTION_WORDS] or words
        return list(dict.fromkeys(self.terms(" ".join(telling))))


def spell(text: str) -> str:
    """The text without punctuation."""
    return PUNCTUATION.sub(" ", text)
