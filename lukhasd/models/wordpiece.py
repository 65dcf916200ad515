"""BERT's uncased WordPiece tokenizer (Devlin et al., 2019, `BasicTokenizer` then `WordpieceTokenizer`).

Written out here because the usual library brings a hub client and 35 MB; a test holds the two equal.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import chain

LONGEST_WORD = 100
"""Characters; a longer word is one unknown token, as in the original."""
WORDS_REMEMBERED = 50_000
IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class _CharacterTable(dict[int, str]):
    """A `str.translate` table that works each character out once."""

    def __missing__(self, code: int) -> str:
        self[code] = replacement = self.replace(chr(code))
        return replacement

    def replace(self, character: str) -> str:
        raise KeyError(character)


class _Clean(_CharacterTable):
    """Drops controls, makes every white space a space, and sets ideographs apart."""

    def replace(self, character: str) -> str:
        if character in "\t\n\r":
            return " "
        if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
            return ""
        if character.isspace():
            return " "
        if any(first <= ord(character) <= last for first, last in IDEOGRAPHS):
            return f" {character} "
        return character


class _Fold(_CharacterTable):
    """After decomposition: drops accents, lowers, and sets punctuation apart."""

    def replace(self, character: str) -> str:
        category = unicodedata.category(character)
        if category == "Mn":
            return ""
        ascii_sign = character.isascii() and not character.isalnum() and character != " "
        if ascii_sign or category.startswith("P"):
            return f" {character} "
        return character.lower()


class WordPiece:
    """`vocabulary`: one token a line, its number being the line's."""

    def __init__(self, vocabulary: str) -> None:
        self._ids = {token: number for number, token in enumerate(vocabulary.split("\n")) if token}
        self.start = self._ids["[CLS]"]
        self.end = self._ids["[SEP]"]
        self._unknown = self._ids["[UNK]"]
        self._clean = _Clean()
        self._fold = _Fold()
        self._both = {code: chr(code).translate(self._clean).translate(self._fold) for code in range(128)}
        """Of ASCII, which decomposes to itself."""
        self._pieces = lru_cache(WORDS_REMEMBERED)(self._split_word)

    def encode(self, text: str) -> list[int]:
        """Token numbers of `text`, without the start and end marks."""
        return [*chain.from_iterable(map(self._pieces, self.words(text)))]

    def encode_until(self, text: str, limit: int) -> list[int]:
        """The first `limit` tokens of `text`."""
        tokens: list[int] = []
        for word in self.words(text):
            tokens.extend(self._pieces(word))
            if len(tokens) >= limit:
                break
        return tokens[:limit]

    def words(self, text: str) -> list[str]:
        if text.isascii():
            folded = text.translate(self._both)
        else:
            folded = unicodedata.normalize("NFD", text.translate(self._clean)).translate(self._fold)
        return [word for word in folded.split(" ") if word]

    def _split_word(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(mark + word[start:end])
                if piece is not None:
                    break
            else:
                return (self._unknown,)
            pieces.append(piece)
            start = end
        return tuple(pieces)
