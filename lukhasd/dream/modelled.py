"""Dreaming with a language model: one idea at a time, each from another cell of a grid, then judged and woven.

A cell is a side to come from and how ready the idea may be. A model that fails at the ample question, or repeats
itself, is asked briefly from then on (`lukhasd.dream.asking`). Of two candidates the one farther from those so far is
kept. What the model says of a constraint counts only with words of the idea that stand there.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.dream import ConstraintCheck, Taken
from lukhasd.dream import asking
from lukhasd.dream.asking import Candidate, Candidates, Check, Weaving
from lukhasd.dream.draft import Draft, Woven
from lukhasd.dream.notes import Material
from lukhasd.dream.scoring import is_distinct
from lukhasd.models.language import LanguageModel, Message, ModelError

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]
SIDES = (
    "with a machine or a material", "by organising people otherwise", "as nature does it",
    "as another trade does it", "by removing the need for it", "by sharing what is there", "by paying for it otherwise",
    "from the opposite of what is assumed", "with the smallest first step", "as it was done long ago",
)  # fmt: skip
READY = ("ready today", "ready within a few years", "speculative")
ATTEMPTS = 3
SPARE_CELLS = 4
"""That are tried beside as many as ideas are wanted, in the place of those that gave nothing."""
HOTTER = 0.2
BRIEF_HEAT = 0.5
NOTES_SHOWN = 6
QUOTE_CHARS = 6
"""A shorter quotation says nothing: it would stand anywhere."""
SAID_THRICE = 3
"""Times that one pair of neighbouring words stands in a description that goes round in circles."""
IMAGINING = 0.6
"""Share of a dream's time that may go into its ideas; the rest is for judging and weaving."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Idea:
    """`memory_ids` are the notes that the model was shown."""

    candidate: Candidate
    approach: str
    memory_ids: tuple[str, ...]


