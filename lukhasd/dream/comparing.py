"""Two dreams side by side."""

from __future__ import annotations

from lukhas_sdk.contract.dream import Dream, DreamComparison, Nearest, Standing
from lukhasd.dream.scoring import Vectors


def compare(one: Dream, other: Dream, vectors: Vectors | None, others: Vectors | None) -> DreamComparison:
    """`vectors` belong to the realities of `one`, in order; None where there are none to compare by."""
    nearest = []
    if vectors is not None and others is not None:
        cosines = vectors @ others.T
        for place, reality in enumerate(one.realities):
            best = int(cosines[place].argmax())
            found = other.realities[best]
            nearest.append(
                Nearest(
                    reality.reality_id, reality.concept, found.reality_id, found.concept, float(cosines[place, best])
                )
            )
    mine, theirs = ({name for reality in dream.realities for name in reality.memory_ids} for dream in (one, other))
    return DreamComparison(_standing(one), _standing(other), nearest, sorted(mine & theirs))


def _standing(dream: Dream) -> Standing:
    feasible = [each.feasibility_score for each in dream.realities if each.feasibility_score is not None]
    innovative = [each.innovation_score for each in dream.realities if each.innovation_score is not None]
    reasons = {}
    if not feasible:
        reasons["mean_feasibility"] = "no reality of it has a feasibility"
    if not innovative:
        reasons["mean_innovation"] = "no reality of it has an innovation score"
    if dream.diversity.vendi is None:
        reasons["vendi"] = dream.reasons.get("diversity", "it has fewer than two realities")
    return Standing(
        dream.dream_session_id,
        len(dream.realities),
        sum(feasible) / len(feasible) if feasible else None,
        sum(innovative) / len(innovative) if innovative else None,
        [each for each in dream.constraints if each not in dream.uncovered_constraints],
        dream.diversity.vendi,
        reasons,
    )
