"""The kind of a query: F1 over the queries that the rules were not written against."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.query_type import classify
from lukhasd.reasoning.units import Units

LINES = (Path(__file__).parents[1] / "data" / "query_types.jsonl").read_text().splitlines()
ROWS = [json.loads(line) for line in LINES]
FORMULAS = Formulas.load()
UNITS = Units()


def macro_f1(part: str) -> float:
    right, guessed, there = Counter[str](), Counter[str](), Counter[str]()
    for row in ROWS:
        if row["part"] == part:
            guess = classify(row["query"], FORMULAS, UNITS)
            guessed[guess] += 1
            there[row["type"]] += 1
            right[guess] += guess == row["type"]
    return sum(2 * right[kind] / (guessed[kind] + there[kind]) for kind in there) / len(there)


def test_f1() -> None:
    assert len(ROWS) == len({row["query"] for row in ROWS}) == 300
    held_out, built_on = macro_f1("held_out"), macro_f1("built_on")
    print(f"macro F1 {held_out:.3f} held out, {built_on:.3f} built on")
    assert held_out >= 0.9


def test_a_reasoning_type_decides_between_its_own() -> None:
    query = "What is the capital of Australia?"
    assert classify(query, FORMULAS, UNITS) == "factual"
    assert classify(query, FORMULAS, UNITS, reasoning_type="causal") == "causal"
    assert classify("What is 2 + 2?", FORMULAS, UNITS, reasoning_type="mathematical") == "arithmetic"
    assert classify("Is Anne nice?", FORMULAS, UNITS, premises=True) == "deduction"
