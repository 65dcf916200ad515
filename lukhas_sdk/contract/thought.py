"""What thought shows of its work: statements with what carries them, candidates, and which of them won."""

from __future__ import annotations

from lukhas_sdk.contract.base import Reasons, Response


class Statement(Response, frozen=True):
    """One statement of a draft, held against the memories that the model was shown."""

    text: str
    supported: bool
    memory_ids: list[str]
    """The memories that carry it, the best first."""
    score: float
    """The best memory's: how much of the statement it holds, from 0 to 1; 0 where something speaks against it."""
    cited: list[str] = []
    """The memories that the statement itself cites; where none of them is in `memory_ids`, it cites amiss."""
    why: str | None = None
    """Why it is not supported."""


class CandidateDraft(Response, frozen=True):
    """One of the drafts held open. The parts of its weight are in [0, 1], null with a reason."""

    origin: str
    """Who made it: a model's name, or `memory: <how its quotations were chosen>`."""
    text: str | None
    """Null where it failed, or the guardian would not let it pass."""
    temperature: float | None
    agreement: float | None
    """Mean cosine with the other candidates."""
    support: float | None
    """Share of its statements that memory carries; of quotations, the probability that they answer."""
    safety: float | None
    """The guardian's safety score."""
    weight: float
    """Its share of all candidates' weights, which sum to 1 where any may be chosen."""
    reasons: Reasons = {}


class Collapse(Response, frozen=True):
    """Which candidate became the draft."""

    chosen: int
    """Its place among the candidates, from 0."""
    why: str
    formula: str
    """How the weights are mixed."""
