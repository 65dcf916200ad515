"""What-ifs: figures worked out by hand, what is held fixed, and what is not understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lukhasd.reasoning import expressions, whatif
from lukhasd.reasoning.formulas import Formulas, Quantity
from lukhasd.reasoning.units import UnitError, Units

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "whatifs.jsonl").read_text().splitlines()]
"""`ratio` or `value` was worked out from the power law or the numbers in `how`, apart from the formula base."""
FORMULAS = Formulas.load()
UNITS = Units()


def explore(query: str, *, steps: int | None = None) -> whatif.WhatIf:
    found = whatif.explore(query, FORMULAS, UNITS, steps=steps)
    assert found is not None, query
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['quantity']}: {case['query']}"[:70])
def test_figures_worked_out_by_hand(case: dict[str, Any]) -> None:
    rows = {row.name: row for row in explore(case["query"]).consequences}
    row = rows[case["quantity"]]
    got = row.ratio if "ratio" in case else row.value
    assert got == pytest.approx(case.get("ratio", case.get("value")), rel=5e-4)


def test_there_are_enough() -> None:
    assert len(CASES) >= 60
    assert len(FORMULAS.trees) >= 40
    assert all(one.source for one in FORMULAS.quantities.values())


def test_every_formula_has_the_unit_that_it_gives() -> None:
    """Computed with units instead of numbers, each formula gives its own unit."""
    import pint

    registry = pint.UnitRegistry()
    units = {
        symbol: registry.parse_units(one.unit if one.unit != "1" else "") for symbol, one in FORMULAS.quantities.items()
    }
    plain = {"sin", "ln"}

    def measure(tree: expressions.Tree) -> Any:
        if isinstance(tree, expressions.Number):
            return registry.Quantity(float(tree.value))
        if isinstance(tree, expressions.Name):
            return registry.Quantity(1.5, units[tree.name]) if tree.name in units else registry.Quantity(3.14)
        operands = [measure(one) for one in tree.operands]
        match tree.operator:
            case "+" | "-":
                assert operands[0].check(operands[1].dimensionality)
                return operands[0]
            case "*":
                return operands[0] * operands[1]
            case "/":
                return operands[0] / operands[1]
            case "^":
                return operands[0] ** operands[1].magnitude
            case "sqrt":
                return operands[0] ** 0.5
            case "cbrt":
                return operands[0] ** (1 / 3)
        assert tree.operator in plain and operands[0].check("")
        return registry.Quantity(1.0)

    for symbol, tree in FORMULAS.trees.items():
        exponents = measure(tree).to_base_units().unit_items()
        wanted = registry.Quantity(1.0, units[symbol]).to_base_units().unit_items()
        got = {name: round(float(power), 6) for name, power in exponents if abs(power) > 1e-9 and name != "radian"}
        assert got == {name: float(power) for name, power in wanted if name != "radian"}, symbol


def test_a_change_far_away_is_left_to_a_deeper_look() -> None:
    query = "What would happen if gravity was 10% stronger?"
    near, far = explore(query, steps=1), explore(query)
    assert {row.name for row in near.consequences} < {row.name for row in far.consequences}
    assert near.beyond == len(far.consequences) - len(near.consequences) > 0
    drag = next(row for row in far.consequences if row.name == "power against air drag of a car")
    assert drag.varied == ["gravitational constant × 1.1"]
    assert any(text.startswith("speed of a car") for text in drag.held_fixed)
    assert not any("surface gravity" in text for text in drag.held_fixed), "it follows from what was varied"


def test_what_does_not_hang_on_it_is_said_so() -> None:
    assert explore("How does the horizon distance change with gravity twice as strong?").unchanged == (
        "distance of the horizon",
    )


def test_a_division_by_zero_is_null_with_its_reason() -> None:
    rows = {row.name: row for row in explore("Without gravity, what would air pressure be?").consequences}
    assert (rows["air pressure at sea level"].value, rows["orbital period of the Earth"].value) == (0.0, None)
    assert "zero" in rows["orbital period of the Earth"].reasons["value"]


def test_an_amount_in_another_kind_of_unit_changes_nothing() -> None:
    found = explore("What if the radius of the earth were 3 kg?")
    assert found.consequences == ()
    assert "measure different things" in found.assumed[0]


def test_how_much_is_assumed_where_it_is_not_said() -> None:
    found = explore("What if gravity were stronger?")
    assert found.consequences and "was not said" in found.assumed[0]


@pytest.mark.parametrize(
    ("query", "varied"),
    [
        ("what if gravity fell to zero", "gravitational constant × 0"),
        ("What if I got 10% more gravity for 20% less money?", "gravitational constant × 1.1"),
        ("If pendulums were half as long, how would their period change?", "length of a pendulum × 0.5"),
        ("What if the capacitance were 4 µF?", "capacitance × 4"),
        ("What if the electric power rose while the voltage fell by 1%?", "voltage × 0.99"),
    ],
)
def test_a_change_is_bound_to_what_it_is_said_of(query: str, varied: str) -> None:
    assert explore(query).varied == (varied,)


def test_gravity_that_is_asked_after_is_that_at_the_surface() -> None:
    found = explore(
        "How does gravity change if the mass of the earth decreases by 10% and its radius decreases by 10%?"
    )
    assert found.asked == 1 and found.consequences[0].name == "surface gravity of the Earth"
    assert found.consequences[0].ratio == pytest.approx(0.9 / 0.9**2)


@pytest.mark.parametrize(
    "query",
    [
        "What if I had taken the job?", "What if the vote were 10% closer?", "gravity",
        "What if gravity is 10% stronger than on the Moon?", "What happens if gravity is not 10% stronger?",
    ],
)  # fmt: skip
def test_what_changes_no_quantity_is_none_of_its(query: str) -> None:
    assert whatif.explore(query, FORMULAS, UNITS, steps=None) is None


def test_a_base_that_hangs_in_the_air_or_on_itself_is_refused() -> None:
    def base(expression: str) -> Formulas:
        return Formulas({"x": Quantity("x", "1", "here", [], expression=expression)}, {}, {})

    for expression in ("y + 1", "x + 1"):
        with pytest.raises(ValueError, match=r"y|nodes"):
            base(expression)


def test_pint_is_given_nothing_but_units() -> None:
    for text in ("__import__('os')", "m**99", "1e9", "m; s", "x" * 100, "m^m^m", "()" * 40):
        with pytest.raises(UnitError):
            UNITS.convert(1.0, text, "m")