@dataclass
class Sleeper:
    """For one dream. `wrap` quotes a text under a name; `embed` gives vectors of length 1, None while the embedder is
    out of order. `timeout_s` is for each question, `longest_s` for all of them, from now on."""

    model: LanguageModel
    timeout_s: float
    longest_s: float
    wrap: asking.Wrap
    embed: Callable[[Sequence[str]], Awaitable[Vectors | None]]
    briefly: bool = False

    def __post_init__(self) -> None:
        self._began_s = asyncio.get_running_loop().time()

    async def imagine(
        self,
        seed: str,
        constraints: Sequence[str],
        material: Material,
        *,
        count: int,
        creativity: float,
        chance: random.Random,
        done: Callable[[str], None],
    ) -> tuple[list[Idea], list[str]]:
        """Ideas, no two alike; and why there are not more. Raises ModelError where there is none because the model
        failed."""
        notes = _shown(material)
        sides = chance.sample(SIDES, len(SIDES))
        kept: list[Idea] = []
        vectors: list[Vector] = []
        problems: list[str] = []
        failure: ModelError | None = None
        for place in range(count + SPARE_CELLS):
            if len(kept) == count:
                break
            side = sides[place % len(sides)]
            approach = f"{side}, {chance.choices(READY, weights=[1.0 - creativity, 0.5, creativity])[0]}"
            question = _Question(seed, constraints, side, approach, creativity)
            if self._left_s(IMAGINING) <= 0:
                problems.append(f"{self.longest_s * IMAGINING:.0f} s for ideas were over: setting dream.longest_s")
                break
            try:
                found = await self._distinct(question, notes, kept, vectors)
            except ModelError as error:
                failure = error
                problems.append(f"{approach}: {error.kind}: {error}")
                done(f"the model failed at an idea {approach}")
                continue
            if found is None:
                problems.append(
                    f"{approach}: {ATTEMPTS} times it was an idea that was there already, or went in circles"
                )
                done(f"nothing new {approach}")
                continue
            idea, vector = found
            kept.append(idea)
            if vector is not None:
                vectors.append(vector)
            done(f"an idea {idea.approach}: {idea.candidate.concept}")
        if failure is not None and not kept:
            raise failure
        return kept, problems if len(kept) < count else []

    async def _distinct(
        self, question: _Question, notes: Sequence[tuple[str, str]], kept: Sequence[Idea], vectors: Sequence[Vector]
    ) -> tuple[Idea, Vector | None] | None:
        for attempt in range(ATTEMPTS):
            try:
                candidates = await self._candidates(question, notes, kept, attempt)
            except ModelError as error:
                if error.kind not in ("unusable", "timeout") or attempt == ATTEMPTS - 1 or self._left_s(IMAGINING) <= 0:
                    raise
                self.briefly = True
                continue
            shown = () if self.briefly else tuple(name for name, _ in notes)
            approach = question.side if self.briefly else question.approach
            sound = [tidied for each in candidates if _is_sound(tidied := _tidied(each))]
            embedded = await self.embed([each.text for each in sound]) if sound else None
            if sound and embedded is None:
                concepts = {idea.candidate.concept.casefold() for idea in kept}
                fresh = [each for each in sound if each.concept.casefold() not in concepts]
                if fresh:
                    return Idea(fresh[0], approach, shown), None
            elif embedded is not None:
                pairs = [pair for pair in zip(sound, embedded, strict=True) if is_distinct(pair[1], vectors)]
                if pairs:
                    best, vector = min(pairs, key=lambda pair: (_nearness(pair[1], vectors), pair[0].probability))
                    return Idea(best, approach, shown), vector
            self.briefly = self.briefly or attempt > 0
        return None

    async def _candidates(
        self, question: _Question, notes: Sequence[tuple[str, str]], kept: Sequence[Idea], attempt: int
    ) -> list[Candidate]:
        if self.briefly:
            one = await self._ask(
                asking.for_one_idea(question.seed, question.constraints, question.side),
                asking.brief_schema(question.side), Candidate, asking.BRIEF_TOKENS,
                BRIEF_HEAT + question.creativity / 2 + HOTTER * attempt, share=IMAGINING,
            )  # fmt: skip
            return [one]
        messages = asking.for_candidates(
            question.seed, question.constraints, question.approach, notes=notes,
            so_far=[idea.candidate.concept for idea in kept], wrap=self.wrap,
        )  # fmt: skip
        heat = 0.3 + question.creativity + HOTTER * attempt
        answer = await self._ask(
            messages, asking.CANDIDATES_SCHEMA, Candidates, asking.IDEA_TOKENS, heat, share=IMAGINING
        )
        return answer.candidates

    async def judge(self, idea: Candidate, constraint: str) -> tuple[ConstraintCheck, bool]:
        """The check, and whether it could be made."""
        try:
            check = await self._ask(
                asking.for_check(idea, constraint, self.wrap), asking.CHECK_SCHEMA, Check, asking.CHECK_TOKENS, 0.0
            )
        except ModelError as error:
            return ConstraintCheck(constraint, False, f"it could not be judged: {error.kind}: {error}"), False
        quote = " ".join(check.quote.split())
        stands = len(quote) >= QUOTE_CHARS and quote.casefold() in " ".join(idea.text.split()).casefold()
        if check.addressed and not stands:
            why = f"the model says so, and no words of the idea bear it out: {check.reason}"
            return ConstraintCheck(constraint, False, why), True
        told = f"“{quote}”: {check.reason}" if check.addressed else check.reason
        return ConstraintCheck(constraint, check.addressed, told), True

    async def weave(self, seed: str, drafts: Sequence[Draft]) -> Woven:
        """Elements are picked from the drafts' features by their labels; an insight names two realities at least."""
        parts = {
            f"{place + 1}{chr(97 + number)}": (place, feature)
            for place, draft in enumerate(drafts)
            for number, feature in enumerate(draft.key_features)
        }
        if len(drafts) < 2:
            return Woven(reasons=dict.fromkeys(("best_elements", "novel_insights"), "there is one reality at most"))
        messages, schema = asking.for_weaving(seed, {name: feature for name, (_, feature) in parts.items()}, self.wrap)
        try:
            woven = await self._ask(messages, schema, Weaving, asking.WEAVE_TOKENS, 0.3)
        except ModelError as error:
            why = f"the model failed: {error.kind}: {error}"
            return Woven(reasons={"best_elements": why, "novel_insights": why})
        elements = tuple(Taken(parts[name][1], [str(parts[name][0])]) for name in dict.fromkeys(woven.best_elements))
        insights = [
            Taken(each.insight, list(dict.fromkeys(str(parts[name][0]) for name in each.parts)))
            for each in woven.novel_insights
        ]
        joined = tuple(each for each in insights if len(each.reality_ids) > 1)
        reasons = {} if joined else {"novel_insights": "what the model said joins no parts of different realities"}
        return Woven(elements, joined, reasons)

    def _left_s(self, share: float) -> float:
        return self._began_s + self.longest_s * share - asyncio.get_running_loop().time()

    async def _ask(
        self, messages: Sequence[Message], schema: Mapping[str, Any], kind: type[Answer], tokens: int, heat: float, *,
        share: float = 1.0,
    ) -> Answer:  # fmt: skip
        left_s = self._left_s(share)
        if left_s <= 0:
            raise ModelError("timeout", f"the dream's {self.longest_s:g} s were over: setting dream.longest_s")
        completion = await self.model.chat(
            messages, max_tokens=tokens, temperature=min(heat, 1.5), timeout_s=min(self.timeout_s, left_s),
            schema=schema,
        )  # fmt: skip
        return msgspec.json.decode(completion.text, type=kind)


