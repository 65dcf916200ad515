"""Do-calculus queries against answers worked out by hand, and against the true model where a cause is hidden."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
import pytest

from lukhas_sdk.contract.causal_query import CausalQueryRequest, CausalQueryResponse
from lukhas_sdk.errors import ValidationError
from lukhasd.reasoning.causal_graph import Graph
from lukhasd.reasoning.causal_query import answer

STONES = [
    ("small", "a", "well", 81), ("small", "a", "ill", 6), ("large", "a", "well", 192), ("large", "a", "ill", 71),
    ("small", "b", "well", 234), ("small", "b", "ill", 36), ("large", "b", "well", 55), ("large", "b", "ill", 25),
]  # fmt: skip
"""Kidney stones by size and treatment (Charig et al. 1986): a is better for either size, and looks worse overall."""


def table(*of: str, rows: Any, given: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"of": list(of), "given": list(given), "rows": [{"values": row[:-1], "weight": row[-1]} for row in rows]}


def ask(**request: Any) -> CausalQueryResponse:
    return answer(msgspec.convert(request, CausalQueryRequest))


def stones(**changed: Any) -> dict[str, Any]:
    return {
        "edges": [("size", "treatment"), ("size", "outcome"), ("treatment", "outcome")],
        "tables": [table("size", "treatment", "outcome", rows=STONES)],
        "do": {"treatment": "a"},
        "outcome": "outcome",
    } | changed


def test_simpsons_paradox_is_resolved() -> None:
    one, other = ask(**stones()), ask(**stones(do={"treatment": "b"}))
    assert one.method == "truncated_factorisation" and one.distribution and other.distribution
    assert one.observed and other.observed
    small, large = 357 / 700, 343 / 700
    assert one.distribution["well"] == pytest.approx(81 / 87 * small + 192 / 263 * large)
    assert other.distribution["well"] == pytest.approx(234 / 270 * small + 55 / 80 * large)
    assert one.distribution["well"] > other.distribution["well"]
    assert one.observed["well"] == pytest.approx(273 / 350) and one.observed["well"] < other.observed["well"]
    assert one.formula == "P(outcome | do(treatment)) = Σ_{size} P(size) P(outcome | size, treatment)"


def test_a_back_door_through_what_is_observed_is_closed() -> None:
    edges = [("hidden", "size"), ("hidden", "outcome"), ("size", "treatment"), ("treatment", "outcome")]
    found = ask(**stones(edges=edges, hidden=["hidden"]))
    assert found.method == "back_door" and found.adjusted_for == ["size"]
    assert found.distribution == pytest.approx(ask(**stones()).distribution)


def smoking() -> tuple[list[tuple[Any, ...]], float]:
    """Rows of smoking, tar and cancer with a hidden gene, and the true P(cancer | do(smoking = yes))."""
    gene, smoke, tar = {1: 0.3, 0: 0.7}, {1: 0.8, 0: 0.2}, {1: 0.9, 0: 0.1}
    cancer = {(0, 0): 0.1, (0, 1): 0.5, (1, 0): 0.3, (1, 1): 0.9}
    weights: dict[tuple[int, int, int], float] = {}
    for g, s, t, c in product((0, 1), repeat=4):
        share = gene[g] * (smoke[g] if s else 1 - smoke[g]) * (tar[s] if t else 1 - tar[s])
        share *= cancer[g, t] if c else 1 - cancer[g, t]
        weights[s, t, c] = weights.get((s, t, c), 0) + share
    truth = sum(gene[g] * (tar[1] if t else 1 - tar[1]) * cancer[g, t] for g, t in product((0, 1), repeat=2))
    return [(*map(str, key), weight) for key, weight in weights.items()], truth


EDGES = [("gene", "smoking"), ("gene", "cancer"), ("smoking", "tar"), ("tar", "cancer")]


def test_the_front_door_gives_the_truth_behind_a_hidden_cause() -> None:
    rows, truth = smoking()
    tables = [table("smoking", "tar", "cancer", rows=rows)]
    found = ask(edges=EDGES, tables=tables, do={"smoking": "1"}, outcome="cancer", hidden=["gene"])
    assert found.method == "front_door" and found.adjusted_for == ["tar"] and found.distribution and found.observed
    assert found.distribution["1"] == pytest.approx(truth)
    assert abs(found.observed["1"] - truth) > 0.05
    assert found.formula is not None and "Σ_{smoking′}" in found.formula


def test_what_none_of_them_identifies_is_said_to_be_so() -> None:
    rows, _ = smoking()
    tables = [table("smoking", "tar", "cancer", rows=rows)]
    edges = [*EDGES, ("smoking", "cancer")]
    found = ask(edges=edges, tables=tables, do={"smoking": "1"}, outcome="cancer", hidden=["gene"])
    assert not found.identifiable and found.distribution is None and found.formula is None
    assert "front-door" in found.reasons["method"] and found.observed is not None


def test_tables_of_each_variable_given_its_causes() -> None:
    tables = [
        table("rain", rows=[("yes", 0.2), ("no", 0.8)]),
        table("sprinkler", given=("rain",), rows=[
            ("on", "yes", 0.01), ("off", "yes", 0.99), ("on", "no", 4), ("off", "no", 6),
        ]),
        table("wet", given=("rain", "sprinkler"), rows=[
            ("yes", "yes", "on", 0.99), ("no", "yes", "on", 0.01),
            ("yes", "yes", "off", 0.8), ("no", "yes", "off", 0.2),
            ("yes", "no", "on", 0.9), ("no", "no", "on", 0.1), ("no", "no", "off", 1),
        ]),
    ]  # fmt: skip
    edges = [("rain", "sprinkler"), ("rain", "wet"), ("sprinkler", "wet")]
    found = ask(edges=edges, tables=tables, do={"sprinkler": "on"}, outcome="wet")
    assert found.distribution and found.distribution["yes"] == pytest.approx(0.2 * 0.99 + 0.8 * 0.9)
    back = ask(edges=edges, tables=tables, do={"wet": "yes"}, outcome="rain")
    assert back.method == "no_path" and back.distribution and back.distribution["yes"] == pytest.approx(0.2)
    assert back.observed and back.observed["yes"] > 0.3
    both = ask(edges=edges, tables=tables, do={"sprinkler": "off", "rain": "yes"}, outcome="wet")
    assert both.distribution and both.distribution["yes"] == pytest.approx(0.8)


def test_a_combination_never_seen_is_no_answer() -> None:
    rows = [row for row in STONES if row[:2] != ("small", "a")]
    found = ask(**stones(tables=[table("size", "treatment", "outcome", rows=rows)]))
    assert not found.identifiable and found.distribution is None and "never seen" in found.reasons["distribution"]


@pytest.mark.parametrize(
    ("edges", "first", "second", "given", "apart"),
    [
        ([("a", "b"), ("b", "c")], "a", "c", (), False),
        ([("a", "b"), ("b", "c")], "a", "c", ("b",), True),
        ([("b", "a"), ("b", "c")], "a", "c", ("b",), True),
        ([("a", "b"), ("c", "b")], "a", "c", (), True),
        ([("a", "b"), ("c", "b")], "a", "c", ("b",), False),
        ([("a", "b"), ("c", "b"), ("b", "d")], "a", "c", ("d",), False),
    ],
)
def test_d_separation(
    edges: list[tuple[str, str]], first: str, second: str, given: tuple[str, ...], apart: bool
) -> None:
    assert Graph.of(edges).separated([first], [second], given) is apart


def test_the_m_graph_is_left_alone() -> None:
    """Adjusting for z would open a path that is closed."""
    graph = Graph.of([("u", "z"), ("v", "z"), ("u", "x"), ("v", "y"), ("x", "y")])
    assert graph.back_door("x", "y", ["x", "y", "z"]) == ()


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"edges": [("treatment", "outcome"), ("outcome", "treatment"), ("size", "outcome")]}, "$.edges", "circle"),
        ({"do": {"dose": "a"}}, "$.do", "not in the graph"),
        ({"do": {"treatment": "c"}}, "$.do", "no table has"),
        ({"do": {"outcome": "well"}}, "$.outcome", "itself"),
        ({"tables": [table("size", "treatment", rows=[("small", "a", 1)])]}, "$.tables", "no table has outcome"),
        (
            {"tables": [table("size", "treatment", "outcome", rows=[("a", 1)])]},
            "$.tables[0].rows[0].values",
            "1 values",
        ),
        ({"tables": [table("size", "size", "outcome", rows=[("a", "b", "c", 1)])]}, "$.tables[0]", "twice"),
        (
            {"tables": [table("size", "treatment", "outcome", rows=[("a", "a", "c", 0)])]},
            "$.tables[0].rows",
            "weigh nothing",
        ),
        (
            {
                "tables": [
                    table("size", rows=[("s", 1)]),
                    table("treatment", rows=[("a", 1)]),
                    table("outcome", rows=[("w", 1)]),
                ]
            },
            "$.tables[1].given",
            "its causes are size",
        ),
    ],
)
def test_bad_queries_name_the_field(changed: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        ask(**stones(**changed))
    assert caught.value.details["field"] == field
