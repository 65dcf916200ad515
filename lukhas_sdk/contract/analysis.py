"""Analysis of a query: its kind and parts, what memory knows of them, what is computed, what follows, what is open."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, NoParams, Operation, Reasons, Request, Response, Tier
from lukhas_sdk.contract.matriz import Citation

QueryType = Literal[
    "arithmetic", "unit_conversion", "algebra", "counterfactual_physics", "counterfactual", "deduction", "temporal",
    "causal", "comparison", "procedural", "recall", "factual", "open",
]  # fmt: skip
"""`counterfactual_physics` varies a quantity of the formula base, `counterfactual` anything else; `recall` asks about
the asker's own past; `factual` about the world; `open` has no one right answer."""
ReasoningType = Literal[
    "auto", "mathematical", "hypothetical", "deductive", "temporal", "causal", "factual", "creative"
]
Depth = Literal["shallow", "standard", "deep"]
Status = Literal["answered", "unknown", "needs_model"]
Tool = Literal["calculator", "algebra", "units", "formulas", "logic", "dates", "causal", "memory", "model"]


class AnalyzeRequest(Request, frozen=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000, pattern=NOT_BLANK)]
    reasoning_type: ReasoningType = "auto"
    """Other than `auto`, it decides between the query types that it covers and overrides the classifier."""
    depth: Depth = "standard"
    """How many formulas a consequence may be away: 1, 3 or any number; `shallow` also leaves memory alone."""
    premises: Annotated[str, msgspec.Meta(max_length=100_000)] = ""
    """Facts and rules in controlled English that are taken to be true, besides those in the query."""


class ReasoningStep(Response, frozen=True):
    step: int
    description: str
    conclusions: list[str]


class QueryPart(Response, frozen=True):
    text: str
    role: Literal["statement", "rule", "question", "quantity", "topic"]
    known: list[Citation]
    """What memory holds that shares its words, best first; beside a computed answer, only where it may answer too."""
    answerable: float | None = None
    """Calibrated probability that an answer to it is among what memory found."""


class Computation(Response, frozen=True, kw_only=True):
    name: str
    formula: str
    value: float | None = None
    text: str | None = None
    """The result where it is no single number."""
    unit: str | None = None
    before: float | None = None
    """Of a what-if: the value without the change."""
    ratio: float | None = None
    """`value` over `before`."""
    varied: list[str] = []
    held_fixed: list[str] = []
    source: str | None = None
    reasons: Reasons = {}


class ProofStep(Response, frozen=True):
    number: int
    statement: str
    because: str
    """`given`, or the rule in its own words."""
    uses: list[int]
    """Numbers of the steps that the rule was applied to."""


class Deduction(Response, frozen=True):
    question: str
    verdict: Literal["true", "false", "unknown", "inconsistent"]
    """`unknown`: neither it nor its negation follows. `inconsistent`: the premises prove a statement and its negation;
    nothing is concluded from them."""
    proof: list[ProofStep]
    """Of the statement or its negation, or of the two that contradict each other."""


class PlanStep(Response, frozen=True):
    tool: Tool
    input: str
    result: str | None
    """Null where the step was not carried out."""


class AnalyzeResponse(Response, frozen=True, kw_only=True):
    analysis_id: str
    """A hash of what was asked and found: the same question over the same memory has the same one."""
    query_type: QueryType
    status: Status
    """`unknown`: it was understood, and what is known does not decide it. `needs_model`: it takes knowledge of the
    world that nothing here holds; `plan` says what would be asked."""
    answer: str | None
    reasoning_steps: list[ReasoningStep]
    parts: list[QueryPart]
    computed: list[Computation]
    deductions: list[Deduction]
    plan: list[PlanStep]
    confidence: float | None
    """Null: nothing calibrates it."""
    uncertainty_factors: list[str]
    model: str | None = None
    """The language model that had a part in the answer."""
    reasons: Reasons = {}


ANALYZE = Operation(
    "reasoning.analyze", "POST", "/reasoning/analyze", "Analyse a query: compute, deduce, and say what stays open.",
    params=NoParams, body=AnalyzeRequest, result=AnalyzeResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip

OPERATIONS = (ANALYZE,)
