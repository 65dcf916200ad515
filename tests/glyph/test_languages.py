"""Text ↔ symbols in every language: there and back for each name, and on sentences of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from lukhas_sdk.contract.glyph import SYMBOLS
from lukhas_sdk.errors import ValidationError
from lukhasd.glyph.languages import Lexicon

SENTENCES = Path(__file__).parents[1] / "data" / "glyph" / "sentences.tsv"
LEXICON = Lexicon.load()


def sentences() -> list[tuple[str, set[str], str]]:
    rows = [line.split("\t") for line in SENTENCES.read_text("utf-8").splitlines()]
    return [(language, set(symbols.split(",")) - {"-"}, text) for language, symbols, text in rows]


def test_there_are_languages_enough() -> None:
    assert len(LEXICON.languages) >= 12
    assert {language for language, _, _ in sentences()} == set(LEXICON.languages)
    assert len(sentences()) >= 120


@pytest.mark.parametrize("language", LEXICON.languages)
def test_every_name_of_every_symbol_goes_there_and_back(language: str) -> None:
    for symbol in SYMBOLS:
        names = LEXICON.names_of(symbol)[language]
        assert LEXICON.decode([symbol], language).text == names[0]
        for name in names:
            for said in (name, name.upper() if language != "tr" else name):
                assert LEXICON.encode(said, language).symbols == [symbol], said
    whole = LEXICON.decode([*reversed(SYMBOLS)], language).text
    assert LEXICON.encode(whole, language).symbols == [*reversed(SYMBOLS)]


@pytest.mark.parametrize("named", [True, False], ids=["language named", "language found"])
def test_sentences(named: bool) -> None:
    right = surplus = missing = told = 0
    wrong = []
    for language, expected, text in sentences():
        read = LEXICON.encode(text, language if named else None)
        found = set(read.symbols)
        right += len(found & expected)
        surplus += len(found - expected)
        missing += len(expected - found)
        told += read.language == language
        if found != expected or read.language != language:
            wrong.append((language, read.language, sorted(found), text))
    precision, recall = right / (right + surplus), right / (right + missing)
    print(f"precision {precision:.3f}, recall {recall:.3f}, language {told}/{len(sentences())}", wrong)
    assert precision >= 0.97, wrong
    assert recall >= 0.95, wrong
    assert told / len(sentences()) >= 0.9, wrong


def test_a_place_and_a_score_are_the_words_own() -> None:
    read = LEXICON.encode("Nobody learnt it; we trust’d him, connectivity too.", "en")
    assert [(each.symbol, each.word) for each in read.found] == [("LEARN", "learnt"), ("CONNECT", "connectivity")]
    for each in read.found:
        assert "Nobody learnt it; we trust’d him, connectivity too."[each.start : each.end] == each.word
    assert read.found[0].score == round(5 / 6, 4)
    assert LEXICON.encode("learn", "en").found[0].score == 1.0


@pytest.mark.parametrize("text", ["qwxzv blorp", "12345", "…", "🌙🌱", "trustworthinesslessness", "\u202e\x1b[31m"])
def test_unknown_words_give_nothing(text: str) -> None:
    read = LEXICON.encode(text, None)
    assert (read.symbols, read.found) == ([], [])
    for language in LEXICON.languages:
        assert LEXICON.encode(text, language).symbols == []


def test_a_text_that_does_not_tell_its_language_gives_what_all_agree_on() -> None:
    read = LEXICON.encode("adapt", None)
    assert (read.symbols, read.language) == (["ADAPT"], None)
    assert LEXICON.encode("crea", None).symbols == ["CREATE"]
    assert LEXICON.encode("guard against", None).language == "en"
    read = LEXICON.encode("qqq", None)
    assert (read.language, list(read.reasons)) == (None, ["language"])


def test_a_language_that_is_not_there_is_named() -> None:
    with pytest.raises(ValidationError, match="tlh is not among the languages"):
        LEXICON.decode(["TRUST"], "tlh")
    assert LEXICON.decode(["TRUST"], "pt-BR").language == "pt"
    said = LEXICON.decode(["TRUST", "SOMETHING"], "en")
    assert (said.text, list(said.reasons)) == ("trust, SOMETHING", ["names"])
