"""What a question asks for, by its first words, and what an answer to it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTH = r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
NUMBER = r"one|two|three|four|five|six|seven|eight|nine|ten|dozen|few|once|twice|half|every"


@dataclass(frozen=True)
class Expectation:
    asks: re.Pattern[str]
    name: str
    holds: re.Pattern[str]


EXPECTATIONS = (
    Expectation(
        re.compile(r"\b(when|what (time|date|day|month|year))\b", re.I),
        "a time",
        re.compile(rf"\d|\b({MONTH}|yesterday|today|tomorrow|last|next|ago|week|month|year)", re.I),
    ),
    Expectation(
        re.compile(r"\bhow (many|much|old|long|far|often|big|tall|high)\b", re.I),
        "a quantity",
        re.compile(rf"\d|\b({NUMBER})\b", re.I),
    ),
    Expectation(
        re.compile(r"^\W*(who|whose|whom)\b", re.I),
        "a name",
        re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][a-z]+|\b(he|she|they|I|we|my|his|her)\b"),
    ),
)


def expected(question: str) -> Expectation | None:
    return next((one for one in EXPECTATIONS if one.asks.search(question)), None)