@dataclass(frozen=True)
class _Question:
    seed: str
    constraints: Sequence[str]
    side: str
    approach: str
    creativity: float


def draft(idea: Idea, checks: Sequence[tuple[ConstraintCheck, bool]]) -> Draft:
    candidate = idea.candidate
    return Draft(
        concept=candidate.concept,
        description=candidate.description,
        text=candidate.text,
        key_features=tuple(dict.fromkeys(candidate.key_features)),
        label="by a model",
        checks=tuple(check for check, _ in checks),
        memory_ids=idea.memory_ids,
        approach=idea.approach,
        judged=all(judged for _, judged in checks),
    )


def _tidied(candidate: Candidate) -> Candidate:
    """Without white space that does not matter, and without the torn last word of what was cut at its longest."""
    return Candidate(
        _whole(candidate.concept, asking.CONCEPT_CHARS), _whole(candidate.description, asking.DESCRIPTION_CHARS),
        [_whole(each, asking.FEATURE_CHARS) for each in candidate.key_features], candidate.probability,
    )  # fmt: skip


def _whole(text: str, longest: int) -> str:
    plain = " ".join(text.split())
    if len(text) >= longest and plain[-1:].isalnum():
        plain = plain.rpartition(" ")[0] or plain
    return plain.rstrip(" ,;:-")


def _is_sound(candidate: Candidate) -> bool:
    """Whether it says something: more than its concept and the examples, and nothing three times."""
    words = candidate.description.casefold().split()
    again = max(Counter(pairwise(words)).values(), default=0)
    concept = candidate.concept.casefold()
    return again < SAID_THRICE and candidate.description.casefold() != concept and concept not in asking.EXAMPLES


def _shown(material: Material) -> list[tuple[str, str]]:
    """The likeliest notes of all: their ids and excerpts."""
    every = [*material.about_seed, *(note for notes in material.by_constraint.values() for note in notes)]
    best = {note.memory_id: note.excerpt for note in sorted(every, key=lambda note: -note.probability)}
    return list(best.items())[:NOTES_SHOWN]


def _nearness(vector: Vector, vectors: Sequence[Vector]) -> float:
    return max((float(vector @ other) for other in vectors), default=0.0)
