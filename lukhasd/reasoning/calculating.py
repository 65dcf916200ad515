"""Sums, shares and conversions that a query asks for in words or signs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from lukhas_sdk.contract.analysis import Computation
from lukhasd.reasoning import expressions
from lukhasd.reasoning.units import UnitError, Units

ASKING = re.compile(
    r"^(?:(?:please|can you|could you|tell me|quickly)\s+)*(?:what(?:'s| is| are| does| do)|whats|how much (?:is|are)"
    r"|calculate|compute|evaluate|work out|find|give me|determine|add up)\s+(?:the (?:value|result) of\s+)?",
    re.IGNORECASE,
)
SPOKEN: Sequence[tuple[str, str]] = (
    (r"\bto the power (?:of )?|\braised to(?: the)?(?: power of)?\b", "^"),
    (r"\bmultiplied by\b|\btimes\b", "*"),
    (r"\bdivided by\b|\bover\b", "/"),
    (r"\bplus\b", "+"),
    (r"\bminus\b|\bless\b", "-"),
    (r"\bsquared\b", "^2"),
    (r"\bcubed\b", "^3"),
    (r"\bfactorial\b", "!"),
    (r"√", "sqrt"),
    (r"\b(?:the )?(?:square )?root of (\d[\d.]*|\([^()]*\))", r"sqrt(\1)"),
    (r"\b(?:the )?cube root of (\d[\d.]*)", r"cbrt(\1)"),
    (r"\b(?:the )?(sine|cosine|tangent) of (\S+)", r"\1(\2)"),
    (r"\bsine\b", "sin"),
    (r"\bcosine\b", "cos"),
    (r"\btangent\b", "tan"),
    (r"\bthe natural log(?:arithm)? of (\S+)", r"ln(\1)"),
    (r"\bpercent\b|\bper cent\b", "%"),
    (r"%\s+of\b", "% *"),
    (r"\bhalf of\b", "0.5 *"),
    (r"\b(?:a )?third of\b", "1/3 *"),
    (r"\b(?:a )?quarter of\b", "0.25 *"),
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"(?<=\d)\s*x\s*(?=\d)", "*"),
)
COUNTS: Mapping[str, str] = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
}  # fmt: skip
NUMBER = r"(-?(?<!\d)\d[\d,]{0,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)"
"""Bounded, and so is a unit: a long line of either is read in a time that grows with its length alone."""
PART = rf"{NUMBER}\s?(?:%|percent|per cent)"
SHARES: Sequence[tuple[re.Pattern[str], str, str | None]] = (
    (re.compile(rf"{PART} (?:[a-z]+ )?on (?:[a-z]+ ){{0,2}}{NUMBER}", re.I), "{0} / 100 * {1}", None),
    (re.compile(rf"{PART} off (?:[a-z]+ ){{0,2}}{NUMBER}", re.I), "(1 - {0} / 100) * {1}", None),
    (re.compile(rf"what (?:percentage|percent|share) of {NUMBER} is {NUMBER}", re.I), "{1} / {0} * 100", "%"),
    (re.compile(rf"{NUMBER} is what (?:percentage|percent|share) of {NUMBER}", re.I), "{0} / {1} * 100", "%"),
    (
        re.compile(rf"percent(?:age)? (?:change|increase|decrease|difference) from {NUMBER} to {NUMBER}", re.I),
        "({1} - {0}) / {0} * 100", "%",
    ),
)  # fmt: skip
"""Each with what it comes to, and the unit. “18 % tip on 64.50” is that part of it, “20 % off 50” what is left."""
JOINED: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\b(?:sum of|total of|add up|add) ((?:-?[\d.]+(?:, | and |, and )?){2,})", re.I), "+"),
    (re.compile(r"\bproduct of ((?:-?[\d.]+(?:, | and |, and )?){2,})", re.I), "*"),
    (re.compile(r"\b(?:average|mean) of ((?:-?[\d.]+(?:, | and |, and )?){2,})", re.I), "mean"),
)
UNIT = r"([A-Za-zµμ°Ω][A-Za-zµμ°Ω/^0-9²³* ]{0,60}?)"
ARTICLE = r"(?:a |an |one )?"
CONVERSIONS: Sequence[tuple[re.Pattern[str], tuple[int, int, int]]] = tuple(
    (re.compile(pattern, re.IGNORECASE), places)
    for pattern, places in (
        (
            rf"how many {UNIT} (?:are |is |do |would )?(?:there )?(?:in|equal|make up|make|to) {ARTICLE}{NUMBER}?\s*"
            rf"{UNIT}(?: make| have| equal)?\??$",
            (2, 3, 1),
        ),
        (rf"how many {UNIT} (?:is|are) {ARTICLE}{NUMBER}\s*{UNIT}\??$", (2, 3, 1)),
        (rf"{NUMBER}\s*{UNIT} (?:is|are|equals?|makes?) how many {UNIT}\??$", (1, 2, 3)),
        (rf"{NUMBER}\s*{UNIT} (?:to|in|into|as|expressed in|converted to) {UNIT}(?: please)?[?.]?$", (1, 2, 3)),
    )
)
"""Each with the places of number, unit and wanted unit."""


def arithmetic(query: str) -> Computation | None:
    """None where it holds nothing to compute. A text that looks like a sum and cannot be computed has no value, and the
    reason."""
    for pattern, template, unit in SHARES:
        if match := pattern.search(query):
            return _computed(template.format(*(each.replace(",", "") for each in match.groups())), unit=unit)
    for pattern, sign in JOINED:
        if match := pattern.search(query):
            numbers = re.findall(r"-?\d+(?:\.\d+)?", match[1])
            return _computed(f"({'+'.join(numbers)}) / {len(numbers)}" if sign == "mean" else sign.join(numbers))
    text = written(query)
    if not re.search(r"\d|\bpi\b", text) or not re.search(r"[-+*/^!%(]", text):
        return None
    try:
        tree = expressions.read(text)
    except expressions.ExpressionError:
        return None
    return None if expressions.names(tree) or isinstance(tree, expressions.Number) else _computed(text)


def written(query: str) -> str:
    """The query's sum in signs."""
    text = ASKING.sub("", re.sub(r"(?<![\d)])!+$", "", query.strip().rstrip("?.= ")))
    text = re.sub(r",? please$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\bequals?$|\bis$", "", text).lower().replace("’", "'")
    text = re.sub(r"\bthree quarters of\b", "0.75 *", re.sub(r"\btwo thirds of\b", "2/3 *", text))
    text = re.sub(r"\b(?:" + "|".join(COUNTS) + r")\b", lambda match: COUNTS[match.group()], text)
    for pattern, sign in SPOKEN:
        text = re.sub(pattern, sign, text)
    return " ".join(text.split())


