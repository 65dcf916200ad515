"""Whether what was said later replaces what was said before: pairs of sentences, no store."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lukhasd.memory import statements
from lukhasd.memory.contradiction_training import read_own
from lukhasd.memory.contradictions import Contradictions, Said, load

PAIRS = Path(__file__).parents[1] / "data" / "contradictions" / "pairs.jsonl"


@pytest.fixture(scope="module")
def judge() -> Contradictions:
    return load()


@pytest.mark.parametrize(
    ("older", "newer", "named"),
    [
        ("I live in Hamburg.", "I've moved to Leipzig.", "Leipzig"),
        ("The database port is 5432.", "The database port is 6432.", "6432"),
        ("Our weekly review is on Monday.", "Our weekly review has been moved to Friday.", "Friday"),
        ("My favourite author is Calvino.", "My favourite author is Le Guin.", "Le Guin"),
        ("Priya works at Acme.", "Priya joined Globex.", "Globex"),
        ("Nadia is vegetarian.", "Nadia is no longer vegetarian.", "longer"),
        ("We have three servers.", "We have five servers.", "five"),
    ],
)
def test_says_what_replaces_what(judge: Contradictions, older: str, newer: str, named: str) -> None:
    judgement = judge.judge(Said(older), Said(newer))
    assert judgement.kind == "supersedes"
    assert 0.5 < judgement.confidence < 1
    assert named in " ".join(judgement.evidence)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("I like tea.", "I like coffee."),
        ("We visited Lyon in April.", "We visited Nice in May."),
        ("Lena speaks Polish.", "Lena speaks Czech."),
        ("My sister lives in Kiel.", "My brother lives in Bonn."),
        ("The blue backup disk is in the attic.", "The red backup disk is in the cellar."),
        ("I live in Hamburg.", "I might move to Leipzig."),
        ("I live in Hamburg.", "Do you live in Leipzig?"),
        ("I lived in Leipzig in 2015.", "I live in Hamburg."),
        ("I live in Hamburg.", "I live in Hamburg."),
        ("The port is 5432.", ""),
    ],
)
def test_leaves_alone_what_may_both_be_true(judge: Contradictions, older: str, newer: str) -> None:
    assert judge.judge(Said(older), Said(newer)).kind != "supersedes"


def test_the_first_person_is_whoever_speaks(judge: Contradictions) -> None:
    older = Said("I live in Hamburg.", "Ana")
    assert judge.judge(older, Said("I live in Leipzig.", "Ben")).kind == "none"
    assert judge.judge(older, Said("I live in Leipzig.", "Ana")).kind == "supersedes"
    assert judge.judge(older, Said("Ana lives in Leipzig.", "Ben")).kind == "supersedes"


def test_other_subjects_are_at_most_flagged(judge: Contradictions) -> None:
    older = Said("Mara Feld won the regional chess cup of the northern schools in 2021.")
    newer = Said("Jonas Thal won the regional chess cup of the northern schools in 2021.")
    judgement = judge.judge(older, newer)
    assert judgement.kind != "supersedes"
    denied = Said("Jonas Thal, not Mara Feld, won the regional chess cup of the northern schools in 2021.")
    assert judge.judge(older, denied).kind == "supersedes"


def test_own_pairs_that_nothing_was_fitted_on(judge: Contradictions) -> None:
    pairs = [pair for pair in read_own(PAIRS) if not pair.train]
    superseded = [pair.replaces for pair in pairs if judge.judge(pair.older, pair.newer).kind == "supersedes"]
    assert len(pairs) > 50
    assert sum(superseded) / len(superseded) >= 0.95
    assert sum(superseded) / sum(pair.replaces for pair in pairs) >= 0.7


def test_there_are_as_many_hard_pairs_as_replacing_ones() -> None:
    pairs = read_own(PAIRS)
    assert len(pairs) >= 150
    assert sum(not pair.replaces for pair in pairs) >= len(pairs) / 2


def test_statements_name_whose_what_and_which() -> None:
    (statement,) = statements.read("My phone number is 0151.", speaker="Ana")
    assert statement.about == {"ana", "phone", "number"}
    assert statement.value == "0151"
    assert statements.read("She lives in Rome.") == (), "nobody knows who she is"
    assert statements.read("I may live in Rome.") == ()


@given(older=st.text(max_size=200), newer=st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_judged(older: str, newer: str) -> None:
    judgement = JUDGE.judge(Said(older), Said(newer))
    assert 0 <= judgement.confidence <= 1


JUDGE = load()
