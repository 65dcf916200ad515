"""What of a query is computed or proved, without a language model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from lukhas_sdk.contract.analysis import AnalyzeRequest, Computation, Deduction, PlanStep, QueryType, ReasoningStep
from lukhasd.reasoning import algebra, calculating, deduction, english, query_type, whatif
from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.query_guess import Guesser
from lukhasd.reasoning.units import Units

LONGEST_READ = 1_000
"""A query that is longer is looked at for deductions alone."""
MOST_QUESTIONS = 10
STEPS = {"shallow": 1, "standard": 3, "deep": None}
WORD = re.compile(r"[a-z][a-z'-]{3,}")
COMMON = frozenset(
    re.findall(
        WORD,
        """what would happen happens does will were been have with that this they their them then than there about when
        which how much many change changes changed affect affects effect become became from into over also still only
        just could should stronger weaker higher lower larger smaller bigger longer shorter heavier lighter faster
        slower brighter twice times percent earth earth's moon moon's suppose supposing assume assuming imagine""",
    )
)
"""Words that ask, and say nothing of what is asked about."""


@dataclass(frozen=True)
class Worked:
    """`answer` is None where nothing was computed or proved. `undecided`: it was understood, and does not follow."""

    query_type: QueryType
    answer: str | None = None
    undecided: bool = False
    steps: tuple[ReasoningStep, ...] = ()
    computed: tuple[Computation, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    uncertain: tuple[str, ...] = ()
    questions: tuple[str, ...] = field(default=())
    rules: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Workshop:
    formulas: Formulas
    units: Units
    guesser: Guesser | None = None

    def work(self, request: AnalyzeRequest) -> Worked:
        """Blocks; bounded in time by the bounds of what it calls."""
        if len(request.query) > LONGEST_READ:
            found = english.read(request.query, premises=request.premises)
            if found.questions and found.rules:
                return self._deduce(request)
            return Worked(
                query_type.COVERED.get(request.reasoning_type, ("factual",))[0],
                uncertain=(
                    f"a query of more than {LONGEST_READ} characters is not looked at for what can be computed",
                ),
            )
        kind = query_type.classify(
            request.query, self.formulas, self.units, reasoning_type=request.reasoning_type,
            premises=bool(request.premises.strip()), guesser=self.guesser,
        )  # fmt: skip
        match kind:
            case "deduction":
                return self._deduce(request)
            case "counterfactual_physics":
                return self._vary(request)
            case "arithmetic":
                return _of_one(kind, calculating.arithmetic(request.query), "calculator", request.query)
            case "unit_conversion":
                return _of_one(kind, calculating.conversion(request.query, self.units), "units", request.query)
            case "algebra":
                task = algebra.read(request.query)
                return _of_one(kind, algebra.run(task) if task else None, "algebra", request.query)
        return Worked(kind)

    def _vary(self, request: AnalyzeRequest) -> Worked:
        found = whatif.explore(request.query, self.formulas, self.units, steps=STEPS[request.depth])
        if found is None or not found.varied:
            why = found.assumed if found else ("no quantity of the formula base is changed in it",)
            return Worked("counterfactual_physics", uncertain=why)
        rows = found.consequences
        told = [_sentence(row) for row in (rows[: found.asked] or rows[:5])]
        told += [f"{name}: it hangs on nothing that was varied" for name in found.unchanged]
        held = sorted({one.split(" (")[0] for row in rows for one in row.held_fixed})
        steps = (
            ReasoningStep(1, "Read what is varied", list(found.varied)),
            ReasoningStep(2, "Follow the formulas that hang on it", [_sentence(row) for row in rows]),
            ReasoningStep(3, "Hold every other given quantity fixed", held),
        )
        uncertain = [*found.assumed]
        if held:
            uncertain.append(f"held fixed although they may respond: {', '.join(held)}")
        if found.beyond:
            uncertain.append(f"{found.beyond} consequences lie more formulas away than depth {request.depth} follows")
        uncertain += _uncovered(request.query, found.used)
        answer = f"With {' and '.join(found.varied)}: {'; '.join(told) or 'nothing in the formula base changes'}."
        plan = PlanStep("formulas", "; ".join(found.varied), f"{len(rows)} consequences")
        return Worked(
            "counterfactual_physics", answer, steps=steps, computed=rows, plan=(plan,), uncertain=tuple(uncertain)
        )

    def _deduce(self, request: AnalyzeRequest) -> Worked:
        found = english.read(request.query, premises=request.premises)
        uncertain = [f"not read, and left out: {sentence}" for sentence in found.unread]
        rules = tuple(dict.fromkeys(rule.text for rule in found.rules if rule.conditions))
        base = Worked("deduction", questions=tuple(one.text for one in found.questions), rules=rules)
        if not found.questions:
            return replace(base, uncertain=(*uncertain, "no question in it could be read"))
        try:
            deductions = [one for asked in found.questions[:MOST_QUESTIONS] for one in deduction.answer(found, asked)]
        except deduction.TooLargeError as error:
            return replace(base, uncertain=(*uncertain, str(error)))
        if len(found.questions) > MOST_QUESTIONS:
            uncertain.append(f"only the first {MOST_QUESTIONS} questions were taken")
        if any(one.verdict == "unknown" for one in deductions):
            uncertain.append("what is not stated is not taken to be false")
        steps = (
            ReasoningStep(1, "Read statements and rules", list(dict.fromkeys(rule.text for rule in found.rules))),
            *(
                ReasoningStep(
                    number,
                    f"Decide: {one.question}",
                    [f"{one.verdict}: {step.statement}" for step in one.proof[-1:]] or [one.verdict],
                )
                for number, one in enumerate(deductions, 2)
            ),
        )
        return replace(
            base,
            answer=" ".join(map(_verdict, deductions)),
            undecided=all(one.verdict in ("unknown", "inconsistent") for one in deductions),
            steps=steps,
            deductions=tuple(deductions),
            plan=tuple(PlanStep("logic", one.question, one.verdict) for one in deductions),
            uncertain=tuple(uncertain),
        )


def _of_one(kind: QueryType, row: Computation | None, tool: str, query: str) -> Worked:
    if row is None:
        return Worked(kind, uncertain=("what is to be computed could not be read",))
    plan = PlanStep(tool, row.formula, row.text or (None if row.value is None else f"{row.value:.10g}"))  # type: ignore[arg-type]
    result = _result(row)
    step = ReasoningStep(1, f"Compute {row.formula}", [result or row.reasons["value"]])
    if result is None:
        return Worked(kind, row.reasons["value"], undecided=True, steps=(step,), computed=(row,), plan=(plan,))
    return Worked(kind, result, steps=(step,), computed=(row,), plan=(plan,), uncertain=tuple(
        why for name, why in row.reasons.items() if name == "text"
    ))  # fmt: skip


def _result(row: Computation) -> str | None:
    if row.value is None:
        return row.text
    return f"{row.text or f'{row.value:.10g}'}{f' {row.unit}' if row.unit else ''}"


def _sentence(row: Computation) -> str:
    if row.value is None:
        return f"{row.name}: {row.reasons['value']}"
    unit = "" if row.unit == "1" else f" {row.unit}"
    ratio = "" if row.ratio is None else f" (× {row.ratio:.4g})"
    return f"{row.name} {_figure(row.before)} → {_figure(row.value)}{unit}{ratio}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _verdict(one: Deduction) -> str:
    said = {
        "true": "Yes", "false": "No", "unknown": "Unknown: it does not follow, nor does its opposite",
        "inconsistent": "Nothing follows: the premises contradict each other",
    }[one.verdict]  # fmt: skip
    return f"{one.question} {said}."


def _uncovered(query: str, used: tuple[tuple[int, int], ...]) -> list[str]:
    """The words of the query that nothing was computed from."""
    text = "".join(
        " " if any(start <= place < end for start, end in used) else sign for place, sign in enumerate(query)
    )
    words = [word for word in dict.fromkeys(WORD.findall(text.lower())) if word not in COMMON]
    return [f"not taken into account: {', '.join(words)}"] if words else []
