"""Our tokenizer equals the reference's."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from lukhasd.models.wordpiece import WordPiece

VOCABULARY = resources.files("lukhasd.models").joinpath("minilm-vocab.txt")
OURS = WordPiece(VOCABULARY.read_text(encoding="utf-8"))
REFERENCE = BertWordPieceTokenizer(str(VOCABULARY), lowercase=True)

ODD = [
    "",
    "   \t\r\n ",
    "Hello, World! It's 3.14% of $5 — isn't it?",
    "ÀÉÎÕÜ naïve café Ångström Straße İstanbul ΣΊΣΥΦΟΣ",
    "日本語と한국어와中文 mixed🙂emoji👩‍👩‍👧",
    "zero\u200bwidth soft\u00adhyphen \ufeffbom \ufffdbad nul\0here \x1f unit",
    "a" * 100 + " " + "b" * 101,
    "foo_bar-baz/qux\\C:\\x  ``code`` <tag> ^~|",
    "हिन्दी ไทย العربية עברית",
    "\u2028line\u2029para\u3000wide\u00a0nbsp",
    "[CLS] [SEP] [UNK] ##ing",
    "1234567890123 0x7f unaffable",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_give_the_same_tokens(text: str) -> None:
    expected = REFERENCE.encode(text, add_special_tokens=False).ids
    if not any(mark in text for mark in ("[CLS]", "[SEP]", "[UNK]")):
        assert OURS.encode(text) == expected
    else:  # the reference lets a text forge its marks; ours reads them as punctuation and words
        assert not {OURS.start, OURS.end} & set(OURS.encode(text))


COMMON = st.one_of(
    *(
        st.characters(min_codepoint=first, max_codepoint=last, exclude_categories=["Cs", "Cn"], exclude_characters="[")
        for first, last in ((0, 0x5FF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))
    )
)
"""Scripts old enough for both programs' tables of characters to agree, without the bracket that begins a mark."""


@settings(max_examples=300, deadline=None)
@given(st.text(COMMON, max_size=60))
def test_any_text_gives_the_same_tokens(text: str) -> None:
    assert OURS.encode(text) == REFERENCE.encode(text, add_special_tokens=False).ids


def test_a_limit_gives_the_same_first_tokens() -> None:
    text = " ".join(ODD[2:6])
    whole = OURS.encode(text)
    for limit in (1, 7, len(whole), len(whole) + 5):
        assert OURS.encode_until(text, limit) == whole[:limit]
