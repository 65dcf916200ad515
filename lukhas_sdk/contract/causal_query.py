"""Do-calculus: what setting a variable would do, from a graph and tables."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, NoParams, Operation, Reasons, Request, Response, Tier

Variable = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]
Level = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Identification = Literal["no_path", "truncated_factorisation", "back_door", "front_door"]
VARIABLES_MOST = 12


class Row(Request, frozen=True):
    values: Annotated[list[Level], msgspec.Meta(min_length=1, max_length=VARIABLES_MOST)]
    """Of the table's variables, in the order of `of` and then `given`."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    """A probability, or a count."""


class Table(Request, frozen=True):
    """How `of` is distributed, or how for each combination of `given`. Weights are made to sum to 1; rows that are left
    out weigh nothing."""

    of: Annotated[list[Variable], msgspec.Meta(min_length=1, max_length=VARIABLES_MOST)]
    rows: Annotated[list[Row], msgspec.Meta(min_length=1, max_length=5000)]
    given: Annotated[list[Variable], msgspec.Meta(max_length=VARIABLES_MOST)] = []


class CausalQueryRequest(Request, frozen=True):
    """A `question` alone, which takes a language model, or all of the rest. Tables are one of all observed variables
    together, or one of every variable given its causes."""

    edges: Annotated[list[tuple[Variable, Variable]], msgspec.Meta(max_length=100)] = []
    """Each from a cause to what it acts on."""
    tables: Annotated[list[Table], msgspec.Meta(max_length=VARIABLES_MOST)] = []
    do: Annotated[dict[Variable, Level], msgspec.Meta(max_length=VARIABLES_MOST)] = {}
    """What is set to what."""
    outcome: Variable | None = None
    hidden: Annotated[list[Variable], msgspec.Meta(max_length=VARIABLES_MOST)] = []
    """Variables of the graph that nobody observed."""
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=NOT_BLANK)] | None = None
    """In words, with its figures: a language model puts it into the form of the other fields; the rest is computed."""


class CausalQueryResponse(Response, frozen=True):
    identifiable: bool
    """Whether one of the four methods answers it. Where none does, the full do-calculus may still."""
    method: Identification | None
    formula: str | None
    adjusted_for: list[str]
    """Of the back door; the mediators, of the front door."""
    distribution: dict[str, float] | None
    """Of the outcome, were it done."""
    observed: dict[str, float] | None
    """Of the outcome where it is only seen, for comparison."""
    asked: CausalQueryRequest | None
    """What the language model made of the question, to be checked; null where there was none."""
    reasons: Reasons


QUERY = Operation(
    "reasoning.causal.query", "POST", "/reasoning/causal/query", "Compute what setting a variable would do.",
    params=NoParams, body=CausalQueryRequest, result=CausalQueryResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip

OPERATIONS = (QUERY,)