def conversion(query: str, units: Units) -> Computation | None:
    """None where it asks for none; where the units are unknown or do not fit, it has no value, and the reason."""
    text = ASKING.sub("", query.strip()).removeprefix("convert ").removeprefix("Convert ").strip()
    for candidate in dict.fromkeys((query.strip(), text)):
        for pattern, (number, unit, target) in CONVERSIONS:
            match = pattern.search(candidate)
            if match is None:
                continue
            value = float((match[number] or "1").replace(",", ""))
            given, wanted = match[unit].strip(), match[target].strip()
            formula = f"{value:g} {given} in {wanted}"
            if not (units.knows(given) or units.knows(wanted)):
                continue
            try:
                converted = units.convert(value, given, wanted)
            except UnitError as error:
                return Computation(name="conversion", formula=formula, unit=wanted, reasons={"value": str(error)})
            return Computation(
                name="conversion", formula=formula, value=converted, unit=wanted, source="pint's table of units"
            )
    return None


def _computed(formula: str, *, unit: str | None = None) -> Computation:
    try:
        value = expressions.evaluate(expressions.read(formula))
        number = float(value)
    except (expressions.ExpressionError, OverflowError) as error:
        why = "the result is too large for a number" if isinstance(error, OverflowError) else str(error)
        return Computation(name="result", formula=formula, unit=unit, reasons={"value": why})
    exact = str(value) if isinstance(value, Fraction) and value.denominator == 1 else None
    return Computation(name="result", formula=formula, value=number, text=exact, unit=unit)
