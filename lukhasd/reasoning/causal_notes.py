"""Cause and effect in what memory holds: the times of the notes that mention each are the observations.

Only times and counts leave here, never a note's text.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lukhas_sdk.contract.causal import CausalRequest, CausalResponse, Evidence, Observation
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import MemoryStore
from lukhasd.reasoning.causal import infer
from lukhasd.reasoning.causal_reading import VERB, WORD

PAGE = 200
MOST = 600
"""Notes of the cause, of the effect and of neither, the newest."""
NEITHER = "neither of them"
LONGEST = 400
TOLD_FROM = 0.01
"""Alternatives less probable are left out."""
ASKED = re.compile(r"^(?:so |and )?(?:does|do|did|is|are|was|were|can|could|might|will|would)\s+", re.IGNORECASE)
BRINGS = re.compile(
    rf"{VERB.pattern}|\b(?:keeps?|gives?|triggers?|bring(?:s|ing)? on|causing|leading to|making|giving|keeping)\b",
    re.IGNORECASE,
)
LEADING = re.compile(r"^(?:me|us|my|our|the|a|an|any|these|to|some)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """`evidence` is None where the notes do not mention both. `text` says what was found, or what is missing."""

    cause: str
    effect: str
    evidence: Evidence | None
    text: str


def read(text: str) -> tuple[str, str] | None:
    """Cause and effect of “late coffee -> bad sleep”, also as a question with a verb in between; None where it names
    no two."""
    halves = [
        " ".join(WORD.findall(LEADING.sub("", LEADING.sub("", half.strip())))).lower()
        for half in BRINGS.split(ASKED.sub("", text[:LONGEST].strip()), maxsplit=1)
    ]
    return (halves[0], halves[1]) if len(halves) == 2 and all(halves) and halves[0] != halves[1] else None


async def weigh(text: str, owner: str, memory: MemoryStore) -> Told | None:
    """What the owner's notes say of it; None where `text` names no two things. A second or two of a thread's time."""
    pair = read(text)
    if pair is None:
        return None
    cause, effect = pair
    try:
        times = [await _times(name, owner, memory) for name in pair]
        missing = [f"no note mentions {name}" for name, found in zip(pair, times, strict=True) if not found]
        if missing:
            return Told(cause, effect, None, "; ".join(missing))
        first, last = min(map(min, times)), max(map(max, times))
        # A note that mentions both does not say which came first, but that they share a day.
        if set(times[0]) & set(times[1]):
            days = await _times(f"date>={first:%Y-%m-%d} date<={last:%Y-%m-%d}", owner, memory)
            observations = _by_day({cause: times[0], effect: times[1], NEITHER: days})
        else:
            observations = [
                Observation(name, moment.isoformat())
                for name, found in zip(pair, times, strict=True)
                for moment in found
            ]
        answer = await asyncio.to_thread(infer, CausalRequest(observations, cause=cause, effect=effect))
    except ValidationError as error:
        return Told(cause, effect, None, error.message)
    counted = f"{len(times[0])} notes mention {cause}, {len(times[1])} mention {effect}"
    dated = f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return Told(cause, effect, answer.evidence, f"{counted}, {dated}. {_say(answer)}")


async def _times(where: str, owner: str, memory: MemoryStore) -> list[datetime]:
    """When what the notes that this holds of tell happened, the newest first."""
    found: list[datetime] = []
    cursor: str | None = "first"
    while cursor and len(found) < MOST:
        page = await memory.search(
            owner, SearchRequest(where=where, limit=PAGE, sort="newest", cursor=cursor, include_context=False)
        )
        found += [hit.event_at for hit in page.results]
        cursor = page.next_cursor
    return found[:MOST]


def _by_day(times: dict[str, Sequence[datetime]]) -> list[Observation]:
    pairs = dict.fromkeys((name, f"{moment:%Y-%m-%d}") for name, found in times.items() for moment in found)
    return [Observation(name, case=day) for name, day in pairs]


def _say(answer: CausalResponse) -> str:
    evidence = "against a link" if answer.evidence == "against" else answer.evidence.replace("_", " ")
    said = [
        f"Evidence: {evidence}; that {answer.cause} brings about {answer.effect} is {_share(answer.p_link)} probable"
    ]
    if answer.causal_strength is not None and answer.confidence_interval is not None:
        low, high = answer.confidence_interval
        said.append(f"strength {answer.causal_strength:.2f} (90 % between {low:.2f} and {high:.2f})")
    said.append(f"direction: {answer.direction or answer.reasons.get('direction', 'unknown')}")
    said += [
        f"otherwise {each.hypothesis}, {_share(each.probability)}"
        for each in answer.alternative_explanations
        if each.probability and each.probability >= TOLD_FROM
    ]
    return f"{'; '.join(said)}. {answer.recommendation}"


def _share(value: float) -> str:
    return "over 99.9 %" if value > 0.999 else f"{100 * value:.3g} %"
