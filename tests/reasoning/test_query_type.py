"""The kind of a query: F1 over the queries that the rules were not written against."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.query_guess import Guesser
from lukhasd.reasoning.query_type import classify
from lukhasd.reasoning.units import Units

DATA = Path(__file__).parents[1] / "data"
ROWS = [json.loads(line) for line in (DATA / "query_types.jsonl").read_text().splitlines()]
ASKED = [json.loads(line) for line in (DATA / "query_types_asked.jsonl").read_text().splitlines()]
FORMULAS = Formulas.load()
UNITS = Units()


def macro_f1(part: str, guesser: Guesser | None = None) -> float:
    right, guessed, there = Counter[str](), Counter[str](), Counter[str]()
    for row in (*ROWS, *ASKED):
        if row["part"] == part:
            guess = classify(row["query"], FORMULAS, UNITS, guesser=guesser)
            guessed[guess] += 1
            there[row["type"]] += 1
            right[guess] += guess == row["type"]
    return sum(2 * right[kind] / (guessed[kind] + there[kind]) for kind in there) / len(there)


def test_f1() -> None:
    assert len(ROWS) == len({row["query"] for row in ROWS}) == 300
    held_out, built_on = macro_f1("held_out"), macro_f1("built_on")
    print(f"macro F1 {held_out:.3f} held out, {built_on:.3f} built on")
    assert held_out >= 0.9


def test_a_guess_helps_where_no_rule_fits() -> None:
    assert len({row["query"].lower() for row in (*ROWS, *ASKED)}) == len(ROWS) + len(ASKED)
    guesser = Guesser.load(MiniLmEmbedder())
    assert guesser is not None
    alone, helped, held_out = macro_f1("kept"), macro_f1("kept", guesser), macro_f1("held_out", guesser)
    print(f"macro F1 {alone:.3f} by rules, {helped:.3f} with the guess; {held_out:.3f} held out")
    assert helped >= 0.9 > alone and held_out >= 0.95
    assert guesser.guess("zxqv wblt") is None, "a guess that is not sure is none"


def test_weights_of_another_embedder_are_not_used() -> None:
    class Other(MiniLmEmbedder):
        name = "another"

    assert Guesser.load(Other()) is None


def test_a_reasoning_type_decides_between_its_own() -> None:
    query = "What is the capital of Australia?"
    assert classify(query, FORMULAS, UNITS) == "factual"
    assert classify(query, FORMULAS, UNITS, reasoning_type="causal") == "causal"
    assert classify("What is 2 + 2?", FORMULAS, UNITS, reasoning_type="mathematical") == "arithmetic"
    assert classify("Is Anne nice?", FORMULAS, UNITS, premises=True) == "deduction"
